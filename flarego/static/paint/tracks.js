/**
 * Paints one track of the timeline: areas, lines and bars over columns, its title and its scale.
 */

import { roundUp } from "../model/scale.js";
import { PALETTE, mix } from "./colour.js";
import { pixelOf } from "./raster.js";

/** @typedef {import("../model/columns.js").Columns} Columns */
/** @typedef {import("../model/tracks.js").Track} Track */
/** @typedef {import("../model/tracks.js").Layer} Layer */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {{track: Track, top: number, height: number, scale?: number}} Place of a track on the canvas; top of its scale as last painted */
/** @typedef {import("./raster.js").Raster} Raster */
/**
 * @typedef {{context: CanvasRenderingContext2D, raster: Raster, columns: Columns, ink: Ink, ratio: number, left: number, right: number,
 *   top: number, width: number}} Sheet `left` and `right` bound the time across, the gutters are beside them; the raster's corner is at `left`, `top`
 */

/** A layer that is only there to be compared with may stretch the scale by so much. */
const STRETCH = 4;
/** Device pixels from dash to dash. */
const DASH = 7;
const PAD = 6;
const TITLE = 12;

/** The colour of a layer. @param {string} colour @param {Ink} ink */
export const layerColour = (colour, ink) => PALETTE[colour] ?? /** @type {Record<string, string>} */ (ink)[colour];

/** Paints a track's data; gives back the top of its scale, 0 when there is nothing. @param {Sheet} sheet @param {Place} place @param {readonly Layer[]} layers @returns {number} */
export function paintTrack(sheet, { track, top, height }, layers) {
  const { raster, columns, ink, ratio } = sheet;
  const values = layers.map(({ of }) => columns.map(of));
  const most = highest(track, layers, values);
  const scale = roundUp(Math.max(most, track.least), track.bytes ? 1024 : 1000);
  const bottom = Math.round((top + height - sheet.top) * ratio);
  const base = new Float32Array(columns.n).fill(bottom);
  const factor = ((height - 1) * ratio) / scale;
  layers.forEach(({ style, colour }, l) => {
    const fill = layerColour(colour, ink);
    if (style === "line" || style === "dash") return strokeSteps(sheet, values[l], factor, bottom, pixelOf(fill), style === "dash");
    fillSteps(sheet, values[l], factor, base, pixelOf(track.stacked ? fill : mix(fill, ink.background, 0.35)), Boolean(track.stacked));
  });
  raster.fill(0, bottom, raster.width, bottom + 1, pixelOf(ink.line));
  return most > 0 ? scale : 0;
}

/** The top of what is to be seen; layers that only give the measure count when they are near. @param {Track} track @param {readonly Layer[]} layers @param {Float32Array[]} values */
function highest(track, layers, values) {
  const n = values[0]?.length ?? 0;
  let most = 0;
  for (let c = 0; c < n; c++) {
    let sum = 0;
    for (let l = 0; l < layers.length; l++) {
      if (layers[l].quiet || !(values[l][c] > 0)) continue;
      sum = track.stacked ? sum + values[l][c] : Math.max(sum, values[l][c]);
    }
    if (sum > most) most = sum;
  }
  let measure = 0;
  layers.forEach(({ quiet }, l) => { if (quiet) for (const value of values[l]) if (value > measure) measure = value; });
  return measure > most && measure <= STRETCH * Math.max(most, track.least) ? measure : most;
}

/** Fills steps above a base, which they raise when stacked. @param {Sheet} sheet @param {Float32Array} values @param {number} factor pixels per value @param {Float32Array} base @param {number} pixel @param {boolean} stacked */
function fillSteps({ raster, columns, left: start, ratio }, values, factor, base, pixel, stacked) {
  const { left, right, n } = columns;
  for (let c = 0; c < n; c++) {
    if (!(values[c] > 0)) continue;
    const top = Math.round(base[c] - values[c] * factor);
    const x = (left[c] - start) * ratio;
    // What is there is seen, be it little: not in a stack, where it would push up the others.
    raster.fill(x, stacked ? top : Math.min(top, base[c] - 1), Math.max(x + 1, (right[c] - start) * ratio), base[c], pixel);
    if (stacked) base[c] = top;
  }
}

/** Draws steps as a line. @param {Sheet} sheet @param {Float32Array} values @param {number} factor @param {number} bottom @param {number} pixel @param {boolean} dashed */
function strokeSteps({ raster, columns, left: start, ratio }, values, factor, bottom, pixel, dashed) {
  const { left, right, n, broken } = columns;
  const thick = Math.max(1, Math.round(ratio));
  let before = NaN;
  for (let c = 0; c < n; c++) {
    const y = Number.isFinite(values[c]) ? Math.round(bottom - values[c] * factor) : NaN;
    const [x, end] = [(left[c] - start) * ratio, (right[c] - start) * ratio];
    if (!Number.isNaN(y)) {
      if (!Number.isNaN(before) && !broken[c] && before !== y) raster.fill(x, Math.min(y, before), x + thick, Math.max(y, before) + thick, pixel);
      for (let from = x; from < end; from = Math.floor(from / DASH + 1) * DASH) {
        const to = dashed ? Math.min(end, (Math.floor(from / DASH) + 0.6) * DASH) : end;
        raster.fill(Math.round(from), y, Math.round(to), y + thick, pixel);
        if (!dashed) break;
      }
    }
    before = y;
  }
}

/** Text cut to a width with an ellipsis. @param {CanvasRenderingContext2D} context @param {string} text @param {number} room pixels */
export function cut(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let end = text.length - 1;
  while (end > 0 && context.measureText(`${text.slice(0, end)}…`).width > room) end--;
  return end > 0 ? `${text.slice(0, end)}…` : "";
}

/**
 * Title and value to the left, the top of the scale to the right. Without a gutter they stand on the data.
 * @param {Sheet} sheet @param {Place} place @param {string} now @param {string} scale @param {string} family of fonts
 */
export function paintLabels(sheet, { track, top, height }, now, scale, family) {
  const { context, ink, left, right, width } = sheet;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.font = `600 11px ${family}`;
  const title = context.measureText(track.title).width;
  const beside = left > 0;
  const y = top + (beside && height >= 2.4 * TITLE ? TITLE : Math.min(height / 2 + 0.5, TITLE));
  context.font = `11px ${family}`;
  const twoLines = beside && height >= 2.4 * TITLE;
  const room = beside ? left - 2 * PAD - (twoLines ? 0 : title + 8) : right - title - 40;
  const text = cut(context, now, room);
  if (!beside) {
    context.globalAlpha = 0.75;
    context.fillStyle = ink.background;
    context.fillRect(2, y - 8, title + 12 + context.measureText(text).width + 6, 15);
    context.globalAlpha = 1;
  }
  context.fillStyle = ink.muted;
  if (twoLines) context.fillText(text, PAD, y + TITLE + 3);
  else if (beside) {
    context.textAlign = "right";
    context.fillText(text, left - PAD - 2, y);
    context.textAlign = "left";
  } else context.fillText(text, PAD + title + 6, y);
  context.font = `600 11px ${family}`;
  context.fillStyle = ink.text;
  context.fillText(track.title, PAD, y);
  context.font = `10px ${family}`;
  context.fillStyle = ink.muted;
  if (scale !== "") context.fillText(cut(context, scale, width - right - PAD), right + PAD, top + 5);
}
