/** Goroutines at the end of the window, in groups that open to their members; one of them looked at closely. */

import { h, setText, show } from "../core/dom.js";
import { BY } from "../core/goroutines.js";
import { count } from "../model/format.js";
import { plural } from "../model/words.js";
import { FgElement } from "./base.js";
import { openFrameMenu } from "./frame-menu.js";
import { GoroutineCard } from "./goroutine-card.js";
import { COLUMNS } from "./goroutine-columns.js";
import { Table } from "./table.js";

/** @typedef {import("../model/groups.js").Group} Group */
/** @typedef {import("../model/groups.js").About} About */
/** @typedef {import("../model/groups.js").By} By */
/** @typedef {import("./goroutine-columns.js").Row} Row */

/** Members of one group that are listed: more than anybody scrolls through. */
const MAX_LISTED = 5000;
/** More groups than this are laid out anew only so often, ms: nobody reads them faster. */
const MANY = 400;
const MANY_EVERY = 400;

/** What the menu of a group is about. @param {About} about @returns {import("./frame-menu.js").Subject} */
const subjectOf = ({ where, state, lane, createdBy, labels }) => ({
  function: where, ...(lane === state ? { state } : { reason: lane }), createdBy, labels,
});

class Goroutines extends FgElement {
  /** @type {Map<By, Table<Row>>} one for each way of grouping, made when it is asked for */
  #tables = new Map();
  #many = false;
  #paintedAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  build() {
    this.buttons = h("div", { class: "segmented", role: "group", "aria-label": "group by" }, ...BY.map(([id, text, title]) =>
      h("button", { type: "button", title, "data-id": id, onclick: () => this.store.goroutines.by.value = id }, text)));
    this.summary = h("span", { class: "goroutines-summary" });
    this.place = h("div", { class: "goroutines-place" });
    this.card = new GoroutineCard({
      onclose: () => this.close(),
      onreveal: (key) => this.store.reveal(key),
    });
    this.append(
      h("div", { class: "goroutines-bar" }, h("span", { class: "bar-label" }, "Group by"), this.buttons, this.summary),
      h("div", { class: "goroutines-main" }, this.place, this.card.element));
  }

  connect() {
    this.paintOn(() => [this.store.scene.value, this.store.panel.value, this.store.goroutines.by.value, this.store.goroutines.chosen.value], () => this.paint());
  }

  /** @param {By} by */
  table(by) {
    let table = this.#tables.get(by);
    if (table === undefined) {
      table = new Table(`goroutines by-${by}`, COLUMNS[by].slice(), {
        sort: "count", label: "goroutines", children: (row) => members(row, this.store.data.peek()), onselect: (row) => this.choose(row),
        onmenu: ({ about }, x, y) => openFrameMenu(this, this.store, subjectOf(about), x, y),
      });
      this.#tables.set(by, table);
    }
    return table;
  }

  /** @param {Row} row */
  choose({ member, group }) {
    if (member !== null) this.store.goroutines.toggle(member.goid);
    else if (group !== null && this.store.goroutines.by.peek() === "stack") this.store.reveal(group.key);
  }

  close() {
    this.store.goroutines.chosen.value = 0;
    this.#tables.get(this.store.goroutines.by.peek())?.element.focus();
  }

  /** Whether search, filters and what is folded away leave a group; in the view of the blocked, only those. */
  keeps() {
    const { store } = this;
    const data = store.data.peek();
    const { search, filters: { filter } } = store;
    const [shown, view] = [store.shown.peek(), store.view.peek()];
    return (/** @type {About} */ about) => {
      if (data === null || (about.system && !shown.system) || (about.idle && !shown.idle)) return false;
      if (view === "blocked" && about.state !== "waiting") return false;
      if (filter !== null && !filter.keeps(data.reading, about.key)) return false;
      if (search === null) return true;
      return [about.where, about.entry, about.createdBy, about.lane, ...about.labels].some((name) => search.matches(name))
        || data.dictionary.framesOf(about.stack).some((frame) => search.matches(data.dictionary.functionName(frame)));
    };
  }

  /** @returns {Group[]} */
  groups() {
    const { store } = this;
    const data = store.data.peek();
    store.weighed();
    if (data === null) return [];
    const { last } = store.fold;
    const first = data.ring.entries[data.ring.find(store.shownSpan.from)];
    return data.grouping.at(last, {
      by: store.goroutines.by.peek(), before: first, members: data.members.at(last?.end ?? 0), keeps: memo(this.keeps()),
    });
  }

  paint() {
    const { store } = this;
    if (this.hidden || this.place === undefined || this.#putOff()) return;
    const by = store.goroutines.by.peek();
    const groups = this.groups();
    const table = this.table(by);
    if (table.element.parentElement === null) this.place.replaceChildren(table.element);
    for (const button of /** @type {HTMLElement[]} */ ([...(this.buttons?.children ?? [])])) {
      button.setAttribute("aria-pressed", String(button.dataset.id === by));
    }
    table.set(groups.map((group) => ({ id: group.id, group, member: null, about: group })), this.none(by));
    this.#many = groups.length > MANY;
    this.paintSummary(groups);
    const data = store.data.peek();
    const span = store.fold.span;
    if (data !== null) this.card?.show(data, store.goroutines.chosen.peek(), { from: span.start, to: span.end });
    this.dispatchEvent(new CustomEvent("fg-count", { detail: groups.length, bubbles: true }));
  }

  /** Whether to paint later, because it is much and was done a moment ago. */
  #putOff() {
    clearTimeout(this.#later);
    const wait = this.#many ? this.#paintedAt + MANY_EVERY - performance.now() : 0;
    if (wait > 0) this.#later = setTimeout(() => this.isConnected && this.paint(), wait);
    else this.#paintedAt = performance.now();
    return wait > 0;
  }

  /** @param {By} by */
  none(by) {
    const task = this.store.process.peek()?.task ?? "goroutine";
    if (this.store.query.peek() !== "" || this.store.filters.filter !== null) return `No ${task} matches the search and the filters.`;
    if (by === "on") return `No ${task} that is followed one by one waits, beside those folded away.`;
    return `No ${plural(task)} at the end of the window, beside those folded away.`;
  }

  /** @param {Group[]} groups */
  paintSummary(groups) {
    const all = groups.reduce((sum, group) => sum + group.count, 0);
    const { members, members_of: of } = this.store.data.peek()?.sampler ?? {};
    const part = members < of ? ` · ${count(members)} of ${count(of)} are followed one by one` : "";
    const text = `${count(all)} ${all === 1 ? this.store.process.peek()?.task : this.store.tasks} in ${count(groups.length)} ${groups.length === 1 ? "group" : "groups"}${part}`;
    if (this.summary) setText(this.summary, groups.length === 0 ? "" : text);
    if (this.summary) show(this.summary, true);
  }
}

/** The rows of a group's members, who have waited longest first. @param {Row} row @param {import("../core/data.js").Data | null} data @returns {Row[] | null} */
function members({ id, group }, data) {
  if (group === null || data === null) return null;
  const sorted = [...group.members].sort((a, b) => b.wait - a.wait || a.goid - b.goid).slice(0, MAX_LISTED);
  return sorted.map((member) => ({ id: `${id}#${member.goid}`, group: null, member, about: data.grouping.describe(member.now.key) }));
}

/** Asks once of each key. @param {(about: About) => boolean} keeps */
function memo(keeps) {
  /** @type {Map<number, boolean>} */
  const known = new Map();
  return (/** @type {About} */ about) => {
    let answer = known.get(about.key);
    if (answer === undefined) known.set(about.key, (answer = keeps(about)));
    return answer;
  };
}

customElements.define("fg-goroutines", Goroutines);
