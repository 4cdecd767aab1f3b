/**
 * The points of a series as columns on the screen, each at least a pixel wide.
 *
 * A column stands for the same span of time wherever it is drawn: its edges are whole multiples of a
 * pixel's time, so a picture that moves does not flicker. Where time is missing there is no column.
 */

/** @typedef {import("./series.js").Series} Series */
/** @typedef {import("./scale.js").Scale} Scale */

export class Columns {
  n = 0;
  #capacity = 0;
  /** First and last point of each column. */
  first = new Int32Array(0);
  last = new Int32Array(0);
  /** Edges in pixels. */
  left = new Float32Array(0);
  right = new Float32Array(0);
  /** Of each column: 1 when time is missing before it. */
  broken = new Uint8Array(0);

  /** @param {number} capacity */
  #reserve(capacity) {
    if (capacity <= this.#capacity) return;
    this.#capacity = capacity;
    this.first = new Int32Array(capacity);
    this.last = new Int32Array(capacity);
    this.left = new Float32Array(capacity);
    this.right = new Float32Array(capacity);
    this.broken = new Uint8Array(capacity);
  }

  /** Makes these the columns of what of a series is on a scale. @param {Series} series @param {Scale} time @param {number} [pixel] least width */
  take(series, time, pixel = 1) {
    const from = Math.max(0, series.find(time.from) - 1);
    const to = Math.min(series.n, series.find(time.to) + 1);
    const bin = pixel / time.factor;
    this.n = 0;
    if (!(time.factor > 0)) return;
    this.#reserve(Math.min(to - from, Math.ceil((time.end - time.start) / pixel) + 4));
    let slot = -Infinity;
    for (let i = from; i < to; i++) {
      // The end of a span is the start of the next one's bin: a hair before it.
      const own = Math.ceil(series.end[i] / bin - 1e-6);
      const broken = series.missingBefore(i);
      if (own === slot && !broken) this.last[this.n - 1] = i;
      else if (this.n < this.#capacity) this.#add(i, broken, series.start[i], time);
      slot = own;
      this.right[this.n - 1] = Math.round(time.pixel(series.end[i]) / pixel) * pixel;
    }
  }

  /** @param {number} point @param {boolean} broken @param {number} start @param {Scale} time */
  #add(point, broken, start, time) {
    const c = this.n++;
    this.first[c] = this.last[c] = point;
    this.broken[c] = broken || c === 0 ? 1 : 0;
    this.left[c] = this.broken[c] ? Math.round(time.pixel(start)) : this.right[c - 1];
  }

  /** A value for each column. @param {(first: number, last: number) => number} of value of a run of points @returns {Float32Array} */
  map(of) {
    const out = new Float32Array(this.n);
    for (let c = 0; c < this.n; c++) out[c] = of(this.first[c], this.last[c]);
    return out;
  }
}
