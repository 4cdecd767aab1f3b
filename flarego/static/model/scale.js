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
const STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600,
].map((s) => s * S);

/** A round time step that gives about `wanted` ticks over `span` nanoseconds. @param {number} span @param {number} wanted */
export function timeStep(span, wanted) {
  return STEPS.find((step) => span / step <= wanted) ?? STEPS[STEPS.length - 1];
}

/** Evenly spaced round times, `offset` after the domain's zero being one. @param {Scale} scale @param {number} step @param {number} offset @returns {number[]} */
export function ticks({ from, to }, step, offset) {
  const out = [];
  for (let k = Math.ceil((from + offset) / step); k * step - offset <= to; k++) out.push(k * step - offset);
  return out;
}

const LEADS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The next round number at or above value; of bytes, in the unit they are told in. @param {number} value @param {number} [thousand] 1024 for bytes */
export function roundUp(value, thousand = 1000) {
  if (!(value > 0)) return 1;
  const unit = thousand ** Math.max(0, Math.floor(Math.log(value) / Math.log(thousand)));
  const power = 10 ** Math.floor(Math.log10(value / unit));
  const lead = value / unit / power;
  return (LEADS.find((round) => lead <= round * (1 + 1e-9)) ?? 10) * power * unit;
}
