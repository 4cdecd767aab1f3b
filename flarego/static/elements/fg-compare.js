/** What is compared with what: the spans A and B, how they are made comparable, and how they differ. */

import { h, setText, show } from "../core/dom.js";
import { changes } from "../model/diff.js";
import { clock, count, duration, mean } from "../model/format.js";
import { PIN_COLOUR } from "../paint/overlay.js";
import { FgElement } from "./base.js";
import { press, segmented } from "./segmented.js";

/** @typedef {import("../core/data.js").Span} Span */

const MEASURES = /** @type {const} */ ([
  ["rate", "per second", "Weights per second: spans of different lengths are comparable"],
  ["absolute", "absolute", "Weights as they are, whatever the lengths of the spans"],
  ["share", "share", "As shares of everything: only what has become more or less than the rest"],
]);
const WIDTHS = /** @type {const} */ ([
  ["b", "B", "A frame is as wide as its weight in B"],
  ["a", "A", "A frame is as wide as its weight in A: what is gone can be seen"],
  ["both", "A + B", "A frame is as wide as its weight in both: what is gone can be seen beside what is new"],
]);

class CompareBar extends FgElement {
  build() {
    const { compare } = this.store;
    const side = (/** @type {string} */ letter) => {
      const tag = h("i", { class: "compare-letter" }, letter);
      tag.style.backgroundColor = PIN_COLOUR[letter];
      return h("span", { class: "compare-side" }, tag, h("span"));
    };
    this.a = side("A");
    this.b = side("B");
    this.swap = h("button", { type: "button", class: "icon", title: "Swap A and B (X)", "aria-label": "Swap A and B", onclick: () => compare.swap() }, "⇄");
    this.measures = segmented("Measure", MEASURES, (id) => compare.setMeasure(id));
    this.widths = segmented("Width of frames", WIDTHS, (id) => compare.setWidth(id));
    this.sum = h("strong", { class: "compare-sum" });
    this.more = h("button", { type: "button", class: "compare-more", title: "List what has changed", onclick: () => (this.store.panel.value = "changes") });
    this.ending = h("button", { type: "button", class: "icon", title: "End the comparison", "aria-label": "End the comparison", onclick: () => compare.end() }, "✕");
    this.append(this.a, this.swap, this.b, this.measures, this.widths, this.sum, this.more, this.ending);
  }

  connect() {
    const { store } = this;
    const { compare } = store;
    this.effect(() => show(this, compare.a.value !== null));
    this.effect(() => this.measures && press(this.measures, compare.measure.value));
    this.effect(() => this.widths && press(this.widths, compare.width.value));
    this.paintOn(() => [store.scene.value, compare.a.value], () => this.paint());
  }

  paint() {
    const { store } = this;
    const { compare } = store;
    const tree = compare.on ? store.weighed() : null;
    const pin = compare.a.peek();
    if (tree === null || pin === null) return;
    const live = store.span.peek() === null && store.paused.peek() === null;
    const clip = store.recording.peek();
    const { start, end } = store.fold.span;
    setText(/** @type {Node} */ (this.a?.lastChild), `${pin.source} ${this.text(pin.span, pin.data.process.epoch)}`.trim());
    const shown = this.text({ from: start, to: end }, store.process.peek()?.epoch ?? 0);
    setText(/** @type {Node} */ (this.b?.lastChild), live && clip === null ? `live, ${duration(end - start)}` : clip === null ? shown : `${clip.name} ${shown}`);
    if (this.swap) this.swap.disabled = pin.data !== store.data.peek();
    if (tree.base === null || tree.after === null) return setText(/** @type {Node} */ (this.sum), "A is not there yet");
    setText(/** @type {Node} */ (this.sum), this.difference(tree.base[0], tree.after[0], end - start));
    const all = changes(tree);
    const number = (/** @type {string} */ kind) => count(all.filter((change) => change.kind === kind).length);
    setText(/** @type {Node} */ (this.more), `${number("new")} new, ${number("gone")} gone`);
  }

  /** @param {Span} span @param {number} epoch */
  text({ from, to }, epoch) {
    return `${clock(epoch + from)} – ${clock(epoch + to)}, ${duration(to - from)}`;
  }

  /** How all of B is to all of A. @param {number} before @param {number} after @param {number} span ns */
  difference(before, after, span) {
    const weight = this.store.weight.peek();
    const say = (/** @type {number} */ value) => weight === "count" ? count(value) : mean(value, span);
    const unit = weight === "cpu" ? "cores" : this.store.tasks;
    const part = before > 0 ? (100 * (after - before)) / before : 0;
    const sign = part > 0 ? "▲ +" : part < 0 ? "▼ −" : "";
    return `${say(before)} → ${say(after)} ${unit}  ${sign}${Math.abs(part).toFixed(1)} %`;
  }
}

customElements.define("fg-compare", CompareBar);
