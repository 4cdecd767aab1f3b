/**
 * Paints the timeline: goroutines by state, heap against its goal, run queue, GC marks, the window.
 *
 * One column a pixel at most; a column shows the newest of the points that fall into it, the run
 * queue their highest, so that a peak is never averaged away.
 */

import { CATEGORIES } from "../model/category.js";
import { clock, count, size as bytes } from "../model/format.js";
import { Scale, roundUp, timeStep } from "../model/scale.js";
import { PALETTE } from "./colour.js";

/** @typedef {import("../model/series.js").Series} Series */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {import("./canvas.js").Size} Size */
/** @typedef {{from: number, to: number}} Span */
/**
 * @typedef {{series: Series, ink: Ink, font: string, time: Scale, epoch: number, window: Span, chosen: boolean,
 *   drag: Span | null, hover: number | null, marks: {at: number, kind: string, pause: number}[], gaps: Span[],
 *   idle: boolean}} TimelineScene
 */

export const AXIS = 16;
const GAP = 6;
const SHARES = { states: 0.58, heap: 0.23, queue: 0.19 };
/** Longer breaks between points are breaks in the line. */
const MAX_STEP = 2e9;

/** Width of a GC mark; cycles closer than that share one. */
const MARK = 6;
/** The bar under a mark begins to grow here, ns, and is full four decades later. */
const SHORT_PAUSE = 1e4;

/** @typedef {{top: number, height: number}} Track */

/** @param {number} height @returns {{states: Track, heap: Track, queue: Track}} */
export function tracks(height) {
  const room = height - AXIS - 2 * GAP - 4;
  const states = { top: 2, height: Math.floor(room * SHARES.states) };
  const heap = { top: states.top + states.height + GAP, height: Math.floor(room * SHARES.heap) };
  const queue = { top: heap.top + heap.height + GAP, height: Math.floor(room * SHARES.queue) };
  return { states, heap, queue };
}

/** Indices of the points to draw: the last of each pixel column. @param {TimelineScene} scene */
function columns({ series, time }) {
  const first = Math.max(0, series.find(time.from) - 1);
  const indices = [];
  let column = -Infinity;
  for (let i = first; i < series.n && series.start[i] < time.to; i++) {
    const at = Math.floor(time.pixel(series.end[i]));
    if (at === column) indices[indices.length - 1] = i;
    else indices.push(i);
    column = at;
  }
  return indices;
}

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {TimelineScene} scene */
export function paintTimeline(context, size, scene) {
  const { ink } = scene;
  const layout = tracks(size.height);
  context.fillStyle = ink.background;
  context.fillRect(0, 0, size.width, size.height);
  context.font = scene.font;
  const indices = columns(scene);
  paintAxis(context, size, scene);
  paintStates(context, scene, layout.states, indices);
  paintHeap(context, scene, layout.heap, indices);
  paintQueue(context, scene, layout.queue, indices);
  paintMarks(context, scene, layout);
  paintGaps(context, size, scene);
  paintWindow(context, size, scene);
}

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {TimelineScene} scene */
function paintAxis(context, size, { ink, time, epoch }) {
  const step = timeStep(time.to - time.from, Math.max(2, size.width / 110));
  const bottom = size.height - AXIS;
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (let at = Math.ceil((epoch + time.from) / step) * step - epoch; at <= time.to; at += step) {
    const x = Math.round(time.pixel(at)) + 0.5;
    context.fillStyle = ink.line;
    context.fillRect(x - 0.5, 0, 1, bottom + 3);
    if (x < 26 || x > size.width - 26) continue;
    context.fillStyle = ink.muted;
    context.fillText(clock(epoch + at), x, bottom + AXIS / 2 + 1);
  }
}

/** @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {Track} track @param {number[]} indices */
function paintStates(context, scene, track, indices) {
  const { series, ink } = scene;
  const layers = [...series.counts.map((values, c) => ({ values, colour: PALETTE[CATEGORIES[c].id] }))];
  if (scene.idle) layers.push({ values: series.idle, colour: ink.faint });
  const sums = new Float64Array(indices.length);
  let most = 0;
  indices.forEach((index, i) => {
    for (const { values } of layers) sums[i] += values[index];
    most = Math.max(most, sums[i]);
  });
  const top = roundUp(most);
  const y = new Scale(0, top, track.top + track.height, track.top + 1);
  const base = new Float64Array(indices.length);
  for (const { values, colour } of layers) {
    context.fillStyle = colour;
    indices.forEach((index, i) => {
      if (values[index] === 0) return;
      const left = leftOf(scene, indices, i);
      const low = y.pixel(base[i]);
      const high = y.pixel((base[i] += values[index]));
      context.fillRect(left, high, Math.max(1, rightOf(scene, index) - left), low - high);
    });
  }
  scaleLabel(context, scene, track, most > 0 ? count(top) : "");
}

/** Where a column begins: at the end of the one before, unless time is missing in between. @param {TimelineScene} scene @param {number[]} indices @param {number} i */
function leftOf({ series, time }, indices, i) {
  const start = series.start[indices[i]];
  const before = i > 0 ? series.end[indices[i - 1]] : start;
  return Math.round(time.pixel(start - before < MAX_STEP ? Math.min(start, before) : start));
}

/** Whole pixels, so that neighbours meet without a seam. @param {TimelineScene} scene @param {number} index */
function rightOf({ series, time }, index) {
  return Math.round(time.pixel(series.end[index]));
}

/** @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {Track} track @param {number[]} indices */
function paintHeap(context, scene, track, indices) {
  const { series, ink } = scene;
  const live = series.values["heap.live"];
  const goal = series.values["heap.goal"];
  let most = 0;
  for (const i of indices) most = Math.max(most, live[i] || 0, goal[i] || 0);
  const y = new Scale(0, most * 1.08, track.top + track.height, track.top);
  line(context, scene, indices, live, y, ink.text, true);
  context.setLineDash([3, 3]);
  line(context, scene, indices, goal, y, ink.muted, false);
  context.setLineDash([]);
  scaleLabel(context, scene, track, most > 0 ? bytes(most) : "");
}

/** @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {Track} track @param {number[]} indices */
function paintQueue(context, scene, track, indices) {
  const { series } = scene;
  const global = series.values["runq.global"];
  const local = series.values["runq.local"];
  const heights = new Float64Array(indices.length);
  let most = 0;
  let from = indices.length > 0 ? indices[0] : 0;
  indices.forEach((index, i) => {
    for (let j = from; j <= index; j++) heights[i] = Math.max(heights[i], (global[j] || 0) + (local[j] || 0));
    from = index + 1;
    most = Math.max(most, heights[i]);
  });
  const top = roundUp(Math.max(4, most));
  const y = new Scale(0, top, track.top + track.height, track.top + 1);
  context.fillStyle = PALETTE.runnable;
  indices.forEach((index, i) => {
    const left = leftOf(scene, indices, i);
    const high = y.pixel(heights[i]);
    context.fillRect(left, high, Math.max(1, rightOf(scene, index) - left), track.top + track.height - high);
  });
  scaleLabel(context, scene, track, count(top));
}

/** @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {number[]} indices @param {Float64Array} values @param {Scale} y @param {string} colour @param {boolean} filled */
function line(context, { series, time }, indices, values, y, colour, filled) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.25;
  for (const piece of pieces(series, indices, values)) {
    context.beginPath();
    for (const i of piece) context.lineTo(time.pixel(series.end[i]), y.pixel(values[i]));
    context.stroke();
    if (!filled) continue;
    context.lineTo(time.pixel(series.end[piece[piece.length - 1]]), y.start);
    context.lineTo(time.pixel(series.end[piece[0]]), y.start);
    context.globalAlpha = 0.18;
    context.fill();
    context.globalAlpha = 1;
  }
}

/** Runs of points with a value and no time missing between them. @param {Series} series @param {number[]} indices @param {Float64Array} values */
function pieces(series, indices, values) {
  /** @type {number[][]} */
  const out = [];
  let last = -Infinity;
  for (const i of indices) {
    if (!Number.isFinite(values[i])) continue;
    if (series.start[i] - last > MAX_STEP) out.push([]);
    out[out.length - 1].push(i);
    last = series.end[i];
  }
  return out;
}

/** @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {Track} track @param {string} top */
function scaleLabel(context, { ink, time }, track, top) {
  context.fillStyle = ink.line;
  context.fillRect(0, track.top + track.height, time.end, 1);
  if (top === "") return;
  context.font = context.font.replace(/\d+px/, "10px");
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillStyle = ink.muted;
  context.fillText(top, time.end + 6, track.top);
}

/** A triangle for GC cycle, a bar whose height is the pause's (log) length. @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {{heap: Track}} layout */
function paintMarks(context, { marks, time, ink }, { heap }) {
  /** @type {Map<number, number>} longest pause by place */
  const pauses = new Map();
  for (const { at, kind, pause } of marks) {
    if (at < time.from || at > time.to) continue;
    const x = Math.round(time.pixel(at));
    if (kind === "gc") {
      const place = x - (x % MARK);
      pauses.set(place, Math.max(pauses.get(place) ?? 0, pause));
    } else {
      context.fillStyle = ink.accent;
      context.fillRect(x, 0, 1, heap.top + heap.height);
    }
  }
  context.fillStyle = PALETTE.gc;
  context.beginPath();
  for (const [place, pause] of pauses) {
    const x = place + MARK / 2;
    context.moveTo(x - MARK / 2, heap.top);
    context.lineTo(x + MARK / 2, heap.top);
    context.lineTo(x, heap.top + MARK - 1);
    const height = Math.min(1, Math.max(0, Math.log10(pause / SHORT_PAUSE) / 4)) * heap.height;
    if (height > 0) context.rect(x - 0.75, heap.top + heap.height - height, 1.5, height);
  }
  context.fill();
}

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {TimelineScene} scene */
function paintGaps(context, size, { gaps, time, ink }) {
  const bottom = size.height - AXIS;
  for (const { from, to } of gaps) {
    const left = Math.max(0, time.pixel(from));
    const right = Math.min(time.end, time.pixel(to));
    if (right <= left) continue;
    context.save();
    context.beginPath();
    context.rect(left, 0, Math.max(2, right - left), bottom);
    context.clip();
    context.strokeStyle = ink.muted;
    context.lineWidth = 1;
    context.beginPath();
    for (let x = left - bottom; x < right; x += 6) {
      context.moveTo(x, bottom);
      context.lineTo(x + bottom, 0);
    }
    context.stroke();
    context.restore();
  }
}

/** Everything outside the window is veiled. @param {CanvasRenderingContext2D} context @param {Size} size @param {TimelineScene} scene */
function paintWindow(context, size, { time, window, chosen, drag, hover, ink }) {
  const bottom = size.height - AXIS;
  const span = drag ?? window;
  const left = Math.max(0, time.pixel(span.from));
  const right = Math.min(time.end, time.pixel(span.to));
  context.globalAlpha = 0.55;
  context.fillStyle = ink.background;
  context.fillRect(0, 0, left, bottom);
  context.fillRect(right, 0, time.end - right, bottom);
  context.globalAlpha = 1;
  context.fillStyle = chosen || drag ? ink.accent : ink.muted;
  const thick = chosen || drag ? 2 : 1;
  context.fillRect(left, 0, thick, bottom);
  context.fillRect(right - thick, 0, thick, bottom);
  if (chosen || drag) context.fillRect(left, bottom - 1, right - left, 2);
  if (hover === null) return;
  context.fillStyle = ink.text;
  context.fillRect(Math.round(hover), 0, 1, bottom);
}
