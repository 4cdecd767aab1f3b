/**
 * The call tree a flame graph shows: rows of a window, under lanes or not, by function.
 *
 * A tree belongs to one *shape* (which rows, in which lanes). Its nodes are only ever added, each
 * with the same number for as long as the tree lives, siblings in a fixed order (lanes by category,
 * functions by name): what the user zoomed into or looks at stays where it is while weights stream
 * through. `weigh` is linear in row keys and nodes and makes no object.
 */

import { CATEGORIES } from "./category.js";
import { STALE } from "./dictionary.js";
import { Pairs } from "./pairs.js";
import { isInternal } from "./place.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./fold.js").Fold} Fold */
/** @typedef {import("./search.js").Search} Search */
/** @typedef {"state" | "cpu" | "blocked"} View */
/** @typedef {"wall" | "cpu" | "count"} Weight */
/** @typedef {{view: View, system: boolean, idle: boolean, runtime: boolean}} Shape shown beside the user's own */
/** @typedef {{folded: {idle: number, system: number}, counts: {idle: number, system: number}}} Hidden weight and goroutines */

/** Where a row key belongs when not to a node. */
const UNKNOWN = -1;
const ELSEWHERE = -2;
const IDLE = -3;
const SYSTEM = -4;

/** Bits of a node's flags beyond those of frames. */
export const LANE = 4;

/** A category is a node's own when it is ahead by this share of its weight: nine tenths against one. */
const CLEAR = 0.8;

const ROOT_NAME = "all goroutines";

export class CallTree {
  #ids = new Pairs();
  /** Of each node: parent node, string, flags, depth, a frame of it, how many source lines it stands for. @type {number[]} */
  parent = [-1];
  /** @type {number[]} */
  name = [0];
  /** @type {number[]} */
  flags = [LANE];
  /** @type {number[]} */
  depth = [0];
  /** @type {number[]} */
  frame = [-1];
  /** @type {number[]} */
  lines = [0];
  /** Category of a lane, -1 of other nodes. @type {number[]} */
  category = [-1];
  /** Siblings as linked lists in their fixed order; -1 ends one. @type {number[]} */
  firstChild = [-1];
  /** @type {number[]} */
  nextSibling = [-1];
  /** Of each node: weight of its own, and with all below it. */
  self = new Float64Array(64);
  total = new Float64Array(64);
  /** Of each node: bits of the categories of the rows at or below it that weigh anything. */
  mask = new Uint16Array(64);
  /** Of each node: the category that nearly all its weight is of, or -1; how far that is ahead of the others. */
  lead = new Int8Array(64);
  #ahead = new Float64Array(64);
  /** Of each node: 1 it matches the search, 2 something above it does, 4 something below it does. */
  match = new Uint8Array(64);
  /** Weight of all that matches, nothing counted twice. */
  matched = 0;
  /** @type {Hidden} */
  hidden = { folded: { idle: 0, system: 0 }, counts: { idle: 0, system: 0 } };
  /** Node of each row key, or one of the constants above. @type {number[]} */
  #leaves = [];

  /** @param {Reading} reading @param {Shape} shape */
  constructor(reading, shape) {
    this.reading = reading;
    this.dictionary = reading.dictionary;
    this.shape = shape;
    this.name[0] = this.dictionary.string(ROOT_NAME);
  }

  get size() {
    return this.parent.length;
  }

  /** @param {number} node */
  nameOf(node) {
    return this.dictionary.strings[this.name[node]];
  }

  /** @param {number} parent @param {number} name string @param {number} lane 1 or 0 */
  #find(parent, name, lane) {
    return this.#ids.find(parent, name * 2 + lane) + 1;
  }

  /** @param {number} parent @param {number} name @param {number} flags @param {number} frame @param {number} category */
  #child(parent, name, flags, frame, category) {
    const id = this.#ids.intern(parent, name * 2 + (flags & LANE ? 1 : 0)) + 1;
    if (id === this.size) {
      this.parent.push(parent);
      this.name.push(name);
      this.flags.push(flags);
      this.depth.push(this.depth[parent] + 1);
      this.frame.push(frame);
      this.lines.push(1);
      this.category.push(category);
      this.firstChild.push(-1);
      this.nextSibling.push(-1);
      this.#link(parent, id);
    } else if (frame >= 0 && frame !== this.frame[id]) {
      this.lines[id]++;
    }
    return id;
  }

  /** @param {number} a @param {number} b whether node a stands before its sibling b */
  #before(a, b) {
    const laneA = this.flags[a] & LANE;
    const laneB = this.flags[b] & LANE;
    if (laneA !== laneB) return laneA !== 0;
    if (laneA && this.category[a] !== this.category[b]) return this.category[a] < this.category[b];
    return this.nameOf(a) < this.nameOf(b);
  }

  /** @param {number} parent @param {number} node */
  #link(parent, node) {
    let previous = -1;
    let next = this.firstChild[parent];
    while (next >= 0 && this.#before(next, node)) {
      previous = next;
      next = this.nextSibling[next];
    }
    this.nextSibling[node] = next;
    if (previous < 0) this.firstChild[parent] = node;
    else this.nextSibling[previous] = node;
  }

  /** @param {number} key @returns {number} node, or where else it belongs */
  #place(key) {
    const { view, system, idle } = this.shape;
    const { state, lane, category, aside } = this.reading.of(key);
    if (view === "cpu" && state === "waiting") return ELSEWHERE;
    if (view === "blocked" && state !== "waiting") return ELSEWHERE;
    if (aside === "system" && !system) return SYSTEM;
    if (aside === "idle" && !idle) return IDLE;
    const string = this.dictionary.string(lane);
    let node = view === "state" ? this.#child(0, string, LANE, -1, category) : 0;
    for (const frame of this.#frames(key)) {
      node = this.#child(node, this.dictionary.frameFunction[frame], this.dictionary.frameFlags[frame], frame, -1);
    }
    return view === "blocked" ? this.#child(node, string, LANE, -1, category) : node;
  }

  /**
   * The frames to show of a row key, outermost first. What parks a goroutine inside the runtime says
   * no more than the wait reason does; where CPU time is spent inside it does.
   * @param {number} key @returns {number[]}
   */
  #frames(key) {
    const { state, aside } = this.reading.of(key);
    const frames = this.dictionary.framesOf(this.dictionary.keyStack[key]);
    if (this.shape.runtime || aside === "system") return frames;
    const hidden = (/** @type {number} */ frame) => isInternal(this.dictionary, frame);
    const start = frames.findIndex((frame) => !hidden(frame));
    if (start < 0) return frames;
    let end = frames.length;
    if (state === "waiting") while (end > start + 1 && hidden(frames[end - 1])) end--;
    return frames.slice(start, end);
  }

  /** The node of a row key; negative when this tree does not show it. @param {number} key */
  leaf(key) {
    const leaves = this.#leaves;
    while (leaves.length <= key) leaves.push(UNKNOWN);
    if (leaves[key] === UNKNOWN) leaves[key] = this.#place(key);
    return leaves[key];
  }

  #reserve() {
    if (this.self.length >= this.size) return;
    const capacity = this.size * 2;
    this.self = new Float64Array(capacity);
    this.total = new Float64Array(capacity);
    this.mask = new Uint16Array(capacity);
    this.lead = new Int8Array(capacity);
    this.#ahead = new Float64Array(capacity);
    this.match = new Uint8Array(capacity);
  }

  /** Calls `each(key, weight)` for every row key that weighs anything. @param {Fold} fold @param {Weight} weight @param {(key: number, weight: number) => void} each */
  static each(fold, weight, each) {
    if (weight === "count") {
      const last = fold.last;
      if (last === undefined) return;
      for (let i = 0; i < last.key.length; i++) if (last.count[i] > 0) each(last.key[i], last.count[i]);
      return;
    }
    const sums = fold[weight];
    for (let key = 0; key < sums.length; key++) if (sums[key] > 0) each(key, sums[key]);
  }

  /** Weighs all nodes by the window. @param {Fold} fold @param {Weight} weight @param {Search | null} search */
  weigh(fold, weight, search) {
    CallTree.each(fold, weight, (key) => this.leaf(key));
    CallTree.each(fold, "count", (key) => this.leaf(key));
    this.#reserve();
    const { self, total, mask, size } = this;
    self.fill(0, 0, size);
    mask.fill(0, 0, size);
    this.#ahead.fill(0, 0, size);
    const { folded, counts } = this.hidden;
    folded.idle = folded.system = counts.idle = counts.system = 0;
    CallTree.each(fold, weight, (key, value) => {
      const leaf = this.#leaves[key];
      if (leaf >= 0) {
        const { category } = this.reading.of(key);
        self[leaf] += value;
        mask[leaf] |= 1 << category;
        this.#vote(leaf, category, value);
      } else if (leaf === IDLE) folded.idle += value;
      else if (leaf === SYSTEM) folded.system += value;
    });
    CallTree.each(fold, "count", (key, value) => {
      if (this.#leaves[key] === IDLE) counts.idle += value;
      else if (this.#leaves[key] === SYSTEM) counts.system += value;
    });
    total.set(self.subarray(0, size));
    for (let node = size - 1; node > 0; node--) {
      total[this.parent[node]] += total[node];
      mask[this.parent[node]] |= mask[node];
      this.#vote(this.parent[node], this.lead[node], this.#ahead[node]);
    }
    for (let node = 0; node < size; node++) if (this.#ahead[node] < CLEAR * total[node]) this.lead[node] = -1;
    this.#findMatches(search);
  }

  /**
   * Weighs in for a category: Boyer and Moore's majority vote, one pass without a sum per category.
   * @param {number} node @param {number} category @param {number} weight
   */
  #vote(node, category, weight) {
    const ahead = this.#ahead[node];
    if (this.lead[node] === category) {
      this.#ahead[node] = ahead + weight;
    } else if (weight > ahead) {
      this.lead[node] = category;
      this.#ahead[node] = weight - ahead;
    } else {
      this.#ahead[node] = ahead - weight;
    }
  }

  /** @param {Search | null} search */
  #findMatches(search) {
    const { match, parent, total, size } = this;
    this.matched = 0;
    match.fill(0, 0, size);
    if (search === null) return;
    for (let node = 1; node < size; node++) {
      const above = match[parent[node]] & 3;
      const own = search.matches(this.nameOf(node)) ? 1 : 0;
      match[node] = own | (above ? 2 : 0);
      if (own && !above) this.matched += total[node];
    }
    for (let node = size - 1; node > 0; node--) {
      if (match[node] & 5 && total[node] > 0) match[parent[node]] |= 4;
    }
  }

  /** Nodes from just below the root down to this one. @param {number} node @returns {number[]} */
  pathTo(node) {
    const path = [];
    for (let at = node; at > 0; at = this.parent[at]) path.push(at);
    return path.reverse();
  }

  /** A node's address that survives a change of tree: names, lanes marked. @param {number} node @returns {Step[]} */
  address(node) {
    return this.pathTo(node).map((at) => ({ name: this.nameOf(at), lane: (this.flags[at] & LANE) !== 0 }));
  }

  /**
   * The node an address leads to. Lanes this tree has not are passed over; where the way ends, so
   * does the answer.
   * @param {readonly Step[]} address
   * @returns {{node: number, whole: boolean}}
   */
  resolve(address) {
    let node = 0;
    for (const { name, lane } of address) {
      const next = this.#find(node, this.dictionary.string(name), lane ? 1 : 0);
      if (next > 0) node = next;
      else if (!lane) return { node, whole: false };
    }
    return { node, whole: true };
  }

  /** Row keys whose node is this one or below it. @param {number} node @returns {number[]} */
  keysBelow(node) {
    const below = new Uint8Array(this.size);
    below[node] = 1;
    for (let at = node + 1; at < this.size; at++) below[at] |= below[this.parent[at]];
    const keys = [];
    for (let key = 0; key < this.#leaves.length; key++) {
      const leaf = this.#leaves[key];
      if (leaf >= 0 && below[leaf]) keys.push(key);
    }
    return keys;
  }

  /** What the rows at or below a node are doing. @param {number} node @param {Fold} fold @param {Weight} weight @returns {Breakdown} */
  breakdown(node, fold, weight) {
    const keys = this.keysBelow(node);
    const within = new Set(keys);
    const parts = CATEGORIES.map(() => 0);
    /** @type {Map<string, number>} */
    const lanes = new Map();
    let count = 0;
    let stale = 0;
    CallTree.each(fold, weight, (key, value) => {
      if (!within.has(key)) return;
      const { lane, category } = this.reading.of(key);
      parts[category] += value;
      lanes.set(lane, (lanes.get(lane) ?? 0) + value);
      if (this.dictionary.keyFlags[key] & STALE) stale += value;
    });
    CallTree.each(fold, "count", (key, value) => {
      if (within.has(key)) count += value;
    });
    return { parts, lanes, count, stale, longest: fold.longest(keys) };
  }
}

/** @typedef {{name: string, lane: boolean}} Step */
/** @typedef {{parts: number[], lanes: Map<string, number>, count: number, stale: number, longest: number}} Breakdown */
