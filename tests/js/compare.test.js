import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "../../flarego/static/core/chunk.js";
import { Data } from "../../flarego/static/core/data.js";
import { Store } from "../../flarego/static/core/store.js";
import { changes } from "../../flarego/static/model/diff.js";
import { PROCESS, chunkMap, encode } from "./build.js";

const S = 1e9;
const message = (map) => read(Uint8Array.from(encode(map)));
/** A second of stacks `[name, state, reason, goroutine-seconds]`. */
const second = (i, stacks) => message(chunkMap(
  Object.fromEntries(Object.entries(stacks).map(([stack, seconds]) => [stack, ["running", "", seconds * S, 0, Math.ceil(seconds)]])),
  { sequence: i, generation: i, start: i * S, end: (i + 1) * S }));

/** Ten seconds in which main.old works, then ten in which main.new does. */
function playing() {
  const store = new Store();
  store.receive(message(PROCESS), 0);
  for (let i = 0; i < 20; i++) {
    store.receive(second(i, i < 10 ? { "main.a;main.old": 2, "main.same": 1 } : { "main.a;main.new": 3, "main.same": 1 }), 0);
  }
  return store;
}

const byName = (store) => Object.fromEntries(changes(store.weighed()).map((change) => [change.name, change]));
const node = (tree, name) => Array.from({ length: tree.size }, (_, i) => i).find((i) => tree.nameOf(i) === name);

test("what has changed between a pinned span and the one shown", () => {
  const store = playing();
  store.setSpan({ from: 10 * S, to: 20 * S });
  store.compare.pinA({ from: 0, to: 10 * S });
  const found = byName(store);
  assert.deepEqual(Object.fromEntries(Object.values(found).map(({ name, kind }) => [name, kind])),
    { "main.a": "more", "main.old": "gone", "main.new": "new", "main.same": "same" });
  assert.deepEqual([found["main.a"].before, found["main.a"].after], [20 * S, 30 * S]);
  assert.equal(store.graph.colour.peek(), "change");
  store.compare.end();
  assert.equal(store.graph.colour.peek(), "state");
  assert.deepEqual(changes(store.weighed()), []);
});

test("spans of different lengths are comparable per second, and as they are on request", () => {
  const store = playing();
  store.setSpan({ from: 10 * S, to: 15 * S });
  store.compare.pinA({ from: 0, to: 10 * S });
  assert.deepEqual([byName(store)["main.same"].before, byName(store)["main.same"].kind], [5 * S, "same"]);
  store.compare.setMeasure("absolute");
  assert.deepEqual([byName(store)["main.same"].before, byName(store)["main.same"].kind], [10 * S, "less"]);
  store.compare.setMeasure("share");
  const { base, after } = store.weighed();
  assert.equal(base[0], after[0]);
});

test("a frame is as wide as in B, in A, or in both", () => {
  const store = playing();
  store.setSpan({ from: 10 * S, to: 20 * S });
  store.compare.pinA({ from: 0, to: 10 * S });
  const widths = (width) => {
    store.compare.setWidth(width);
    const tree = store.weighed();
    return ["main.old", "main.new"].map((name) => tree.total[node(tree, name)] / S);
  };
  assert.deepEqual([widths("b"), widths("a"), widths("both")], [[0, 30], [20, 0], [20, 30]]);
});

test("a pinned span outlives the retention, and its colours do not move", () => {
  const store = playing();
  store.setSpan({ from: 0, to: 10 * S });
  store.compare.pinA();
  assert.equal(store.span.peek(), null, "what is shown next is live");
  for (let i = 20; i < 1000; i++) store.receive(second(i, { "main.a;main.new": 3, "main.same": 1 }), 0);
  store.refresh();
  assert.ok(store.data.peek().ring.entries[0].start > 10 * S);
  assert.equal(byName(store)["main.old"].kind, "gone");
  assert.equal(byName(store)["main.same"].kind, "same");
});

test("A and B change places", () => {
  const store = playing();
  store.setSpan({ from: 10 * S, to: 20 * S });
  store.compare.pinA({ from: 0, to: 10 * S });
  store.compare.swap();
  assert.equal(byName(store)["main.old"].kind, "new");
  assert.deepEqual(store.span.peek(), { from: 0, to: 10 * S });
  assert.deepEqual(store.compare.spans.map(({ letter, span }) => [letter, span.from / S]), [["A", 10], ["B", 0]]);
});

test("another binary is compared by function names, whatever its numbers, reasons and lines are", () => {
  const store = playing();
  const other = new Data(message({
    ...PROCESS, process: "9-9", build_id: "other", states: ["waiting", "running"], reasons: ["", "sync.Mutex.Lock", "chan receive"],
  }));
  const stacks = { "main.same": ["running", "", 30 * S], "main.a;main.other": ["running", "", 10 * S] };
  const chunk = message({ ...chunkMap(stacks, { start: 0, end: 10 * S }), process: "9-9" });
  chunk.rows.state.fill(1);
  other.add(chunk, 0);
  store.setSpan({ from: 10 * S, to: 20 * S });
  store.compare.pinOther(other, { from: 0, to: 10 * S }, "before.fgo");
  const found = byName(store);
  assert.deepEqual(Object.values(found).map(({ name, kind }) => `${name} ${kind}`).sort(),
    ["main.a more", "main.new new", "main.other gone", "main.same less"]);
  assert.deepEqual(store.compare.spans, [], "its times are not ours");
  const tree = store.weighed();
  assert.equal(tree.nameOf(tree.parent[node(tree, "main.same")]), "running");
});

test("recursion is counted once", () => {
  const store = new Store();
  store.receive(message(PROCESS), 0);
  store.receive(second(0, { "main.r;main.r;main.r": 1 }), 0);
  store.receive(second(1, { "main.r;main.r;main.r": 4 }), 0);
  store.setSpan({ from: S, to: 2 * S });
  store.compare.pinA({ from: 0, to: S });
  assert.deepEqual([byName(store)["main.r"].before, byName(store)["main.r"].after], [S, 4 * S]);
});

test("a restarted target is compared with what it was before", () => {
  const store = playing();
  store.compare.pinA({ from: 0, to: 10 * S });
  store.receive(message({ ...PROCESS, process: "5-5", epoch: 77 }), 0);
  const chunk = message({ ...chunkMap({ "main.same": ["running", "", S] }, { start: 0, end: S }), process: "5-5" });
  store.receive(chunk, 0);
  assert.deepEqual([byName(store)["main.old"].kind, byName(store)["main.same"].kind], ["gone", "same"]);
});
