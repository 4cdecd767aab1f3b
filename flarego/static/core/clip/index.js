/** A clip's index: where each generation lies, and what all of it looks like without reading any of them. */

import { ChunkError, readAll } from "../chunk.js";
import { decode, MsgpackError } from "../msgpack.js";
import { ClipError } from "./bytes.js";
import { MAX_GENERATIONS } from "./records.js";

/** @typedef {import("../chunk.js").Process} Process */
/** @typedef {import("../chunk.js").Chunk} Chunk */
/** @typedef {{stream: number, process: string, start: number, end: number, offset: number, size: number, summary: number, raw: number, chunks: number}} Generation */
/** @typedef {{start: Float64Array, end: Float64Array, series: Record<string, Float64Array>}} Timeline */
/**
 * What the index says of one process; `overview` is null when it does not tell.
 * @typedef {{process: Process, generations: Generation[], overview: Chunk | null, timeline: Timeline | null,
 *   gone: import("../chunk.js").Gone | null, span: {from: number, to: number} | null}} Recorded
 */

const MAX_POINTS = 8192;

/** Runs what reads untrusted bytes; whatever is wrong with them is a ClipError. @template T @param {() => T} body @returns {T} */
export function guarded(body) {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof ChunkError || error instanceof MsgpackError)) throw error;
    throw new ClipError(`the clip cannot be read: ${error.message}`);
  }
}

/** The tracks of an index's bytes, for a file of `size`. Raises ClipError. @param {Uint8Array} bytes @param {number} size @returns {Recorded[]} */
export function readIndex(bytes, size) {
  return guarded(() => {
    const index = table(decode(bytes));
    /** @type {Map<string, Recorded>} */
    const tracks = new Map();
    for (const packed of list(index.processes)) {
      const process = packed instanceof Uint8Array ? readAll(packed).find((message) => message.type === "process") : undefined;
      if (process === undefined) throw new ClipError("the clip's index names no processes");
      tracks.set(process.process, { process, generations: [], overview: null, timeline: null, gone: null, span: null });
    }
    const generations = list(index.generations);
    if (generations.length > MAX_GENERATIONS) throw new ClipError("the clip has too many generations");
    for (const entry of generations) {
      const generation = generationOf(table(entry), size);
      tracks.get(generation.process)?.generations.push(generation);
    }
    for (const track of tracks.values()) describe(track, index);
    return [...tracks.values()].filter((track) => track.generations.length > 0);
  });
}

/** @param {Record<string, unknown>} entry @param {number} size @returns {Generation} */
function generationOf(entry, size) {
  const [stream, start, end, offset, length, summary, raw, chunks] =
    ["stream", "start", "end", "offset", "size", "summary", "raw", "chunks"].map((name) => Number(entry[name]));
  const whole = [stream, start, end, offset, length, summary, raw, chunks].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!whole || end < start || offset + length > size || summary >= size) throw new ClipError("the clip's index points outside of it");
  return { stream, process: String(entry.process), start, end, offset, size: length, summary, raw, chunks };
}

/** @param {Recorded} track @param {Record<string, unknown>} index */
function describe(track, index) {
  const id = track.process.process;
  track.generations.sort((a, b) => a.start - b.start);
  const of = (/** @type {string} */ name) => table(index[name])[id];
  const overview = of("overview");
  if (overview instanceof Uint8Array) {
    track.overview = readAll(overview).find((message) => message.type === "chunk") ?? null;
  }
  const timeline = table(of("timeline"));
  const series = Object.fromEntries(Object.entries(table(timeline.series)).map(([name, values]) => [name, column(values)]));
  track.timeline = { start: column(timeline.start), end: column(timeline.end), series };
  const gone = table(of("gone"));
  if (typeof gone.at === "number") track.gone = { type: "gone", process: id, at: gone.at, why: String(gone.why ?? "") };
  const [from, to] = list(of("span")).map(Number);
  if (to > from) track.span = { from, to };
}

/** @param {unknown} value */
function column(value) {
  if (!(value instanceof Uint8Array) || value.length % 8 !== 0 || value.length > 8 * MAX_POINTS) return new Float64Array(0);
  return new Float64Array(value.slice().buffer);
}

/** @param {unknown} value @returns {Record<string, unknown>} */
function table(value) {
  const plain = typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
  return plain ? /** @type {Record<string, unknown>} */ (value) : {};
}

/** @param {unknown} value @returns {unknown[]} */
const list = (value) => (Array.isArray(value) ? value : []);
