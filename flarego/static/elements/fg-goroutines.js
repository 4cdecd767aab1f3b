/** Goroutines at the end of the window, grouped by stack, state and origin. A click finds them in the flame graph. */

import { CATEGORIES } from "../model/category.js";
import { count, duration, labels, shortPlace } from "../model/format.js";
import { PALETTE } from "../paint/colour.js";
import { FgElement } from "./base.js";
import { Table } from "./table.js";

/** @typedef {import("../model/groups.js").Group} Group */

/** @param {string} name */
const shortName = (name) => labels(name)[0];

/** @type {import("./table.js").Column<Group>[]} */
const COLUMNS = [
  { id: "count", title: "Count", number: true, cell: (row) => ({ text: count(row.count) }), value: (row) => row.count },
  {
    id: "state", title: "State", value: (row) => `${row.category}${row.lane}`,
    cell: (row) => ({
      text: row.lane, minor: row.idle ? "idle" : row.system ? "system" : row.stale ? "stack not current" : "",
      colour: PALETTE[CATEGORIES[row.category].id], title: CATEGORIES[row.category].hint,
    }),
  },
  {
    id: "wait", title: "Longest wait", number: true, value: (row) => row.wait,
    hint: "Time since flarego first saw one of them there; it may be longer",
    cell: (row) => ({ text: duration(row.wait) === "0" ? "" : duration(row.wait), title: "since flarego first saw it there" }),
  },
  {
    id: "where", title: "Function", value: (row) => row.where,
    cell: (row) => ({
      text: shortName(row.where), minor: `${shortPlace(row.place)}${row.inside && ` › ${shortName(row.inside)}`}`,
      title: `${row.where}\n${row.place}${row.inside && `\nin ${row.inside}`}`,
    }),
  },
  {
    id: "entry", title: "Started as", value: (row) => row.entry,
    cell: (row) => ({ text: shortName(row.entry), title: row.entry, minor: [...row.labels].slice(0, 3).join(" ") }),
  },
  {
    id: "created", title: "Created by", value: (row) => row.createdBy,
    cell: (row) => ({
      text: shortName(row.createdBy), minor: shortPlace(row.createdPlace), title: `${row.createdBy}\n${row.createdPlace}`,
    }),
  },
];

class Goroutines extends FgElement {
  build() {
    /** @type {Table<Group>} */
    this.table = new Table("goroutines", COLUMNS, { sort: "count", onselect: (row) => this.store.reveal(row.key) });
    this.append(this.table.element);
  }

  connect() {
    this.paintOn(() => this.store.scene.value, () => this.paint());
  }

  /** The groups that the search and what is folded away leave; in the view of the blocked, only those. */
  groups() {
    const { store } = this;
    const data = store.data.peek();
    store.weighed();
    if (data === null) return [];
    const { search } = store;
    const [shown, view] = [store.shown.peek(), store.view.peek()];
    return data.grouping.at(store.fold.last).filter((group) => {
      if ((group.system && !shown.system) || (group.idle && !shown.idle)) return false;
      if (view === "blocked" && group.state !== "waiting") return false;
      if (search === null) return true;
      return [group.where, group.entry, group.createdBy, group.lane, ...group.labels].some((name) => search.matches(name))
        || data.dictionary.framesOf(group.stack).some((frame) => search.matches(data.dictionary.functionName(frame)));
    });
  }

  paint() {
    const groups = this.groups();
    const none = this.store.query.peek() !== "" ? "No goroutine matches the search." : "No goroutines at the end of the window, beside those folded away.";
    this.table?.set(groups, none);
    this.dispatchEvent(new CustomEvent("fg-count", { detail: groups.length, bubbles: true }));
  }
}

customElements.define("fg-goroutines", Goroutines);
