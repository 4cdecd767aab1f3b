/** The one place where time and pixels are converted into each other. */

/** A linear map from a domain to pixels; `extent` may be zero. */
export class Scale {
  /** @param {number} from domain @param {number} to domain @param {number} start pixel @param {number} end pixel */
  constructor(from, to, start, end) {
    this.from = from;
    this.to = to;
    this.start = start;
    this.end = end;
    this.factor = to > from ? (end - start) / (to - from) : 0;
  }

  /** @param {number} value */
  pixel(value) {
    return this.start + (value - this.from) * this.factor;
  }

  /** @param {number} pixel */
  value(pixel) {
    if (this.factor === 0) return this.from;
    return this.from + (pixel - this.start) / this.factor;
  }

  /** The value at a pixel, held within the domain. @param {number} pixel */
  clamped(pixel) {
    return Math.min(this.to, Math.max(this.from, this.value(pixel)));
  }
}

const S = 1e9;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600].map((s) => s * S);

/** A round time step that gives about `wanted` ticks over `span` nanoseconds. @param {number} span @param {number} wanted */
export function timeStep(span, wanted) {
  return STEPS.find((step) => span / step <= wanted) ?? STEPS[STEPS.length - 1];
}

/** The next 1, 2 or 5 times a power of ten at or above value. @param {number} value */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const lead = value / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}
