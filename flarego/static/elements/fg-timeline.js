/** The timeline: what happened when; drag over it to choose a span, double-click to be live again. */

import { h, setText, show } from "../core/dom.js";
import { count, duration } from "../model/format.js";
import { Scale } from "../model/scale.js";
import { DEFAULT_TRACKS, FEW_TRACKS, TRACKS } from "../model/tracks.js";
import { capital } from "../model/words.js";
import { Surface } from "../paint/canvas.js";
import { readInk } from "../paint/colour.js";
import { paintOverlay } from "../paint/overlay.js";
import { layoutTimeline, paintTimeline, paintTitles } from "../paint/timeline.js";
import { FgElement } from "./base.js";
import { TimelineCard, sentence } from "./timeline-card.js";
import { Edges, keyStep, moveEdge } from "./timeline-edges.js";
import { Gestures } from "./timeline-gestures.js";

/** Engines that are none of ours. */
const TOLD = new Set(["otlp", "pyroscope", "json", "import"]);

/** @typedef {import("../core/data.js").Span} Span */
/** @typedef {import("../core/data.js").Data} Data */
/** @typedef {import("../paint/canvas.js").Size} Size */

/** Titles stand beside the tracks from this width on, pixels. */
const WIDE = 760;
const GUTTER = { left: 172, right: 58 };
const NARROW = { left: 0, right: 46 };
const NARROW_SCALE = 0.85;
/** Marks so near to the pointer are read out, pixels. */
const NEAR = 5;
const ZOOM_STEP = 1.2;

export class Timeline extends FgElement {
  /** @type {{x: number, y: number} | null} client pixels */
  #pointer = null;
  /** The time the keyboard's cursor is at; null: there is none. @type {number | null} */
  #cursor = null;
  /** Where a span chosen by keyboard began. */
  #anchor = 0;
  #picture = document.createElement("canvas");
  #painted = "";
  time = new Scale(0, 1, 0, 1);
  layout = layoutTimeline([], false);
  /** Milliseconds the last painting took: of everything, and of what follows the pointer. For measurements. */
  cost = { all: 0, overlay: 0 };

  get view() {
    return this.store.timeline;
  }

  build() {
    this.canvas = h("canvas", {
      class: "timeline-canvas", tabIndex: 0, role: "slider", "aria-label": "Timeline. Arrows read out a moment, with Shift they choose a span",
      "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "no moment read out yet",
    });
    this.edges = new Edges((edge, event) => this.moveEdge(edge, event));
    this.card = new TimelineCard();
    this.back = h("button", { type: "button", class: "timeline-back", hidden: true, title: "Back to live (End)", onclick: () => this.store.goLive() });
    this.choices = h("div", { class: "timeline-choices" }, ...TRACKS.map(({ id, title, hint }) => h("label", { title: hint },
      h("input", { type: "checkbox", "data-id": id, onchange: () => this.view.toggle(id, this.shown()) }), title)));
    this.menu = h("details", { class: "timeline-menu" }, h("summary", { title: "Choose what the timeline shows" }, "Tracks"), this.choices);
    this.pin = h("button", {
      type: "button", class: "timeline-pin", title: "Pin what is shown as A, and compare what is shown next with it (b)", onclick: () => this.store.compare.pinA(),
    }, "Compare");
    this.rows = h("div", { class: "timeline-rows" }, this.canvas, ...this.edges.elements);
    this.append(this.rows, h("div", { class: "timeline-tools" }, this.menu, this.pin), this.back, this.card.element);
    this.surface = new Surface(this.canvas, (context, size) => this.paint(context, size));
    this.gestures = new Gestures(this);
    this.restyle();
  }

  connect() {
    const { store } = this;
    const canvas = /** @type {HTMLCanvasElement} */ (this.canvas);
    this.effect(() => {
      store.scene.value;
      store.arrived.value;
      this.view.held.value;
      this.view.across.value;
      this.surface?.request();
    });
    this.effect(() => {
      this.view.tracks.value;
      this.arrange();
    });
    const observer = new ResizeObserver(() => this.arrange());
    observer.observe(this);
    this.listen(canvas, "pointerdown", (event) => this.gestures?.press(event, canvas));
    this.listen(canvas, "pointermove", (event) => this.move(event));
    this.listen(canvas, "pointerup", () => this.release());
    this.listen(canvas, "pointercancel", () => this.leave());
    this.listen(canvas, "pointerleave", () => this.leave());
    this.listen(canvas, "dblclick", () => store.goLive());
    this.listen(canvas, "wheel", (event) => this.wheel(event), { passive: false });
    this.listen(canvas, "keydown", (event) => this.key(event));
    this.listen(canvas, "blur", () => this.setCursor(null));
    this.listen(this, "focusout", ({ relatedTarget }) => {
      if (this.menu?.open && !this.menu.contains(relatedTarget)) this.menu.open = false;
    });
  }

  /** Reads the theme's colours and font again. */
  restyle() {
    this.ink = readInk(this);
    this.family = getComputedStyle(this).fontFamily;
    this.#painted = "";
    this.surface?.request();
  }

  /** Ids of the tracks shown. @returns {readonly string[]} */
  shown() {
    return this.view.tracks.peek() ?? (this.clientWidth >= WIDE && !this.isTold() ? DEFAULT_TRACKS : FEW_TRACKS);
  }

  /** Whether others tell of the process: its scheduler and heap are not known then, or not always. */
  isTold() {
    return TOLD.has(this.store.process.value?.engine.name ?? "");
  }

  /** Makes room for the tracks shown. */
  arrange() {
    const shown = this.shown();
    const wide = this.clientWidth >= WIDE;
    const tracks = TRACKS.filter(({ id }) => shown.includes(id));
    const named = tracks.map((track) => track.id === "goroutines" ? { ...track, title: capital(this.store.tasks) } : track);
    this.layout = layoutTimeline(named, true, wide ? 1 : NARROW_SCALE);
    const app = /** @type {HTMLElement | null} */ (this.closest("fg-app"));
    app?.style.setProperty("--timeline", `${this.layout.height + 1}px`);
    if (this.rows) this.rows.style.height = `${this.layout.height}px`;
    for (const input of /** @type {Iterable<HTMLInputElement>} */ (this.choices?.querySelectorAll("input") ?? [])) {
      input.checked = shown.includes(input.dataset.id ?? "");
    }
    this.#painted = "";
    this.surface?.request();
  }

  /** Where a pointer is on the canvas. @param {MouseEvent} event */
  place(event) {
    const bounds = /** @type {HTMLCanvasElement} */ (this.canvas).getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.#pointer = { x: event.clientX, y: event.clientY };
    this.gestures?.move(event);
    const gesture = this.gestures?.gestureAt(event) ?? "";
    if (this.canvas && event.buttons === 0) this.canvas.dataset.gesture = gesture;
    this.surface?.request();
  }

  release() {
    const { span = null, clicked = null } = this.gestures?.release() ?? {};
    if (span !== null) this.choose(span);
    else if (clicked !== null) this.seek(clicked);
    this.surface?.request();
  }

  /** @param {Span} span */
  choose(span) {
    this.view.hold();
    this.store.setSpan(span);
  }

  /** Goes to a time, where the display stands still or replays. @param {number} time */
  seek(time) {
    this.view.seek(time);
  }

  leave() {
    this.gestures?.cancel();
    this.#pointer = null;
    this.surface?.request();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const { x } = this.place(event);
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.view.pan(((event.deltaX || event.deltaY) / this.time.factor) || 0);
    } else {
      this.view.zoom(ZOOM_STEP ** Math.sign(event.deltaY), this.time.clamped(x));
    }
    event.preventDefault();
    this.surface?.request();
  }

  /** @param {"from" | "to"} edge @param {KeyboardEvent} event */
  moveEdge(edge, event) {
    const span = this.store.span.peek();
    const by = keyStep(event, this.time);
    if (span === null || by === 0) return;
    event.preventDefault();
    this.choose(moveEdge(span, edge, event.shiftKey ? 10 * by : by, this.view.whole));
  }

  /** Arrows move the cursor, with Shift they choose the span from where it was. @param {KeyboardEvent} event */
  key(event) {
    const by = keyStep(event, this.time);
    const at = this.#cursor ?? this.store.wanted().to;
    if (event.key === "Enter" && this.#cursor !== null) this.seek(this.#cursor);
    if (by === 0) return;
    event.preventDefault();
    const { whole } = this.view;
    const next = Math.min(whole.to, Math.max(whole.from, at + by));
    if (!event.shiftKey || this.#cursor === null) this.#anchor = event.shiftKey ? at : next;
    if (event.shiftKey && next !== this.#anchor) this.choose({ from: Math.min(next, this.#anchor), to: Math.max(next, this.#anchor) });
    if (next < this.time.from || next > this.time.to) this.view.centre(next);
    this.setCursor(next);
  }

  /** @param {number | null} time */
  setCursor(time) {
    this.#cursor = time;
    this.surface?.request();
  }

  /** The scale of what is across; following, it moves by whole pixels. @param {number} width */
  scale(width) {
    const gutter = width >= WIDE ? GUTTER : NARROW;
    const [left, right] = [gutter.left, width - gutter.right];
    const { from, to } = this.view.range;
    const pixel = (to - from) / (right - left);
    const end = this.view.held.peek() === null ? Math.ceil(to / pixel) * pixel : to;
    return new Scale(end - (to - from), end, left, right);
  }

  /** @param {CanvasRenderingContext2D} context @param {Size} size */
  paint(context, size) {
    const started = performance.now();
    const data = this.store.data.peek();
    const { ink } = this;
    if (!ink) return;
    if (data === null || this.view.whole.to === 0) {
      context.fillStyle = ink.background;
      context.fillRect(0, 0, size.width, size.height);
      return;
    }
    const moving = this.gestures?.active && this.gestures.draft !== null;
    if (!moving) this.time = this.scale(size.width);
    this.paintPicture(data, size);
    context.drawImage(this.#picture, 0, 0, size.width, size.height);
    const between = performance.now();
    this.paintOver(context, data);
    this.cost = { all: performance.now() - started, overlay: performance.now() - between };
  }

  /** Paints what does not follow the pointer, when it has changed. @param {Data} data @param {Size} size */
  paintPicture(data, size) {
    const { time, layout, ink, family } = this;
    const series = this.view.series(time);
    if (!ink || !family || series === null) return;
    const idle = this.store.shown.peek().idle;
    const point = series.find(this.store.wanted().to - 1);
    const key = [data.series.version, series === data.series, time.from, time.to, size.width, size.height, size.ratio, idle, point,
      data.marks.length, layout.places.length].join();
    if (key === this.#painted) return;
    this.#painted = key;
    const { width, height, ratio } = size;
    this.#picture.width = Math.round(width * ratio);
    this.#picture.height = Math.round(height * ratio);
    const context = /** @type {CanvasRenderingContext2D} */ (this.#picture.getContext("2d", { alpha: false }));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintTimeline(context, size, {
      series, marks: data.marks, ink, family, time, whole: this.view.whole, epoch: data.process.epoch, idle, layout,
      coarse: this.view.series(this.view.whole) ?? series, point: Math.min(series.n - 1, point),
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {Data} data */
  paintOver(context, data) {
    const { time, layout, ink, family, store } = this;
    if (!ink || !family) return;
    const { epoch } = data.process;
    const draft = this.gestures?.draft ?? null;
    const span = draft ?? store.span.peek();
    const x = this.hovered();
    paintOverlay(context, {
      time, layout, ink, family, epoch, window: span ?? this.window(), chosen: span !== null, hover: x,
      playhead: this.view.replay?.playhead ?? null, pins: this.view.pins(), limit: time.end - (this.back?.offsetWidth ?? 0),
    });
    const rows = { top: layout.places[0]?.top ?? 0, height: layout.axis - (layout.places[0]?.top ?? 0) };
    if (time.start === 0) this.titles(context);
    this.edges?.place(store.span.peek(), time, this.view.whole, epoch, rows);
    this.paintBack(data);
    this.readOut(data, x);
  }

  /** The time shown, as far as anything is known of it. @returns {Span} */
  window() {
    const { from, to } = this.store.wanted();
    return { from: Math.max(from, this.view.whole.from), to };
  }

  /** On a narrow page titles stand on the data: above what veils it. @param {CanvasRenderingContext2D} context */
  titles(context) {
    const { time, layout, ink, family } = this;
    const series = this.view.series(time);
    if (!ink || !family || series === null || !this.surface) return;
    const point = Math.min(series.n - 1, series.find(this.store.wanted().to - 1));
    paintTitles(context, this.surface.size, { layout, series, point, time, ink, family });
  }

  /** Where a moment is to be read out, pixels; the keyboard's cursor counts while the pointer is elsewhere. */
  hovered() {
    const { time } = this;
    const bounds = /** @type {HTMLCanvasElement} */ (this.canvas).getBoundingClientRect();
    const x = this.#pointer !== null ? this.#pointer.x - bounds.left : this.#cursor !== null ? time.pixel(this.#cursor) : null;
    return x !== null && x >= time.start && x <= time.end ? x : null;
  }

  /** @param {Data} data @param {number | null} x */
  readOut(data, x) {
    const series = this.view.series(this.time);
    const at = x === null ? this.store.wanted().to - 1 : this.time.value(x);
    if (series === null) return;
    const tracks = this.layout.places.map(({ track }) => track);
    const near = NEAR / this.time.factor;
    const marks = x === null ? [] : data.marks.filter((mark) => Math.abs(mark.at - at) < near);
    const moment = { series, point: series.pointAt(at), tracks, epoch: data.process.epoch, idle: this.store.shown.peek().idle, marks };
    if (this.#cursor !== null) this.describe(moment, at);
    if (x === null || moment.point < 0 || !this.ink || this.gestures?.active) return this.card?.hide();
    const bounds = /** @type {HTMLCanvasElement} */ (this.canvas).getBoundingClientRect();
    this.card?.show(moment, this.ink, this.#pointer ?? { x: bounds.left + x, y: bounds.bottom - 40 });
  }

  /** Tells screen readers where the cursor is. @param {import("./timeline-card.js").Moment} moment @param {number} at */
  describe(moment, at) {
    const { whole } = this.view;
    this.canvas?.setAttribute("aria-valuemin", String(Math.round(whole.from / 1e6)));
    this.canvas?.setAttribute("aria-valuemax", String(Math.round(whole.to / 1e6)));
    this.canvas?.setAttribute("aria-valuenow", String(Math.round(at / 1e6)));
    this.canvas?.setAttribute("aria-valuetext", sentence(moment));
  }

  /** What has come since what is shown, as the way back to it. @param {Data} data */
  paintBack(data) {
    const { store, back } = this;
    if (!back) return;
    const from = store.span.peek()?.to ?? store.paused.peek();
    const still = from !== null || this.view.held.peek() !== null;
    show(back, still && !this.view.recorded);
    if (!still) return;
    const newest = data.series.span.to;
    const since = newest - (from ?? newest);
    const { task } = data.process;
    const seconds = data.series.sum("wall", from ?? newest, newest) / 1e9;
    setText(back, since > 0 ? `▸ live   +${count(seconds)} ${task}-seconds in ${duration(Math.round(since / 1e8) * 1e8)}` : "▸ live");
  }
}

customElements.define("fg-timeline", Timeline);
