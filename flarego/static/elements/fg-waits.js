/** What most goroutines wait on, by address: the channels and locks that hold everybody up. */

import { count, duration, labels, shortPlace } from "../model/format.js";
import { whereabouts } from "../model/place.js";
import { FgElement } from "./base.js";
import { Table } from "./table.js";

/** @typedef {import("../core/ring.js").WaitObject & {id: string, where: string, place: string}} WaitRow */

/** @type {import("./table.js").Column<WaitRow>[]} */
const COLUMNS = [
  { id: "count", title: "Goroutines", number: true, cell: (row) => ({ text: count(row.count) }), value: (row) => row.count },
  { id: "kind", title: "Waits on", cell: (row) => ({ text: row.kind }), value: (row) => row.kind },
  { id: "address", title: "Address", cell: (row) => ({ text: row.address }), value: (row) => row.address },
  { id: "reason", title: "Reason", cell: (row) => ({ text: row.reason }), value: (row) => row.reason },
  {
    id: "longest", title: "Longest wait", number: true, value: (row) => row.longest,
    hint: "Time since flarego first saw one of them there; it may be longer",
    cell: (row) => ({ text: duration(row.longest), title: "since flarego first saw it there" }),
  },
  {
    id: "where", title: "One of them in", value: (row) => row.where,
    cell: (row) => ({ text: labels(row.where)[0], minor: shortPlace(row.place), title: `${row.where}\n${row.place}` }),
  },
];

class Waits extends FgElement {
  build() {
    /** @type {Table<WaitRow>} */
    this.table = new Table("waits", COLUMNS, { sort: "count", onselect: (row) => this.store.revealStack(row.stack) });
    this.append(this.table.element);
  }

  connect() {
    this.paintOn(() => this.store.scene.value, () => this.paint());
  }

  /** @returns {WaitRow[]} */
  rows() {
    const data = this.store.data.peek();
    if (data === null) return [];
    const { dictionary } = data;
    const { search } = this.store;
    this.store.weighed();
    const shared = this.store.fold.recent("waits").filter(({ count: waiting }) => waiting > 1);
    return shared.map((wait) => {
      const { own } = whereabouts(dictionary, wait.stack, data.process.module);
      return { ...wait, id: `${wait.kind}${wait.address}`, where: dictionary.functionName(own), place: dictionary.place(own) };
    }).filter((row) => search === null || [row.kind, row.reason, row.address].some((name) => search.matches(name))
      || dictionary.framesOf(row.stack).some((frame) => search.matches(dictionary.functionName(frame))));
  }

  paint() {
    const rows = this.rows();
    const none = this.store.query.peek() !== "" ? "No wait matches the search." : "No channel or lock has more than one goroutine waiting on it.";
    this.table?.set(rows, none);
    this.dispatchEvent(new CustomEvent("fg-count", { detail: rows.length, bubbles: true }));
  }
}

customElements.define("fg-waits", Waits);
