/** Wait-for: which channel or lock holds how many goroutines, who they are, and who could let them go. */

import { h, setText, show } from "../core/dom.js";
import { clock, count, duration, labels, shortPlace } from "../model/format.js";
import { deadlockedSince, most, waitedFor } from "../model/waitfor.js";
import { FgElement } from "./base.js";
import { colourOf, waited } from "./goroutine-columns.js";
import { Table } from "./table.js";

/** @typedef {import("../model/waitfor.js").WaitedFor} WaitedFor */
/** @typedef {import("../model/members.js").MemberAt} MemberAt */
/** @typedef {{id: string, object: WaitedFor | null, member: MemberAt | null, about: import("../model/groups.js").About}} Row */

/** @type {import("./table.js").Column<Row>[]} */
const COLUMNS = [
  {
    id: "count", title: "Waiting", number: true, value: ({ object }) => object?.count ?? 0, hint: "Goroutines; in an open row, their ids",
    cell: ({ object, member }) => ({ text: object ? count(object.count) : `#${member?.goid}` }),
  },
  {
    id: "kind", title: "On", value: ({ object }) => `${object?.kind}${object?.address}`,
    cell: ({ object, about }) => object
      ? { text: object.kind, minor: object.address, colour: colourOf(about.category) }
      : { text: about.lane, colour: colourOf(about.category) },
  },
  {
    id: "lanes", title: "Doing", value: ({ object }) => most(object?.lanes ?? [])[0]?.[0] ?? "", hint: "What those that are followed one by one do there",
    cell: ({ object }) => ({ text: most(object?.lanes ?? []).map(([lane, n]) => `${n} ${lane}`).join(", "), minor: object?.facts ?? "" }),
  },
  {
    id: "longest", title: "Longest wait", number: true, value: ({ object, member }) => object?.longest ?? member?.wait ?? 0,
    hint: "Time since flarego first saw one of them there; it may be longer",
    cell: ({ object, member }) => ({ text: member ? waited(member) : object && object.longest > 0 ? duration(object.longest) : "under 1 s", title: "since flarego first saw it there" }),
  },
  {
    id: "verdict", title: "Who could let them go", value: ({ object }) => object?.verdict ?? "",
    cell: ({ object }) => ({ text: object?.verdict ?? "", title: object?.verdict ?? "" }),
  },
  {
    id: "where", title: "Waits in", value: ({ about }) => about.where,
    cell: ({ about }) => ({ text: labels(about.where)[0], minor: shortPlace(about.place), title: `${about.where}\n${about.place}` }),
  },
  {
    id: "created", title: "Created by", value: ({ object, about }) => most(object?.creators ?? [])[0]?.[0] ?? about.createdBy,
    cell: ({ object, about }) => {
      const creators = most(object?.creators ?? []);
      const [name] = creators[0] ?? [about.createdBy];
      return { text: labels(name)[0], minor: creators.length > 1 ? `and ${creators.length - 1} more` : "", title: creators.map(([by, n]) => `${n}: ${by}`).join("\n") };
    },
  },
];

class Waits extends FgElement {
  build() {
    this.alarm = h("p", { class: "deadlock", role: "alert", hidden: true });
    this.summary = h("p", { class: "panel-summary" },
      "Go does not record who holds a mutex, nor who would have sent: nobody is named here on a guess.");
    /** @type {Table<Row>} */
    this.table = new Table("waits", COLUMNS, {
      sort: "count", label: "what goroutines wait on", children: ({ object }) => this.members(object), onselect: (row) => this.choose(row),
    });
    this.append(this.alarm, this.table.element, this.summary);
  }

  connect() {
    this.paintOn(() => [this.store.scene.value, this.store.panel.value], () => this.paint());
  }

  /** @param {Row} row */
  choose({ member, about }) {
    if (member === null) return this.store.reveal(about.key);
    this.store.goroutines.chosen.value = member.goid;
    this.store.panel.value = "goroutines";
  }

  /** @param {WaitedFor | null} object @returns {Row[] | null} */
  members(object) {
    const data = this.store.data.peek();
    if (object === null || data === null) return null;
    return [...object.waiters].sort((a, b) => b.wait - a.wait).map((member) =>
      ({ id: `${object.id}#${member.goid}`, object: null, member, about: data.grouping.describe(member.now.key) }));
  }

  /** @param {import("../core/data.js").Data} data @returns {Row[]} */
  rows(data) {
    const { search, fold, filters: { filter } } = this.store;
    const members = data.members.at(fold.last?.end ?? 0);
    return waitedFor({ waits: fold.recent("waits"), members, grouping: data.grouping })
      .map((object) => ({ id: object.id, object, member: null, about: object.about }))
      .filter(({ object, about }) => (filter === null || filter.keeps(data.reading, about.key))
        && (search === null || [object.kind, object.address, ...object.lanes.keys(), ...object.creators.keys()].some((name) => search.matches(name))
          || data.dictionary.framesOf(about.stack).some((frame) => search.matches(data.dictionary.functionName(frame)))));
  }

  paint() {
    const data = this.store.data.peek();
    if (this.hidden || data === null) return;
    this.store.weighed();
    const rows = this.rows(data);
    const { last } = this.store.fold;
    const entries = last === undefined ? [] : data.ring.entries.slice(0, data.ring.entries.lastIndexOf(last) + 1);
    const since = deadlockedSince(entries, data.grouping);
    const alarm = /** @type {HTMLElement} */ (this.alarm);
    show(alarm, since !== null);
    if (since !== null && last !== undefined) {
      setText(alarm, `Deadlock, since ${clock(data.process.epoch + since)} at the latest (${duration(last.end - since)}): all goroutines of the program wait on `
        + "channels and locks; none runs, is in a system call or waits for I/O, and no timer is set. Nothing in Go is left to wake one; only C code could.");
    }
    const narrowed = this.store.query.peek() !== "" || this.store.filters.filter !== null;
    this.table?.set(rows, narrowed ? "No wait matches the search and the filters." : "No channel or lock has more than one goroutine waiting on it.");
    this.dispatchEvent(new CustomEvent("fg-count", { detail: rows.length, bubbles: true }));
  }
}

customElements.define("fg-waits", Waits);
