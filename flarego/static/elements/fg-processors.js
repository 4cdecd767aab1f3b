/** Go's processors (Ps): what each is doing and how long its queue is. */

import { h, setText, show } from "../core/dom.js";
import { count } from "../model/format.js";
import { FgElement } from "./base.js";

/** runtime/runtime2.go: _Pidle, _Prunning, _Psyscall, _Pgcstop, _Pdead. */
const STATUS = ["idle", "running", "syscall", "GC stop", "dead"];
/** A local run queue holds 256 (runtime/runtime2.go, p.runq). */
const QUEUE = 256;
const MAX_SHOWN = 512;

class Processors extends FgElement {
  build() {
    this.summary = h("p", { class: "processors-summary" });
    this.cells = h("div", { class: "processors" });
    this.append(this.summary, this.cells);
  }

  connect() {
    this.paintOn(() => this.store.scene.value, () => this.paint());
  }

  paint() {
    const data = this.store.data.peek();
    this.store.weighed();
    const { fold } = this.store;
    const processors = fold.recent("processors").slice(0, MAX_SHOWN);
    const value = (/** @type {import("../model/series.js").Name} */ name) => count(data?.series.at(name, fold.span.end) ?? 0);
    const facts = [
      `${value("processors")} processors, ${value("processors.idle")} idle`,
      `${value("threads")} threads, ${value("threads.idle")} idle, ${value("threads.spinning")} spinning`,
      `global queue ${value("runq.global")}`,
    ];
    if (this.summary) setText(this.summary, data === null ? "" : facts.join("  ·  "));
    this.paintCells(processors);
    this.dispatchEvent(new CustomEvent("fg-count", { detail: processors.length, bubbles: true }));
  }

  /** @param {import("../core/chunk.js").Processor[]} processors */
  paintCells(processors) {
    const cells = /** @type {HTMLElement} */ (this.cells);
    while (cells.children.length < processors.length) cells.append(this.cell());
    [...cells.children].forEach((child, i) => {
      const cell = /** @type {HTMLElement} */ (child);
      const processor = processors[i];
      show(cell, processor !== undefined);
      if (processor === undefined) return;
      const status = STATUS[processor.status] ?? `status ${processor.status}`;
      cell.dataset.status = status;
      const [name, state, bar, queue] = /** @type {HTMLElement[]} */ ([...cell.children]);
      setText(name, `P${processor.id}`);
      setText(state, status);
      setText(queue, `queue ${processor.runq}`);
      /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${Math.min(100, (100 * processor.runq) / QUEUE)}%`;
      cell.title = `${count(processor.schedtick)} goroutines scheduled, ${count(processor.syscalltick)} system calls`;
    });
  }

  cell() {
    return h("div", { class: "processor" }, h("b"), h("span"), h("div", { class: "processor-bar" }, h("i")), h("span"));
  }
}

customElements.define("fg-processors", Processors);
