/** One goroutine: its stack as Go's traceback prints it, and what it did over the window. */

import { h, setText, show } from "../core/dom.js";
import { CATEGORIES } from "../model/category.js";
import { duration, hex, labels, share } from "../model/format.js";
import { history, standing } from "../model/members.js";
import { isInternal } from "../model/place.js";
import { colourOf, waited } from "./goroutine-columns.js";
import { drawStrip } from "./spark.js";

/** @typedef {import("../core/data.js").Data} Data */
/** @typedef {import("../model/members.js").Member} Member */

export class GoroutineCard {
  #drawn = "";

  /** @param {{onclose: () => void, onreveal: (key: number) => void}} does */
  constructor({ onclose, onreveal }) {
    this.title = h("h2", { class: "card-title" });
    this.facts = h("p", { class: "card-facts" });
    this.strip = h("div", { class: "card-strip", role: "img" });
    this.spent = h("ul", { class: "card-spent" });
    this.stack = h("ol", { class: "card-stack", "aria-label": "stack, innermost function first" });
    this.reveal = h("button", { type: "button", onclick: () => onreveal(this.key) }, "Show in flame graph");
    this.element = h("section", { class: "goroutine-card", hidden: true, "aria-label": "one goroutine" },
      h("header", {}, this.title, h("button", { type: "button", class: "card-close", title: "Close (Esc)", "aria-label": "Close", onclick: onclose }, "×")),
      this.facts, this.strip, this.spent, this.stack, h("p", {}, this.reveal));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onclose();
    });
    this.key = 0;
  }

  /**
   * @param {Data} data @param {number} goid 0: none
   * @param {{from: number, to: number}} span
   */
  show(data, goid, { from, to }) {
    show(this.element, goid > 0);
    if (goid === 0) return;
    const member = data.members.get(goid);
    const now = member === undefined ? null : standing(member, to);
    setText(this.title, `goroutine ${goid}`);
    if (member === undefined) return this.#empty("Not known: it is gone, or not one of those followed.");
    if (now === null) {
      this.#empty(member.gone <= to ? (member.parted ? "It is gone." : "It is not followed any longer.") : "It was not there yet.");
    } else {
      this.#now(data, now);
    }
    this.#past(data, member, from, to);
  }

  /** @param {string} why */
  #empty(why) {
    setText(this.facts, why);
    this.#frames("", []);
    show(this.reveal, false);
  }

  /** @param {Data} data @param {import("../model/members.js").MemberAt} member */
  #now(data, member) {
    const about = data.grouping.describe(member.now.key);
    const on = member.now.on > 0 ? `on ${hex(member.now.on)}` : "";
    const names = [...about.labels].join("  ");
    const made = about.createdBy ? `created by ${labels(about.createdBy)[0]}` : "";
    setText(this.facts, [`${about.lane}${on && ` ${on}`}`, `for ${waited(member)}`, about.stale ? "stack not current" : "", made, names].filter(Boolean).join("  ·  "));
    show(this.reveal, true);
    this.key = member.now.key;
    const { dictionary } = data;
    const group = dictionary.groups[dictionary.keyGroup[this.key]];
    const created = group?.createdBy ?? -1;
    const frames = dictionary.framesOf(about.stack).reverse().map((frame) =>
      ({ name: dictionary.functionName(frame), place: dictionary.place(frame), internal: isInternal(dictionary, frame) }));
    if (created >= 0) frames.push({ name: `created by ${dictionary.functionName(created)}`, place: dictionary.place(created), internal: false });
    this.#frames(`${this.key}`, frames);
  }

  /** @param {string} id @param {{name: string, place: string, internal: boolean}[]} frames */
  #frames(id, frames) {
    if (id === this.#drawn) return; // A reader may be in the middle of it.
    this.#drawn = id;
    this.stack.replaceChildren(...frames.map(({ name, place, internal }) =>
      h("li", { class: internal ? "internal" : "" }, h("span", { class: "frame-name" }, name), h("span", { class: "frame-place" }, place))));
  }

  /** @param {Data} data @param {Member} member @param {number} from @param {number} to */
  #past(data, member, from, to) {
    const parts = history(member, from, to).map(({ from: start, to: end, stay }) =>
      ({ from: (start - from) / (to - from), to: (end - from) / (to - from), about: data.grouping.describe(stay.key) }));
    drawStrip(this.strip, parts.map(({ from: start, to: end, about }) => ({ from: start, to: end, category: about.category })));
    /** @type {Map<string, {category: number, part: number}>} */
    const spent = new Map();
    for (const { from: start, to: end, about } of parts) {
      const known = spent.get(about.lane) ?? { category: about.category, part: 0 };
      known.part += end - start;
      spent.set(about.lane, known);
    }
    const sorted = [...spent].sort(([, a], [, b]) => b.part - a.part).slice(0, 6);
    const said = sorted.map(([lane, { part }]) => `${lane} ${share(part, 1)}`).join(", ");
    this.strip.setAttribute("aria-label", `the last ${duration(to - from)}, as looked at once a second: ${said || "nothing known"}`);
    this.spent.replaceChildren(...sorted.map(([lane, { category, part }]) => {
      const swatch = h("i", { class: "swatch" });
      swatch.style.backgroundColor = colourOf(category);
      return h("li", { title: CATEGORIES[category].hint }, swatch, `${lane} ${share(part, 1)}`);
    }));
  }
}
