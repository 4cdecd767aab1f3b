/** The table of functions beside the flame graph: what each takes, itself and with all it calls. */

import { h, show } from "../core/dom.js";
import { nextFrame } from "../core/frame.js";
import { CATEGORIES } from "../model/category.js";
import { count, duration, labels, share } from "../model/format.js";
import { functionsOf } from "../model/functions.js";
import { PALETTE } from "../paint/colour.js";
import { FgElement } from "./base.js";
import "./fg-changes.js";
import { openFrameMenu } from "./frame-menu.js";
import { Table } from "./table.js";

/** @typedef {import("../model/functions.js").FunctionRow} FunctionRow */

/** Functions are counted afresh this often at most, ms: sorting is for reading. */
const EVERY = 1000;

export class Functions extends FgElement {
  #root = { total: 1, span: 1 };
  #paintedAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  build() {
    const part = (/** @type {number} */ value) => (value > 0 ? share(value, this.#root.total) : "");
    const time = (/** @type {number} */ ns) => (ns > 0 ? duration(ns) : "");
    /** @type {import("./table.js").Column<FunctionRow>[]} */
    const columns = [
      {
        id: "name", title: "Function", value: (row) => row.name,
        cell: (row) => ({
          text: labels(row.name)[0], title: row.name, colour: row.category < 0 ? "" : PALETTE[CATEGORIES[row.category].id],
        }),
      },
      { id: "self", title: "Self", hint: "Of the graph's weight, spent in the function itself", number: true, cell: (row) => ({ text: part(row.self) }), value: (row) => row.self },
      { id: "total", title: "Total", hint: "Of the graph's weight, with all it calls; recursion counted once", number: true, cell: (row) => ({ text: part(row.total) }), value: (row) => row.total },
      { id: "wall", title: "Wall", hint: "Goroutine-time with all it calls", number: true, cell: (row) => ({ text: time(row.wall) }), value: (row) => row.wall },
      { id: "cpu", title: "CPU", hint: "CPU time with all it calls", number: true, cell: (row) => ({ text: time(row.cpu) }), value: (row) => row.cpu },
      { id: "count", title: "Count", hint: "Goroutines in it at the window's end", number: true, cell: (row) => ({ text: row.count > 0 ? count(row.count) : "" }), value: (row) => row.count },
    ];
    /** @type {Table<FunctionRow>} */
    this.table = new Table("functions", columns, {
      sort: "self", label: "Functions", onselect: (row) => this.choose(row),
      onmenu: (row, x, y) => openFrameMenu(this, this.store, { function: row.name, zoom: () => this.zoom(row) }, x, y),
    });
    this.changes = h("fg-changes", { hidden: true });
    this.append(this.changes, this.table.element, h("p", { class: "functions-hint" }, "Click finds a function in the graph, a second click or x shows its callers and callees, right click or m the rest."));
  }

  connect() {
    const { store } = this;
    this.effect(() => show(this, store.graph.table.value));
    this.effect(() => {
      const comparing = store.compare.a.value !== null;
      show(/** @type {HTMLElement} */ (this.changes), comparing);
      if (this.table) show(this.table.element, !comparing);
    });
    this.effect(() => {
      if (store.selected.value === null) this.table?.select("");
    });
    this.paintOn(() => [store.scene.value, store.graph.table.value], () => this.paint());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  paint() {
    const { store } = this;
    if (this.hidden || this.table === undefined || store.compare.on) return;
    const now = performance.now();
    if (now - this.#paintedAt < EVERY) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => nextFrame(() => this.paint()), EVERY - (now - this.#paintedAt));
      return;
    }
    this.#paintedAt = now;
    const tree = store.weighed();
    if (tree === null) return;
    const zoom = tree.resolve(store.zoom.peek()).node;
    this.#root = { total: tree.total[zoom], span: store.fold.span.end - store.fold.span.start };
    const { search } = store;
    const rows = functionsOf(tree, store.fold, zoom).filter(({ name }) => search === null || search.matches(name));
    this.table.set(rows, search === null ? "No functions in this part of the graph." : "No function matches the search.");
    this.dispatchEvent(new CustomEvent("fg-count", { detail: rows.length, bubbles: true }));
  }

  /** Finds a function in the graph; a second time, shows its callers and callees. @param {FunctionRow} row */
  choose(row) {
    const { store } = this;
    const again = store.selected.peek()?.at(-1)?.name === row.name;
    const tree = store.weighed();
    if (again && store.graph.focus.peek() !== row.name) store.graph.sandwich(row.name);
    else if (tree !== null) store.select(tree.address(row.node));
  }

  /** @param {FunctionRow} row */
  zoom(row) {
    const tree = this.store.weighed();
    if (tree !== null) this.store.setZoom(tree.address(row.node));
  }
}

customElements.define("fg-functions", Functions);
