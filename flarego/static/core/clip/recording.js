/**
 * A clip as a source of the store: the same chunks as live, whole generations at a time.
 *
 * A clip of ordinary size is taken in whole. Of a large one the page holds what it shows: its overview
 * for all of it, summaries of generations for long spans, and every chunk for short ones.
 */

import { CATEGORY } from "../../model/category.js";
import { Members } from "../../model/members.js";
import { Series } from "../../model/series.js";
import { Ring } from "../ring.js";
import { effect } from "../signal.js";
import { Clip } from "./clip.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../data.js").Data} Data */
/** @typedef {import("../data.js").Taken} Taken */
/** @typedef {import("../data.js").Span} Span */
/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./index.js").Generation} Generation */
/** @typedef {import("./index.js").Recorded} Recorded */
/** @typedef {{name: string, span: Span, bytes: Bytes, recorded: Recorded, problem: string, progress: number}} Played what is being replayed; progress 0 to 1 */

/** Larger once decompressed: held in part only. */
const WHOLE = 48 << 20;
/** Generations shown chunk by chunk at once; of longer spans, their summaries. */
const MAX_DETAILED = 6;
/** Generations kept decoded, beside those shown. */
const MAX_KEPT = 16;
/** Work between two breaks for the page to paint, ms. */
const SLICE = 12;

export class Recording {
  #closed = false;
  #end = () => {};
  /** @type {Clip | null} */
  clip = null;
  /** @type {Recorded | null} */
  recorded = null;
  /** @type {Map<number, Taken[]>} by stream, the one used last at the end */
  #detailed = new Map();
  /** @type {Map<number, Taken>} */
  #summaries = new Map();
  /** @type {Taken | null} */
  #overview = null;
  #arranged = "";
  #arranging = false;

  /** @param {Store} store @param {string} name @param {() => Bytes | Promise<Bytes>} bytes called when it is opened */
  constructor(store, name, bytes) {
    this.store = store;
    this.name = name;
    this.bytes = bytes;
  }

  async open() {
    this.#closed = false;
    this.#say("connecting");
    try {
      const clip = await Clip.open(await this.bytes());
      if (!this.#closed) await this.#begin(clip);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (!this.#closed) this.#say("closed", problem);
    }
  }

  close() {
    this.#closed = true;
    this.#end();
  }

  /** @param {import("../store.js").Connection["phase"]} phase @param {string} [problem] */
  #say(phase, problem = "") {
    this.store.connection.value = { phase, attempt: 0, retryAt: 0, problem };
  }

  /** @param {Clip} clip */
  async #begin(clip) {
    const { store } = this;
    const recorded = clip.recorded.reduce((most, one) => (one.generations.length > most.generations.length ? one : most));
    Object.assign(this, { clip, recorded });
    const { generations } = recorded;
    const span = { from: Math.min(...generations.map(({ start }) => start)), to: Math.max(...generations.map(({ end }) => end)) };
    store.startOver(recorded.process);
    const data = /** @type {Data} */ (store.data.peek());
    data.ring = store.hold(new Ring({ maxBytes: Infinity, retention: Infinity, levels: [] }));
    data.retention = Infinity;
    data.overview = overviewSeries(recorded, span);
    this.#say("open");
    store.timeline.replay = store.playback;
    store.gone.value = null;
    store.recording.value = { name: this.name, span, bytes: clip.bytes, recorded, problem: clip.problem, progress: 0 };
    if (generations.reduce((sum, { raw }) => sum + raw, 0) <= WHOLE) await this.#takeAll(data, generations);
    else await this.#takeParts(data);
  }

  // ---- a clip of ordinary size -----------------------------------------------------------------------------------------

  /** @param {Data} data @param {Generation[]} generations */
  async #takeAll(data, generations) {
    const { store } = this;
    const clip = /** @type {Clip} */ (this.clip);
    let sliced = performance.now();
    for (const [i, generation] of generations.entries()) {
      for (const message of await clip.messages(generation)) {
        if (this.#closed || store.data.peek() !== data) return;
        store.receive(message, performance.now());
        if (performance.now() - sliced < SLICE) continue;
        await breathe();
        sliced = performance.now();
      }
      this.#progress((i + 1) / generations.length);
    }
    store.caughtUp();
  }

  /** @param {number} progress */
  #progress(progress) {
    const { recording } = this.store;
    if (recording.peek() !== null) recording.value = { .../** @type {Played} */ (recording.peek()), progress };
  }

  // ---- a large one -----------------------------------------------------------------------------------------------------

  /** @param {Data} data */
  async #takeParts(data) {
    const { store } = this;
    const { overview, generations } = /** @type {Recorded} */ (this.recorded);
    if (overview !== null) {
      this.#overview = data.take(overview);
      data.hold([this.#overview]);
      store.caughtUp();
    } else {
      await this.#arrange(generations.slice(0, 1));
    }
    this.#progress(1);
    this.#end = effect(() => {
      store.scene.value;
      void this.#follow();
    });
  }

  /** Sees to it that what is wanted is there, one arrangement after the other. */
  async #follow() {
    if (this.#arranging) return;
    this.#arranging = true;
    try {
      for (let wanted = this.#wanted(); wanted !== null && !this.#closed; wanted = this.#wanted()) {
        await this.#arrange(wanted);
        if (this.store.playback.playing.peek()) void this.#prefetch(wanted);
      }
    } catch (error) {
      this.#say("open", error instanceof Error ? error.message : String(error));
    } finally {
      this.#arranging = false;
    }
  }

  /** The generations to show now; null when they are shown. */
  #wanted() {
    const { from, to } = this.store.wanted();
    const { generations } = /** @type {Recorded} */ (this.recorded);
    const touched = generations.filter(({ start, end }) => start < to && end > from);
    const key = touched.map(({ stream }) => stream).join();
    return key === this.#arranged || touched.length === 0 ? null : touched;
  }

  /** @param {Generation[]} touched */
  async #arrange(touched) {
    const { store } = this;
    const data = store.data.peek();
    const { generations } = /** @type {Recorded} */ (this.recorded);
    if (data === null) return;
    this.#arranged = touched.map(({ stream }) => stream).join();
    /** @type {Taken[]} */
    let entries = [];
    if (touched.length === generations.length && this.#overview !== null) entries = [this.#overview];
    else if (touched.length <= MAX_DETAILED) for (const generation of touched) entries.push(...(await this.#details(data, generation)));
    else for (const generation of touched) entries.push(await this.#summary(data, generation));
    if (this.#closed || store.data.peek() !== data) return;
    data.members = new Members();
    data.series = new Series();
    data.hold(entries);
    store.caughtUp();
  }

  /** @param {Data} data @param {Generation} generation @returns {Promise<Taken[]>} */
  async #details(data, generation) {
    const known = this.#detailed.get(generation.stream);
    this.#detailed.delete(generation.stream);
    const taken = known ?? (await this.#messages(generation)).map((chunk) => data.take(chunk));
    this.#detailed.set(generation.stream, taken);
    for (const stream of this.#detailed.keys()) if (this.#detailed.size > MAX_KEPT) this.#detailed.delete(stream);
    return taken;
  }

  /** @param {Generation} generation */
  async #messages(generation) {
    const messages = await /** @type {Clip} */ (this.clip).messages(generation);
    return messages.filter((message) => message.type === "chunk");
  }

  /** @param {Data} data @param {Generation} generation @returns {Promise<Taken>} */
  async #summary(data, generation) {
    const known = this.#summaries.get(generation.stream);
    if (known !== undefined) return known;
    const chunk = await /** @type {Clip} */ (this.clip).summary(generation);
    const taken = chunk !== null ? data.take(chunk) : (await this.#details(data, generation))[0];
    this.#summaries.set(generation.stream, taken);
    return taken;
  }

  /** Reads the generation after those shown before it is wanted. @param {Generation[]} shown */
  async #prefetch(shown) {
    const { generations } = /** @type {Recorded} */ (this.recorded);
    const next = generations[generations.indexOf(shown[shown.length - 1]) + 1];
    const data = this.store.data.peek();
    if (next !== undefined && data !== null && !this.#detailed.has(next.stream)) await this.#details(data, next);
  }
}

/** Lets the page paint. */
const breathe = () => new Promise((done) => setTimeout(done, 0));

/** What the index knows of all of a clip's time. @param {Recorded} recorded @param {Span} span */
function overviewSeries({ timeline }, span) {
  const series = new Series();
  if (timeline === null || timeline.start.length === 0) {
    series.push(span.from, span.to, new Float32Array(Object.keys(CATEGORY).length), 0, {});
    return series;
  }
  for (let i = 0; i < timeline.start.length; i++) {
    const at = (/** @type {string} */ name) => timeline.series[name]?.[i] ?? NaN;
    const counts = new Float32Array(Object.keys(CATEGORY).length);
    counts[CATEGORY.running] = at("state.running") || 0;
    counts[CATEGORY.runnable] = (at("state.runnable") || 0) + (at("state.preempted") || 0);
    counts[CATEGORY.syscall] = at("state.syscall") || 0;
    counts[CATEGORY.other] = (at("state.waiting") || 0) + (at("state.other") || 0); // Waiting for what, only its chunks say.
    const known = Object.fromEntries(Object.entries(timeline.series).map(([name, column]) => [name, column[i]]));
    const length = timeline.end[i] - timeline.start[i];
    series.push(timeline.start[i], timeline.end[i], counts, 0, { ...known, cpu: at("state.cpu") * length });
  }
  return series;
}
