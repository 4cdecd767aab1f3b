/**
 * What the timeline shows: one point a chunk, as columns, for as long as the ring keeps rows.
 */

import { CATEGORIES, CATEGORY } from "./category.js";

/** Series of the stream that have a column here; `sampler.…` are the sampler's own figures. */
export const NAMES = /** @type {const} */ ([
  "goroutines.system", "goroutines.created", "runq.global", "runq.local", "processors", "processors.idle", "threads",
  "threads.idle", "threads.spinning", "sched.latency.p50", "sched.latency.p99", "heap.live", "heap.used", "heap.goal", "heap.limit",
  "heap.total_alloc", "stacks", "gc.cycles", "gc.phase", "sampler.scan_hz", "sampler.cpu",
]);
/** What rows add up to: goroutine-nanoseconds of the user's, on-CPU nanoseconds of the user's and of the runtime's own. */
export const SUMS = /** @type {const} */ (["wall", "cpu", "cpu.system"]);

/** @typedef {(typeof NAMES)[number]} Name */
/** @typedef {(typeof SUMS)[number]} Sum */

const FIRST_CAPACITY = 1024;
/** Of the states a recording's index tells of: the category each is shown as. What waits there is not told apart. */
const COARSE = /** @type {const} */ ([
  ["running", "running"], ["runnable", "runnable"], ["preempted", "runnable"], ["syscall", "syscall"], ["waiting", "other"], ["other", "other"],
]);
const MAX_COARSE = 1 << 16;
/** Time missing between two points that is more than a late clock, ns. */
const MISSING = 50e6;

export class Series {
  n = 0;
  /** Whether it is of a recording's index: then those that wait are all `other`. */
  isCoarse = false;
  /** Changes whenever a point is added or forgotten. */
  version = 0;
  #capacity = FIRST_CAPACITY;
  /** Span of each point, ns. */
  start = new Float64Array(FIRST_CAPACITY);
  end = new Float64Array(FIRST_CAPACITY);
  /** Of each point: user goroutines by category, idle ones apart. `counts[c][i]` */
  counts = CATEGORIES.map(() => new Float32Array(FIRST_CAPACITY));
  idle = new Float32Array(FIRST_CAPACITY);
  /** NaN where not known. @type {Record<Name | Sum, Float64Array>} */
  values;

  constructor() {
    this.values = /** @type {Record<Name | Sum, Float64Array>} */ (
      Object.fromEntries([...NAMES, ...SUMS].map((name) => [name, new Float64Array(FIRST_CAPACITY)])));
  }

  /**
   * @param {number} start @param {number} end not before the point before @param {ArrayLike<number>} counts by category
   * @param {number} idle @param {Record<string, number>} known names and sums
   */
  push(start, end, counts, idle, known) {
    if (this.n === this.#capacity) this.#resize(this.#capacity * 2, 0);
    const i = this.n++;
    this.version++;
    this.start[i] = start;
    this.end[i] = end;
    this.idle[i] = idle;
    for (let c = 0; c < this.counts.length; c++) this.counts[c][i] = counts[c];
    for (const name of NAMES) this.values[name][i] = known[name] ?? NaN;
    for (const name of SUMS) this.values[name][i] = known[name] ?? NaN;
  }

  /**
   * The series of a recording's index (flarego/wire/CLIP.md): all of it, at most some thousand points.
   * Columns that are too short count as not known.
   * @param {{start: ArrayLike<number>, end: ArrayLike<number>, series: Readonly<Record<string, ArrayLike<number>>>}} timeline
   */
  static coarse({ start, end, series }) {
    const out = new Series();
    out.isCoarse = true;
    const columns = Object.entries(series);
    for (let i = 0; i < start.length && i < MAX_COARSE; i++) {
      if (!(end[i] > start[i]) || (out.n > 0 && !(end[i] > out.end[out.n - 1]))) continue;
      const known = Object.fromEntries(columns.map(([name, column]) => [name, column[i] ?? NaN]));
      const counts = new Float32Array(CATEGORIES.length);
      for (const [state, category] of COARSE) counts[CATEGORY[category]] += known[`state.${state}`] || 0;
      out.push(start[i], end[i], counts, 0, { ...known, cpu: known["state.cpu"] * (end[i] - start[i]), "cpu.system": 0 });
    }
    return out;
  }

  /** Forgets points that ended before `time`, now and then. @param {number} time */
  trim(time) {
    const n = this.find(time);
    if (n > 1024 && n * 2 > this.n) this.#resize(this.#capacity, n);
  }

  /** @param {number} capacity @param {number} drop */
  #resize(capacity, drop) {
    const moved = (/** @type {Float64Array} */ column) => {
      const larger = new Float64Array(capacity);
      larger.set(column.subarray(drop, this.n));
      return larger;
    };
    const moved32 = (/** @type {Float32Array} */ column) => {
      const larger = new Float32Array(capacity);
      larger.set(column.subarray(drop, this.n));
      return larger;
    };
    this.start = moved(this.start);
    this.end = moved(this.end);
    this.idle = moved32(this.idle);
    this.counts = this.counts.map(moved32);
    for (const name of [...NAMES, ...SUMS]) this.values[name] = moved(this.values[name]);
    this.#capacity = capacity;
    this.n -= drop;
    this.version++;
  }

  /** From the first point to the last; zeros when there is none. */
  get span() {
    return this.n === 0 ? { from: 0, to: 0 } : { from: this.start[0], to: this.end[this.n - 1] };
  }

  /** A series' value at a time; 0 when it was not known. @param {Name} name @param {number} time */
  at(name, time) {
    return this.values[name][Math.min(this.find(time - 1), this.n - 1)] || 0;
  }

  /** The point a time falls into, or -1 where there is none. @param {number} time */
  pointAt(time) {
    const point = this.find(time);
    return point < this.n && this.start[point] - MISSING <= time ? point : -1;
  }

  /** Whether time is missing before a point. @param {number} point */
  missingBefore(point) {
    return point > 0 && this.start[point] - this.end[point - 1] > MISSING;
  }

  /** What a series was on average over the points that end in a span; NaN when none is known. @param {Name} name @param {number} from @param {number} to */
  mean(name, from, to) {
    let [sum, known] = [0, 0];
    for (let i = this.find(from); i < this.n && this.end[i] <= to; i++) {
      const value = this.values[name][i];
      if (Number.isNaN(value)) continue;
      sum += value;
      known++;
    }
    return sum / known;
  }

  /** What a column adds up to over the points that end in a span. @param {Sum} name @param {number} from @param {number} to */
  sum(name, from, to) {
    let sum = 0;
    for (let i = this.find(from); i < this.n && this.end[i] <= to; i++) sum += this.values[name][i] || 0;
    return sum;
  }

  /**
   * By how much a column has grown over a span, if it grew in each quarter of it; else 0.
   * @param {Float32Array} column @param {number} from @param {number} to
   */
  growth(column, from, to) {
    const at = [0, 1, 2, 3, 4].map((quarter) => {
      const point = this.find(from + ((to - from) * quarter) / 4);
      return column[Math.min(point, this.n - 1)];
    });
    return at.every((value, i) => i === 0 || value > at[i - 1]) ? at[4] - at[0] : 0;
  }

  /** Index of the first point that ends after `time`. @param {number} time */
  find(time) {
    let low = 0;
    let high = this.n;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.end[mid] <= time) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}
