/** Leak suspects: groups of goroutines that only grow and that nobody leaves, with what speaks for it. */

import { h, setText, show } from "../core/dom.js";
import { count, duration, labels, shortPlace } from "../model/format.js";
import { LEAST, WINDOWS, suspects } from "../model/leaks.js";
import { FgElement } from "./base.js";
import { colourOf } from "./goroutine-columns.js";
import { drawBars } from "./spark.js";
import { Table } from "./table.js";

/** @typedef {import("../model/leaks.js").Suspect} Suspect */
/** @typedef {Suspect & {about: import("../model/groups.js").About}} Row */

/** @type {import("./table.js").Column<Row>[]} */
const COLUMNS = [
  { id: "count", title: "Count", number: true, value: (row) => row.counts[WINDOWS], cell: (row) => ({ text: count(row.counts[WINDOWS]) }) },
  {
    id: "grown", title: "Grown", number: true, hint: "In the time looked at", value: (row) => row.grown,
    cell: (row) => ({ text: `▲ ${count(row.grown)}`, minor: `${row.perMinute < 10 ? row.perMinute.toFixed(1) : count(row.perMinute)}/min` }),
  },
  {
    id: "counts", title: "Counts by window", value: (row) => row.grown, hint: `At the beginning, and at the end of each of ${WINDOWS} windows`,
    cell: (row) => ({ text: row.counts.map((n) => count(n)).join(" → ") }),
    draw: (into, row) => drawBars(into, row.counts),
  },
  {
    id: "oldest", title: "Oldest", number: true, hint: "Its longest wait since flarego first saw one there", value: (row) => row.oldest,
    cell: (row) => ({ text: duration(row.oldest), minor: `#${row.oldestGoid}` }),
  },
  {
    id: "where", title: "Waits in", value: (row) => row.about.where,
    cell: ({ about }) => ({
      text: labels(about.where)[0], minor: `${about.lane} · ${shortPlace(about.place)}`, colour: colourOf(about.category), title: `${about.where}\n${about.place}`,
    }),
  },
  {
    id: "created", title: "Created by", value: (row) => row.about.createdBy,
    cell: ({ about }) => ({ text: labels(about.createdBy)[0], minor: shortPlace(about.createdPlace), title: `${about.createdBy}\n${about.createdPlace}` }),
  },
];

/** How often it is looked at anew, ns of the stream. */
const EVERY = 1e9;

class Leaks extends FgElement {
  /** @type {{at: number, version: number, found: Suspect[] | null}} */
  #last = { at: -1, version: -1, found: null };

  build() {
    this.summary = h("p", { class: "panel-summary" });
    /** @type {Table<Row>} */
    this.table = new Table("leaks", COLUMNS, {
      sort: "grown", label: "leak suspects", onselect: (row) => {
        this.store.reveal(row.about.key);
        this.store.goroutines.chosen.value = row.oldestGoid;
      },
    });
    this.append(this.summary, this.table.element);
  }

  connect() {
    this.paintOn(() => [this.store.scene.value, this.store.panel.value], () => this.paint());
  }

  /** @param {import("../core/data.js").Data} data */
  suspects(data) {
    const { to } = this.store.wanted();
    const { version } = data.members;
    const last = this.#last;
    if (version !== last.version && Math.abs(to - last.at) >= EVERY || to < last.at || last.at < 0) {
      this.#last = { at: to, version, found: suspects(data.ring.entries, data.grouping, data.members, to) };
    }
    return this.#last.found;
  }

  paint() {
    const data = this.store.data.peek();
    if (data === null) return;
    const found = this.suspects(data);
    this.dispatchEvent(new CustomEvent("fg-count", { detail: found?.length ?? 0, bubbles: true }));
    if (this.hidden) return;
    const { search, filters: { filter } } = this.store;
    const rows = (found ?? []).map((suspect) => ({ ...suspect, about: data.grouping.describe(suspect.key) }))
      .filter(({ about, key }) => (filter === null || filter.keeps(data.reading, key))
        && (search === null || [about.where, about.createdBy, about.lane].some((name) => search.matches(name))));
    if (this.summary) {
      setText(this.summary, rows.length === 0 ? "" : `Looked at over ${duration(rows[0].to - rows[0].from)}: larger at the end of each of `
        + `${WINDOWS} windows, never smaller in between, and none of those followed one by one has left, woken or moved.`);
      show(this.summary, rows.length > 0);
    }
    this.table?.set(rows, none(found, this.store.query.peek() !== "" || filter !== null));
  }
}

/** @param {Suspect[] | null} found @param {boolean} narrowed */
function none(found, narrowed) {
  if (found === null) return `A suspicion takes at least ${duration(LEAST)} of watching.`;
  if (found.length > 0 && narrowed) return "No suspect matches the search and the filters.";
  return "Nothing looks like a leak: no group of waiting goroutines only grows and is left by nobody.";
}

customElements.define("fg-leaks", Leaks);
