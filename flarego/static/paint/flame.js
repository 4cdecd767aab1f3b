/** Paints the boxes of a flame graph. */

import { LANE } from "../model/calltree.js";
import { fit, labels, share } from "../model/format.js";
import { hash } from "./colour.js";
import { SHADES } from "./scheme.js";

/** @typedef {import("../model/calltree.js").CallTree} CallTree */
/** @typedef {import("../model/layout.js").Boxes} Boxes */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {import("./canvas.js").Size} Size */
/**
 * `character` is the width of one, `scroll` the pixels between row 0 and the edge of the view that is
 * nearer to it; flipped, the root is at the bottom.
 * @typedef {{tree: CallTree, boxes: Boxes, ink: Ink, scheme: import("./scheme.js").Scheme, names: Names, font: string,
 *   character: number, scroll: number, height: number, flipped: boolean, zoom: number, hovered: number, selected: number,
 *   searching: boolean}} FlameScene
 */

export const ROW = 19;
/** Width kept free for it where there is one. */
export const SCROLLBAR = 9;
const PADDING = 4;
/** Narrower boxes carry no text. */
const MIN_LABEL = 22;
/** Narrower boxes are not marked as new or gone; distance of hatches. */
const MIN_MARKED = 5;
const HATCH = 7;
const LANE_SHADE = 2;
/** Changes of less are not told, as a part. */
const LEAST_TOLD = 0.05;
const ASCII = /^[\x20-\x7e…]*$/;

/** Upper edge of a row. @param {Pick<FlameScene, "scroll" | "height" | "flipped">} scene @param {number} row */
export function topOf({ scroll, height, flipped }, row) {
  return flipped ? height - (row + 1) * ROW + scroll : row * ROW - scroll;
}

/** The row at a height. @param {Pick<FlameScene, "scroll" | "height" | "flipped">} scene @param {number} y */
export function rowAt({ scroll, height, flipped }, y) {
  return Math.floor(((flipped ? height - y : y) + scroll) / ROW);
}

/** What is drawn of the strings of one dictionary: names repeat, cutting and hashing them need not. */
export class Names {
  /** By string: shade, plus 1. */
  #shades = new Uint8Array(1024);
  /** By string: forms of a function's name, the longest first. @type {(string[] | null)[]} */
  #forms = [];

  /** @param {import("../model/dictionary.js").Dictionary} dictionary */
  constructor(dictionary) {
    this.dictionary = dictionary;
  }

  /** @param {CallTree} tree @param {number} node */
  shade(tree, node) {
    if (tree.flags[node] & LANE) return LANE_SHADE;
    const id = tree.name[node];
    if (id >= this.#shades.length) {
      const larger = new Uint8Array(this.dictionary.strings.length * 2);
      larger.set(this.#shades);
      this.#shades = larger;
    }
    return (this.#shades[id] ||= (hash(this.dictionary.strings[id]) % SHADES) + 1) - 1;
  }

  /** @param {CallTree} tree @param {number} node @returns {readonly string[]} */
  forms(tree, node) {
    if (tree.flags[node] & LANE) return [tree.nameOf(node)];
    const id = tree.name[node];
    while (this.#forms.length <= id) this.#forms.push(null); // An array with holes is a slow one.
    return (this.#forms[id] ??= labels(this.dictionary.strings[id]));
  }
}

/** @param {FlameScene} scene @param {number} node */
function fadeOf(scene, node) {
  if (!scene.searching) return 0;
  const match = scene.tree.match[node];
  if (match & 1) return 0;
  return match & 6 ? 1 : 2;
}

/** A change in words, e.g. `▲ 34 %`, `▼ 8 %`, `new`; "" for one too small to tell. @param {CallTree} tree @param {number} node */
export function changeOf({ delta, base, after }, node) {
  if (delta === null || base === null || after === null || Math.abs(delta[node]) < LEAST_TOLD) return "";
  if (base[node] === 0) return "▲ new";
  if (after[node] === 0) return "▼ gone";
  const part = after[node] / base[node] - 1;
  if (part >= 9.5) return `▲ × ${(part + 1).toFixed(0)}`;
  return `${part > 0 ? "▲" : "▼"} ${(100 * Math.abs(part)).toFixed(0)} %`;
}

/** What a label ends with, when there is room. @param {FlameScene} scene @param {number} node */
function suffixOf({ tree, zoom, scheme }, node) {
  if (scheme.by === "change") return changeOf(tree, node);
  const lane = tree.flags[node] & LANE && node > 0 && tree.depth[node] >= tree.depth[zoom];
  return lane ? share(tree.total[node], tree.total[0]) : "";
}

/** The text drawn into a box of a width; "" when none fits. @param {FlameScene} scene @param {number} node @param {number} width */
export function labelOf(scene, node, width) {
  if (width < MIN_LABEL) return "";
  const room = Math.floor((width - 2 * PADDING) / scene.character);
  const sandwiched = node === 0 && scene.tree.shape.focus !== "";
  const text = (sandwiched ? "◆ " : "") + fit(scene.names.forms(scene.tree, node), room);
  const suffix = suffixOf(scene, node);
  if (suffix === "" || text.endsWith("…") || text.length + 2 + suffix.length > room) return text;
  return `${text}  ${suffix}`;
}

/** @param {CanvasRenderingContext2D} context @param {Size} size @param {FlameScene} scene */
export function paintFlame(context, size, scene) {
  const { boxes, ink } = scene;
  context.fillStyle = ink.background;
  context.fillRect(0, 0, size.width, size.height);
  const buckets = fillBoxes(context, size, scene);
  if (scene.scheme.by === "change") paintNewAndGone(context, scene);
  paintLabels(context, scene, buckets);
  context.fillStyle = ink.faint;
  for (let i = 0; i < boxes.n; i++) {
    if (boxes.node[i] < 0) context.fillRect(boxes.x[i], topOf(scene, boxes.row[i]), boxes.width[i], ROW - 1);
  }
  paintScrollbar(context, size, scene);
}

/** What only one span has: frames that are new have a dark edge, those that are gone are hatched. @param {CanvasRenderingContext2D} context @param {FlameScene} scene */
function paintNewAndGone(context, scene) {
  const { boxes, tree: { base, after } } = scene;
  if (base === null || after === null) return;
  const height = ROW - 1;
  context.strokeStyle = "#111417";
  for (let i = 0; i < boxes.n; i++) {
    const node = boxes.node[i];
    if (node < 0 || boxes.width[i] < MIN_MARKED || (base[node] > 0 && after[node] > 0)) continue;
    const [left, top, width] = [boxes.x[i], topOf(scene, boxes.row[i]), boxes.width[i] - 1];
    context.lineWidth = base[node] > 0 ? 1 : 2;
    if (base[node] === 0) {
      context.strokeRect(left + 1, top + 1, width - 2, height - 2);
      continue;
    }
    context.save();
    context.globalAlpha = 0.45;
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.beginPath();
    for (let x = left - height; x < left + width; x += HATCH) {
      context.moveTo(x, top + height);
      context.lineTo(x + height, top);
    }
    context.stroke();
    context.restore();
  }
}

/** Fills box after box of one colour; gives back the bucket of each box. @param {CanvasRenderingContext2D} context @param {Size} size @param {FlameScene} scene */
function fillBoxes(context, size, scene) {
  const { boxes, scheme, tree, names } = scene;
  const { ratio } = size;
  /** @type {number[][]} sparse */
  const members = new Array(scheme.colours.length);
  const buckets = new Uint16Array(boxes.n);
  for (let i = 0; i < boxes.n; i++) {
    const node = boxes.node[i];
    if (node < 0) continue;
    buckets[i] = scheme.bucket(tree, node, names.shade(tree, node), fadeOf(scene, node));
    (members[buckets[i]] ??= []).push(i);
  }
  members.forEach((indices, b) => {
    context.fillStyle = scheme.colours[b].fill;
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
  const { boxes } = scene;
  const { colours } = scene.scheme;
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
    const y = topOf(scene, boxes.row[i]) + ROW / 2;
    // Only beyond ASCII may a glyph be wider than the font's one width; squeezing costs a measurement.
    if (ASCII.test(text)) context.fillText(text, boxes.x[i] + PADDING, y);
    else context.fillText(text, boxes.x[i] + PADDING, y, boxes.width[i] - 2 * PADDING);
  }
}

/** How much there is above and below, when not all of it fits. @param {CanvasRenderingContext2D} context @param {Size} size @param {FlameScene} scene */
function paintScrollbar(context, size, { boxes, ink, scroll, flipped }) {
  const all = (boxes.end - boxes.first) * ROW;
  if (all <= size.height) return;
  context.fillStyle = ink.faint;
  const length = Math.max(24, (size.height / all) * size.height);
  const top = ((scroll - boxes.first * ROW) / (all - size.height)) * (size.height - length);
  context.fillRect(size.width - 6, flipped ? size.height - length - top : top, 4, length);
}
