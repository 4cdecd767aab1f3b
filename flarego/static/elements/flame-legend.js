/** What the colours mean. A state of it is also a switch: click shows only it, Alt or the right button leaves it out. */

import { h, setText } from "../core/dom.js";
import { LANE } from "../model/calltree.js";
import { CATEGORIES } from "../model/category.js";
import { packageOf } from "../model/format.js";
import { PALETTE } from "../paint/colour.js";
import { changeColour, packageColour } from "../paint/scheme.js";

/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("../core/filters.js").What} What */
/** @typedef {import("../model/calltree.js").CallTree} CallTree */

const MAX_PACKAGES = 8;
/** Packages are counted afresh this often at most, ms. */
const PACKAGES_EVERY = 2000;

/** @param {string} colour */
function swatch(colour) {
  const element = h("i", { class: "swatch" });
  element.style.backgroundColor = colour;
  return element;
}

/** The packages with the most weight, what they call included, and a function of each. @param {CallTree} tree @returns {[string, string][]} */
function packagesOf(tree) {
  /** @type {string[]} */
  const of = [];
  /** @type {Map<string, {weight: number, name: string}>} */
  const packages = new Map();
  const packageAt = (/** @type {number} */ node) => (tree.flags[node] & LANE ? "" : (of[tree.name[node]] ??= packageOf(tree.nameOf(node)) || tree.nameOf(node)));
  for (let node = 1; node < tree.size; node++) {
    if (tree.total[node] === 0 || tree.flags[node] & LANE) continue;
    const here = packageAt(node);
    if (here === packageAt(tree.parent[node])) continue;
    packages.set(here, { weight: (packages.get(here)?.weight ?? 0) + tree.total[node], name: tree.nameOf(node) });
  }
  return [...packages].sort(([, a], [, b]) => b.weight - a.weight).slice(0, MAX_PACKAGES).map(([here, { name }]) => [here, name]);
}

export class FlameLegend {
  #by = "";
  #packages = "";
  #counted = -Infinity;

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.element = h("ul", { class: "legend", "aria-label": "Colours" });
  }

  /** @param {What} what @param {string} value @param {string} colour @param {string} text @param {string} hint */
  #entry(what, value, colour, text, hint) {
    const { filters } = this.store;
    const button = h("button", {
      type: "button", title: `${hint}. Click: only it; Alt + click: leave it out`,
      onclick: (/** @type {MouseEvent} */ event) => filters.toggle(what, value, event.altKey ? "not" : "only"),
      oncontextmenu: (/** @type {MouseEvent} */ event) => {
        event.preventDefault();
        filters.toggle(what, value, "not");
      },
    }, swatch(colour), text);
    return h("li", { "data-id": value, "data-what": what }, button);
  }

  /** @param {CallTree} tree @param {number} now ms */
  paint(tree, now) {
    const by = this.store.graph.colour.peek();
    if (by === "package" && (by !== this.#by || now - this.#counted > PACKAGES_EVERY)) {
      this.#counted = now;
      this.#paintPackages(tree);
    }
    if (by !== this.#by && by === "state") {
      this.element.replaceChildren(...CATEGORIES.map(({ id, name, hint }) => this.#entry("state", id, PALETTE[id], name, hint)));
    }
    if (by !== this.#by && by === "change") this.#paintChange();
    this.#by = by;
    if (by !== "package") this.#packages = "";
    for (const item of /** @type {Iterable<HTMLElement>} */ (this.element.children)) this.#mark(item, tree);
  }

  /** @param {CallTree} tree */
  #paintPackages(tree) {
    const packages = packagesOf(tree);
    const key = packages.join();
    if (key === this.#packages) return;
    this.#packages = key;
    const { module } = tree.reading.names;
    this.element.replaceChildren(...packages.map(([of, name]) =>
      this.#entry("package", of, packageColour(name, module), of.slice(of.lastIndexOf("/") + 1), of)));
  }

  #paintChange() {
    const against = this.store.graph.other ? "the other span" : "the window before";
    const steps = [-1, -0.5, 0, 0.5, 1].map((delta) => swatch(changeColour(delta)));
    this.element.replaceChildren(h("li", { class: "legend-change", title: `Change against ${against}` },
      "▼ less", ...steps, "▲ more", h("span", { class: "legend-against" })));
    setText(/** @type {Node} */ (this.element.querySelector(".legend-against")), ` than ${against}`);
  }

  /** @param {HTMLElement} item @param {CallTree} tree */
  #mark(item, tree) {
    const { what, id = "" } = item.dataset;
    if (what === "state") item.dataset.there = String((tree.mask[0] >> CATEGORIES.findIndex((category) => category.id === id)) & 1);
    if (what === undefined) return;
    const { filters } = this.store;
    const chosen = filters.has(/** @type {What} */ (what), id, "only");
    item.dataset.out = String(filters.has(/** @type {What} */ (what), id, "not"));
    item.firstElementChild?.setAttribute("aria-pressed", String(chosen));
  }
}
