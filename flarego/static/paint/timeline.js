/**
 * Paints the timeline but for what follows the pointer: overview, tracks, marks, gaps, the time axis.
 *
 * Nothing is drawn where nothing is known: missing time is hatched across all tracks.
 */

import { clockAt } from "../model/format.js";
import { Columns } from "../model/columns.js";
import { Scale, ticks, timeStep } from "../model/scale.js";
import { PALETTE } from "./colour.js";
import { Raster, pixelOf } from "./raster.js";
import { paintLabels, paintTrack } from "./tracks.js";

/** @typedef {import("../model/series.js").Series} Series */
/** @typedef {import("../model/tracks.js").Track} Track */
/** @typedef {import("./tracks.js").Place} Place */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {import("./canvas.js").Size} Size */
/** @typedef {{from: number, to: number}} Span */
/** @typedef {{at: number, kind: string, pause: number, cycle: number, text: string}} Mark */
/**
 * @typedef {{places: Place[], marks: number, axis: number, overview: number, height: number}} Layout
 *   upper edges; `height` is of all of it, in sight or not
 * @typedef {{series: Series, marks: readonly Mark[], ink: Ink, family: string, time: Scale, whole: Span | null, epoch: number, point: number,
 *   idle: boolean, layout: Layout, coarse: Series}} TimelineScene
 *   `whole` is what the overview shows, from `coarse`; null for none; `point` is the one whose values stand beside the titles
 */

export const AXIS = 18;
export const MARKS = 13;
export const OVERVIEW = 16;
const GAP = 4;
const TOP = 3;
/** Width of a GC mark; cycles closer than that share one. */
const MARK = 6;
/** A pause begins to be seen at this length, ns, and fills the lane four decades later. */
const SHORT_PAUSE = 1e4;
const HATCH = 6;
/** Without a gutter the tools stand on the axis, pixels. */
const TOOLS = 150;

/** Where everything goes. @param {readonly Track[]} tracks @param {boolean} overview @param {number} scale of the tracks' heights @returns {Layout} */
export function layoutTimeline(tracks, overview, scale = 1) {
  let top = TOP + (overview ? OVERVIEW + GAP : 0);
  const places = tracks.map((track) => {
    const place = { track, top, height: Math.round(track.height * scale) };
    top += place.height + GAP;
    return place;
  });
  return { places, marks: top, axis: top + MARKS, overview: overview ? TOP : -1, height: top + MARKS + AXIS };
}

const columns = new Columns();
const strip = new Columns();
const raster = new Raster();

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {TimelineScene} scene */
export function paintTimeline(context, size, scene) {
  const { ink, time, layout, series } = scene;
  context.fillStyle = ink.background;
  context.fillRect(0, 0, size.width, size.height);
  columns.take(series, time, 1);
  const sheet = sheetOf(context, size, scene);
  const { ratio } = size;
  raster.clear(Math.round((time.end - time.start) * ratio), Math.round((layout.axis - sheet.top) * ratio), ink.background);
  const ticked = paintTicks(context, scene);
  for (const x of ticked) raster.fill((x - time.start) * ratio, 0, (x - time.start + 1) * ratio, raster.height, pixelOf(ink.line));
  for (const place of layout.places) place.scale = paintTrack(sheet, place, place.track.layers(series, scene.idle));
  raster.put(context, Math.round(time.start * ratio), Math.round(sheet.top * ratio));
  clipped(context, time, 0, size.height, () => {
    paintMarks(context, scene);
    paintGaps(context, scene);
  });
  if (time.start > 0) paintTitles(context, size, scene);
  if (scene.whole !== null) paintOverview(context, scene, scene.whole);
}

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {Pick<TimelineScene, "layout" | "time" | "ink">} scene @returns {import("./tracks.js").Sheet} */
function sheetOf(context, size, { layout, time, ink }) {
  const top = (layout.places[0]?.top ?? 1) - 1;
  return { context, raster, columns, ink, ratio: size.ratio, left: time.start, right: time.end, top, width: size.width };
}

/** Titles, values and scales; without a gutter they stand on the data. @param {CanvasRenderingContext2D} context @param {Size} size @param {Pick<TimelineScene, "layout" | "series" | "point" | "time" | "ink" | "family">} scene */
export function paintTitles(context, size, { layout, series, point, time, ink, family }) {
  const sheet = sheetOf(context, size, { layout, time, ink });
  for (const place of layout.places) {
    const { track, scale = 0 } = place;
    const now = point < 0 ? "" : track.now(series, point, point);
    paintLabels(sheet, place, now, scale > 0 ? track.say(scale) : "", family);
  }
}

/** Paints within the time across only. @param {CanvasRenderingContext2D} context @param {Scale} time @param {number} top @param {number} bottom @param {() => void} paint */
export function clipped(context, time, top, bottom, paint) {
  context.save();
  context.beginPath();
  context.rect(time.start, top, time.end - time.start, bottom - top);
  context.clip();
  paint();
  context.restore();
}

/** Tells round times on the axis; gives back where they are, in pixels. @param {CanvasRenderingContext2D} context @param {TimelineScene} scene */
function paintTicks(context, { ink, time, epoch, layout, family }) {
  const step = timeStep(time.to - time.from, Math.max(2, (time.end - time.start) / 110));
  context.font = `10px ${family}`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  const least = time.start + (time.start > 0 ? 26 : TOOLS);
  return ticks(time, step, epoch % 86400e9).map((at) => {
    const x = Math.round(time.pixel(at));
    context.fillStyle = ink.line;
    context.fillRect(x, layout.axis, 1, 3);
    context.fillStyle = ink.muted;
    if (x >= least && x <= time.end - 26) context.fillText(clockAt(epoch + at, step), x, layout.axis + AXIS / 2 + 1);
    return x;
  });
}

/** A triangle for a GC cycle on a stem as long as its pause (log); a flag for a note or an alert. @param {CanvasRenderingContext2D} context @param {TimelineScene} scene */
function paintMarks(context, { marks, time, ink, layout }) {
  const top = layout.marks;
  const bottom = top + MARKS - 2;
  const upper = layout.places[0]?.top ?? 0;
  /** @type {Map<number, number>} longest pause by place */
  const pauses = new Map();
  const flags = [];
  for (const { at, kind, pause } of marks) {
    if (at < time.from || at > time.to) continue;
    const x = Math.round(time.pixel(at));
    if (kind !== "gc") flags.push(x);
    else pauses.set(x - (x % MARK), Math.max(pauses.get(x - (x % MARK)) ?? 0, pause));
  }
  context.fillStyle = PALETTE.gc;
  context.beginPath();
  for (const [place, pause] of pauses) {
    const x = place + MARK / 2;
    const height = Math.min(1, Math.max(0.4, Math.log10(pause / SHORT_PAUSE) / 4)) * (MARKS - 3);
    context.moveTo(x - MARK / 2 + 0.5, bottom);
    context.lineTo(x + MARK / 2 - 0.5, bottom);
    context.lineTo(x, bottom - height);
  }
  context.fill();
  context.fillStyle = ink.accent;
  for (const x of flags) {
    context.globalAlpha = 0.5;
    context.fillRect(x, upper, 1, bottom - upper);
    context.globalAlpha = 1;
    context.fillRect(x, top, 1, MARKS - 2);
    context.fillRect(x, top, 7, 5);
  }
}

/** Hatches the time of which nothing is known, between the first point and the last. @param {CanvasRenderingContext2D} context @param {TimelineScene} scene */
function paintGaps(context, { time, ink, series, layout }) {
  const top = layout.places[0]?.top ?? 0;
  const height = layout.axis - top;
  context.strokeStyle = ink.muted;
  context.lineWidth = 1;
  for (let c = 1; c < columns.n; c++) {
    if (!columns.broken[c]) continue;
    const left = Math.round(time.pixel(series.end[columns.first[c] - 1]));
    const width = Math.max(2, columns.left[c] - left);
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.beginPath();
    for (let x = left - height - (left % HATCH); x < left + width; x += HATCH) {
      context.moveTo(x, top + height);
      context.lineTo(x + height, top);
    }
    context.stroke();
    context.restore();
  }
}

/** All there is, small: how many goroutines, and which part of it is below. @param {CanvasRenderingContext2D} context @param {TimelineScene} scene @param {Span} whole */
function paintOverview(context, { coarse: series, ink, time, layout }, whole) {
  const { overview: top } = layout;
  const scale = new Scale(whole.from, whole.to, time.start, time.end);
  strip.take(series, scale, 2);
  const sums = strip.map((_, last) => series.counts.reduce((sum, counts) => sum + counts[last], 0));
  const most = sums.reduce((a, b) => Math.max(a, b), 1);
  context.fillStyle = ink.raised;
  context.fillRect(time.start, top, time.end - time.start, OVERVIEW);
  context.fillStyle = ink.faint;
  for (let c = 0; c < strip.n; c++) {
    const height = Math.max(1, (sums[c] / most) * (OVERVIEW - 2));
    context.fillRect(strip.left[c], top + OVERVIEW - height, Math.max(1, strip.right[c] - strip.left[c]), height);
  }
  const left = Math.round(scale.pixel(Math.max(whole.from, time.from)));
  const right = Math.max(left + 3, Math.round(scale.pixel(Math.min(whole.to, time.to))));
  context.globalAlpha = 0.6;
  context.fillStyle = ink.background;
  context.fillRect(time.start, top, left - time.start, OVERVIEW);
  context.fillRect(right, top, time.end - right, OVERVIEW);
  context.globalAlpha = 1;
  context.strokeStyle = ink.muted;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, top + 0.5, right - left - 1, OVERVIEW - 1);
}
