/** Which goroutines the flame graph shows, by what weight, what is set aside, and the search. */

import { h, setText, show } from "../core/dom.js";
import { count, share } from "../model/format.js";
import { FgElement } from "./base.js";
import "./fg-filters.js";
import { press, segmented } from "./segmented.js";

/** @typedef {import("../model/calltree.js").CallTree} CallTree */

const VIEWS = /** @type {const} */ ([
  ["state", "By state", "Wall time of all goroutines, by what they were doing (1)"],
  ["cpu", "On CPU", "Where CPU time goes (2)"],
  ["blocked", "Blocked", "Where in the code goroutines wait, and for what (3)"],
]);
const WEIGHTS = /** @type {const} */ ([
  ["wall", "wall", "Width is time: goroutine-seconds in the window"],
  ["cpu", "CPU", "Width is CPU time in the window"],
  ["waiting", "waiting", "Width is the time goroutines waited in the window"],
  ["count", "count", "Width is the number of goroutines at the window's end"],
]);
const COLOURS = /** @type {const} */ ([
  ["state", "state", "Colour is what goroutines do (c)"],
  ["package", "package", "Colour is the package (c)"],
  ["change", "change", "Colour is the change against the window before, or the other span compared (c)"],
]);
const SWITCHES = /** @type {const} */ ([
  ["lanes", "lanes", "States stand above the code, each in a lane of its own (l)"],
  ["inverted", "inverted", "From the innermost frame up: who is it that waits or computes, whoever called it (v)"],
  ["table", "functions", "Table of functions beside the graph (F)"],
]);
const ASIDE = /** @type {const} */ ([
  ["idle", "idle", "Goroutines parked by design: accept loops, idle connections, workers waiting at the top of their own loop (i)"],
  ["system", "system", "The runtime's own goroutines: garbage collector, finalizers, timers (S)"],
  ["runtime", "runtime", "Frames of Go's runtime that start and park goroutines (r)"],
]);

/** Growth over less time is noise, ns. */
const SHORTEST_GROWTH = 10e9;

export class Toolbar extends FgElement {
  build() {
    this.views = segmented("View", VIEWS, (id) => this.store.setView(id));
    this.weights = segmented("Weight", WEIGHTS, (id) => this.store.setWeight(id));
    this.aside = h("div", { class: "aside" }, ...ASIDE.map(([id, , title]) =>
      h("button", { type: "button", class: "chip", title, "data-id": id, onclick: () => this.store.toggleShown(id) })));
    this.colours = segmented("Colour", COLOURS, (id) => this.store.graph.setColour(id));
    this.switches = h("div", { class: "aside" }, ...SWITCHES.map(([id, text, title]) =>
      h("button", { type: "button", class: "chip", title, "data-id": id, onclick: () => this.toggle(id) }, text)));
    this.input = h("input", {
      type: "search", placeholder: "Search: text or /regular expression/", spellcheck: false, autocomplete: "off",
      "aria-label": "Search functions by text, or by /regular expression/",
      oninput: () => this.store.setQuery(this.input?.value ?? ""),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter") this.store.walkMatches(event.shiftKey ? -1 : 1);
      },
    });
    this.matched = h("output", { class: "matched" });
    this.append(this.views, this.weights, this.colours, this.switches, this.aside,
      h("div", { class: "search" }, this.input, this.matched), h("fg-filters"));
  }

  /** @param {(typeof SWITCHES)[number][0]} id */
  toggle(id) {
    const { graph } = this.store;
    if (id === "lanes") graph.toggleLanes();
    else if (id === "inverted") graph.invert();
    else graph.toggleTable();
  }

  connect() {
    const { store } = this;
    this.effect(() => this.views && press(this.views, store.view.value));
    this.effect(() => this.weights && press(this.weights, store.weight.value));
    this.effect(() => this.colours && press(this.colours, store.graph.colour.value));
    for (const button of /** @type {Iterable<HTMLElement>} */ (this.switches?.children ?? [])) {
      const { id } = /** @type {{id: (typeof SWITCHES)[number][0]}} */ (/** @type {unknown} */ (button.dataset));
      this.effect(() => button.setAttribute("aria-pressed", String(store.graph[id].value)));
    }
    this.effect(() => {
      const lanes = /** @type {HTMLElement | undefined} */ (this.switches?.firstElementChild);
      if (lanes) show(lanes, store.view.value === "state" && store.graph.focus.value === "");
    });
    this.effect(() => {
      if (this.input && this.input.value !== store.query.value) this.input.value = store.query.value;
      this.input?.setAttribute("aria-invalid", String(store.queryProblem.value !== ""));
    });
    this.paintOn(() => [store.scene.value, store.queryProblem.value], () => this.paint());
  }

  /** Puts the cursor into the search field. */
  find() {
    this.input?.focus();
    this.input?.select();
  }

  paint() {
    const tree = this.store.weighed();
    this.paintAside(tree);
    if (!this.matched) return;
    const problem = this.store.queryProblem.peek();
    const searching = this.store.search !== null && tree !== null;
    const text = problem !== "" ? problem : searching ? `${this.place(tree)}${share(tree.matched, tree.total[0])} matched` : "";
    setText(this.matched, text);
    this.matched.title = text;
    show(this.matched, text !== "");
    this.matched.dataset.bad = String(problem !== "");
  }

  /** Which match is selected, of how many. @param {CallTree} tree */
  place(tree) {
    const { at, of } = this.store.matchPlace(tree);
    return of === 0 ? "" : at > 0 ? `${at} of ${count(of)}, ` : `${count(of)}, `;
  }

  /** By how much the folded idle ones have become more over the window, if steadily: a leak hides among them. */
  idleGrowth() {
    const data = this.store.data.peek();
    const { start, end } = this.store.fold.span;
    if (data === null || end - start < SHORTEST_GROWTH) return 0;
    return data.series.growth(data.series.idle, start, end);
  }

  /** @param {CallTree | null} tree */
  paintAside(tree) {
    const shown = this.store.shown.peek();
    for (const button of /** @type {Iterable<HTMLElement>} */ (this.aside?.children ?? [])) {
      if (button.dataset.id === "runtime") {
        setText(button, shown.runtime ? "runtime shown" : "runtime");
        button.setAttribute("aria-pressed", String(shown.runtime));
        continue;
      }
      const id = /** @type {"idle" | "system"} */ (button.dataset.id);
      const hidden = tree?.hidden.counts[id] ?? 0;
      const more = id === "idle" ? this.idleGrowth() : 0;
      setText(button, shown[id] ? `${id} shown` : `${count(hidden)} ${id} folded${more > 0 ? `, ${count(more)} more` : ""}`);
      button.dataset.growing = String(more > 0);
      button.setAttribute("aria-pressed", String(shown[id]));
      show(button, shown[id] || hidden > 0);
    }
  }
}

customElements.define("fg-toolbar", Toolbar);
