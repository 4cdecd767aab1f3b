/**
 * How the flame graph is looked at: where one is in it (zoom, part of the width, sandwich) with the
 * way back, which way up, in which colours, and what it is compared with.
 */

import { Fold } from "../model/fold.js";
import { WHOLE } from "../model/layout.js";
import { pan, zoomAround } from "../model/viewport.js";
import { Signal } from "./signal.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("../model/calltree.js").CallTree} CallTree */
/** @typedef {import("../model/calltree.js").Step} Step */
/** @typedef {import("../model/layout.js").Range} Range */
/** @typedef {{zoom: readonly Step[], range: Range, focus: string}} Place */
/** @typedef {"state" | "package" | "change"} Colour */
/** @typedef {{fold: import("../model/diff.js").Sums, scale: number | "share", width: "b" | "a" | "both"}} Other a span to compare with, what its weights are multiplied by, whose weight is the width */

export const COLOURS = Object.freeze(/** @type {const} */ (["state", "package", "change"]));
const MAX_HISTORY = 100;
/** Steps of one gesture come closer together than this, ms. */
const GESTURE = 600;

export class Graph {
  /** The part of the zoomed node's width that is in sight. @type {Signal<Range>} */
  range = new Signal(/** @type {Range} */ (WHOLE));
  /** The function whose callers and callees are shown; "" shows all. */
  focus = new Signal("");
  /** Whether stacks begin at their innermost frame. */
  inverted = new Signal(false);
  /** Whether states stand above the code, each in a lane of its own. */
  lanes = new Signal(true);
  colour = new Signal(/** @type {Colour} */ ("state"));
  /** Whether the table of functions stands beside the graph. */
  table = new Signal(false);
  /** What a comparison compares with, when one is on. @type {(() => Other | null) | null} */
  other = null;
  /** The window before the one shown, for colours by change. */
  before = new Fold();
  /** @type {Place[]} */
  #history = [];
  #gesture = -Infinity;

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }

  /** What of a tree's shape is decided here. */
  get shape() {
    return { lanes: this.lanes.peek(), order: /** @type {"up" | "down"} */ (this.inverted.peek() ? "up" : "down"), focus: this.focus.peek() };
  }

  /** @returns {Place} */
  get place() {
    return { zoom: this.store.zoom.peek(), range: this.range.peek(), focus: this.focus.peek() };
  }

  /** Goes to a place; one can come back unless it is where one was. @param {Partial<Place>} place @param {boolean} [remember] */
  go(place, remember = true) {
    const now = this.place;
    const next = { ...now, range: WHOLE, ...place };
    if (JSON.stringify(now) === JSON.stringify(next)) return;
    if (remember) this.#history = [...this.#history.slice(1 - MAX_HISTORY), now];
    this.#show(next);
  }

  /** @param {Place} place */
  #show({ zoom, range, focus }) {
    const same = focus === this.focus.peek();
    this.store.zoom.value = zoom;
    this.range.value = range;
    this.focus.value = focus;
    if (same) this.store.look();
    else this.store.refresh();
  }

  /** Goes where one was before, else to the root. False when one is there. */
  back() {
    const previous = this.#history.pop();
    if (previous === undefined && !this.away) return false;
    this.#show(previous ?? { zoom: [], range: WHOLE, focus: "" });
    return true;
  }

  /** Whether anything but the whole graph is in sight. */
  get away() {
    const { zoom, range, focus } = this.place;
    return zoom.length > 0 || range !== WHOLE || focus !== "";
  }

  forget() {
    this.#history = [];
  }

  /** @param {(tree: CallTree, view: import("../model/viewport.js").View) => import("../model/viewport.js").View} move @param {number} now ms */
  #move(move, now) {
    const tree = this.store.weighed();
    if (tree === null) return;
    const { node } = tree.resolve(this.store.zoom.peek());
    const view = move(tree, { zoom: node, range: this.range.peek() });
    this.go({ zoom: tree.address(view.zoom), range: view.range }, now - this.#gesture > GESTURE);
    this.#gesture = now;
  }

  /** Shows `factor` times the width around a point. @param {number} factor below 1: closer @param {number} at 0 … 1 across the view @param {number} now ms */
  zoomBy(factor, at, now) {
    this.#move((tree, view) => zoomAround(tree, view, factor, at), now);
  }

  /** Moves to the right by a part of what is in sight. @param {number} part @param {number} now ms */
  panBy(part, now) {
    this.#move((tree, view) => pan(tree, view, part), now);
  }

  /** Shows a function's callers and callees. @param {string} name */
  sandwich(name) {
    this.go({ zoom: [], focus: name });
  }

  /** Shows callers and callees of this function, else of the one selected or zoomed to; everything again when it did. @param {string} name "" for none */
  sandwichAt(name) {
    const step = this.store.selected.peek()?.at(-1) ?? this.store.zoom.peek().at(-1);
    const function_ = name || (step === undefined || step.lane ? "" : step.name);
    if (this.focus.peek() !== "") this.back();
    else if (function_ !== "") this.sandwich(function_);
    else this.store.said.value = { text: "Point at a frame, or select one, to see its callers and callees." };
  }

  invert() {
    this.inverted.value = !this.inverted.peek();
    this.go({ zoom: [] });
    this.store.refresh();
  }

  toggleLanes() {
    this.lanes.value = !this.lanes.peek();
    this.store.refresh();
  }

  toggleTable() {
    this.table.value = !this.table.peek();
  }

  /** @param {Colour} colour */
  setColour(colour) {
    this.colour.value = colour;
    this.store.refresh();
  }

  nextColour() {
    this.setColour(COLOURS[(COLOURS.indexOf(this.colour.peek()) + 1) % COLOURS.length]);
  }

  /** Fills in the tree's changes, if they are to be seen. @param {CallTree} tree @param {{from: number, to: number}} span of time shown */
  compare(tree, span) {
    const weight = this.store.weight.peek();
    const other = this.other?.() ?? null;
    if (other !== null) return tree.compare(other.fold, weight, other.scale, other.width);
    const data = this.store.data.peek();
    if (this.colour.peek() !== "change" || data === null || !Number.isFinite(span.from)) return;
    this.before.move(data.ring, 2 * span.from - span.to, span.from);
    const [now, then] = [this.store.fold.span, this.before.span];
    const length = then.end - then.start;
    tree.compare(this.before, weight, weight === "count" || length === 0 ? 1 : (now.end - now.start) / length);
  }
}
