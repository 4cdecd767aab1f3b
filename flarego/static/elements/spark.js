/** Small drawings in table cells and cards, made of boxes: bars of counts, shares of states, a strip of time. */

import { h } from "../core/dom.js";
import { CATEGORIES } from "../model/category.js";
import { PALETTE } from "../paint/colour.js";

/** @typedef {{from: number, to: number, category: number}} Part 0..1 */

/** @param {HTMLElement} into @param {number} n boxes */
function boxes(into, n) {
  while (into.children.length < n) into.append(h("i"));
  while (into.children.length > n) into.lastElementChild?.remove();
  return /** @type {HTMLElement[]} */ ([...into.children]);
}

/** Draws counts as bars from zero. @param {HTMLElement} into @param {readonly number[]} values */
export function drawBars(into, values) {
  const text = values.join();
  if (into.dataset.drawn === text) return;
  into.dataset.drawn = text;
  into.classList.add("bars");
  const most = Math.max(1, ...values);
  boxes(into, values.length).forEach((bar, i) => (bar.style.height = `${((100 * values[i]) / most).toFixed(1)}%`));
}

/** Draws parts beside each other in their categories' colours. @param {HTMLElement} into @param {readonly Part[]} parts */
export function drawStrip(into, parts) {
  const text = parts.map(({ from, to, category }) => `${from.toFixed(4)} ${to.toFixed(4)} ${category}`).join();
  if (into.dataset.drawn === text) return;
  into.dataset.drawn = text;
  into.classList.add("strip");
  boxes(into, parts.length).forEach((box, i) => {
    const { from, to, category } = parts[i];
    box.style.left = `${(100 * from).toFixed(2)}%`;
    box.style.width = `${(100 * Math.max(0, to - from)).toFixed(2)}%`;
    box.style.backgroundColor = PALETTE[/** @type {keyof typeof PALETTE} */ (CATEGORIES[category].id)];
  });
}

/** Draws how many are in each lane. @param {HTMLElement} into @param {Iterable<{category: number, count: number}>} lanes */
export function drawMix(into, lanes) {
  const sorted = [...lanes].sort((a, b) => a.category - b.category);
  const all = sorted.reduce((sum, { count }) => sum + count, 0);
  let at = 0;
  drawStrip(into, sorted.map(({ category, count }) => ({ category, from: at / all, to: (at += count) / all })));
}
