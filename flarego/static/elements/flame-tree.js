/**
 * The flame graph for those who do not see it: a tree beside the canvas with the same frames.
 *
 * It has the path to the active frame, what stands beside each step of it, and what is below: as
 * much as arrows can reach with one press, however large the graph is. Texts change at most once a
 * second; nothing is announced because data streams.
 */

import { h, setText } from "../core/dom.js";
import { ABOVE } from "../model/calltree.js";
import { CATEGORIES } from "../model/category.js";
import { share } from "../model/format.js";
import { children } from "../model/walk.js";
import { changeOf } from "../paint/flame.js";

/** @typedef {import("../model/calltree.js").CallTree} CallTree */
/** @typedef {{node: number, level: number, place: number, size: number, open: boolean}} Item */

/** Siblings told at either side of the path, and children of the active frame. */
const BESIDE = 8;
const BELOW = 20;
const EVERY = 1000;

/** @param {CallTree} tree @param {number} node */
function told(tree, node) {
  const state = tree.lead[node] < 0 ? "several states" : CATEGORIES[tree.lead[node]].name;
  const change = changeOf(tree, node).replace("▲", "up").replace("▼", "down");
  return [tree.nameOf(node), share(tree.total[node], tree.total[0]), state, change].filter((part) => part !== "").join(", ");
}

/** The frames told, in the order of the tree. @param {CallTree} tree @param {number} active @returns {Item[]} */
function itemsAround(tree, active) {
  const root = tree.rootOf(active);
  const path = [root, ...tree.pathTo(active).filter((node) => node > root)];
  /** @type {Item[]} */
  const items = [];
  const visit = (/** @type {number} */ node, /** @type {number} */ level, /** @type {number} */ place, /** @type {number} */ size) => {
    const below = children(tree, node);
    const open = path[level] === node && below.length > 0;
    items.push({ node, level: level + 1, place, size, open });
    if (!open) return;
    const at = below.indexOf(path[level + 1]);
    const from = at < 0 ? 0 : Math.max(0, at - BESIDE);
    const to = at < 0 ? BELOW : at + BESIDE + 1;
    below.slice(from, to).forEach((child, i) => visit(child, level + 1, from + i + 1, below.length));
  };
  visit(root, 0, 1, 1);
  return items;
}

export class FlameTree {
  #key = "";
  #toldAt = -Infinity;

  constructor() {
    this.element = h("div", { class: "flame-tree for-readers", role: "tree", tabIndex: 0, "aria-label": "Flame graph" });
  }

  /** @param {CallTree} tree @param {number} active node the arrows move from @param {boolean} selected @param {number} now ms */
  paint(tree, active, selected, now) {
    const items = itemsAround(tree, active);
    const key = items.map(({ node, open, size }) => `${node}${open ? "+" : ""}${size}`).join();
    if (key !== this.#key) this.element.replaceChildren(...items.map((item) => this.#item(tree, item)));
    else if (now - this.#toldAt > EVERY) items.forEach(({ node }, i) => setText(this.element.children[i], told(tree, node)));
    else return this.#activate(active, selected);
    this.#key = key;
    this.#toldAt = now;
    this.#activate(active, selected);
  }

  /** @param {number} active @param {boolean} selected */
  #activate(active, selected) {
    const id = `frame-${active}`;
    if (this.element.getAttribute("aria-activedescendant") !== id) this.element.setAttribute("aria-activedescendant", id);
    for (const item of this.element.children) {
      const is = selected && item.id === id ? "true" : "false";
      if (item.getAttribute("aria-selected") !== is) item.setAttribute("aria-selected", is);
    }
  }

  /** @param {CallTree} tree @param {Item} item */
  #item(tree, { node, level, place, size, open }) {
    const leaf = children(tree, node).length === 0;
    return h("div", {
      role: "treeitem", id: `frame-${node}`, "aria-level": level, "aria-posinset": place, "aria-setsize": size,
      ...(leaf ? {} : { "aria-expanded": open }), "data-above": node === ABOVE && tree.shape.focus !== "",
    }, told(tree, node));
  }
}
