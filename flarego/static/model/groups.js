/**
 * Goroutines at one moment, grouped by stack, state and where they were created.
 */

import { STALE, THREAD } from "./dictionary.js";
import { whereabouts } from "./place.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("../core/ring.js").Entry} Entry */
/**
 * @typedef {{id: string, stack: number, count: number, wait: number, state: string, lane: string, category: number, where: string,
 *   place: string, inside: string, entry: string, createdBy: string, createdPlace: string, system: boolean, idle: boolean, stale: boolean,
 *   key: number, labels: Set<string>}} Group of goroutines; `wait` ns since flarego first saw one of them there
 */

/** What never changes about a row key, worked out once. */
export class Grouping {
  /** @type {Omit<Group, "count" | "wait">[]} */
  #known = [];

  /** @param {Reading} reading */
  constructor(reading) {
    this.reading = reading;
  }

  /** @param {number} key */
  #describe(key) {
    const { dictionary } = this.reading;
    const stack = dictionary.keyStack[key];
    const group = dictionary.groups[dictionary.keyGroup[key]];
    const { state, lane, category, aside } = this.reading.of(key);
    const frames = dictionary.framesOf(stack);
    const { exact, own } = whereabouts(dictionary, stack, this.reading.names.module);
    const entry = group?.entry ?? -1;
    const createdBy = dictionary.functionName(group?.createdBy ?? -1);
    const thread = (dictionary.keyFlags[key] & THREAD) !== 0;
    return {
      id: `${stack}|${lane}|${createdBy}|${aside}`,
      stack, state, lane, category, key,
      where: dictionary.functionName(own) || (thread ? "runtime thread" : "no stack"),
      place: dictionary.place(own),
      inside: exact === own ? "" : dictionary.functionName(exact),
      entry: dictionary.functionName(entry) || dictionary.functionName(frames[0] ?? -1),
      createdBy,
      createdPlace: dictionary.place(group?.createdBy ?? -1),
      system: aside === "system",
      idle: aside === "idle",
      stale: (dictionary.keyFlags[key] & STALE) !== 0,
      labels: new Set(Object.entries(group?.labels ?? {}).map(([name, value]) => `${name}=${value}`)),
    };
  }

  /** @param {number} key */
  describe(key) {
    return (this.#known[key] ??= this.#describe(key));
  }

  /** The groups there are at the end of an entry. @param {Entry | undefined} entry @returns {Group[]} */
  at(entry) {
    if (entry === undefined) return [];
    /** @type {Map<string, Group>} */
    const groups = new Map();
    for (let i = 0; i < entry.key.length; i++) {
      if (entry.count[i] === 0) continue;
      const about = this.describe(entry.key[i]);
      const group = groups.get(about.id);
      if (group === undefined) {
        groups.set(about.id, { ...about, labels: new Set(about.labels), count: entry.count[i], wait: entry.wait[i] });
        continue;
      }
      group.count += entry.count[i];
      if (entry.wait[i] > group.wait) group.wait = entry.wait[i];
      for (const label of about.labels) group.labels.add(label);
    }
    return [...groups.values()];
  }
}
