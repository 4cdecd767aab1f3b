/** The scheduler: what runs on each processor (P) and waits for it, and who is in a system call. */

import { h, setText } from "../core/dom.js";
import { count, labels, shortPlace } from "../model/format.js";
import { FgElement } from "./base.js";
import { colourOf, waited } from "./goroutine-columns.js";
import { Table } from "./table.js";

/** @typedef {import("../core/chunk.js").Processor} Processor */
/** @typedef {import("../model/groups.js").About} About */
/** @typedef {Processor & {key: string, perSecond: number, about: About | null}} Seat */
/** @typedef {{id: string, about: About, member: import("../model/members.js").MemberAt}} Caller */

/** A local run queue holds 256 (runtime/runtime2.go, p.runq). */
const QUEUE = 256;
const MAX_SHOWN = 1024;
const STATUS_COLOUR = Object.freeze({ running: "#7fd9a0", syscall: "#de9d31", gcstop: "#b078a0" });

/** @type {import("./table.js").Column<{id: string, seat: Seat}>[]} */
const SEATS = [
  {
    id: "id", title: "P", number: true, hint: "Go's number of the processor", value: ({ seat }) => -seat.id,
    cell: ({ seat }) => ({ text: `P${seat.id}` }),
  },
  {
    id: "status", title: "Status", value: ({ seat }) => seat.status,
    cell: ({ seat }) => ({ text: seat.status, colour: STATUS_COLOUR[/** @type {keyof typeof STATUS_COLOUR} */ (seat.status)] ?? "" }),
  },
  {
    id: "goroutine", title: "Goroutine", number: true, value: ({ seat }) => seat.goroutine,
    cell: ({ seat }) => ({ text: seat.goroutine > 0 ? `#${seat.goroutine}` : "" }),
  },
  {
    id: "where", title: "Runs", value: ({ seat }) => seat.about?.where ?? "",
    cell: ({ seat: { about, status, goroutine } }) => {
      if (about === null) return { text: "", minor: goroutine > 0 ? "not followed" : status === "running" ? "the scheduler, or between two" : "" };
      return { text: labels(about.where)[0], minor: shortPlace(about.place), title: `${about.where}\n${about.place}\nwhen last listed` };
    },
  },
  {
    id: "queue", title: "Queue", number: true, hint: "Goroutines that wait for this processor", value: ({ seat }) => seat.runq,
    cell: ({ seat }) => ({ text: count(seat.runq) }),
    draw: (into, { seat }) => meter(into, seat.runq / QUEUE),
  },
  {
    id: "rate", title: "Switches/s", number: true, hint: "Goroutines it took up a second", value: ({ seat }) => seat.perSecond || 0,
    cell: ({ seat }) => ({ text: Number.isNaN(seat.perSecond) ? "" : count(seat.perSecond) }),
  },
  {
    id: "timers", title: "Timers", number: true, value: ({ seat }) => seat.timers,
    cell: ({ seat }) => ({ text: seat.timers < 0 ? "" : count(seat.timers) }),
  },
  {
    id: "thread", title: "Thread", number: true, hint: "Operating system's id of the thread that has it", value: ({ seat }) => seat.thread,
    cell: ({ seat }) => ({ text: seat.thread > 0 ? String(seat.thread) : "" }),
  },
];

/** @type {import("./table.js").Column<Caller>[]} */
const CALLERS = [
  { id: "goid", title: "Goroutine", number: true, value: ({ member }) => member.goid, cell: ({ member }) => ({ text: `#${member.goid}` }) },
  {
    id: "wait", title: "In the call for", number: true, value: ({ member }) => member.wait, hint: "Since flarego first saw it there",
    cell: ({ member }) => ({ text: waited(member) }),
  },
  {
    id: "where", title: "Called from", value: ({ about }) => about.where,
    cell: ({ about }) => ({
      text: labels(about.where)[0], minor: `${shortPlace(about.place)}${about.inside && ` › ${labels(about.inside)[0]}`}`,
      colour: colourOf(about.category), title: `${about.where}\n${about.place}`,
    }),
  },
  { id: "created", title: "Created by", value: ({ about }) => about.createdBy, cell: ({ about }) => ({ text: labels(about.createdBy)[0], minor: shortPlace(about.createdPlace), title: about.createdBy }) },
];

/** @param {HTMLElement} into @param {number} share 0..1 */
function meter(into, share) {
  if (into.firstElementChild === null) into.append(h("i", { class: "queue-bar" }));
  /** @type {HTMLElement} */ (into.firstElementChild).style.width = `${Math.round(100 * Math.min(1, share))}%`;
}

class Processors extends FgElement {
  build() {
    this.summary = h("p", { class: "panel-summary" });
    const choose = (/** @type {number} */ goid) => {
      if (goid === 0) return;
      this.store.goroutines.chosen.value = goid;
      this.store.panel.value = "goroutines";
    };
    /** @type {Table<{id: string, seat: Seat}>} */
    this.seats = new Table("processors", SEATS, { sort: "id", label: "processors", onselect: ({ seat }) => choose(seat.goroutine) });
    /** @type {Table<Caller>} */
    this.callers = new Table("syscalls", CALLERS, { sort: "wait", label: "goroutines in system calls", onselect: ({ member }) => choose(member.goid) });
    this.append(this.summary, h("div", { class: "scheduler-halves" },
      h("section", {}, h("h2", {}, "Processors"), this.seats.element),
      h("section", {}, h("h2", {}, "In system calls and C code"), this.callers.element)));
  }

  connect() {
    this.paintOn(() => [this.store.scene.value, this.store.panel.value], () => this.paint());
  }

  /** @param {import("../core/data.js").Data} data @returns {Seat[]} */
  seated(data) {
    const { fold } = this.store;
    const now = fold.recent("processors");
    const { entries } = data.ring;
    const at = entries.findLastIndex(({ processors }) => processors === now);
    const before = entries.slice(0, Math.max(0, at)).findLast(({ processors }) => processors !== null);
    const seconds = at < 0 || before === undefined ? NaN : (entries[at].end - before.end) / 1e9;
    const time = fold.last?.end ?? 0;
    const members = new Map(now.some(({ goroutine }) => goroutine > 0) ? data.members.at(time).map((member) => [member.goid, member]) : []);
    return now.slice(0, MAX_SHOWN).map((processor) => {
      const then = before?.processors?.find(({ id }) => id === processor.id);
      const member = members.get(processor.goroutine);
      return {
        ...processor, key: String(processor.id), about: member === undefined ? null : data.grouping.describe(member.now.key),
        perSecond: then === undefined ? NaN : Math.max(0, (processor.schedtick - then.schedtick) / seconds),
      };
    });
  }

  paint() {
    const data = this.store.data.peek();
    if (this.hidden || data === null) return;
    this.store.weighed();
    const { fold } = this.store;
    const seats = this.seated(data);
    const value = (/** @type {import("../model/series.js").Name} */ name) => count(data.series.at(name, fold.span.end));
    const facts = [
      `${value("processors")} processors, ${value("processors.idle")} idle`,
      `${value("threads")} threads, ${value("threads.idle")} idle, ${value("threads.spinning")} spinning`,
      `global queue ${value("runq.global")}`,
    ];
    if (this.summary) setText(this.summary, facts.join("  ·  "));
    this.seats?.set(seats.map((seat) => ({ id: seat.key, seat })), "The processors have not been read yet.");
    const callers = data.members.at(fold.last?.end ?? 0)
      .map((member) => ({ id: String(member.goid), member, about: data.grouping.describe(member.now.key) }))
      .filter(({ about }) => about.state === "syscall");
    this.callers?.set(callers, "No goroutine is in a system call.");
    this.dispatchEvent(new CustomEvent("fg-count", { detail: seats.length, bubbles: true }));
  }
}

customElements.define("fg-processors", Processors);
