/** The way from the root to the zoomed frame, and what it weighs. */

import { h, setText } from "../core/dom.js";
import { LANE } from "../model/calltree.js";
import { count, duration, labels, mean, share } from "../model/format.js";

/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("../model/calltree.js").CallTree} CallTree */

/** Crumbs kept at either end of a long path. */
const CRUMBS_BEFORE = 2;
const CRUMBS_AFTER = 2;

/** The path with its middle left out where it is long; -1 stands for that. @param {number[]} path */
function abridge(path) {
  if (path.length <= CRUMBS_BEFORE + CRUMBS_AFTER + 1) return path;
  return [...path.slice(0, CRUMBS_BEFORE), -1, ...path.slice(-CRUMBS_AFTER)];
}

/** A node's weight in words. @param {CallTree} tree @param {number} node @param {import("../model/calltree.js").Weight} weight @param {number} span @param {string} tasks */
function describe(tree, node, weight, span, tasks) {
  const total = (tree.after ?? tree.total)[node];
  const part = node === 0 ? "" : `${share(total, tree.total[tree.rootOf(node)])}  ·  `;
  if (weight === "count") return `${part}${count(total)} ${tasks}`;
  const average = `${part}${mean(total, span)} ${weight === "cpu" ? "cores" : weight === "waiting" ? "waiting" : tasks} on average`;
  return node === 0 ? `${average} over ${duration(span)}` : average;
}

export class FlameCrumbs {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.element = h("nav", { class: "crumbs", "aria-label": "Zoom" });
  }

  /** @param {CallTree} tree @param {number} zoom */
  paint(tree, zoom) {
    const path = [0, ...tree.pathTo(zoom)];
    const { span } = this.store.fold;
    const { order, focus } = tree.shape;
    const key = `${path.join()}|${tree.shape.view}|${order}|${focus}`;
    if (this.element.dataset.key !== key) {
      this.element.dataset.key = key;
      const parts = abridge(path).map((node) => this.#crumb(tree, node));
      if (focus !== "") parts.unshift(this.#everything());
      this.element.replaceChildren(...parts, h("span", { class: "crumb-total" }));
    }
    const total = this.element.lastElementChild;
    if (total) setText(total, describe(tree, zoom, this.store.weight.peek(), span.end - span.start, this.store.tasks));
  }

  #everything() {
    return h("button", { type: "button", title: "Back to the whole graph", onclick: () => this.store.graph.go({ zoom: [], focus: "" }) }, "all");
  }

  /** @param {CallTree} tree @param {number} node */
  #crumb(tree, node) {
    if (node < 0) return h("span", { class: "crumb-gap" }, "…");
    const name = tree.nameOf(node);
    const focus = tree.shape.focus !== "";
    const root = focus ? labels(name)[0] : tree.shape.order === "up" ? "all, inverted" : "all";
    const text = node === 0 ? root : focus && node === 1 ? "callers" : tree.flags[node] & LANE ? name : labels(name)[0];
    return h("button", { type: "button", title: name, onclick: () => this.store.setZoom(tree.address(node)) }, text);
  }
}
