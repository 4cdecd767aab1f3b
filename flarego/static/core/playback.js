/**
 * The clock of what is looked at, when it is not live: it plays a clip, or the past of a stream that is
 * paused, and steps through either. Where it is is the store's `paused`; what comes in meanwhile is kept.
 */

import { Signal } from "./signal.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./data.js").Span} Span */

export const SPEEDS = Object.freeze([0.25, 0.5, 1, 2, 4, 8, 16]);
const MS = 1e6;
/** What stands still is moved on so often: about as often as chunks come. */
const EVERY_MS = 100;
/** Longer than this the page slept, and time does not jump. */
const ASLEEP_MS = 500;
/** A step where no chunk is known. */
const STEP = 0.2e9;

export class Playback {
  playing = new Signal(false);
  speed = new Signal(1);
  /** Played over and over; null: to the end. @type {Signal<Span | null>} */
  loop = new Signal(/** @type {Span | null} */ (null));
  #at = 0;
  #last = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }

  /** Whether there is anything to play: a clip, or the past of a stream that stands still. Reads signals. */
  get possible() {
    const { recording, paused, span } = this.store;
    return recording.value !== null || paused.value !== null || span.value !== null;
  }

  /** Where it is; null at the end. */
  get playhead() {
    return this.store.span.peek() === null ? this.store.paused.peek() : null;
  }

  /** All the time there is. @returns {Span} */
  get bounds() {
    const recording = this.store.recording.peek();
    if (recording !== null) return recording.span;
    const ring = this.store.data.peek()?.ring;
    return { from: ring?.entries[0]?.start ?? 0, to: ring?.newest?.end ?? 0 };
  }

  /** Plays, or stands still where it is. */
  toggle() {
    if (this.playing.peek()) this.stop();
    else this.play();
  }

  /** Plays on from where it stands: over and over in a span, from the beginning at the end of a clip. */
  play() {
    const { store, bounds } = this;
    const span = store.span.peek();
    const all = span !== null && span.from <= bounds.from && span.to >= bounds.to;
    if (span !== null) this.loop.value = all ? null : span;
    store.span.value = null;
    const at = span?.from ?? store.paused.peek() ?? bounds.to;
    this.#at = at >= bounds.to && store.recording.peek() !== null ? bounds.from : Math.max(at, bounds.from);
    this.#last = performance.now();
    this.playing.value = true;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(performance.now()), EVERY_MS);
    this.#show(this.#at);
  }

  stop() {
    clearInterval(this.#timer);
    this.playing.value = false;
  }

  /** @param {number} speed one of SPEEDS */
  setSpeed(speed) {
    if (SPEEDS.includes(speed)) this.speed.value = speed;
  }

  /** @param {1 | -1} way */
  faster(way) {
    this.setSpeed(SPEEDS[SPEEDS.indexOf(this.speed.peek()) + way] ?? this.speed.peek());
  }

  /** Goes to a time and stays, or plays on from there. @param {number} time */
  seek(time) {
    const { bounds } = this;
    const loop = this.loop.peek();
    if (loop !== null && (time < loop.from || time > loop.to)) this.loop.value = null;
    this.#at = Math.min(bounds.to, Math.max(bounds.from, time));
    this.store.span.value = null;
    this.#show(this.#at);
  }

  /** Goes to the next chunk, or the one before, and stays. @param {1 | -1} way */
  step(way) {
    const { store } = this;
    this.stop();
    const now = store.span.peek()?.to ?? store.paused.peek() ?? this.bounds.to;
    const ends = store.data.peek()?.ring.entries.map(({ end }) => end) ?? [];
    const next = way > 0 ? ends.find((end) => end > now) : ends.findLast((end) => end < now);
    this.seek(next ?? now + way * STEP);
  }

  /** @param {number} now ms */
  #tick(now) {
    const passed = Math.min(now - this.#last, ASLEEP_MS);
    this.#last = now;
    const { bounds } = this;
    const end = this.loop.peek()?.to ?? bounds.to;
    const next = this.#at + passed * MS * this.speed.peek();
    if (next < end) this.#show(this.#at = next);
    else this.#arrive(end);
  }

  /** @param {number} end */
  #arrive(end) {
    const loop = this.loop.peek();
    if (loop !== null) {
      this.#show(this.#at = loop.from);
    } else if (this.store.recording.peek() === null) {
      this.store.goLive();
    } else {
      this.stop();
      this.#show(end);
    }
  }

  /** @param {number} time */
  #show(time) {
    this.store.paused.value = time;
    this.store.refresh();
  }
}
