/**
 * How the timeline is looked at: which time is across, and which tracks are shown.
 *
 * It follows what comes in until the user holds on to a part of time: by zooming or moving while the
 * display stands still, or by choosing a span.
 */

import { timeStep } from "../model/scale.js";
import { TRACKS } from "../model/tracks.js";
import { Signal } from "./signal.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./data.js").Span} Span */
/** @typedef {import("../model/series.js").Series} Series */

const S = 1e9;
/** Time across while there is little data: the next of these, so that the picture seldom shifts. */
const ACROSS = [40 * S, 60 * S, 90 * S, 120 * S];
const LEAST_ACROSS = 0.2 * S;
/** What a window or span takes of the time across. */
const ROOM = 1.25;
/** A span is no shorter than that: about a chunk. */
const MIN_SPAN = 0.2 * S;
const NOTHING = Object.freeze({ from: 0, to: 0 });

export class TimelineView {
  /** Ids of the tracks shown; null: by the width of the page. @type {Signal<readonly string[] | null>} */
  tracks = new Signal(/** @type {readonly string[] | null} */ (null));
  /** The time held on to; null: follows. @type {Signal<Span | null>} */
  held = new Signal(/** @type {Span | null} */ (null));
  /** Nanoseconds across while following; 0: by the window. */
  across = new Signal(0);

  /** What replays a recording, when there is one. @type {{seek: (time: number) => void, playhead: number | null} | null} */
  replay = null;
  /** Spans marked by a letter. @type {() => readonly {letter: string, span: Span}[]} */
  pins = () => [];

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }

  /** All the time there is to see. @returns {Span} */
  get whole() {
    const data = this.store.data.peek();
    if (data === null) return NOTHING;
    const [fine, coarse] = [data.series.span, data.overview?.span ?? NOTHING];
    if (!(coarse.to > coarse.from)) return fine;
    return fine.to > fine.from ? { from: Math.min(fine.from, coarse.from), to: Math.max(fine.to, coarse.to) } : coarse;
  }

  /** Whether there is a recording, all of which is known beforehand. */
  get recorded() {
    return (this.store.data.peek()?.overview?.n ?? 0) > 0;
  }

  /** The points to show a span by: the finest that cover it. @param {Span} span @returns {Series | null} */
  series({ from, to }) {
    const data = this.store.data.peek();
    if (data === null) return null;
    const { series, overview } = data;
    if (!overview?.n) return series;
    const within = { from: Math.max(from, overview.span.from), to: Math.min(to, overview.span.to) };
    return series.n > 0 && series.span.from <= within.from && series.span.to >= within.to ? series : overview;
  }

  /** The time across. @returns {Span} */
  get range() {
    const held = this.held.peek();
    if (held !== null) return held;
    const { store, whole } = this;
    if (this.recorded) return whole;
    const end = store.paused.peek() ?? whole.to;
    const early = ACROSS.find((ns) => ns >= end - whole.from) ?? ACROSS[ACROSS.length - 1];
    const across = this.across.peek() || Math.max(early, Math.min(end - whole.from, ROOM * store.window.peek() * S));
    let from = end - across;
    const span = store.span.peek();
    if (span !== null) from = Math.min(from, span.from - 0.05 * (end - span.from));
    return { from, to: end };
  }

  /** Holds on to what is across now. */
  hold() {
    if (this.held.peek() === null && !this.recorded) this.held.value = { ...this.range };
  }

  /** Shows `factor` times the time around a point. @param {number} factor below 1: closer @param {number} at ns */
  zoom(factor, at) {
    const { from, to } = this.range;
    const most = Math.max(ACROSS[0], (this.whole.to - this.whole.from) * 1.02);
    const across = Math.min(most, Math.max(LEAST_ACROSS, (to - from) * factor));
    if (this.#follows) {
      this.across.value = across;
      return;
    }
    const start = at - ((at - from) / (to - from)) * across;
    this.#show(start, across);
  }

  /** Whether the newest data is at the right edge and stays there. */
  get #follows() {
    return this.held.peek() === null && !this.recorded && this.store.span.peek() === null && this.store.paused.peek() === null;
  }

  /** Moves to later times. @param {number} ns */
  pan(ns) {
    const { from, to } = this.range;
    this.#show(from + ns, to - from);
  }

  /** Puts the middle of what is across at a time. @param {number} time */
  centre(time) {
    const { from, to } = this.range;
    this.#show(time - (to - from) / 2, to - from);
  }

  /** @param {number} from @param {number} across */
  #show(from, across) {
    const { whole } = this;
    if (this.recorded && across >= whole.to - whole.from) {
      this.held.value = null;
      return;
    }
    const least = Math.min(whole.from, whole.to - across);
    const start = Math.min(Math.max(from, least), Math.max(least, whole.to - across));
    this.held.value = { from: start, to: start + across };
  }

  /** Makes the span shown end earlier or later by a hundredth of what is across. @param {1 | -1} way */
  nudge(way) {
    const { store, whole } = this;
    const { from, to } = store.wanted();
    const range = this.range;
    const end = Math.min(whole.to, Math.max(from + MIN_SPAN, to + way * timeStep(range.to - range.from, 100)));
    this.hold();
    store.setSpan({ from: Math.max(from, whole.from), to: end });
  }

  /** Goes to a time, where the display stands still or replays. @param {number} time */
  seek(time) {
    const { store, whole } = this;
    if (this.replay !== null) return this.replay.seek(time);
    if (store.paused.peek() === null || store.span.peek() !== null) return;
    this.hold();
    store.paused.value = Math.min(whole.to, Math.max(whole.from, time));
    store.refresh();
  }

  /** Follows again. */
  follow() {
    this.held.value = null;
  }

  /** Shows or hides a track. @param {string} id @param {readonly string[]} shown now */
  toggle(id, shown) {
    const next = shown.includes(id) ? shown.filter((known) => known !== id) : [...shown, id];
    this.setTracks(next);
  }

  /** @param {readonly string[] | null} ids unknown ones are left out */
  setTracks(ids) {
    const known = ids === null ? null : TRACKS.map(({ id }) => id).filter((id) => ids.includes(id));
    this.tracks.value = known?.length === 0 ? [TRACKS[0].id] : known;
  }
}
