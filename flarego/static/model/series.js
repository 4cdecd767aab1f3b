/**
 * What the timeline shows: one point a chunk, as columns, for as long as the ring keeps rows.
 */

import { CATEGORIES } from "./category.js";

/** Series of the stream that have a column here. */
export const NAMES = /** @type {const} */ ([
  "goroutines.system", "goroutines.created", "runq.global", "runq.local", "processors", "processors.idle", "threads",
  "threads.idle", "threads.spinning", "sched.latency.p50", "sched.latency.p99", "heap.live", "heap.goal", "heap.limit", "stacks",
  "gc.cycles", "gc.phase",
]);

/** @typedef {(typeof NAMES)[number]} Name */

export class Series {
  n = 0;
  #capacity = 1024;
  /** Span of each point, ns. */
  start = new Float64Array(1024);
  end = new Float64Array(1024);
  /** Of each point: user goroutines by category, idle ones apart. `counts[c][i]` */
  counts = CATEGORIES.map(() => new Float32Array(1024));
  idle = new Float32Array(1024);
  /** @type {Record<Name, Float64Array>} */
  values;

  constructor() {
    this.values = /** @type {Record<Name, Float64Array>} */ (
      Object.fromEntries(NAMES.map((name) => [name, new Float64Array(1024)])));
  }

  /**
   * @param {number} start @param {number} end @param {ArrayLike<number>} counts by category @param {number} idle
   * @param {Record<string, number>} series
   */
  push(start, end, counts, idle, series) {
    if (this.n === this.#capacity) this.#resize(this.#capacity * 2, 0);
    const i = this.n++;
    this.start[i] = start;
    this.end[i] = end;
    this.idle[i] = idle;
    for (let c = 0; c < this.counts.length; c++) this.counts[c][i] = counts[c];
    for (const name of NAMES) this.values[name][i] = series[name] ?? NaN;
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
    for (const name of NAMES) this.values[name] = moved(this.values[name]);
    this.#capacity = capacity;
    this.n -= drop;
  }

  /** A series' value at a time; 0 when it was not known. @param {Name} name @param {number} time */
  at(name, time) {
    return this.values[name][Math.min(this.find(time - 1), this.n - 1)] || 0;
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
