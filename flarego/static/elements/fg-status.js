/** The last line: how we look, what it costs, what we missed. Always there. */

import { h, setText, show } from "../core/dom.js";
import { count, duration, size } from "../model/format.js";
import { FgElement } from "./base.js";

/** The cost is a mean over so much time before what is shown ends, ns. */
const OVER = 5e9;
/** Chunks after which the cost of attaching, symbols and all, is behind us. */
const SETTLED = 25;

/** @param {number} fraction */
const percent = (fraction) => `${(100 * fraction).toFixed(fraction < 0.0995 ? 2 : 1)} %`;
/** @param {number} value */
const hertz = (value) => (value >= 10 ? count(value) : value.toFixed(1));

class Status extends FgElement {
  build() {
    const item = (/** @type {string} */ id, /** @type {string} */ title) => h("span", { class: "status-item", "data-id": id, title });
    this.items = {
      engine: item("engine", "How on-CPU stacks are taken"),
      why: item("why", "Why not a better engine"),
      scan: item("scan", "Scans of all goroutines a second, in force now"),
      oncpu: item("oncpu", "On-CPU samples a second and thread, in force now"),
      cost: item("cost", "CPU time flarego takes, of one core, and its budget"),
      goroutines: item("goroutines", "Goroutines of the target, its runtime's own included"),
      torn: item("torn", "Reads that were inconsistent and were dropped, in the last chunk"),
      lost: item("lost", "On-CPU samples lost, in the last chunk"),
      missed: item("missed", "Chunks that did not arrive; hatched on the timeline"),
      damaged: item("damaged", "Messages that could not be read"),
      behind: item("behind", "Chunks that came in while the display stands still"),
      kept: item("kept", "Data kept in this page"),
    };
    this.append(...Object.values(this.items));
  }

  connect() {
    const { store } = this;
    this.paintOn(() => [store.arrived.value, store.scene.value, store.process.value, store.connection.value], () => this.paint());
  }

  /** @param {keyof NonNullable<Status["items"]>} id @param {string} text @param {boolean} [alarm] */
  say(id, text, alarm = false) {
    const item = this.items?.[id];
    if (item === undefined) return;
    setText(item, text);
    show(item, text !== "");
    item.dataset.alarm = String(alarm);
  }

  paint() {
    const data = this.store.data.peek();
    const process = this.store.process.peek();
    const sampler = data?.sampler ?? {};
    this.say("engine", process === null ? "" : `engine ${process.engine.name}`);
    this.say("why", process?.engine.why ?? "");
    if (this.items) this.items.why.title = process?.engine.why ?? "";
    this.say("scan", "scan_hz" in sampler ? `scan ${hertz(sampler.scan_hz)} Hz` : "");
    this.say("oncpu", sampler.oncpu_hz > 0 ? `on-CPU ${hertz(sampler.oncpu_hz)} Hz` : "");
    this.sayCost(sampler, process?.budget ?? 0, data);
    this.say("goroutines", data !== null && data.goroutines > 0 ? `${count(data.goroutines)} ${this.store.tasks}` : "");
    this.say("torn", sampler.torn > 0 ? `torn ${count(sampler.torn)}` : "");
    this.say("lost", sampler.lost > 0 ? `lost ${count(sampler.lost)}` : "", true);
    this.say("missed", data !== null && data.missed > 0 ? `${count(data.missed)} chunks missed` : "", true);
    this.say("damaged", data !== null && data.damaged > 0 ? `${count(data.damaged)} messages damaged` : "", true);
    this.sayKept(data);
  }

  /** @param {Record<string, number>} sampler @param {number} budget @param {import("../core/data.js").Data | null} data */
  sayCost(sampler, budget, data) {
    const { to } = this.store.wanted();
    // After a moment without points, as a clip's summary is, what was told last has to do.
    const mean = data?.series.mean("sampler.cpu", to - OVER, to) ?? NaN;
    const cost = Number.isNaN(mean) ? sampler.cpu : mean;
    if (cost === undefined) return this.say("cost", "");
    const limit = sampler.budget || budget;
    this.say("cost", `cost ${percent(cost)}${limit > 0 ? ` of ${percent(limit)} budget` : ""}`, limit > 0 && (data?.chunks ?? 0) > SETTLED && cost > 1.5 * limit);
  }

  /** @param {import("../core/data.js").Data | null} data */
  sayKept(data) {
    const newest = data?.ring.newest;
    if (data === null || newest === undefined) return this.say("kept", ""), this.say("behind", "");
    const still = this.store.paused.peek() ?? this.store.span.peek()?.to;
    const behind = still === undefined || still === null || this.store.recording.peek() !== null ? 0 : newest.end - still;
    this.say("behind", behind > 0 ? `${duration(behind)} behind live` : "");
    this.say("kept", `${duration(newest.end - data.ring.entries[0].start)} kept, ${size(data.ring.bytes)}`);
  }
}

customElements.define("fg-status", Status);
