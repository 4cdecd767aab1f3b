/** The filters in force, as chips: each can be turned into its opposite or removed. */

import { h, show } from "../core/dom.js";
import { CATEGORIES } from "../model/category.js";
import { FgElement } from "./base.js";

/** @typedef {import("../core/filters.js").Term} Term */

const HOW = Object.freeze({ only: "only", not: "without", hide: "hidden:" });

/** @param {Term} term */
function textOf({ what, how, value }) {
  const named = what === "state" ? (CATEGORIES.find(({ id }) => id === value)?.name ?? value) : value;
  const kind = what === "state" || what === "reason" || what === "label" ? "" : what === "group" ? "goroutines of " : `${what} `;
  return `${HOW[how]} ${kind}${named}`;
}

class FilterChips extends FgElement {
  connect() {
    const { filters } = this.store;
    this.effect(() => {
      const terms = filters.terms.value;
      show(this, terms.length > 0);
      this.replaceChildren(...terms.map((term) => this.chip(term)), ...(terms.length > 1 ? [this.clear()] : []));
    });
  }

  /** @param {Term} term */
  chip(term) {
    const { filters } = this.store;
    const text = textOf(term);
    const turned = term.how === "hide" ? "hide" : term.how === "only" ? "not" : "only";
    return h("span", { class: "filter-chip", "data-how": term.how, "data-what": term.what, role: "group", "aria-label": text },
      h("button", {
        type: "button", title: turned === "hide" ? text : `${text}\nClick for the opposite`,
        onclick: () => turned !== "hide" && filters.add(term.what, term.value, turned),
      }, text),
      h("button", { type: "button", class: "filter-remove", "aria-label": `Remove: ${text}`, title: "Remove", onclick: () => filters.remove(term) }, "✕"));
  }

  clear() {
    return h("button", { type: "button", class: "filter-clear", onclick: () => this.store.filters.clear() }, "clear all");
  }
}

customElements.define("fg-filters", FilterChips);
