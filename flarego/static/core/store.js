/**
 * The state of the page, and the only functions that change it.
 *
 * What came in is `Data` (data.js). The view (which window, which tree, zoom, search …) is a handful of
 * signals. The weighed tree is derived from both, at most once an animation frame, and is what
 * everything paints.
 */

import { CallTree } from "../model/calltree.js";
import { Fold } from "../model/fold.js";
import { QueryError, Search } from "../model/search.js";
import { sameShape } from "../model/placing.js";
import { matches, neighbour } from "../model/walk.js";
import { plural } from "../model/words.js";
import { ChunkError } from "./chunk.js";
import { Compare } from "./compare.js";
import { Data } from "./data.js";
import { Fleet } from "./fleet.js";
import { Filters } from "./filters.js";
import { GoroutineView } from "./goroutines.js";
import { Graph } from "./graph.js";
import { Playback } from "./playback.js";
import { Signal } from "./signal.js";
import { TimelineView } from "./timeline.js";

/** @typedef {import("./chunk.js").Message} Message */
/** @typedef {import("./chunk.js").Chunk} Chunk */
/** @typedef {import("./chunk.js").Process} Process */
/** @typedef {import("../model/placing.js").View} View */
/** @typedef {import("../model/calltree.js").Weight} Weight */
/** @typedef {import("../model/calltree.js").Step} Step */
/** @typedef {import("./data.js").Span} Span */
/** @typedef {{phase: "connecting" | "open" | "waiting" | "denied" | "closed", attempt: number, retryAt: number, problem: string}} Connection */

const S = 1e9;
/** Lengths of a live window, seconds; Infinity is everything kept. */
export const WINDOWS = Object.freeze([5, 10, 30, 60, 300, 900, Infinity]);
export const DEFAULT_WINDOW = 30;
/** Chunks closer together than this are history being caught up with; painting each would double the time that takes. */
const HURRY_MS = 40;
const HURRY_PAUSE_MS = 100;
/** A frame narrower than this share of the graph is zoomed towards when it is to be shown. */
const EYE_CATCHING = 0.01;
/** Shown beside the user's own goroutines by default: where CPU time goes, the runtime's share counts. */
const DEFAULT_SHAPE = /** @type {const} */ ({
  state: { view: "state", system: false, idle: false, runtime: false },
  cpu: { view: "cpu", system: true, idle: false, runtime: true },
  blocked: { view: "blocked", system: false, idle: false, runtime: false },
});
/** @type {Readonly<Record<View, Weight>>} */
const DEFAULT_WEIGHT = Object.freeze({ state: "wall", cpu: "cpu", blocked: "wall" });

export class Store {
  /** @type {Signal<Connection>} */
  connection = new Signal(/** @type {Connection} */ ({ phase: "connecting", attempt: 0, retryAt: 0, problem: "" }));
  /** @type {Signal<Data | null>} */
  data = new Signal(/** @type {Data | null} */ (null));
  /** @type {Signal<Process | null>} */
  process = new Signal(/** @type {Process | null} */ (null));
  /** @type {Signal<{at: number, why: string} | null>} */
  gone = new Signal(/** @type {{at: number, why: string} | null} */ (null));
  /** Changes when chunks have been taken in. */
  arrived = new Signal(0);
  /** Counts scenes: changes whenever what is shown has changed. */
  scene = new Signal(0);

  view = new Signal(/** @type {View} */ ("state"));
  weight = new Signal(/** @type {Weight} */ ("wall"));
  /** Seconds. */
  window = new Signal(DEFAULT_WINDOW);
  /** A span chosen on the timeline; null: live. @type {Signal<Span | null>} */
  span = new Signal(/** @type {Span | null} */ (null));
  /** The time at which the display stands still; null: it does not. @type {Signal<number | null>} */
  paused = new Signal(/** @type {number | null} */ (null));
  /** @type {Signal<{system: boolean, idle: boolean, runtime: boolean}>} */
  shown = new Signal(/** @type {{system: boolean, idle: boolean, runtime: boolean}} */ (DEFAULT_SHAPE.state));
  /** @type {Signal<readonly Step[]>} */
  zoom = new Signal(/** @type {readonly Step[]} */ ([]));
  /** @type {Signal<readonly Step[] | null>} */
  selected = new Signal(/** @type {readonly Step[] | null} */ (null));
  /** Whether the root is at the bottom. */
  flipped = new Signal(false);
  /** Which panel is open, by its id in fg-panel's table. */
  panel = new Signal("goroutines");
  query = new Signal("");
  queryProblem = new Signal("");
  /** What was said to the user last, for a moment. @type {Signal<{text: string}>} */
  said = new Signal({ text: "" });
  filters = new Filters(() => this.refresh());
  graph = new Graph(this);
  goroutines = new GoroutineView();
  timeline = new TimelineView(this);
  compare = new Compare(this);
  /** What is being replayed; null: nothing, we are live. @type {Signal<import("./clip/recording.js").Played | null>} */
  recording = new Signal(/** @type {import("./clip/recording.js").Played | null} */ (null));
  playback = new Playback(this);

  /** What the process's tasks are called: "goroutines". */
  get tasks() {
    return plural(this.process.value?.task ?? "goroutine");
  }
  fleet = new Fleet();
  /** What the gateway warns of, in words; "" for nothing. */
  warnings = new Signal("");

  /** @type {Search | null} */
  #search = null;
  fold = new Fold();
  /** @type {CallTree | null} */
  #tree = null;
  #stale = true;
  #lastArrival = -Infinity;
  /** The end of what had come when that was said last, ns. */
  #told = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #telling;
  /** The time of the window last folded. @type {Span} */
  shownSpan = { from: 0, to: 0 };

  // ---- what comes in -------------------------------------------------------------------------------------------------

  /** Takes in a message. Raises ChunkError when it contradicts the stream so far. @param {Message} message @param {number} now ms */
  receive(message, now) {
    if (message.type === "process") this.#meet(message);
    else if (message.type === "gone") this.gone.value = { at: message.at, why: message.why };
    else if (message.type === "chunk") this.#take(message, now);
    else if (message.type === "notice") this.warnings.value = message.warnings.join("; ");
    // A `gap` needs no answer: the next chunk's sequence tells the same, also after a reconnection.
  }

  /** @param {Process} process */
  #meet(process) {
    const data = this.data.peek();
    // The same process watched by a flarego that was started again counts time and chunks afresh.
    if (data !== null && data.process.process === process.process && data.process.epoch === process.epoch) {
      const { reading } = data;
      data.rename(process);
      if (reading !== data.reading) this.#tree = null;
    } else {
      this.startOver(process);
      return;
    }
    this.process.value = process;
    this.refresh();
  }

  /** Forgets whom it watched, and watches this process. @param {Process} process */
  startOver(process) {
    const data = new Data(process);
    const first = this.data.peek() === null;
    this.fold = new Fold();
    this.graph.before = new Fold();
    this.hold(data.ring);
    this.#tree = null;
    this.#told = -Infinity;
    this.gone.value = null;
    this.span.value = null;
    this.paused.value = null;
    if (!first) { // At first a link may have set them.
      this.graph.go({ zoom: [], focus: "" });
      this.selected.value = null;
    }
    this.graph.forget();
    this.playback.stop();
    this.recording.value = null;
    this.timeline.replay = null;
    this.data.value = data;
    this.process.value = process;
    this.refresh();
  }

  /** Forgets whom it watched: what comes next begins afresh, even if it is of the same process. */
  forget() {
    this.playback.stop();
    this.recording.value = null;
    this.timeline.replay = null;
    this.span.value = this.paused.value = this.gone.value = null;
    this.data.value = null;
    this.process.value = null;
    this.#tree = null;
    this.fold = new Fold();
    this.graph.before = new Fold();
    this.arrived.value = 0;
    this.refresh();
  }

  /** Follows what a ring merges. @param {import("./ring.js").Ring} ring */
  hold(ring) {
    ring.onmerge = (old, merged) => {
      this.fold.replace(old, merged);
      this.graph.before.replace(old, merged);
    };
    return ring;
  }

  /** Says that other chunks are held than before, or all there are to come. */
  caughtUp() {
    this.fold = new Fold();
    this.graph.before = new Fold();
    this.#tell();
    this.refresh();
  }

  /** @param {Chunk} chunk @param {number} now */
  #take(chunk, now) {
    const data = this.data.peek();
    if (data === null || data.process.process !== chunk.process) throw new ChunkError("a chunk of an unknown process");
    try {
      if (!data.add(chunk, now)) return;
    } catch (error) {
      data.damaged++;
      throw error;
    }
    this.#stale = true;
    const hurried = now - this.#lastArrival < HURRY_MS;
    this.#lastArrival = now;
    if (!hurried) this.#tell();
    else this.#telling ||= setTimeout(() => this.#tell(), HURRY_PAUSE_MS);
  }

  /** Says that data has come. */
  #tell() {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    this.arrived.value = this.arrived.peek() + 1;
    // A link may have chosen what is only coming in now.
    const until = this.span.peek()?.to ?? this.paused.peek() ?? Infinity;
    if (this.#told < until || this.compare.waiting) this.refresh();
    this.#told = this.data.peek()?.ring.newest?.end ?? -Infinity;
  }

  /** The stream begins again: definitions of the old connection say nothing about the new one. */
  resynchronise() {
    const data = this.data.peek();
    if (data !== null) data.generation = null;
  }

  // ---- what is shown -------------------------------------------------------------------------------------------------

  /** Says that what is shown may have changed. */
  refresh() {
    this.#stale = true;
    this.scene.value = this.scene.peek() + 1;
  }

  /** Says that it is looked at from elsewhere: nothing need be weighed again. */
  look() {
    this.scene.value = this.scene.peek() + 1;
  }

  /** The span to show now. @returns {Span} */
  wanted() {
    const span = this.span.peek();
    if (span !== null) return span;
    const end = this.paused.peek() ?? this.data.peek()?.ring.newest?.end ?? 0;
    return { from: end - this.window.peek() * S, to: end };
  }

  /** The tree, weighed by the window; painters call this, and the first of a frame pays. @returns {CallTree | null} */
  weighed() {
    const data = this.data.peek();
    if (data === null || !this.#stale) return this.#tree;
    this.#stale = false;
    const span = this.wanted();
    this.fold.move(data.ring, span.from, span.to);
    this.shownSpan = span;
    const tree = this.tree();
    tree?.weigh(this.fold, this.weight.peek(), this.#search);
    if (tree !== null) this.graph.compare(tree, span);
    return tree;
  }

  /** The tree of the shape asked for, as last weighed. @returns {CallTree | null} */
  tree() {
    const data = this.data.peek();
    if (data === null) return null;
    const shape = { view: this.view.peek(), ...this.shown.peek(), ...this.graph.shape, filter: this.filters.filter };
    if (this.#tree === null || this.#tree.reading !== data.reading || !sameShape(this.#tree.shape, shape)) {
      this.#tree = new CallTree(data.reading, shape);
    }
    return this.#tree;
  }

  /** What a view begins with. @param {View} view */
  defaultsOf(view) {
    const { system, idle, runtime } = DEFAULT_SHAPE[view];
    return { weight: DEFAULT_WEIGHT[view], shown: { system, idle, runtime } };
  }

  /** @param {View} view */
  setView(view) {
    const { weight, shown } = this.defaultsOf(view);
    this.view.value = view;
    this.weight.value = weight;
    this.shown.value = shown;
    this.refresh();
  }

  /** @param {Weight} weight */
  setWeight(weight) {
    this.weight.value = weight;
    this.refresh();
  }

  /** @param {"system" | "idle" | "runtime"} what */
  toggleShown(what) {
    const shown = this.shown.peek();
    this.shown.value = { ...shown, [what]: !shown[what] };
    this.refresh();
  }

  flip() {
    this.flipped.value = !this.flipped.peek();
    this.look();
  }

  /** @param {number} seconds the nearest of WINDOWS counts */
  setWindow(seconds) {
    this.window.value = WINDOWS.find((known) => known >= seconds) ?? Infinity;
    if (this.span.peek() !== null) this.timeline.follow();
    this.span.value = null;
    this.refresh();
  }

  /** @param {Span | null} span */
  setSpan(span) {
    this.span.value = span;
    if (span === null) this.paused.value = null;
    this.refresh();
  }

  togglePause() {
    if (this.paused.peek() !== null || this.span.peek() !== null) this.goLive();
    else this.paused.value = this.data.peek()?.ring.newest?.end ?? null;
  }

  goLive() {
    this.playback.stop();
    this.paused.value = null;
    this.span.value = null;
    this.timeline.follow();
    this.refresh();
  }

  /** @param {readonly Step[]} address */
  setZoom(address) {
    this.graph.go({ zoom: address });
  }

  /** Undoes the last zoom, else goes up to the root. False when there was nothing to undo. */
  zoomBack() {
    return this.graph.back();
  }

  /** Moves the selection, from the zoomed node when there is none. @param {import("../model/walk.js").Direction} direction */
  walk(direction) {
    const tree = this.weighed();
    if (tree === null) return;
    const from = this.selected.peek();
    const start = tree.resolve(from ?? this.zoom.peek()).node;
    this.select(tree.address(from === null ? start : neighbour(tree, start, direction)));
  }

  /** Selects the next match of the search, or the one before. @param {1 | -1} step */
  walkMatches(step) {
    const tree = this.weighed();
    const found = tree === null ? [] : matches(tree);
    if (tree === null || found.length === 0) return;
    const selected = this.selected.peek();
    const at = selected === null ? -1 : found.indexOf(tree.resolve(selected).node);
    const next = at < 0 ? (step > 0 ? 0 : found.length - 1) : (at + step + found.length) % found.length;
    this.select(tree.address(found[next]));
  }

  /** Which of the matches is selected, from 1 (0: none of them), and how many there are. @param {CallTree} tree */
  matchPlace(tree) {
    const found = this.#search === null ? [] : matches(tree);
    const selected = this.selected.peek();
    return { at: selected === null ? 0 : found.indexOf(tree.resolve(selected).node) + 1, of: found.length };
  }

  /** @param {readonly Step[] | null} address */
  select(address) {
    this.selected.value = address;
    this.look();
  }

  /** Selects the rows of a key in the flame graph, in a view that shows them. @param {number} key */
  reveal(key) {
    const data = this.data.peek();
    if (data === null) return;
    const { state, aside } = data.reading.of(key);
    const view = this.view.peek();
    if ((view === "cpu") === (state === "waiting") || (view === "blocked" && state !== "waiting")) this.setView("state");
    if (aside !== "" && !this.shown.peek()[aside]) this.toggleShown(aside);
    if (this.graph.focus.peek() !== "") this.graph.go({ zoom: [], focus: "" });
    const tree = this.weighed();
    const leaf = tree?.leaf(key) ?? -1;
    if (tree === null || leaf < 0) return;
    const address = tree.address(leaf);
    const zoom = tree.resolve(this.zoom.peek()).node;
    const path = [0, ...tree.pathTo(leaf)];
    const visible = path.includes(zoom) && tree.total[leaf] >= EYE_CATCHING * tree.total[zoom];
    const near = path.find((node) => tree.total[leaf] >= EYE_CATCHING * tree.total[node]) ?? leaf;
    if (!visible) this.setZoom(tree.address(near));
    this.select(address);
  }

  /** Selects a stack that has goroutines at the window's end. @param {number} stack */
  revealStack(stack) {
    const keys = this.fold.last?.key ?? [];
    const key = keys.find((candidate) => this.data.peek()?.dictionary.keyStack[candidate] === stack);
    if (key !== undefined) this.reveal(key);
  }

  get search() {
    return this.#search;
  }

  /** @param {string} query */
  setQuery(query) {
    this.query.value = query;
    this.queryProblem.value = "";
    try {
      this.#search = query === "" ? null : new Search(query);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      this.queryProblem.value = error.message;
    }
    this.refresh();
  }
}
