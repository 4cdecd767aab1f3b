/**
 * Goroutines at one moment, grouped by where they are, who made them, what they do, or what they wait on.
 */

import { STALE, THREAD } from "./dictionary.js";
import { hex } from "./format.js";
import { median } from "./members.js";
import { whereabouts } from "./place.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./members.js").MemberAt} MemberAt */
/** @typedef {import("../core/ring.js").Entry} Entry */
/** @typedef {"stack" | "created" | "state" | "label" | "on"} By */
/**
 * What a row key says of its goroutines; the same for ever.
 * @typedef {{id: string, stack: number, state: string, reason: string, lane: string, category: number, where: string,
 *   place: string, inside: string, entry: string, started: boolean, createdBy: string, createdPlace: string, system: boolean, idle: boolean,
 *   stale: boolean, key: number, labels: ReadonlySet<string>}} About
 * @typedef {Omit<About, "labels"> & {labels: Set<string>, count: number, change: number, wait: number, median: number, name: string,
 *   lanes: Map<string, {category: number, count: number}>, stacks: number, members: MemberAt[], keys: number[]}} Group
 *   What is said of one stack is said of the one with most goroutines, `stacks` in all. `wait` (the longest) and `median` in ns
 *   since flarego first saw them there; median NaN when it is too short to be known or none of them is followed
 */

export class Grouping {
  /** @type {About[]} */
  #known = [];
  /** Of each way to group: of each key, its group. @type {Partial<Record<By, {id: string, name: string}[]>>} */
  #places = {};

  /** @param {Reading} reading */
  constructor(reading) {
    this.reading = reading;
  }

  /** @param {number} key @returns {About} */
  #describe(key) {
    const { dictionary } = this.reading;
    const stack = dictionary.keyStack[key];
    const group = dictionary.groups[dictionary.keyGroup[key]];
    const { state, reason, lane, category, aside } = this.reading.of(key);
    const frames = dictionary.framesOf(stack);
    const { exact, own } = whereabouts(dictionary, stack, this.reading.names.module);
    const entry = group?.entry ?? -1;
    const createdBy = dictionary.functionName(group?.createdBy ?? -1);
    const thread = (dictionary.keyFlags[key] & THREAD) !== 0;
    return {
      id: `${stack}|${lane}|${createdBy}|${aside}`,
      stack, state, reason, lane, category, key,
      where: dictionary.functionName(own) || (thread ? "runtime thread" : "no stack"),
      place: dictionary.place(own),
      inside: exact === own ? "" : dictionary.functionName(exact),
      entry: dictionary.functionName(entry) || dictionary.functionName(frames[0] ?? -1),
      started: entry >= 0,
      createdBy,
      createdPlace: dictionary.place(group?.createdBy ?? -1),
      system: aside === "system",
      idle: aside === "idle",
      stale: (dictionary.keyFlags[key] & STALE) !== 0,
      labels: new Set(Object.entries(group?.labels ?? {}).map(([name, value]) => `${name}=${value}`)),
    };
  }

  /** @param {number} key @returns {About} */
  describe(key) {
    return (this.#known[key] ??= this.#describe(key));
  }

  /** The id and name of the group a goroutine is in. @param {By} by @param {About} about @param {number} on address or 0 */
  placeOf(by, about, on = 0) {
    if (by === "on") return this.#placed(by, about, on);
    return ((this.#places[by] ??= [])[about.key] ??= this.#placed(by, about, 0));
  }

  /** @param {By} by @param {About} about @param {number} on */
  #placed(by, about, on) {
    const labels = [...about.labels].sort().join("  ");
    switch (by) {
      case "stack": return { id: about.id, name: about.where };
      case "created": return { id: `${about.createdBy}|${about.createdPlace}|${about.entry}`, name: about.createdBy || (about.started ? "begins with the program" : "nobody knows") };
      case "state": return { id: about.lane, name: about.lane };
      case "label": return { id: labels, name: labels || "no labels" };
      case "on": return { id: on === 0 ? "" : `${about.lane}|${on}`, name: on === 0 ? "nothing known" : `${about.lane} on ${hex(on)}` };
    }
  }

  /**
   * The groups there are at the end of an entry, of all goroutines.
   * @param {Entry | undefined} entry @param {{by?: By, before?: Entry, members?: MemberAt[], keeps?: (about: About) => boolean}} [options]
   *   before: what their change is counted from. By "on", only the goroutines that are followed can be told apart
   * @returns {Group[]}
   */
  at(entry, { by = "stack", before, members = [], keeps = () => true } = {}) {
    if (entry === undefined) return [];
    /** @type {Map<string, Group>} */
    const groups = new Map();
    const counted = by === "on"
      ? members.map(({ now, wait }) => ({ key: now.key, on: now.on, count: 1, wait }))
      : Array.from(entry.key, (key, i) => ({ key, on: 0, count: entry.count[i], wait: entry.wait[i] }));
    for (const { key, on, count, wait } of counted) {
      const about = this.describe(key);
      if (count > 0 && keeps(about)) this.#count(groups, this.placeOf(by, about, on), about, count, wait);
    }
    this.#compare(groups, by, before, keeps);
    for (const member of members) groups.get(this.placeOf(by, this.describe(member.now.key), member.now.on).id)?.members.push(member);
    for (const group of groups.values()) group.median = medianWait(group.members);
    return [...groups.values()];
  }

  /** @param {Map<string, Group>} groups @param {{id: string, name: string}} place @param {About} about @param {number} count @param {number} wait */
  #count(groups, { id, name }, about, count, wait) {
    let group = groups.get(id);
    if (group === undefined) {
      const { stack, state, reason, lane, category, where, place, inside, entry, started, createdBy, createdPlace, system, idle, stale, key } = about;
      group = { // Field by field: a spread costs thirty times as much.
        id, name, stack, state, reason, lane, category, where, place, inside, entry, started, createdBy, createdPlace, system, idle, stale, key,
        labels: new Set(), count: 0, change: NaN, wait: 0, median: NaN, lanes: new Map(), stacks: 0, members: [], keys: [],
      };
      groups.set(id, group);
    }
    const lane = group.lanes.get(about.lane) ?? { category: about.category, count: 0 };
    lane.count += count;
    group.lanes.set(about.lane, lane);
    for (const label of about.labels) group.labels.add(label);
    group.count += count;
    group.stacks++;
    group.keys.push(about.key);
    if (wait > group.wait) group.wait = wait;
  }

  /** @param {Map<string, Group>} groups @param {By} by @param {Entry | undefined} before @param {(about: About) => boolean} keeps */
  #compare(groups, by, before, keeps) {
    if (before === undefined || by === "on") return;
    for (const group of groups.values()) group.change = group.count;
    before.key.forEach((key, i) => {
      const about = this.describe(key);
      const group = keeps(about) ? groups.get(this.placeOf(by, about).id) : undefined;
      if (group !== undefined) group.change -= before.count[i];
    });
  }
}

/** @param {MemberAt[]} members */
function medianWait(members) {
  const rested = members.filter(({ quick }) => !quick);
  return rested.length * 2 > members.length ? median(members.map(({ wait, quick }) => (quick ? 0 : wait))) : NaN;
}
