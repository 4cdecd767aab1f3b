/**
 * Paints one track of the timeline: areas, lines and bars over columns, its title and its scale.
 */

import { roundUp } from "../model/scale.js";
import { PALETTE, mix } from "./colour.js";

/** @typedef {import("../model/columns.js").Columns} Columns */
/** @typedef {import("../model/tracks.js").Track} Track */
/** @typedef {import("../model/tracks.js").Layer} Layer */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {{track: Track, top: number, height: number, scale?: number}} Place of a track on the canvas; top of its scale as last painted */
/** @typedef {{context: CanvasRenderingContext2D, columns: Columns, ink: Ink, ratio: number, left: number, right: number, width: number}} Sheet
 *   `left` and `right` bound the time across, the gutters are beside them */

/** A layer that is only there to be compared with may stretch the scale by so much. */
const STRETCH = 4;
const PAD = 6;
const TITLE = 12;

/** The colour of a layer. @param {string} colour @param {Ink} ink */
export const layerColour = (colour, ink) => PALETTE[colour] ?? /** @type {Record<string, string>} */ (ink)[colour];

/** Paints a track's data. @param {Sheet} sheet @param {Place} place @param {readonly Layer[]} layers */
export function paintTrack(sheet, { track, top, height }, layers) {
  const { context, columns, ink } = sheet;
  const values = layers.map(({ of }) => columns.map(of));
  const most = highest(track, layers, values);
  const scale = roundUp(Math.max(most, track.least), track.bytes ? 1024 : 1000);
  const bottom = top + height;
  const base = new Float32Array(columns.n).fill(bottom);
  const device = (/** @type {number} */ y) => Math.round(y * sheet.ratio) / sheet.ratio;
  layers.forEach(({ style, colour }, l) => {
    const fill = layerColour(colour, ink);
    const heights = values[l].map((value) => (value / scale) * (height - 1));
    if (style === "line" || style === "dash") return strokeLevels(sheet, heights, bottom, fill, style === "dash");
    const levels = heights.map((pixels, c) => (pixels > 0 ? device(base[c] - pixels) : pixels === 0 ? base[c] : NaN));
    fillSteps(sheet, levels, base, track.stacked ? fill : mix(fill, ink.background, 0.35));
    if (track.stacked) levels.forEach((level, c) => { if (level < base[c]) base[c] = level; });
  });
  context.fillStyle = ink.line;
  context.fillRect(sheet.left, bottom, sheet.right - sheet.left, 1);
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

/** Fills between two rows of steps; NaN is a hole. @param {Sheet} sheet @param {Float32Array} levels @param {Float32Array} base @param {string} colour */
function fillSteps({ context, columns }, levels, base, colour) {
  const { left, right, n } = columns;
  context.fillStyle = colour;
  context.beginPath();
  for (let c = 0; c < n; c++) {
    if (!(levels[c] < base[c])) continue;
    // Columns beside each other that look the same are one rectangle.
    let last = c;
    while (last + 1 < n && levels[last + 1] === levels[c] && base[last + 1] === base[c] && left[last + 1] === right[last]) last++;
    const width = Math.max(1, right[last] - left[c]);
    context.rect(left[c], levels[c], width, base[c] - levels[c]);
    c = last;
  }
  context.fill();
}

/** Strokes steps at a height above the bottom. @param {Sheet} sheet @param {Float32Array} heights @param {number} bottom @param {string} colour @param {boolean} dashed */
function strokeLevels({ context, columns }, heights, bottom, colour, dashed) {
  const { left, right, n, broken } = columns;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  if (dashed) context.setLineDash([4, 3]);
  context.beginPath();
  let drawing = false;
  let before = NaN;
  for (let c = 0; c < n; c++) {
    const known = Number.isFinite(heights[c]);
    const y = Math.round(bottom - heights[c]) + 0.5;
    if (known && (!drawing || broken[c])) context.moveTo(left[c], y);
    else if (known && y !== before) {
      context.lineTo(left[c], before);
      context.lineTo(left[c], y);
    }
    if (known && (c + 1 === n || broken[c + 1] || !Number.isFinite(heights[c + 1]))) context.lineTo(right[c], y);
    drawing = known;
    before = y;
  }
  context.stroke();
  if (dashed) context.setLineDash([]);
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
