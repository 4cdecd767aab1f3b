/** Memory: the heap against its goal and limit, what allocates, and every garbage collection of the window. */

import { h, setText, show } from "../core/dom.js";
import { collections } from "../model/collections.js";
import { clock, count, duration, share, size } from "../model/format.js";
import { FgElement } from "./base.js";
import { drawBars } from "./spark.js";
import { Table } from "./table.js";

/** @typedef {import("../model/collections.js").Collection} Collection */
/** @typedef {import("../model/series.js").Name} Name */

/** @param {number} bytes */
const sized = (bytes) => (Number.isNaN(bytes) ? "" : size(bytes));
/** @param {number} ns */
const lasting = (ns) => (Number.isNaN(ns) ? "" : duration(ns));

const COLUMNS = /** @type {import("./table.js").Column<Collection & {clock: string}>[]} */ ([
  { id: "cycle", title: "Cycle", number: true, value: (row) => row.cycle, cell: (row) => ({ text: count(row.cycle) }) },
  { id: "at", title: "Ended at", number: true, value: (row) => row.at, cell: (row) => ({ text: row.clock }) },
  { id: "since", title: "After", number: true, hint: "Time since the end of the cycle before", value: (row) => row.since || 0, cell: (row) => ({ text: lasting(row.since) }) },
  { id: "pause", title: "Pause", number: true, hint: "Time for which all goroutines were stopped", value: (row) => row.pause, cell: (row) => ({ text: duration(row.pause) }) },
  { id: "before", title: "Before", number: true, hint: "Heap in use, when it was last read before the end (up to 0.2 s)", value: (row) => row.before || 0, cell: (row) => ({ text: sized(row.before) }) },
  { id: "live", title: "Live after", number: true, hint: "What the cycle found to be in use", value: (row) => row.live || 0, cell: (row) => ({ text: sized(row.live), minor: row.live < row.before ? `−${share(row.before - row.live, row.before)}` : "" }) },
  { id: "goal", title: "Next goal", number: true, hint: "Heap at which the next cycle should end", value: (row) => row.goal || 0, cell: (row) => ({ text: sized(row.goal) }) },
  { id: "assist", title: "Assist CPU", number: true, hint: "CPU time of goroutines that had to help because they allocate", value: (row) => row.assist || 0, cell: (row) => ({ text: row.assist > 0 ? duration(row.assist) : Number.isNaN(row.assist) ? "" : "none" }) },
]);

/** What is said above the table. */
const FACTS = /** @type {const} */ (["Heap in use", "Goal", "Limit", "Live", "Stacks", "Allocated", "Created", "Collections", "Paused"]);

class Memory extends FgElement {
  build() {
    this.meter = h("div", { class: "heap-meter", role: "img" }, h("i", { class: "heap-used" }), h("i", { class: "heap-live" }));
    this.facts = h("dl", { class: "memory-facts" }, ...FACTS.map((name) => h("div", { "data-fact": name }, h("dt", {}, name), h("dd"))));
    this.lines = h("div", { class: "memory-lines" }, ...["heap in use", "allocation rate"].map((name) =>
      h("figure", {}, h("figcaption", {}, name), h("div", { class: "memory-line", "aria-hidden": "true" }))));
    /** @type {Table<Collection & {clock: string}>} */
    this.table = new Table("collections", COLUMNS, { sort: "cycle", label: "garbage collections" });
    this.append(h("div", { class: "memory-top" }, this.meter, this.facts, this.lines), this.table.element);
  }

  connect() {
    this.paintOn(() => [this.store.scene.value, this.store.panel.value], () => this.paint());
  }

  paint() {
    const data = this.store.data.peek();
    if (this.hidden || data === null) return;
    this.store.weighed();
    const { span } = this.store.fold;
    const seconds = Math.max(1e-9, (span.end - span.start) / 1e9);
    const rows = collections(data.marks, span.start, span.end);
    const at = (/** @type {Name} */ name) => data.series.at(name, span.end);
    const grown = (/** @type {Name} */ name) => at(name) - data.series.at(name, span.start + 1);
    const [used, goal, limit] = [at("heap.used") || at("heap.live"), at("heap.goal"), at("heap.limit")];
    const allocated = grown("heap.total_alloc");
    const created = grown("goroutines.created");
    const paused = rows.reduce((sum, row) => sum + row.pause, 0);
    const longest = rows.reduce((most, row) => Math.max(most, row.pause), 0);
    this.tell({
      "Heap in use": size(used), Goal: goal > 0 ? `${size(goal)}, ${share(used, goal)} of it in use` : "", Limit: limit > 0 ? size(limit) : "",
      Live: at("heap.live") > 0 ? `${size(at("heap.live"))} after the last cycle` : "", Stacks: size(at("stacks")),
      Allocated: allocated > 0 ? `${size(allocated / seconds)}/s` : "", Created: created >= 0 ? `${(created / seconds).toFixed(created / seconds < 10 ? 1 : 0)} goroutines/s` : "",
      Collections: `${count(rows.length)} in ${duration(span.end - span.start)}`, Paused: rows.length > 0 ? `${duration(paused)} in all, ${duration(longest)} at most` : "",
    });
    this.paintMeter(used, at("heap.live"), Math.max(goal, used, 1));
    this.paintLines(data, span);
    this.table?.set(rows.map((row) => ({ ...row, clock: clock(data.process.epoch + row.at, 1) })), "No garbage collection ended in this window.");
    this.dispatchEvent(new CustomEvent("fg-count", { detail: rows.length, bubbles: true }));
  }

  /** @param {Record<(typeof FACTS)[number], string>} facts "" leaves one out */
  tell(facts) {
    for (const element of /** @type {HTMLElement[]} */ ([...(this.facts?.children ?? [])])) {
      const text = facts[/** @type {(typeof FACTS)[number]} */ (element.dataset.fact)];
      show(element, text !== "");
      setText(/** @type {HTMLElement} */ (element.lastElementChild), text);
    }
  }

  /** @param {number} used @param {number} live @param {number} whole bytes */
  paintMeter(used, live, whole) {
    const [inUse, kept] = /** @type {HTMLElement[]} */ ([...(this.meter?.children ?? [])]);
    inUse.style.width = `${(100 * Math.min(used, whole)) / whole}%`;
    kept.style.width = `${(100 * Math.min(live, whole)) / whole}%`;
    this.meter?.setAttribute("aria-label", `heap: ${size(used)} in use, ${size(live)} of it live after the last cycle, of a goal of ${size(whole)}`);
  }

  /** @param {import("../core/data.js").Data} data @param {{start: number, end: number}} span */
  paintLines(data, { start, end }) {
    const times = Array.from({ length: 61 }, (_, i) => start + ((end - start) * i) / 60);
    const heap = times.map((time) => Math.round(data.series.at("heap.used", time + 1) / 1024));
    const total = times.map((time) => data.series.at("heap.total_alloc", time + 1));
    const rates = total.slice(1).map((value, i) => Math.max(0, Math.round((value - total[i]) / 1024)));
    const [heapLine, rateLine] = /** @type {HTMLElement[]} */ ([...(this.lines?.querySelectorAll(".memory-line") ?? [])]);
    drawBars(heapLine, heap);
    drawBars(rateLine, rates);
  }
}

customElements.define("fg-memory", Memory);
