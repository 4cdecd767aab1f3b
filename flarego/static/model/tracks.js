/**
 * The tracks of the timeline: what each shows, how points become a value, and how that is said.
 *
 * A layer's `of` gives its value over a run of points, so the painter, the card and the words for
 * screen readers all say the same.
 */

import { CATEGORIES } from "./category.js";
import { count, duration, size } from "./format.js";

/** @typedef {import("./series.js").Series} Series */
/** @typedef {import("./series.js").Name} Name */
/** @typedef {import("./series.js").Sum} Sum */
/** @typedef {(first: number, last: number) => number} Of value over a run of points; NaN when not known */
/**
 * @typedef {{name: string, colour: string, style: "area" | "line" | "dash" | "bars", of: Of, quiet?: boolean}} Layer
 *   `colour` of the palette, or of the theme; `quiet` layers do not stretch the scale
 * @typedef {object} Track
 * @property {string} id
 * @property {string} title
 * @property {string} hint
 * @property {number} height share of the room
 * @property {boolean} [stacked]
 * @property {(value: number) => string} say
 * @property {boolean} [bytes]
 * @property {number} least top of the scale
 * @property {(series: Series, idle: boolean) => Layer[]} layers
 * @property {(series: Series, first: number, last: number) => string} now said beside its title
 */

/** @param {ArrayLike<number>} values @returns {Of} */
const mean = (values) => (first, last) => {
  let sum = 0;
  for (let i = first; i <= last; i++) sum += values[i];
  return sum / (last - first + 1);
};

/** @param {(point: number) => number} value @returns {Of} */
const highest = (value) => (first, last) => {
  let most = NaN;
  for (let i = first; i <= last; i++) if (!(value(i) <= most)) most = value(i);
  return most;
};

/** @param {ArrayLike<number>} values @returns {Of} */
const newest = (values) => (_, last) => values[last];

/** Nanoseconds spent in a nanosecond. @param {Series} series @param {Sum} name @returns {Of} */
const used = (series, name) => (first, last) => {
  let spent = 0;
  let time = 0;
  for (let i = first; i <= last; i++) {
    spent += series.values[name][i];
    time += series.end[i] - series.start[i];
  }
  return time > 0 ? spent / time : NaN;
};

/** By how much something that only grows has grown in a second. @param {Series} series @param {Name} name @returns {Of} */
const rate = ({ values, end, n }, name) => (first, last) => {
  const before = first > 0 ? first - 1 : first;
  const [from, to] = last > before || n < 2 ? [before, last] : [0, 1];
  const grown = values[name][to] - values[name][from];
  return end[to] > end[from] ? Math.max(0, (grown / (end[to] - end[from])) * 1e9) : NaN;
};

/** @param {number} value */
const decimal = (value) => (value >= 10 ? value.toFixed(1) : value.toFixed(2)).replace(/\.?0+$/, "");
/** @param {number} value */
const cores = (value) => `${decimal(value)} core${value === 1 ? "" : "s"}`;
/** What is not known is not told. @param {(value: number) => string} say @param {number} value */
const told = (say, value) => (Number.isFinite(value) ? say(value) : "");
/** @param {number} value */
const perSecond = (value) => (value >= 10 || value === 0 ? count(value) : value.toFixed(1));

/** @param {Series} series @returns {Of} */
const users = (series) => (_, last) => series.counts.reduce((sum, counts) => sum + counts[last], 0);
/** @param {Series} series @returns {Of} */
const queued = ({ values }) => highest((i) => values["runq.global"][i] + values["runq.local"][i]);

/** @type {readonly Track[]} */
export const TRACKS = Object.freeze(/** @type {Track[]} */ ([
  {
    id: "goroutines", title: "Goroutines", hint: "Goroutines by state", height: 60, stacked: true, least: 1, say: count,
    layers: (series, idle) => [
      ...CATEGORIES.map(({ id, name }, c) => (/** @type {Layer} */ ({
        ...(series.isCoarse && id === "other" ? { name: "waiting", colour: "sleep" } : { name, colour: id }), style: "area", of: mean(series.counts[c]),
      }))),
      ...(idle ? [/** @type {Layer} */ ({ name: "idle", colour: "faint", style: "area", of: mean(series.idle) })] : []),
    ],
    now: (series, first, last) => count(users(series)(first, last)) + (series.isCoarse ? "" : ` + ${count(series.idle[last])} idle`),
  },
  {
    id: "cpu", title: "On CPU", hint: "Cores in use, by the target's own code and by its runtime, of the processors it may use",
    height: 24, stacked: true, least: 0.1, say: cores,
    layers: (series) => [
      { name: "own code", colour: "running", style: "area", of: used(series, "cpu") },
      { name: "runtime", colour: "gc", style: "area", of: used(series, "cpu.system") },
      { name: "processors", colour: "muted", style: "dash", of: newest(series.values.processors), quiet: true },
    ],
    now: (series, first, last) => {
      const busy = used(series, "cpu")(first, last) + used(series, "cpu.system")(first, last);
      const all = series.values.processors[last];
      return told((value) => (Number.isFinite(all) ? `${decimal(value)} of ${cores(all)}` : cores(value)), busy);
    },
  },
  {
    id: "queue", title: "Run queue", hint: "Goroutines that could run and wait for a processor, all queues together; the highest of each column",
    height: 22, least: 4, say: count,
    layers: (series) => [{ name: "queued", colour: "runnable", style: "bars", of: queued(series) }],
    now: (series, first, last) => told(count, queued(series)(first, last)),
  },
  {
    id: "latency", title: "Latency p99", hint: "How long a goroutine that could run waits for a processor: median and 99th percentile",
    height: 22, least: 1e4, say: duration,
    layers: (series) => [
      { name: "p99", colour: "syscall", style: "area", of: highest((i) => series.values["sched.latency.p99"][i]) },
      { name: "p50", colour: "text", style: "line", of: highest((i) => series.values["sched.latency.p50"][i]) },
    ],
    now: (series, first, last) => told((value) => duration(value), highest((i) => series.values["sched.latency.p99"][i])(first, last)),
  },
  {
    id: "heap", title: "Heap", hint: "Bytes in use, live after the last collection, the collector's goal, and the limit if there is one",
    height: 28, least: 1 << 20, say: size, bytes: true,
    layers: (series) => [
      { name: "used", colour: "chan", style: "area", of: highest((i) => series.values["heap.used"][i]) },
      { name: "live", colour: "text", style: "line", of: newest(series.values["heap.live"]) },
      { name: "goal", colour: "muted", style: "dash", of: newest(series.values["heap.goal"]) },
      { name: "limit", colour: "lock", style: "dash", of: (_, last) => series.values["heap.limit"][last] || NaN, quiet: true },
    ],
    now: ({ values }, _, last) => told((live) => `${size(live)} / ${size(values["heap.goal"][last])}`, values["heap.live"][last]),
  },
  {
    id: "alloc", title: "Allocation", hint: "Bytes allocated a second", height: 22, least: 1024, say: (value) => `${size(value)}/s`, bytes: true,
    layers: (series) => [{ name: "allocated", colour: "select", style: "area", of: rate(series, "heap.total_alloc") }],
    now: (series, first, last) => told((value) => `${size(value)}/s`, rate(series, "heap.total_alloc")(first, last)),
  },
  {
    id: "created", title: "Created", hint: "Goroutines created a second", height: 22, least: 1, say: (value) => `${perSecond(value)}/s`,
    layers: (series) => [{ name: "created", colour: "io", style: "area", of: rate(series, "goroutines.created") }],
    now: (series, first, last) => told((value) => `${perSecond(value)}/s`, rate(series, "goroutines.created")(first, last)),
  },
  {
    id: "sampling", title: "Sampling", hint: "Scans of all goroutines a second; hatched where nothing is known", height: 20, least: 10,
    say: (value) => `${perSecond(value)} Hz`,
    layers: (series) => [{ name: "scans", colour: "sleep", style: "area", of: mean(series.values["sampler.scan_hz"]) }],
    now: (series, _, last) => told((value) => `${perSecond(value)} Hz`, series.values["sampler.scan_hz"][last]),
  },
]));

/** Shown at first, on a wide page and on a narrow one. */
export const DEFAULT_TRACKS = Object.freeze(["goroutines", "cpu", "queue", "latency", "heap"]);
export const FEW_TRACKS = Object.freeze(["goroutines", "cpu"]);
