/** Builders for tests: bytes as the server sends them, and data as the page keeps it. */

import { Dictionary } from "../../flarego/static/model/dictionary.js";
import { Fold } from "../../flarego/static/model/fold.js";
import { Reading } from "../../flarego/static/model/reading.js";
import { Ring } from "../../flarego/static/core/ring.js";

export const STATES = ["running", "runnable", "syscall", "waiting", "preempted", "other"];
export const REASONS = ["", "chan receive", "select", "sync.Mutex.Lock", "IO wait", "GC worker (idle)"];
const text = new TextEncoder();

function big(tag, size, value) {
  const out = [tag];
  for (let i = size - 1; i >= 0; i--) out.push(Number((BigInt(value) >> BigInt(8 * i)) & 255n));
  return out;
}

function head(n, tags, fix, fixLimit) {
  if (n < fixLimit) return [fix | n];
  if (tags.length === 3 && n < 256) return big(tags[0], 1, n);
  return n < 65536 ? big(tags.at(-2), 2, n) : big(tags.at(-1), 4, n);
}

/** A value as msgpack, as a plain array of bytes. Numbers that are whole become integers. */
export function encode(value) {
  if (value === null || value === undefined) return [0xc0];
  if (typeof value === "boolean") return [value ? 0xc3 : 0xc2];
  if (typeof value === "string") {
    const bytes = text.encode(value);
    return [...head(bytes.length, [0xd9, 0xda, 0xdb], 0xa0, 32), ...bytes];
  }
  if (typeof value === "number") return number(value);
  if (value instanceof Uint8Array) return [...head(value.length, [0xc4, 0xc5, 0xc6], 0, -1), ...value];
  if (Array.isArray(value)) return [...head(value.length, [0xdc, 0xdd], 0x90, 16), ...value.flatMap(encode)];
  const entries = Object.entries(value);
  return [...head(entries.length, [0xde, 0xdf], 0x80, 16), ...entries.flatMap(([k, v]) => [...encode(k), ...encode(v)])];
}

function number(value) {
  if (Number.isInteger(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
    if (value >= 0) return value < 128 ? [value] : value < 2 ** 32 ? big(0xce, 4, value) : big(0xcf, 8, value);
    return value >= -32 ? [256 + value] : big(0xd3, 8, BigInt.asUintN(64, BigInt(value)));
  }
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return [0xcb, ...new Uint8Array(view.buffer)];
}

const bytesOf = (Type, values) => new Uint8Array(Type.from(values).buffer);
export const u8 = (...values) => bytesOf(Uint8Array, values);
export const u32 = (...values) => bytesOf(Uint32Array, values);
export const f64 = (...values) => bytesOf(Float64Array, values);

export const PROCESS = {
  type: "process", version: 1, process: "1-2", pid: 1, name: "orders", command: "./orders", host: "h", runtime: "go",
  runtime_version: "go1.27.3", module: "example.com/orders", build_id: "", task: "goroutine", states: STATES,
  reasons: REASONS, engine: { name: "perf", why: "" }, epoch: 1_000, budget: 0.01,
};

/** A first chunk of a generation: `stacks` maps "main.a;main.b" to `[state, reason, wall, cpu, count]`. */
export function chunkMap(stacks, { sequence = 0, generation = 0, start = 0, end = 2e8 } = {}) {
  const strings = ["", "main.go"];
  const frames = [];
  const nodes = [];
  const rows = Object.entries(stacks).map(([stack, row]) => {
    let node = 0;
    for (const name of stack.split(";")) {
      let frame = frames.indexOf(name);
      if (frame < 0) frame = frames.push(name) - 1;
      const found = nodes.findIndex(([p, f]) => p === node && f === frame);
      node = found >= 0 ? found + 1 : nodes.push([node, frame]);
    }
    return [node, ...row];
  });
  for (const name of frames) strings.push(name);
  return {
    type: "chunk", process: PROCESS.process, generation, sequence, start, end, strings,
    frames: {
      function: u32(...frames.map((_, i) => i + 2)), file: u32(...frames.map(() => 1)),
      line: u32(...frames.map((_, i) => i + 10)), flags: u8(...frames.map((name) => (name.startsWith("runtime.") ? 2 : 0))),
    },
    locations: { count: u8(...frames.map(() => 1)), frame: u32(...frames.map((_, i) => i)) },
    nodes: { parent: u32(...nodes.map(([p]) => p)), location: u32(...nodes.map(([, l]) => l)) },
    groups: [{ created_by: -1, entry: 0, labels: {}, system: false }],
    rows: {
      node: u32(...rows.map((r) => r[0])), group: u32(...rows.map(() => 0)),
      state: u8(...rows.map((r) => STATES.indexOf(r[1]))), reason: u8(...rows.map((r) => REASONS.indexOf(r[2]))),
      flags: u8(...rows.map(() => 0)), wall: f64(...rows.map((r) => r[3])), cpu: f64(...rows.map((r) => r[4] ?? 0)),
      count: u32(...rows.map((r) => r[5] ?? 1)), wait: f64(...rows.map(() => 0)),
    },
  };
}

/** An entry of a ring with `weights` (key → wall ns). */
export function entry(sequence, weights, { start = sequence * 2e8, end = start + 2e8 } = {}) {
  const keys = Object.keys(weights).map(Number);
  return {
    sequence, start, end, level: 0, key: Uint32Array.from(keys), wall: Float32Array.from(keys, (k) => weights[k]),
    cpu: new Float32Array(keys.length), count: Uint32Array.from(keys, () => sequence + 1),
    wait: Float32Array.from(keys, () => sequence), waits: null, processors: null,
  };
}

/** A dictionary, and a fold of one entry over rows `[stack, state, reason, wall, options]`. */
export function world(rows) {
  const dictionary = new Dictionary();
  const reading = new Reading(dictionary, { states: STATES, reasons: REASONS, module: "example.com/orders" });
  const weights = {};
  const cpu = {};
  for (const [stack, state, reason, wall, { system = false, cpu: ns = 0, flags = 0 } = {}] of rows) {
    let node = 0;
    for (const name of stack ? stack.split(";") : []) {
      const runtime = /^runtime\./.test(name) ? 2 : 0;
      node = dictionary.stack(node, dictionary.frame(dictionary.string(name), dictionary.string("f.go"), 1, runtime));
    }
    const group = dictionary.group({ createdBy: -1, entry: -1, labels: {}, system });
    const key = dictionary.key(node, group, STATES.indexOf(state), REASONS.indexOf(reason), flags);
    weights[key] = wall;
    cpu[key] = ns;
  }
  const only = entry(0, weights);
  only.cpu = Float32Array.from(only.key, (k) => cpu[k]);
  const ring = new Ring();
  ring.push(only);
  const fold = new Fold();
  fold.move(ring, -Infinity, Infinity);
  return { dictionary, reading, fold, ring };
}

/** Whole numbers in [0, n) that are the same in every run. */
export function random(seed = 1) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
