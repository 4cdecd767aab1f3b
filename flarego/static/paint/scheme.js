/**
 * What the boxes of a flame graph are coloured by: state, package or change.
 *
 * A scheme has a handful of colours, its buckets; boxes of one bucket are filled in one go. Every fill
 * comes in three fades, for a search: found, on the way to something found, neither.
 */

import { LANE } from "../model/calltree.js";
import { CATEGORIES } from "../model/category.js";
import { RUNTIME } from "../model/dictionary.js";
import { packageOf } from "../model/format.js";
import { isStandard } from "../model/place.js";
import { PALETTE, hash, mix } from "./colour.js";

/** @typedef {import("../model/calltree.js").CallTree} CallTree */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {{fill: string, text: string}} Paint */
/** @typedef {{paints: Paint[], bucket: (tree: CallTree, node: number, shade: number) => number}} Colouring bucket of a box, its fade apart */

/** Dark text that reads on all colours of boxes, in both themes. */
const TEXT = "#111417";
/** Lightness variants of one colour; a function always has the same. */
export const SHADES = 4;
const SHADE_MIX = [0.18, 0.09, 0, -0.05];
/** How much of the background shows through what a search did not find: found, leads to one, neither. */
const FADE = [0, 0.68, 0.84];
/** As much of the text; all of it still reads at 4.5 to 1. */
const TEXT_FADE = [0, 0, 0.15];
export const FADES = FADE.length;
const RUNTIME_TONE = "#a9adb4";
const MIXED = CATEGORIES.length;

/** Pale enough for dark text, far apart for most eyes; packages share them by hash. */
const PACKAGES = Object.freeze([
  "#77aadd", "#eedd88", "#ee8866", "#99ddff", "#bbcc33", "#ffaabb", "#44bb99", "#c8a2e0", "#d9b08c", "#a8d8a8", "#9fb0f0", "#d8cf4e",
]);
const STANDARD_TONE = "#bcc4cf";

/** Steps of change to either side of none. */
const STEPS = 8;
const LESS = "#4a9be0";
const SAME = "#cfd3d9";
const MORE = "#ee8a2e";

/** @param {string} fill @param {number} shade */
function shaded(fill, shade) {
  const amount = SHADE_MIX[shade];
  return amount >= 0 ? mix(fill, "#ffffff", amount) : mix(fill, "#000000", -amount);
}

/** The four shades of a colour. @param {string} fill @param {string} [text] @returns {Paint[]} */
const shades = (fill, text = TEXT) => SHADE_MIX.map((_, shade) => ({ fill: shaded(fill, shade), text }));
/** The boxes of no colour: a little lighter or darker than the background. @param {Ink} ink @returns {Paint[]} */
const mixedShades = (ink) => SHADE_MIX.map((amount) => ({
  fill: amount >= 0 ? mix(ink.mixed, "#ffffff", amount / 3) : mix(ink.mixed, "#000000", -amount / 3), text: ink.mixedText,
}));

/** @param {CallTree} tree @param {number} node */
const isRuntime = (tree, node) => (tree.flags[node] & (RUNTIME | LANE)) === RUNTIME;

/** @param {Ink} ink @returns {Colouring} */
function byState(ink) {
  const paints = CATEGORIES.flatMap(({ id }) => [...shades(PALETTE[id]), ...shades(mix(PALETTE[id], RUNTIME_TONE, 0.55))]);
  paints.push(...mixedShades(ink));
  return {
    paints,
    bucket: (tree, node, shade) => {
      const category = node === 0 && tree.shape.focus === "" ? -1 : tree.lead[node];
      if (category < 0) return MIXED * 2 * SHADES + shade;
      return (category * 2 + (isRuntime(tree, node) ? 1 : 0)) * SHADES + shade;
    },
  };
}

/** The colour of a package: its own is grey for the runtime's and the standard library's. @param {string} name of a function @param {string} module the target's own */
export function packageColour(name, module) {
  const of = packageOf(name);
  if (of === "runtime" || of.startsWith("runtime/") || of.startsWith("internal/runtime")) return RUNTIME_TONE;
  return isStandard(name, module) ? STANDARD_TONE : PACKAGES[hash(of || name) % PACKAGES.length];
}

/** @param {Ink} ink @returns {Colouring} */
function byPackage(ink) {
  const tones = [...PACKAGES, STANDARD_TONE, RUNTIME_TONE];
  /** Place among the tones by name of a function. @type {Map<number, number>} */
  const known = new Map();
  const mixed = tones.length * SHADES;
  return {
    paints: [...tones.flatMap((tone) => shades(tone)), ...mixedShades(ink)],
    bucket: (tree, node, shade) => {
      if (tree.flags[node] & LANE) return mixed + shade;
      const name = tree.name[node];
      let tone = known.get(name);
      if (tone === undefined) {
        tone = isRuntime(tree, node) ? tones.length - 1 : tones.indexOf(packageColour(tree.nameOf(node), tree.reading.names.module));
        known.set(name, tone);
      }
      return tone * SHADES + shade;
    },
  };
}

/** The colour of a change. @param {number} delta -1 … 1 */
export function changeColour(delta) {
  const step = Math.round(delta * STEPS);
  return step === 0 ? SAME : mix(SAME, step < 0 ? LESS : MORE, Math.min(1, 0.25 + (0.75 * Math.abs(step)) / STEPS));
}

/** @returns {Colouring} */
function byChange() {
  const steps = Array.from({ length: 2 * STEPS + 1 }, (_, i) => (i - STEPS) / STEPS);
  return {
    paints: steps.map((delta) => ({ fill: changeColour(delta), text: TEXT })),
    bucket: (tree, node) => STEPS + (tree.delta === null ? 0 : Math.round(tree.delta[node] * STEPS)),
  };
}

/** The colours of one theme by one measure. */
export class Scheme {
  /** @param {Ink} ink @param {import("../core/graph.js").Colour} by */
  constructor(ink, by) {
    this.by = by;
    this.colouring = by === "state" ? byState(ink) : by === "package" ? byPackage(ink) : byChange();
    /** Fill and text of every bucket in every fade. @type {Paint[]} */
    this.colours = this.colouring.paints.flatMap(({ fill, text }) =>
      FADE.map((fade, i) => ({
        fill: mix(fill, ink.background, fade), text: fade ? mix(ink.text, ink.background, TEXT_FADE[i]) : text,
      })));
  }

  /** @param {CallTree} tree @param {number} node @param {number} shade @param {number} fade */
  bucket(tree, node, shade, fade) {
    return this.colouring.bucket(tree, node, shade) * FADES + fade;
  }
}
