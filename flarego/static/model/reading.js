/**
 * What a row key means in words: its state, lane and category, and whether it is set aside.
 * Worked out once a key; trees, tables and the timeline all read it here.
 */

import { categoryOf, laneOf } from "./category.js";
import { THREAD } from "./dictionary.js";
import { Idleness } from "./idle.js";

/** @typedef {import("./dictionary.js").Dictionary} Dictionary */
/** @typedef {{states: readonly string[], reasons: readonly string[], module: string, task?: string}} Names of the process message */
/** @typedef {"" | "system" | "idle"} Aside why the user need not see it by default */
/** @typedef {{state: string, reason: string, lane: string, category: number, aside: Aside}} Meaning */

export class Reading {
  /** @type {(Meaning | null)[]} */
  #known = [];
  /** Meanings by state, reason and why they are set aside: few, however many keys. @type {Map<number, Meaning>} */
  #meanings = new Map();
  #idleness;

  /** @param {Dictionary} dictionary @param {Names} names */
  constructor(dictionary, names) {
    this.dictionary = dictionary;
    this.names = names;
    this.#idleness = new Idleness(dictionary);
  }

  /** @param {number} key @returns {Meaning} */
  of(key) {
    while (this.#known.length <= key) this.#known.push(null);
    return (this.#known[key] ??= this.#read(key));
  }

  /** @param {number} key @returns {Meaning} */
  #read(key) {
    const { dictionary, names } = this;
    const [s, r] = [dictionary.keyState[key], dictionary.keyReason[key]];
    const state = names.states[s] ?? "other";
    const reason = names.reasons[r] ?? "";
    const aside = this.#aside(key, state, reason);
    const id = (s << 12) | (r << 4) | aside.length;
    let meaning = this.#meanings.get(id);
    if (meaning === undefined) {
      meaning = { state, reason, lane: laneOf(state, reason), category: categoryOf(state, reason), aside };
      this.#meanings.set(id, meaning);
    }
    return meaning;
  }

  /** @param {number} key @param {string} state @param {string} reason @returns {Aside} */
  #aside(key, state, reason) {
    const { dictionary } = this;
    const group = dictionary.groups[dictionary.keyGroup[key]];
    if (group?.system || (dictionary.keyFlags[key] & THREAD) !== 0) return "system";
    return state === "waiting" && this.#idleness.of(dictionary.keyStack[key], reason) ? "idle" : "";
  }
}
