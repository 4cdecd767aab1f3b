/**
 * Two spans compared: A, which is pinned, and B, which is whatever is shown, live or not.
 *
 * What A weighed is kept when it is pinned, so it outlives the retention, and the process as well: the
 * same program started again is compared by the names of its functions.
 */

import { Fold } from "../model/fold.js";
import { snapshot, translate } from "../model/diff.js";
import { Signal } from "./signal.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./data.js").Data} Data */
/** @typedef {import("./data.js").Span} Span */
/** @typedef {import("../model/diff.js").Snapshot} Snapshot */
/** @typedef {import("../model/reading.js").Reading} Reading */
/** @typedef {"rate" | "absolute" | "share"} Measure per second, as it is, or as a share of everything */
/** @typedef {"b" | "a" | "both"} Width whose weight is a frame's width */
/** @typedef {{span: Span, data: Data, source: string, kept: Snapshot | null}} Pin `source` says where it is from when that is elsewhere; `kept` is null until its data is there */

/** A span is there when all but so much of it is, ns. */
const LATE = 0.2e9;
export const MEASURES = Object.freeze(/** @type {const} */ (["rate", "absolute", "share"]));
export const WIDTHS = Object.freeze(/** @type {const} */ (["b", "a", "both"]));

export class Compare {
  /** @type {Signal<Pin | null>} */
  a = new Signal(/** @type {Pin | null} */ (null));
  measure = new Signal(/** @type {Measure} */ ("rate"));
  width = new Signal(/** @type {Width} */ ("b"));
  /** What the graph was coloured by before. */
  #colour = /** @type {import("./graph.js").Colour} */ ("state");
  /** A's snapshot in the terms of B's process. @type {{of: Snapshot, for: Reading, as: Snapshot} | null} */
  #translated = null;

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    store.timeline.pins = () => this.spans;
  }

  get on() {
    return this.a.peek() !== null;
  }

  /** Whether A's data has not come yet. */
  get waiting() {
    return this.a.peek()?.kept === null;
  }

  /** Pins a span of what is being watched as A, by default the one shown; then what is shown next is B. @param {Span} [span] */
  pinA(span) {
    const { store } = this;
    const data = store.data.peek();
    if (data === null) return;
    const shown = span ?? store.wanted();
    const pin = { span: { from: Math.max(shown.from, data.ring.entries[0]?.start ?? shown.from), to: shown.to }, data, source: "", kept: null };
    if (span === undefined) store.goLive();
    this.#begin(pin);
  }

  /** Compares with something from elsewhere: another clip. @param {Data} data @param {Span} span @param {string} source */
  pinOther(data, span, source) {
    this.#begin({ span, data, source, kept: null });
  }

  /** @param {Pin} pin */
  #begin(pin) {
    const { graph } = this.store;
    if (!this.on) {
      this.#colour = graph.colour.peek();
      graph.other = () => this.other();
      graph.setColour("change");
    }
    this.#keep(pin);
    this.a.value = pin;
    this.store.refresh();
  }

  /** Keeps what a pin weighed, once its data is there. @param {Pin} pin */
  #keep(pin) {
    const newest = pin.data.ring.newest;
    if (pin.kept !== null || newest === undefined) return pin.kept;
    if (pin.source === "" && newest.end < pin.span.to - LATE) return null;
    const fold = new Fold();
    fold.move(pin.data.ring, pin.span.from, pin.span.to);
    if (fold.size > 0) pin.kept = snapshot(fold);
    return pin.kept;
  }

  /** Makes what is shown stand still as B. */
  pinB() {
    const { from, to } = this.store.wanted();
    this.store.timeline.hold();
    this.store.setSpan({ from: Math.max(from, this.store.timeline.whole.from), to });
  }

  /** Makes A what is shown, and what was shown A. Only spans of one process can change places. */
  swap() {
    const pin = this.a.peek();
    const data = this.store.data.peek();
    if (pin === null || data === null || pin.data !== data) return;
    const { from, to } = this.store.wanted();
    this.store.timeline.hold();
    this.pinA({ from, to });
    this.store.setSpan(pin.span);
  }

  end() {
    if (!this.on) return;
    this.a.value = null;
    this.#translated = null;
    this.store.graph.other = null;
    this.store.graph.setColour(this.#colour);
    this.store.refresh();
  }

  /** @param {Measure} measure */
  setMeasure(measure) {
    this.measure.value = measure;
    this.store.refresh();
  }

  /** @param {Width} width */
  setWidth(width) {
    this.width.value = width;
    this.store.refresh();
  }

  /** What the tree is to be compared with; null: with nothing. @returns {import("./graph.js").Other | null} */
  other() {
    const pin = this.a.peek();
    const data = this.store.data.peek();
    const kept = pin === null ? null : this.#keep(pin);
    if (pin === null || kept === null || data === null) return null;
    if (this.#translated?.of !== kept || this.#translated.for !== data.reading) {
      this.#translated = { of: kept, for: data.reading, as: translate(kept, pin.data.reading, data.reading) };
    }
    return { fold: this.#translated.as, scale: this.#scale(kept), width: this.width.peek() };
  }

  /** What A's weights are multiplied by. @param {Snapshot} kept */
  #scale(kept) {
    const measure = this.measure.peek();
    if (measure === "share") return "share";
    const { start, end } = this.store.fold.span;
    const length = kept.span.end - kept.span.start;
    return measure === "absolute" || this.store.weight.peek() === "count" || length <= 0 || end <= start ? 1 : (end - start) / length;
  }

  /** Spans to mark on the timeline. @returns {{letter: string, span: Span}[]} */
  get spans() {
    const pin = this.a.peek();
    if (pin === null || pin.data !== this.store.data.peek()) return [];
    return [{ letter: "A", span: pin.span }, { letter: "B", span: this.store.wanted() }];
  }
}
