/** What came in from one process: dictionary, ring, series, and what the newest chunk said last. */

import { CATEGORIES } from "../model/category.js";
import { Dictionary, Generation } from "../model/dictionary.js";
import { Grouping } from "../model/groups.js";
import { Members } from "../model/members.js";
import { Reading } from "../model/reading.js";
import { Series } from "../model/series.js";
import { ChunkError } from "./chunk.js";
import { RETENTION, Ring } from "./ring.js";

/** @typedef {import("./chunk.js").Chunk} Chunk */
/** @typedef {import("./chunk.js").Process} Process */
/** @typedef {import("./ring.js").WaitObject} WaitObject */
/** @typedef {import("./chunk.js").ChunkEvent} Mark on the timeline */
/** @typedef {{from: number, to: number}} Span ns since epoch, half-open */

/**
 * A chunk in the terms of its process's dictionary.
 * @typedef {{entry: import("./ring.js").Entry, chunk: Chunk, members: (import("./chunk.js").MemberColumns & {key: Uint32Array}) | null}} Taken
 */

const MAX_MARKS = 4000;

/** Series that add up to all goroutines. */
const COUNTED = ["running", "runnable", "syscall", "waiting", "preempted", "other", "system"];

/** What came in from one process. */
export class Data {
  dictionary = new Dictionary();
  ring = new Ring();
  series = new Series();
  /** All of a recording, coarse; null when live. @type {Series | null} */
  overview = null;
  members = new Members();
  /** @type {Mark[]} */
  marks = [];
  /** @type {Span[]} spans of time of which nothing is known */
  gaps = [];
  /** @type {Record<string, number>} */
  sampler = {};
  /** All there are, the runtime's own included, by its own count. */
  goroutines = 0;
  /** Newest sequence in the ring. */
  sequence = -1;
  /** When it arrived, and went to the ring, on the page's clock, ms. */
  receivedAt = 0;
  chunks = 0;
  missed = 0;
  damaged = 0;
  /** @type {Generation | null} */
  generation = null;
  /** How long anything is kept, ns. */
  retention = RETENTION;

  /** @param {Process} process */
  constructor(process) {
    this.process = process;
    this.reading = new Reading(this.dictionary, process);
    this.grouping = new Grouping(this.reading);
  }

  /** @param {Process} process the same one, told again */
  rename(process) {
    const same = process.states.join() === this.process.states.join() && process.reasons.join() === this.process.reasons.join();
    this.process = process;
    if (same) return;
    this.reading = new Reading(this.dictionary, process);
    this.grouping = new Grouping(this.reading);
  }

  /** Takes in a chunk; false when it was there already. Raises ChunkError. @param {Chunk} chunk @param {number} now ms */
  add(chunk, now) {
    const taken = this.take(chunk);
    if (chunk.sequence <= this.sequence || !(chunk.end > chunk.start)) return false;
    this.#noticeGap(chunk);
    this.#append(taken);
    this.sequence = chunk.sequence;
    this.receivedAt = now;
    this.chunks++;
    return true;
  }

  /** A chunk in this process's terms, its definitions taken in. Raises ChunkError. @param {Chunk} chunk @returns {Taken} */
  take(chunk) {
    const { keys, members } = this.#define(chunk);
    const { rows } = chunk;
    /** @type {import("./ring.js").Entry} */
    const entry = {
      sequence: chunk.sequence, start: chunk.start, end: chunk.end, level: 0, key: keys,
      wall: whole(rows.wall), cpu: whole(rows.cpu), count: rows.count, wait: Float32Array.from(rows.wait),
      waits: chunk.waits?.map((wait) => this.#waitObject(wait)) ?? null, processors: chunk.processors,
    };
    return { entry, chunk, members };
  }

  /** Holds these chunks, taken before, and no others. @param {Taken[]} taken oldest first */
  hold(taken) {
    this.ring.clear();
    this.marks = [];
    for (const one of taken) this.#append(one);
    this.sequence = taken[taken.length - 1]?.chunk.sequence ?? -1;
  }

  /** @param {Taken} taken */
  #append({ entry, chunk, members }) {
    const begins = chunk.strings[0] === "";
    if (members !== null || begins) this.members.add(members, chunk.end, begins);
    this.ring.push(entry);
    this.#addSeries(chunk, entry);
  }

  /** Takes in the chunk's definitions; gives back its rows' and members' keys. @param {Chunk} chunk */
  #define(chunk) {
    const begins = chunk.strings[0] === "";
    const generation = begins ? new Generation(chunk.generation, this.dictionary) : this.generation;
    this.generation = null; // Whatever fails below, nothing may be numbered on after it.
    if (generation?.number !== chunk.generation) throw new ChunkError(`generation ${chunk.generation} without its beginning`);
    generation.define(chunk);
    const keys = generation.keys(chunk.rows);
    const members = chunk.members === null ? null : { ...chunk.members, key: generation.keys(chunk.members) };
    this.generation = generation;
    return { keys, members };
  }

  /** @param {Chunk} chunk */
  #noticeGap(chunk) {
    const newest = this.ring.newest;
    if (newest === undefined || chunk.sequence === this.sequence + 1) return;
    this.missed += chunk.sequence - this.sequence - 1;
    this.gaps.push({ from: newest.end, to: chunk.start });
    this.gaps = this.gaps.filter(({ to }) => to > chunk.end - this.retention);
  }

  /** @param {Chunk} chunk @param {import("./ring.js").Entry} entry */
  #addSeries(chunk, { key, wall, cpu, count }) {
    const counts = new Float32Array(CATEGORIES.length);
    const sums = { wall: 0, cpu: 0, "cpu.system": 0 };
    let idle = 0;
    for (let i = 0; i < key.length; i++) {
      const { aside, category } = this.reading.of(key[i]);
      sums[aside === "system" ? "cpu.system" : "cpu"] += cpu[i];
      if (aside === "idle") idle += count[i];
      else if (aside === "") counts[category] += count[i];
      if (aside === "") sums.wall += wall[i];
    }
    const { scan_hz: hz, cpu: cost } = chunk.sampler;
    this.series.push(chunk.start, chunk.end, counts, idle, { ...chunk.series, ...sums, "sampler.scan_hz": hz, "sampler.cpu": cost });
    this.series.trim(chunk.end - this.retention);
    Object.assign(this.sampler, chunk.sampler);
    this.goroutines = COUNTED.reduce((sum, name) => sum + (chunk.series[`goroutines.${name}`] ?? 0), 0);
    for (const event of chunk.events) this.marks.push(event);
    if (this.marks.length > MAX_MARKS) this.marks = this.marks.slice(-MAX_MARKS / 2);
  }

  /** @param {import("./chunk.js").Wait} wait @returns {WaitObject} */
  #waitObject(wait) {
    const stack = /** @type {Generation} */ (this.generation).stack(wait.node);
    return { ...wait, reason: this.process.reasons[wait.reason] ?? "", stack };
  }
}

/** Whole numbers as 32-bit floats; hostile ones are zero. @param {Float64Array} values */
function whole(values) {
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value > 0 && value < 1e18) out[i] = Math.round(value);
  }
  return out;
}
