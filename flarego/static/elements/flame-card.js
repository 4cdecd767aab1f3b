/** The card beside the pointer: everything about one box. */

import { h, placeCard, setText, show } from "../core/dom.js";
import { CATEGORIES } from "../model/category.js";
import { LANE } from "../model/calltree.js";
import { RUNTIME } from "../model/dictionary.js";
import { count, duration, mean, share } from "../model/format.js";
import { PALETTE } from "../paint/colour.js";

/** @typedef {import("../paint/flame.js").FlameScene} FlameScene */
/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("../model/calltree.js").Breakdown} Breakdown */

const MAX_LANES = 5;

export class FlameCard {
  #shownFor = "";

  constructor() {
    this.name = h("div", { class: "card-name" });
    this.place = h("div", { class: "card-place" });
    this.facts = h("dl", { class: "card-facts" });
    this.bar = h("div", { class: "card-bar" });
    this.lanes = h("ul", { class: "card-lanes" });
    this.element = h("div", { class: "card", role: "tooltip", hidden: true }, this.name, this.place, this.facts, this.bar, this.lanes);
  }

  hide() {
    show(this.element, false);
    this.#shownFor = "";
  }

  /** @param {FlameScene} scene @param {Store} store @param {number} x @param {number} y client pixels */
  show(scene, store, x, y) {
    const { tree, hovered: node } = scene;
    const key = `${node}|${store.scene.peek()}`;
    if (key !== this.#shownFor) this.#fill(scene, store);
    this.#shownFor = key;
    setText(this.name, tree.nameOf(node));
    show(this.element, true);
    placeCard(this.element, x, y);
  }

  /** @param {FlameScene} scene @param {Store} store */
  #fill(scene, store) {
    const { tree, hovered: node, zoom } = scene;
    const weight = store.weight.peek();
    const about = tree.breakdown(node, store.fold, weight);
    setText(this.place, placeOf(scene));
    show(this.place, this.place.textContent !== "");
    const span = store.fold.span;
    const amount = (/** @type {number} */ value) => weight === "count" ? count(value) : duration(value);
    const facts = [
      ["total", `${amount(tree.total[node])}   ${share(tree.total[node], tree.total[0])}`],
      ["self", `${amount(tree.self[node])}   ${share(tree.self[node], tree.total[0])}`],
    ];
    if (zoom > 0 && node !== zoom) facts.push(["of zoomed", share(tree.total[node], tree.total[zoom])]);
    if (weight === "wall") facts.push(["on average", `${mean(tree.total[node], span.end - span.start)} goroutines`]);
    if (weight === "cpu") facts.push(["on average", `${mean(tree.total[node], span.end - span.start)} cores`]);
    facts.push(["at the end", `${count(about.count)} goroutines`]);
    if (about.longest > 0) facts.push(["longest wait", `${duration(about.longest)}, since first seen`]);
    if (about.stale > 0) facts.push(["stack not current", share(about.stale, tree.total[node])]);
    this.facts.replaceChildren(...facts.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)]));
    this.#fillStates(about, tree.total[node], amount);
  }

  /** @param {Breakdown} about @param {number} total @param {(value: number) => string} amount */
  #fillStates(about, total, amount) {
    this.bar.replaceChildren(...about.parts.map((part, c) => {
      const piece = h("i");
      piece.style.flexGrow = String(part);
      piece.style.backgroundColor = PALETTE[CATEGORIES[c].id];
      return piece;
    }).filter((_, c) => about.parts[c] > 0));
    const lanes = [...about.lanes].sort(([, a], [, b]) => b - a);
    const items = lanes.slice(0, MAX_LANES).map(([name, value]) => h("li", {},
      h("span", {}, name), h("span", {}, amount(value)), h("span", {}, share(value, total))));
    if (lanes.length > MAX_LANES) items.push(h("li", {}, h("span", {}, `and ${lanes.length - MAX_LANES} more`)));
    this.lanes.replaceChildren(...items);
  }
}

/** Where a box's code is. @param {FlameScene} scene */
function placeOf({ tree, hovered: node }) {
  const frame = tree.frame[node];
  if (frame < 0) return tree.flags[node] & LANE && node > 0 ? "state or wait reason" : "";
  const more = tree.lines[node] > 1 ? `  and ${tree.lines[node] - 1} more line${tree.lines[node] > 2 ? "s" : ""}` : "";
  const runtime = tree.flags[node] & RUNTIME ? "  ·  runtime" : "";
  return `${tree.dictionary.place(frame)}${more}${runtime}`;
}
