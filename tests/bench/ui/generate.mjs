// A deterministic profile of N frames: a call trie grown by sampling stacks, rich get richer, depth up to 90.
// node generate.mjs FOLDER N…   writes FOLDER/N.json (columns, and the same with other weights), N.tree.json, N.speedscope.json
import { mkdirSync, writeFileSync } from "node:fs";

const STATES = 10;
const PACKAGES = ["runtime", "net/http", "database/sql", "encoding/json", "github.com/acme/shop/internal/cart", "github.com/acme/shop/pkg/pricing",
  "google.golang.org/grpc/internal/transport", "go.etcd.io/etcd/server/v3/storage/mvcc", "sync", "internal/poll", "crypto/tls"];
const TYPES = ["Conn", "Server", "Handler", "Tx", "Decoder", "Client", "Pool", "Stream", "Writer", "Cache", "Scheduler", "Index"];
const METHODS = ["serve", "Read", "Write", "handle", "decodeValue", "exec", "Lock", "park", "ServeHTTP", "roundTrip", "flush", "Wait", "Do", "scan", "Marshal"];

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A node of the trie and below it, as objects; `self` are samples that end there. */
function grow(n, chance) {
  const pick = (list) => list[Math.floor(chance() * list.length)];
  const names = Array.from({ length: 4000 }, (_, i) => `${pick(PACKAGES)}.(*${pick(TYPES)}).${pick(METHODS)}${i >> 4}`);
  const root = { name: "root", children: [], self: 0, state: 0, taken: new Set() };
  let size = 1;
  while (size < n) {
    let at = root;
    let fresh = false;
    const length = Math.min(90, 6 + Math.floor(-Math.log(1 - chance()) * 14));
    for (let depth = 0; depth < length; depth++) {
      const { children } = at;
      const reuse = !fresh && children.length > 0
        && (chance() < 1 - (0.55 / Math.sqrt(children.length + 1)) * Math.min(1, (depth + 2) / 10) || (depth < 2 && children.length > 6));
      if (reuse) {
        at = children[Math.floor(chance() ** 2 * children.length)];
        continue;
      }
      if (size >= n) break;
      let name = names[Math.floor(chance() * chance() * names.length)];
      while (at.taken.has(name)) name += "'"; // Siblings of one name would be one frame.
      at.taken.add(name);
      const state = depth === 0 ? Math.floor(chance() * chance() * STATES) : at.state;
      const child = { name, children: [], self: 0, state, taken: new Set() };
      size++;
      if (children.push(child) > 1 && chance() < 0.5) fresh = true;
      at = child;
    }
    at.self += 1 + Math.floor(chance() * chance() * 20);
  }
  return root;
}

/** Preorder columns: string, depth, own weight, state; and the own weights of an update. */
function columns(root, chance) {
  const strings = new Map();
  const out = { names: [], name: [], level: [], self: [], later: [], state: [] };
  const todo = [[root, 0]];
  while (todo.length > 0) {
    const [node, level] = todo.pop();
    if (!strings.has(node.name)) strings.set(node.name, out.names.push(node.name) - 1);
    const self = node.children.length === 0 ? Math.max(1, node.self) : node.self;
    out.name.push(strings.get(node.name));
    out.level.push(level);
    out.self.push(self);
    out.later.push(self && Math.max(1, Math.round(self * (0.5 + chance()))));
    out.state.push(node.state);
    for (let i = node.children.length - 1; i >= 0; i--) todo.push([node.children[i], level + 1]);
  }
  return out;
}

/** The tree that d3-flame-graph takes. */
function treeOf({ names, name, level }, self) {
  const nodes = name.map((id, i) => ({ name: names[id], value: self[i], children: [] }));
  const path = [];
  nodes.forEach((node, i) => {
    path.length = level[i];
    path.at(-1)?.children.push(node);
    path.push(node);
  });
  for (let i = nodes.length - 1; i >= 0; i--) for (const child of nodes[i].children) nodes[i].value += child.value;
  return nodes[0];
}

/** The profile that speedscope opens. */
function speedscope({ names, name, level, self }) {
  const [samples, weights, path] = [[], [], []];
  name.forEach((id, i) => {
    path.length = level[i];
    path.push(id);
    if (self[i] > 0) {
      samples.push([...path]);
      weights.push(self[i]);
    }
  });
  const endValue = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    $schema: "https:/" + "/www.speedscope.app/file-format-schema.json", shared: { frames: names.map((text) => ({ name: text })) },
    profiles: [{ type: "sampled", name: "bench", unit: "none", startValue: 0, endValue, samples, weights }],
  };
}

const [folder, ...sizes] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (const n of sizes) {
  const all = columns(grow(Number(n), random(1)), random(77));
  const write = (what, value) => writeFileSync(`${folder}/${n}.${what}`, JSON.stringify(value));
  write("json", all);
  write("tree.json", [treeOf(all, all.self), treeOf(all, all.later)]);
  write("speedscope.json", speedscope(all));
}
