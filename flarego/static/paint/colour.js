/**
 * Colours. Colour means state, the same everywhere, in a palette computed to stay apart for people
 * with protanopia, deuteranopia and tritanopia; one dark text colour reads at 4.5:1 or more on all
 * of it, in both themes. Neighbours of one state differ a little in lightness, by function. What the
 * boxes of the flame graph are coloured by is scheme.js's business.
 */

import { CATEGORIES } from "../model/category.js";

/** By category, in the order of CATEGORIES. @type {Readonly<Record<string, string>>} */
export const PALETTE = Object.freeze({
  running: "#7fd9a0",
  runnable: "#f5db32",
  syscall: "#de9d31",
  lock: "#df5a36",
  chan: "#3d93d8",
  select: "#d6a6fd",
  io: "#b4e7fc",
  sleep: "#9fa3ab",
  gc: "#b078a0",
  other: "#f4fcc8",
});

/** @typedef {{background: string, raised: string, line: string, text: string, muted: string, faint: string, accent: string, mixed: string, mixedText: string}} Ink */

/** @param {string} hex @returns {[number, number, number]} */
function rgb(hex) {
  const value = parseInt(hex.slice(1, 7), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** `share` of b in a. @param {string} a @param {string} b @param {number} share 0..1 */
export function mix(a, b, share) {
  const to = rgb(b);
  const parts = rgb(a).map((value, i) => Math.round(value + (to[i] - value) * share));
  return `#${parts.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** The theme's colours, from the custom properties of an element. @param {Element} element @returns {Ink} */
export function readInk(element) {
  const style = getComputedStyle(element);
  const get = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    background: get("background"), raised: get("raised"), line: get("line"), text: get("text"), muted: get("muted"),
    faint: get("faint"), accent: get("accent"), mixed: get("mixed"), mixedText: get("mixed-text"),
  };
}

/** A small stable number for a name. @param {string} name */
export function hash(name) {
  let value = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  return (value ^ (value >>> 13)) >>> 0;
}
