/**
 * Messages of the chunk stream (flarego/wire/FORMAT.md) as checked, typed values.
 *
 * Only shapes are checked here: that a column is a column and as long as its siblings. Whether an
 * index points at something is checked by model/dictionary.js, which knows what there is.
 */

import { decode, decodeAll } from "./msgpack.js";

/** The newest version of the format that this reader understands. */
export const VERSION = 1;

/**
 * @typedef {{type: "process", version: number, process: string, pid: number, name: string, command: string,
 *   host: string, runtime: string, runtimeVersion: string, module: string, buildId: string, task: string,
 *   states: string[], reasons: string[], engine: Engine, epoch: number, budget: number}} Process
 * @typedef {{name: string, why: string}} Engine
 * @typedef {{created_by: number, entry: number, labels: Record<string, string>, system: boolean}} Group
 * @typedef {{n: number, function: Uint32Array, file: Uint32Array, line: Uint32Array, flags: Uint8Array}} FrameColumns
 * @typedef {{n: number, count: Uint8Array, frame: Uint32Array}} LocationColumns
 * @typedef {{n: number, parent: Uint32Array, location: Uint32Array}} NodeColumns
 * @typedef {{n: number, node: Uint32Array, group: Uint32Array, state: Uint8Array, reason: Uint8Array,
 *   flags: Uint8Array, wall: Float64Array, cpu: Float64Array, count: Uint32Array, wait: Float64Array}} RowColumns
 * @typedef {{n: number, goid: Float64Array, node: Uint32Array, group: Uint32Array, state: Uint8Array, reason: Uint8Array,
 *   flags: Uint8Array, since: Float64Array, on: Float64Array, left: Float64Array}} MemberColumns
 * @typedef {{kind: string, at: number, cycle: number, pause: number, text: string, figures: Record<string, number>}} ChunkEvent
 *   figures: what else it says in numbers, by FORMAT.md's names
 * @typedef {Readonly<Record<string, string | number | boolean>>} Facts about a wait object
 * @typedef {{kind: string, address: string, count: number, longest: number, reason: number, node: number, object: Facts}} Wait
 * @typedef {{id: number, status: string, runq: number, schedtick: number, syscalltick: number, timers: number,
 *   thread: number, goroutine: number}} Processor timers -1 when not known, thread and goroutine 0 when there is none
 * @typedef {Record<string, number> & {engine?: string}} SamplerFigures
 * @typedef {{type: "chunk", process: string, generation: number, sequence: number, start: number, end: number,
 *   strings: string[], frames: FrameColumns, locations: LocationColumns, nodes: NodeColumns, groups: Group[],
 *   rows: RowColumns, members: MemberColumns | null, series: Record<string, number>, events: ChunkEvent[], waits: Wait[] | null,
 *   processors: Processor[] | null, sampler: Record<string, number>}} Chunk
 * @typedef {{type: "gone", process: string, at: number, why: string}} Gone
 * @typedef {{type: "gap", process: string, from: number, to: number}} Gap
 * @typedef {{type: "notice", process: "", warnings: string[]}} NoticeMessage of the gateway itself: all there is to warn of
 * @typedef {Process | Chunk | Gone | Gap | NoticeMessage} Message
 * @typedef {Record<string, unknown>} Raw
 */

/** The message breaks the format; the rest of the stream may still be good. */
export class ChunkError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "ChunkError";
  }
}

/** Strings longer than this are cut: nobody can read them, and every one is kept. */
const MAX_STRING = 4096;
const MAX_EVENTS = 1000;
const MAX_WAITS = 200;
const MAX_PROCESSORS = 4096;
const MAX_WARNINGS = 16;
/** Of one list: ours have 4,096, those that left after a gap more. */
const MAX_MEMBERS = 1 << 17;
const NOTHING = new Uint8Array(0);

/** @param {unknown} value @returns {Raw} */
function object(value) {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new ChunkError("a map was expected");
  }
  return /** @type {Raw} */ (value);
}

/** @param {unknown} value @param {number} [fallback] @returns {number} */
function number(value, fallback = 0) {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

/** Characters that are not seen but change what is: controls, direction marks, zero-width ones. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** @param {unknown} value @returns {string} */
function text(value) {
  if (typeof value === "string") {
    const seen = value.replace(INVISIBLE, "\ufffd");
    return seen.length > MAX_STRING ? `${seen.slice(0, MAX_STRING)}…` : seen;
  }
  return typeof value === "number" ? String(value) : "";
}

/** @param {unknown} value @returns {unknown[]} */
function list(value) {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new ChunkError("an array was expected");
  return value;
}

/** @param {unknown} value @returns {string[]} */
function texts(value) {
  return list(value).map(text);
}

/** @param {unknown} value @returns {Record<string, number>} */
function numbers(value) {
  /** @type {Record<string, number>} */
  const out = Object.create(null);
  for (const [key, item] of Object.entries(object(value))) {
    if (typeof item === "number" && Number.isFinite(item)) out[key] = item;
  }
  return out;
}

/**
 * A column of u64 as numbers. Ids and addresses are far below 2^53; what is not is cut to it.
 * @param {Raw} map @param {string} name
 */
function column64(map, name) {
  const words = column(map, name, "u32");
  if (words.length % 2 !== 0) throw new ChunkError(`column ${name} is not u64`);
  const out = new Float64Array(words.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Math.min(words[2 * i + 1] * 2 ** 32 + words[2 * i], Number.MAX_SAFE_INTEGER);
  return out;
}

/** Little-endian columns as typed arrays; the host is little-endian on every platform browsers run on. */
const COLUMN = { u8: Uint8Array, u32: Uint32Array, f64: Float64Array };

/**
 * A column of a map of columns, as an aligned copy.
 * @template {keyof typeof COLUMN} K
 * @param {Raw} map
 * @param {string} name
 * @param {K} kind
 * @returns {InstanceType<(typeof COLUMN)[K]>}
 */
function column(map, name, kind) {
  const bytes = map[name] ?? NOTHING;
  const Type = COLUMN[kind];
  if (!(bytes instanceof Uint8Array) || bytes.length % Type.BYTES_PER_ELEMENT !== 0) {
    throw new ChunkError(`column ${name} is not ${kind}`);
  }
  const copy = bytes.slice();
  return /** @type {InstanceType<(typeof COLUMN)[K]>} */ (new Type(copy.buffer));
}

/**
 * `columns` with their common length as `n`. Raises ChunkError when they differ.
 * @template {Record<string, ArrayLike<number>>} T
 * @param {string} what
 * @param {T} columns
 * @returns {T & {n: number}}
 */
function sameLength(what, columns) {
  const lengths = Object.values(columns).map((values) => values.length);
  if (lengths.some((length) => length !== lengths[0])) throw new ChunkError(`columns of ${what} differ in length`);
  return { ...columns, n: lengths[0] };
}

/** @param {unknown} value @returns {FrameColumns} */
function frames(value) {
  const map = object(value);
  return sameLength("frames", {
    function: column(map, "function", "u32"),
    file: column(map, "file", "u32"),
    line: column(map, "line", "u32"),
    flags: column(map, "flags", "u8"),
  });
}

/** @param {unknown} value @returns {LocationColumns} */
function locations(value) {
  const map = object(value);
  const count = column(map, "count", "u8");
  const frame = column(map, "frame", "u32");
  let total = 0;
  for (const n of count) total += n;
  if (total !== frame.length) throw new ChunkError("locations and their frames differ in number");
  return { n: count.length, count, frame };
}

/** @param {unknown} value @returns {NodeColumns} */
function nodes(value) {
  const map = object(value);
  return sameLength("nodes", { parent: column(map, "parent", "u32"), location: column(map, "location", "u32") });
}

/** @param {unknown} value @returns {RowColumns} */
function rows(value) {
  const map = object(value);
  return sameLength("rows", {
    node: column(map, "node", "u32"),
    group: column(map, "group", "u32"),
    state: column(map, "state", "u8"),
    reason: column(map, "reason", "u8"),
    flags: column(map, "flags", "u8"),
    wall: column(map, "wall", "f64"),
    cpu: column(map, "cpu", "f64"),
    count: column(map, "count", "u32"),
    wait: column(map, "wait", "f64"),
  });
}

/** @param {unknown} value @returns {MemberColumns} */
function members(value) {
  const map = object(value);
  const left = column64(map, "left");
  const columns = sameLength("members", {
    goid: column64(map, "goid"),
    node: column(map, "node", "u32"),
    group: column(map, "group", "u32"),
    state: column(map, "state", "u8"),
    reason: column(map, "reason", "u8"),
    flags: column(map, "flags", "u8"),
    since: column(map, "since", "f64"),
    on: column64(map, "on"),
  });
  if (Math.max(columns.n, left.length) > MAX_MEMBERS) throw new ChunkError(`${columns.n} members`);
  return { ...columns, left };
}

/** Names and values that are numbers, texts or true and false. @param {unknown} value @returns {Facts} */
function facts(value) {
  /** @type {Record<string, string | number | boolean>} */
  const out = Object.create(null);
  for (const [key, item] of Object.entries(object(value))) {
    if (typeof item === "boolean" || typeof item === "number") out[key] = item;
    else if (typeof item === "string") out[key] = text(item);
  }
  return out;
}

/** @param {unknown} value @returns {Group} */
function group(value) {
  const map = object(value);
  /** @type {Record<string, string>} */
  const labels = Object.create(null);
  for (const [key, label] of Object.entries(object(map.labels))) labels[text(key)] = text(label);
  return { created_by: number(map.created_by, -1), entry: number(map.entry, -1), labels, system: map.system === true };
}

/** @param {unknown} value @returns {ChunkEvent} */
function event(value) {
  const map = object(value);
  return {
    kind: text(map.kind),
    at: number(map.at),
    cycle: number(map.cycle),
    pause: number(map.pause),
    text: text(map.text ?? map.why),
    figures: numbers(map),
  };
}

/** @param {unknown} value @returns {Wait} */
function wait(value) {
  const map = object(value);
  return {
    kind: text(map.kind),
    address: typeof map.address === "number" ? `0x${map.address.toString(16)}` : text(map.address),
    count: number(map.count),
    longest: number(map.longest),
    reason: number(map.reason),
    node: number(map.node),
    object: facts(map.object),
  };
}

/** @param {unknown} value @returns {Processor} */
function processor(value) {
  const { id, runq, schedtick, syscalltick, timers, thread, goroutine } = numbers(value);
  return {
    id: number(id), status: text(object(value).status), runq: number(runq), schedtick: number(schedtick),
    syscalltick: number(syscalltick), timers: number(timers, -1), thread: number(thread), goroutine: number(goroutine),
  };
}

/** @param {Raw} map @returns {Process} */
function process(map) {
  const version = number(map.version);
  if (version > VERSION) {
    throw new ChunkError(`the stream is of version ${version}; this page reads up to ${VERSION}`);
  }
  const engine = object(map.engine);
  return {
    type: "process",
    version,
    process: text(map.process),
    pid: number(map.pid),
    name: text(map.name),
    command: text(map.command),
    host: text(map.host),
    runtime: text(map.runtime),
    runtimeVersion: text(map.runtime_version),
    module: text(map.module),
    buildId: text(map.build_id),
    task: text(map.task) || "goroutine",
    states: texts(map.states),
    reasons: texts(map.reasons),
    engine: { name: text(engine.name), why: text(engine.why) },
    epoch: number(map.epoch),
    budget: number(map.budget),
  };
}

/** @param {Raw} map @returns {Chunk} */
function chunk(map) {
  return {
    type: "chunk",
    process: text(map.process),
    generation: number(map.generation),
    sequence: number(map.sequence),
    start: number(map.start),
    end: number(map.end),
    strings: texts(map.strings),
    frames: frames(map.frames),
    locations: locations(map.locations),
    nodes: nodes(map.nodes),
    groups: list(map.groups).map(group),
    rows: rows(map.rows),
    members: map.members === undefined ? null : members(map.members),
    series: numbers(map.series),
    events: list(map.events).slice(0, MAX_EVENTS).map(event),
    waits: map.waits === undefined ? null : list(map.waits).slice(0, MAX_WAITS).map(wait),
    processors: map.processors === undefined ? null : list(map.processors).slice(0, MAX_PROCESSORS).map(processor),
    sampler: numbers(map.sampler),
  };
}

/** The message a map stands for, or null for a type this reader does not know. @param {unknown} value @returns {Message | null} */
function message(value) {
  const map = object(value);
  switch (map.type) {
    case "process": return process(map);
    case "chunk": return chunk(map);
    case "gone": return { type: "gone", process: text(map.process), at: number(map.at), why: text(map.why) };
    case "gap": return { type: "gap", process: text(map.process), from: number(map.from), to: number(map.to) };
    case "notice": return { type: "notice", process: "", warnings: list(map.warnings).slice(0, MAX_WARNINGS).map(text) };
    default: return null;
  }
}

/**
 * The message in `bytes`, or null for a type this reader does not know.
 * Raises MsgpackError or ChunkError when the bytes break the format.
 * @param {Uint8Array} bytes
 * @returns {Message | null}
 */
export function read(bytes) {
  return message(decode(bytes));
}

/** The messages that lie back to back in `bytes`. Raises what `read` raises. @param {Uint8Array} bytes @returns {Message[]} */
export function readAll(bytes) {
  return decodeAll(bytes).map(message).filter((known) => known !== null);
}
