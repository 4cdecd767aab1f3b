/** What differs between A and B, by function: new and vanished ones first asked for. A click finds them in the flame graph. */

import { h } from "../core/dom.js";
import { changes } from "../model/diff.js";
import { count, labels, mean, packageOf } from "../model/format.js";
import { changeColour } from "../paint/scheme.js";
import { FgElement } from "./base.js";
import { press, segmented } from "./segmented.js";
import { Table } from "./table.js";

/** @typedef {import("../model/diff.js").Change} Change */
/** @typedef {Change & {say: (value: number) => string, all: number}} Row */

const KINDS = /** @type {const} */ ([
  ["all", "all", "Every function that changed"],
  ["new", "new", "Functions only B has"],
  ["gone", "gone", "Functions only A has"],
  ["more", "more", "Functions that weigh more in B"],
  ["less", "less", "Functions that weigh less in B"],
]);
const WORD = Object.freeze({ new: "new", gone: "gone", more: "", less: "", same: "" });

/** @param {Row} row */
const difference = ({ after, before }) => after - before;
/** @param {Row} row */
const relative = ({ after, before }) => (before > 0 ? (after - before) / before : after > 0 ? Infinity : 0);

/** @param {Row} row */
function percent(row) {
  const part = relative(row);
  if (!Number.isFinite(part)) return "";
  return `${part < 0 ? "−" : "+"}${Math.abs(100 * part).toFixed(Math.abs(part) < 0.1 ? 1 : 0)} %`;
}

/** @type {import("./table.js").Column<Row>[]} */
const COLUMNS = [
  {
    id: "change", title: "Change", number: true, value: (row) => Math.abs(difference(row)),
    cell: (row) => ({
      text: `${difference(row) < 0 ? "▼ −" : "▲ +"}${row.say(Math.abs(difference(row)))}`,
      colour: changeColour(difference(row) / Math.max(row.before, row.after)),
    }),
  },
  { id: "percent", title: "%", number: true, value: relative, cell: (row) => ({ text: percent(row) }) },
  { id: "before", title: "A", number: true, value: (row) => row.before, cell: (row) => ({ text: row.say(row.before) }) },
  { id: "after", title: "B", number: true, value: (row) => row.after, cell: (row) => ({ text: row.say(row.after) }) },
  { id: "kind", title: "Kind", value: (row) => row.kind, cell: (row) => ({ text: WORD[row.kind] }) },
  {
    id: "function", title: "Function", value: (row) => row.name,
    cell: (row) => ({ text: labels(row.name)[0], minor: packageOf(row.name), title: row.name }),
  },
];

class Changes extends FgElement {
  /** @type {string} */
  #kind = "all";

  build() {
    this.kinds = segmented("Which changes", KINDS, (id) => {
      this.#kind = id;
      this.paint();
    });
    /** @type {Table<Row>} */
    this.table = new Table("changes", COLUMNS, { sort: "change", onselect: (row) => this.find(row) });
    this.bar = h("div", { class: "changes-bar" }, this.kinds);
    this.append(this.bar, this.table.element);
  }

  connect() {
    this.paintOn(() => [this.store.scene.value, this.store.panel.value, this.store.compare.a.value, this.store.graph.table.value], () => this.paint());
  }

  /** Selects the function where it weighs most; in a width that shows it. @param {Row} row */
  find(row) {
    const { store } = this;
    if (row.kind === "gone" && store.compare.width.peek() === "b") store.compare.setWidth("both");
    const tree = store.weighed();
    if (tree === null) return;
    const address = tree.address(row.node);
    const zoom = tree.resolve(store.zoom.peek()).node;
    if (zoom !== 0 && !tree.pathTo(row.node).includes(zoom)) store.setZoom([]);
    store.select(address);
  }

  /** @returns {Row[]} */
  rows() {
    const { store } = this;
    const tree = store.compare.on ? store.weighed() : null;
    if (tree === null) return [];
    const weight = store.weight.peek();
    const span = store.fold.span.end - store.fold.span.start;
    const say = (/** @type {number} */ value) => (weight === "count" ? count(value) : mean(value, span));
    const { search } = store;
    return changes(tree).filter(({ kind, name }) => kind !== "same" && (search === null || search.matches(name)))
      .map((change) => ({ ...change, say, all: Math.max(tree.base?.[0] ?? 0, tree.after?.[0] ?? 0) }));
  }

  paint() {
    const { store } = this;
    if (this.closest("fg-functions[hidden]") !== null) return;
    const rows = this.rows();
    this.dispatchEvent(new CustomEvent("fg-count", { detail: rows.length, bubbles: true }));
    if (this.hidden || !this.kinds) return;
    press(this.kinds, this.#kind);
    const none = !store.compare.on ? "Nothing is compared. Press b to pin the span shown as A; what is shown next is B."
      : store.query.peek() !== "" ? "No change matches the search." : "Nothing has changed by more than 0.2 % of everything.";
    this.table?.set(rows.filter(({ kind }) => this.#kind === "all" || kind === this.#kind), none);
  }
}

customElements.define("fg-changes", Changes);
