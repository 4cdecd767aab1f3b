/** The timeline: what happened when; drag over it to choose a span, double-click to be live again. */

import { h, placeCard, show } from "../core/dom.js";
import { CATEGORIES } from "../model/category.js";
import { clock, count, duration, size as bytes } from "../model/format.js";
import { Scale } from "../model/scale.js";
import { Surface } from "../paint/canvas.js";
import { PALETTE, readInk } from "../paint/colour.js";
import { paintTimeline, tracks } from "../paint/timeline.js";
import { FgElement } from "./base.js";

/** @typedef {import("../core/data.js").Span} Span */
/** @typedef {import("../core/data.js").Data} Data */

const S = 1e9;
/** Time across while there is little data: the next of these, so that the picture seldom shifts. */
const ACROSS = [40 * S, 60 * S, 90 * S, 120 * S];
const GUTTER = 58;
/** A press that moves less is a click. */
const MIN_DRAG = 4;

export class Timeline extends FgElement {
  /** @type {{from: number, x: number} | null} where a drag began */
  #press = null;
  /** @type {Span | null} */
  #drag = null;
  /** @type {{x: number, y: number} | null} client pixels */
  #pointer = null;
  /** Nanoseconds across, chosen by wheel; 0: by the window. */
  #across = 0;
  time = new Scale(0, 1, 0, 1);

  build() {
    this.canvas = h("canvas", {
      class: "timeline-canvas", role: "img",
      "aria-label": "Timeline: goroutines by state, heap with goal, run queue. Drag to choose a span of time.",
    });
    this.names = ["goroutines", "heap", "run queue"].map((name) => h("div", { class: "track-name" }, h("b", {}, name), h("span")));
    this.card = h("div", { class: "card timeline-card", role: "tooltip", hidden: true });
    this.append(this.canvas, ...this.names, this.card);
    this.surface = new Surface(this.canvas, (context, size) => this.paint(context, size));
    this.restyle();
  }

  connect() {
    const { store } = this;
    const canvas = /** @type {HTMLCanvasElement} */ (this.canvas);
    this.effect(() => {
      store.scene.value;
      const still = store.paused.value !== null;
      if (!still) store.arrived.value;
      this.surface?.request();
    });
    this.listen(canvas, "pointerdown", (event) => this.press(event));
    this.listen(canvas, "pointermove", (event) => this.move(event));
    this.listen(canvas, "pointerup", () => this.release());
    this.listen(canvas, "pointercancel", () => this.cancel());
    this.listen(canvas, "pointerleave", () => {
      this.#pointer = null;
      this.surface?.request();
    });
    this.listen(canvas, "dblclick", () => store.goLive());
    this.listen(canvas, "wheel", (event) => this.wheel(event), { passive: false });
  }

  /** Reads the theme's colours and font again. */
  restyle() {
    this.ink = readInk(this);
    this.font = `11px ${getComputedStyle(this).fontFamily}`;
    this.surface?.request();
  }

  /** @param {PointerEvent} event */
  timeAt(event) {
    const left = this.canvas?.getBoundingClientRect().left ?? 0;
    return this.time.clamped(event.clientX - left);
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0) return;
    this.#press = { from: this.timeAt(event), x: event.clientX };
    this.canvas?.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.#pointer = { x: event.clientX, y: event.clientY };
    if (this.#press !== null && Math.abs(event.clientX - this.#press.x) >= MIN_DRAG) {
      const at = this.timeAt(event);
      this.#drag = { from: Math.min(this.#press.from, at), to: Math.max(this.#press.from, at) };
    }
    this.surface?.request();
  }

  release() {
    const span = this.#drag;
    this.cancel();
    if (span !== null) this.store.setSpan(span);
  }

  cancel() {
    this.#press = null;
    this.#drag = null;
    this.surface?.request();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const across = this.time.to - this.time.from;
    this.#across = Math.min(900 * S, Math.max(20 * S, across * 1.2 ** Math.sign(event.deltaY)));
    this.surface?.request();
  }

  /** The time across the canvas: up to now, or to when the display was stopped. @param {Data} data @param {number} width */
  scale(data, width) {
    const { store } = this;
    const oldest = data.ring.entries[0]?.start ?? 0;
    const end = store.paused.peek() ?? data.ring.newest?.end ?? 0;
    const shown = store.wanted();
    const early = ACROSS.find((ns) => ns >= end - oldest) ?? ACROSS[ACROSS.length - 1];
    const across = this.#across || Math.max(early, Math.min(end - oldest, 1.25 * store.window.peek() * S));
    let from = end - across;
    if (store.span.peek() !== null) from = Math.min(from, shown.from - 0.05 * (end - shown.from));
    return new Scale(from, end, 0, width - GUTTER);
  }

  /** @param {CanvasRenderingContext2D} context @param {import("../paint/canvas.js").Size} size */
  paint(context, size) {
    const { ink, font, store } = this;
    const data = store.data.peek();
    if (!ink || !font) return;
    if (data === null || data.series.n === 0) {
      context.fillStyle = ink.background;
      context.fillRect(0, 0, size.width, size.height);
      return;
    }
    this.time = this.#press === null ? this.scale(data, size.width) : this.time;
    const bounds = /** @type {HTMLCanvasElement} */ (this.canvas).getBoundingClientRect();
    const x = this.#pointer === null ? null : this.#pointer.x - bounds.left;
    paintTimeline(context, size, {
      series: data.series, ink, font, time: this.time, epoch: data.process.epoch, window: this.window(data),
      chosen: store.span.peek() !== null || store.paused.peek() !== null, drag: this.#drag,
      hover: x !== null && x < this.time.end ? x : null, marks: data.marks, gaps: data.gaps, idle: store.shown.peek().idle,
    });
    this.paintNames(data, size.height);
    this.paintCard(data, x);
  }

  /** @param {Data} data @returns {Span} */
  window(data) {
    const { from, to } = this.store.wanted();
    return { from: Math.max(from, data.ring.entries[0]?.start ?? 0), to };
  }

  /** @param {Data} data @param {number} height */
  paintNames(data, height) {
    const { states, heap, queue } = tracks(height);
    const { series } = data;
    const { to } = this.store.wanted();
    const point = Math.min(series.n - 1, series.find(to - 1));
    const user = series.counts.reduce((sum, counts) => sum + counts[point], 0);
    const texts = [
      `${count(user)} and ${count(series.idle[point])} idle`,
      `${bytes(series.at("heap.live", to))} of goal ${bytes(series.at("heap.goal", to))}`,
      count(series.at("runq.global", to) + series.at("runq.local", to)),
    ];
    [states, heap, queue].forEach((track, i) => {
      const name = this.names?.[i];
      if (name === undefined) return;
      name.style.top = `${track.top}px`;
      const value = /** @type {HTMLElement} */ (name.lastElementChild);
      if (value.textContent !== texts[i]) value.textContent = texts[i];
    });
  }

  /** @param {Data} data @param {number | null} x */
  paintCard(data, x) {
    const card = /** @type {HTMLElement} */ (this.card);
    const { series } = data;
    const at = x === null || x > this.time.end ? -1 : Math.min(series.n - 1, series.find(this.time.value(x)));
    if (at < 0 || this.#pointer === null || series.n === 0 || this.time.value(x ?? 0) < series.start[0]) {
      show(card, false);
      return;
    }
    card.replaceChildren(...this.readout(data, at));
    show(card, true);
    placeCard(card, this.#pointer.x, this.#pointer.y);
  }

  /** @param {Data} data @param {number} at index into the series @returns {Node[]} */
  readout({ series, marks, process }, at) {
    const value = (/** @type {import("../model/series.js").Name} */ name) => series.values[name][at];
    const lines = CATEGORIES.flatMap(({ id, name }, c) => series.counts[c][at] > 0
      ? [this.line(name, count(series.counts[c][at]), PALETTE[id])] : []);
    if (series.idle[at] > 0) lines.push(this.line("idle", count(series.idle[at]), this.ink?.faint));
    const rest = [
      this.line("heap live", bytes(value("heap.live"))),
      this.line("heap goal", bytes(value("heap.goal"))),
      this.line("run queue", count((value("runq.global") || 0) + (value("runq.local") || 0))),
    ];
    if (value("sched.latency.p99") > 0) rest.push(this.line("sched latency p99", duration(value("sched.latency.p99"))));
    const near = (this.time.to - this.time.from) / 150;
    const gc = marks.filter((mark) => mark.kind === "gc" && Math.abs(mark.at - series.end[at]) < near).at(-1);
    if (gc !== undefined) rest.push(this.line(`GC cycle ${gc.cycle}`, `${duration(gc.pause)} paused`, PALETTE.gc));
    return [h("div", { class: "card-name" }, clock(process.epoch + series.end[at], true)), ...lines, h("hr"), ...rest];
  }

  /** @param {string} name @param {string} text @param {string} [colour] */
  line(name, text, colour) {
    const swatch = h("i", { class: "swatch" });
    swatch.style.backgroundColor = colour ?? "transparent";
    return h("div", { class: "readout" }, swatch, h("span", {}, name), h("b", {}, text));
  }
}

customElements.define("fg-timeline", Timeline);
