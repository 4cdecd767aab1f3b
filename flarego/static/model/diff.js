/**
 * Two spans side by side: sums kept from one of them, told in the words of another process, and what
 * has changed by function.
 *
 * Functions are the same when they have the same name, whatever binary, file or line they are in: that
 * is what a person who compares two versions means.
 */

import { LANE } from "./calltree.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {{start: number, end: number}} Time */
/**
 * What a fold adds up to, for a tree to weigh: by row key, and what there was at the end.
 * @typedef {{wall: Float64Array, cpu: Float64Array, last: {key: ArrayLike<number>, count: ArrayLike<number>} | undefined}} Sums
 * @typedef {Sums & {span: Time}} Snapshot
 * @typedef {{id: string, name: string, before: number, after: number, node: number, kind: "new" | "gone" | "more" | "less" | "same"}} Change
 *   of a function, nothing counted twice; `node` is where it weighs most
 */

/** A change of less than this share of everything is none. */
const LEAST = 0.002;

/** The sums of a fold as they are now. @param {Sums & {span: Time}} fold @returns {Snapshot} */
export function snapshot({ wall, cpu, last, span }) {
  return {
    wall: wall.slice(), cpu: cpu.slice(), span: { ...span },
    last: last && { key: Uint32Array.from(last.key), count: Uint32Array.from(last.count) },
  };
}

/** The row keys of one process in the dictionary of another. */
class Translation {
  /** @type {Map<number, number>} */
  #stacks = new Map([[0, 0]]);
  /** @type {Map<number, number>} */
  #keys = new Map();

  /** @param {Reading} from @param {Reading} to */
  constructor(from, to) {
    this.from = from;
    this.to = to;
  }

  /** @param {number} frame */
  #frame(frame) {
    const { strings, frameFunction, frameFile, frameLine, frameFlags } = this.from.dictionary;
    const { dictionary } = this.to;
    if (frame < 0) return -1;
    return dictionary.frame(
      dictionary.string(strings[frameFunction[frame]]), dictionary.string(strings[frameFile[frame]]), frameLine[frame], frameFlags[frame]);
  }

  /** @param {number} stack */
  #stack(stack) {
    const { stackParent, stackFrame } = this.from.dictionary;
    const way = [];
    let at = stack;
    for (; !this.#stacks.has(at); at = stackParent[at]) way.push(at);
    let out = this.#stacks.get(at) ?? 0;
    for (const next of way.reverse()) {
      out = this.to.dictionary.stack(out, this.#frame(stackFrame[next]));
      this.#stacks.set(next, out);
    }
    return out;
  }

  /** @param {number} group */
  #group(group) {
    const { createdBy = -1, entry = -1, labels = {}, system = false } = this.from.dictionary.groups[group] ?? {};
    return this.to.dictionary.group({ createdBy: this.#frame(createdBy), entry: this.#frame(entry), labels, system });
  }

  /** @param {number} key */
  key(key) {
    let known = this.#keys.get(key);
    if (known !== undefined) return known;
    const { keyStack, keyGroup, keyState, keyReason, keyFlags } = this.from.dictionary;
    const { states, reasons } = this.to.names;
    const state = states.indexOf(this.from.names.states[keyState[key]]);
    const reason = reasons.indexOf(this.from.names.reasons[keyReason[key]]);
    known = this.to.dictionary.key(
      this.#stack(keyStack[key]), this.#group(keyGroup[key]), state < 0 ? states.length : state, Math.max(0, reason), keyFlags[key]);
    this.#keys.set(key, known);
    return known;
  }
}

/** A snapshot of one process in the terms of another. @param {Snapshot} from @param {Reading} reading of it @param {Reading} to @returns {Snapshot} */
export function translate({ wall, cpu, last, span }, reading, to) {
  if (reading.dictionary === to.dictionary) return { wall, cpu, last, span };
  const translation = new Translation(reading, to);
  const keys = Array.from({ length: Math.min(wall.length, reading.dictionary.keys) }, (_, key) =>
    wall[key] > 0 || cpu[key] > 0 ? translation.key(key) : -1);
  const counted = last && { key: Array.from(last.key, (key) => translation.key(key)), count: last.count };
  const out = { wall: new Float64Array(to.dictionary.keys), cpu: new Float64Array(to.dictionary.keys), last: counted, span };
  keys.forEach((own, key) => {
    if (own < 0) return;
    out.wall[own] += wall[key];
    out.cpu[own] += cpu[key];
  });
  return out;
}

/** Several elements ask for the same: by the column of A's weights, which is new with every comparison. @type {WeakMap<Float64Array, Change[]>} */
const answers = new WeakMap();

/** What has changed in a tree that was compared, by function, in no order. @param {CallTree} tree @returns {Change[]} */
export function changes(tree) {
  const { base, after } = tree;
  if (base === null || after === null) return [];
  let answer = answers.get(base);
  if (answer === undefined) answers.set(base, (answer = find(tree, base, after)));
  return answer;
}

/** @param {CallTree} tree @param {Float64Array} base @param {Float64Array} after @returns {Change[]} */
function find({ dictionary, size, name, parent, flags }, base, after) {
  const least = LEAST * Math.max(after[0], base[0]);
  /** @type {Map<number, Change & {most: number}>} */
  const known = new Map();
  for (let node = 1; node < size; node++) {
    if (flags[node] & LANE || (base[node] === 0 && after[node] === 0) || nested(name, parent, node)) continue;
    let change = known.get(name[node]);
    if (change === undefined) {
      const text = dictionary.strings[name[node]];
      known.set(name[node], (change = { id: text, name: text, before: 0, after: 0, node, most: 0, kind: "same" }));
    }
    change.before += base[node];
    change.after += after[node];
    const weight = Math.max(base[node], after[node]);
    if (weight > change.most) [change.most, change.node] = [weight, node];
  }
  for (const change of known.values()) change.kind = kindOf(change, least);
  return [...known.values()];
}

/** @param {Change} change @param {number} least @returns {Change["kind"]} */
function kindOf({ before, after }, least) {
  if (Math.abs(after - before) <= least) return "same";
  if (before === 0) return "new";
  if (after === 0) return "gone";
  return after > before ? "more" : "less";
}

/** Whether a node is below another of its name. @param {Uint32Array} name @param {Int32Array} parent @param {number} node */
function nested(name, parent, node) {
  for (let at = parent[node]; at > 0; at = parent[at]) if (name[at] === name[node]) return true;
  return false;
}
