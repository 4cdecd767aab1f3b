/** The card beside the pointer: everything about one box. */

import { h, placeCard, setText, show } from "../core/dom.js";
import { breakdown, lines } from "../model/breakdown.js";
import { LANE } from "../model/calltree.js";
import { CATEGORIES } from "../model/category.js";
import { RUNTIME } from "../model/dictionary.js";
import { count, duration, mean, share } from "../model/format.js";
import { PALETTE } from "../paint/colour.js";
import { changeOf } from "../paint/flame.js";

/** @typedef {import("../paint/flame.js").FlameScene} FlameScene */
/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("../model/breakdown.js").Breakdown} Breakdown */

const MAX_LANES = 5;
const MAX_CREATORS = 2;
/** A card that stays is filled afresh this often at most, ms. */
const REFILL_EVERY = 400;

export class FlameCard {
  #shownFor = -1;
  #scene = -1;
  #filledAt = -Infinity;
  /** Whether it stays until something else is tapped. */
  pinned = false;

  constructor() {
    this.name = h("div", { class: "card-name" });
    this.place = h("div", { class: "card-place" });
    this.facts = h("dl", { class: "card-facts" });
    this.bar = h("div", { class: "card-bar" });
    this.lanes = h("ul", { class: "card-lanes" });
    this.actions = h("div", { class: "card-actions", hidden: true });
    this.element = h("div", { class: "card", role: "tooltip", hidden: true },
      this.name, this.place, this.facts, this.bar, this.lanes, this.actions);
  }

  hide() {
    show(this.element, false);
    show(this.actions, false);
    this.element.classList.remove("pinned");
    this.pinned = false;
    this.#shownFor = -1;
  }

  /** @param {FlameScene} scene @param {Store} store @param {number} x @param {number} y client pixels */
  show(scene, store, x, y) {
    const { tree, hovered: node } = scene;
    const now = performance.now();
    if (node !== this.#shownFor || (store.scene.peek() !== this.#scene && now - this.#filledAt > REFILL_EVERY)) {
      this.#fill(scene, store);
      this.#filledAt = now;
      this.#scene = store.scene.peek();
    }
    this.#shownFor = node;
    setText(this.name, tree.nameOf(node));
    show(this.element, true);
    placeCard(this.element, x, y);
  }

  /** Shows the card with buttons, to stay. @param {FlameScene} scene @param {Store} store @param {number} x @param {number} y client pixels @param {readonly (readonly [string, () => void])[]} actions */
  pin(scene, store, x, y, actions) {
    this.hide();
    this.actions.replaceChildren(...[...actions, /** @type {const} */ (["Close", () => {}])].map(([text, run]) =>
      h("button", { type: "button", onclick: () => {
        this.hide();
        run();
      } }, text)));
    show(this.actions, true);
    this.element.classList.add("pinned");
    this.pinned = true;
    this.show(scene, store, x, y);
  }

  /** @param {FlameScene} scene @param {Store} store */
  #fill(scene, store) {
    const { tree, hovered: node, zoom } = scene;
    const weight = store.weight.peek();
    const about = breakdown(tree, node, store.fold, weight);
    const root = tree.total[tree.rootOf(node)];
    setText(this.place, placeOf(scene));
    show(this.place, this.place.textContent !== "");
    const span = store.fold.span;
    const amount = (/** @type {number} */ value) => weight === "count" ? count(value) : duration(value);
    const facts = [
      ["total", `${amount(tree.total[node])}   ${share(tree.total[node], root)}`],
      ["self", `${amount(tree.self[node])}   ${share(tree.self[node], root)}`],
    ];
    if (zoom > 0 && node !== zoom) facts.push(["of zoomed", share(tree.total[node], tree.total[zoom])]);
    if (tree.base !== null && tree.after !== null) {
      const by = tree.after[node] - tree.base[node];
      const [before, now] = store.compare.on ? ["A", "B"] : ["before", "now"];
      facts.push([before, amount(tree.base[node])], [now, amount(tree.after[node])]);
      facts.push(["change", `${by < 0 ? "−" : "+"}${amount(Math.abs(by))}   ${changeOf(tree, node) || "as good as none"}`]);
    }
    if (weight === "wall" || weight === "waiting") facts.push(["on average", `${mean(tree.total[node], span.end - span.start)} ${store.tasks}`]);
    if (weight === "cpu") facts.push(["on average", `${mean(tree.total[node], span.end - span.start)} cores`]);
    facts.push(["at the end", `${count(about.count)} ${store.tasks}`]);
    if (about.longest > 0) facts.push(["longest wait", `${duration(about.longest)}, since first seen`]);
    if (about.stale > 0) facts.push(["stack not current", share(about.stale, tree.total[node])]);
    facts.push(...creators(tree, about, tree.total[node]));
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
  const places = lines(tree, node);
  const more = places > 1 ? `  and ${places - 1} more line${places > 2 ? "s" : ""}` : "";
  const runtime = tree.flags[node] & RUNTIME ? "  ·  runtime" : "";
  return `${tree.dictionary.place(frame)}${more}${runtime}`;
}

/** Who created the goroutines at or below a node, the most first. @param {import("../model/calltree.js").CallTree} tree @param {Breakdown} about @param {number} total @returns {string[][]} */
function creators(tree, { createdBy }, total) {
  const known = [...createdBy].filter(([frame]) => frame >= 0).sort(([, a], [, b]) => b - a).slice(0, MAX_CREATORS);
  return known.map(([frame, weight], i) => [
    i === 0 ? "created by" : "", `${tree.dictionary.functionName(frame)}${weight < 0.995 * total ? `   ${share(weight, total)}` : ""}`]);
}
