/** Paints the boxes of a flame graph. */

import { LANE } from "../model/calltree.js";
import { RUNTIME } from "../model/dictionary.js";
import { fit, labels, share } from "../model/format.js";
import { BUCKETS, SHADES, bucketOf, hash } from "./colour.js";

/** @typedef {import("../model/calltree.js").CallTree} CallTree */
/** @typedef {import("../model/layout.js").Boxes} Boxes */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {import("./canvas.js").Size} Size */
/**
 * @typedef {{tree: CallTree, boxes: Boxes, ink: Ink, colours: {fill: string, text: string}[], font: string,
 *   character: number, scroll: number, height: number, flipped: boolean, zoom: number, hovered: number, selected: number,
 *   searching: boolean}} FlameScene
 *   `character` is the width of one, `scroll` the pixels between the root and the view; flipped, the root is at the bottom
 */

export const ROW = 19;
/** Width kept free for it where there is one. */
export const SCROLLBAR = 9;
const PADDING = 4;
/** Narrower boxes carry no text. */
const MIN_LABEL = 22;

/** Upper edge of a row. @param {Pick<FlameScene, "scroll" | "height" | "flipped">} scene @param {number} row */
export function topOf({ scroll, height, flipped }, row) {
  return flipped ? height - (row + 1) * ROW + scroll : row * ROW - scroll;
}

/** The row at a height. @param {Pick<FlameScene, "scroll" | "height" | "flipped">} scene @param {number} y */
export function rowAt({ scroll, height, flipped }, y) {
  return Math.floor(((flipped ? height - y : y) + scroll) / ROW);
}

/** Label forms and shade by name: names repeat, measuring and hashing them need not. */
class Names {
  /** @type {Map<string, {forms: string[], shade: number, ascii: boolean}>} */
  #known = new Map();

  /** @param {string} name @param {boolean} lane */
  of(name, lane) {
    const key = lane ? `\0${name}` : name;
    let known = this.#known.get(key);
    if (known === undefined) {
      const forms = lane ? [name] : labels(name);
      known = { forms, shade: lane ? 2 : hash(name) % SHADES, ascii: /^[\x20-\x7e…]*$/.test(name) };
      if (this.#known.size > 100_000) this.#known.clear();
      this.#known.set(key, known);
    }
    return known;
  }
}
const names = new Names();

/** @param {FlameScene} scene @param {number} node */
function fadeOf(scene, node) {
  if (!scene.searching) return 0;
  const match = scene.tree.match[node];
  if (match & 1) return 0;
  return match & 6 ? 1 : 2;
}

/** @param {FlameScene} scene @param {number} node */
export function bucket(scene, node) {
  const { tree } = scene;
  const lane = (tree.flags[node] & LANE) !== 0;
  const runtime = (tree.flags[node] & RUNTIME) !== 0 && !lane;
  return bucketOf(node === 0 ? -1 : tree.lead[node], runtime, names.of(tree.nameOf(node), lane).shade, fadeOf(scene, node));
}

/** The text drawn into a box of a width; "" when none fits. @param {FlameScene} scene @param {number} node @param {number} width */
export function labelOf({ tree, character, zoom }, node, width) {
  if (width < MIN_LABEL) return "";
  const lane = (tree.flags[node] & LANE) !== 0;
  const room = Math.floor((width - 2 * PADDING) / character);
  const text = fit(names.of(tree.nameOf(node), lane).forms, room);
  if (!lane || node === 0 || tree.depth[node] < tree.depth[zoom]) return text;
  const longer = `${text}  ${share(tree.total[node], tree.total[0])}`;
  return longer.length <= room && !text.endsWith("…") ? longer : text;
}

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {FlameScene} scene */
export function paintFlame(context, size, scene) {
  const { boxes, ink } = scene;
  context.fillStyle = ink.background;
  context.fillRect(0, 0, size.width, size.height);
  const buckets = fillBoxes(context, size, scene);
  paintLabels(context, scene, buckets);
  context.fillStyle = ink.faint;
  for (let i = 0; i < boxes.n; i++) {
    if (boxes.node[i] < 0) context.fillRect(boxes.x[i], topOf(scene, boxes.row[i]), 1, ROW - 1);
  }
  paintScrollbar(context, size, scene);
  outline(context, scene, scene.selected, "#111417", 4);
  outline(context, scene, scene.selected, ink.accent, 2);
  outline(context, scene, scene.hovered, ink.text, 1.5);
}

/** Fills box after box of one colour; gives back the bucket of each box. @param {CanvasRenderingContext2D} context @param {Size} size @param {FlameScene} scene */
function fillBoxes(context, size, scene) {
  const { boxes, colours } = scene;
  const { ratio } = size;
  /** @type {number[][]} sparse */
  const members = new Array(BUCKETS);
  const buckets = new Uint16Array(boxes.n);
  for (let i = 0; i < boxes.n; i++) {
    if (boxes.node[i] < 0) continue;
    buckets[i] = bucket(scene, boxes.node[i]);
    (members[buckets[i]] ??= []).push(i);
  }
  members.forEach((indices, b) => {
    context.fillStyle = colours[b].fill;
    for (const i of indices) {
      const left = Math.round(boxes.x[i] * ratio) / ratio;
      const right = Math.round((boxes.x[i] + boxes.width[i]) * ratio) / ratio;
      const gap = right - left >= 3 ? 1 : 0;
      context.fillRect(left, topOf(scene, boxes.row[i]), Math.max(1 / ratio, right - left - gap), ROW - 1);
    }
  });
  return buckets;
}

/** @param {CanvasRenderingContext2D} context @param {FlameScene} scene @param {Uint16Array} buckets */
function paintLabels(context, scene, buckets) {
  const { boxes, tree, colours } = scene;
  context.font = scene.font;
  context.textBaseline = "middle";
  context.textAlign = "left";
  let colour = "";
  for (let i = 0; i < boxes.n; i++) {
    const node = boxes.node[i];
    if (node < 0 || boxes.width[i] < MIN_LABEL) continue;
    const text = labelOf(scene, node, boxes.width[i]);
    if (text === "") continue;
    if (colours[buckets[i]].text !== colour) context.fillStyle = colour = colours[buckets[i]].text;
    const { ascii } = names.of(tree.nameOf(node), (tree.flags[node] & LANE) !== 0);
    const y = topOf(scene, boxes.row[i]) + ROW / 2;
    // Only beyond ASCII may a glyph be wider than the font's one width; squeezing costs a measurement.
    if (ascii) context.fillText(text, boxes.x[i] + PADDING, y);
    else context.fillText(text, boxes.x[i] + PADDING, y, boxes.width[i] - 2 * PADDING);
  }
}

/** How much there is above and below, when not all of it fits. @param {CanvasRenderingContext2D} context @param {Size} size @param {FlameScene} scene */
function paintScrollbar(context, size, { boxes, ink, scroll, flipped }) {
  const all = boxes.rows * ROW;
  if (all <= size.height) return;
  context.fillStyle = ink.faint;
  const length = Math.max(24, (size.height / all) * size.height);
  const top = (scroll / (all - size.height)) * (size.height - length);
  context.fillRect(size.width - 6, flipped ? size.height - length - top : top, 4, length);
}

/** @param {CanvasRenderingContext2D} context @param {FlameScene} scene @param {number} node @param {string} colour @param {number} width */
function outline(context, scene, node, colour, width) {
  const { boxes } = scene;
  if (node < 0) return;
  for (let i = 0; i < boxes.n; i++) {
    if (boxes.node[i] !== node) continue;
    context.strokeStyle = colour;
    context.lineWidth = width;
    const half = width / 2;
    context.strokeRect(
      boxes.x[i] + half, topOf(scene, boxes.row[i]) + half, Math.max(1, boxes.width[i] - 1 - width), ROW - 1 - width);
    return;
  }
}
