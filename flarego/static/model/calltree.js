/**
 * The call tree a flame graph shows: the rows of a window, merged by function.
 *
 * A tree belongs to one *shape* (which rows, in which lanes, from the root or from the leaves). Its
 * nodes are only ever added, each with the same number for as long as the tree lives, siblings in a
 * fixed order (lanes by category, functions by name): what the user zoomed into or looks at stays
 * where it is while weights stream through. Columns, no objects: `weigh` is linear in row keys and
 * nodes. Where a row key belongs is placing.js's business.
 *
 * A sandwich has two roots: node 0 with the callees of its function, node 1 with the callers.
 */

import { Branches } from "./branches.js";
import { FILTERED, IDLE, Placing, SYSTEM } from "./placing.js";
import { plural } from "./words.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./diff.js").Sums} Fold what a window adds up to */
/** @typedef {import("./search.js").Search} Search */
/** @typedef {import("./placing.js").Shape} Shape */
/** @typedef {import("./placing.js").View} View */
/** @typedef {"wall" | "cpu" | "waiting" | "count"} Weight `waiting` is the wall time of those that wait */
/** @typedef {{idle: number, system: number, filtered: number}} Aside */
/** @typedef {{folded: Aside, counts: Aside}} Hidden weight and goroutines */

/** A row key not placed yet. */
const UNKNOWN = -9;

/** Bits of a node's flags beyond those of frames. */
export const LANE = 4;
export const CALLERS = 8;
/** The node with the callers, in a sandwich. */
export const ABOVE = 1;

/** A category is a node's own when it is ahead by this share of its weight: nine tenths against one. */
const CLEAR = 0.8;
/** A change of less than this share of everything is not told from none. */
const LEAST_CHANGE = 0.002;

const FIRST_CAPACITY = 256;
/** Room made for a new tree at most; one larger grows. */
const MAX_FIRST_CAPACITY = 1 << 19;

/** Columns of a tree that are filled once, when a node is made. */
const MADE = /** @type {const} */ (["parent", "name", "flags", "depth", "frame", "category", "firstChild", "nextSibling"]);

/**
 * A column twice as long.
 * @template {Int32Array | Uint32Array | Uint16Array | Uint8Array | Int8Array | Float64Array | Float32Array} T
 * @param {T} column @param {number} capacity @returns {T}
 */
function longer(column, capacity) {
  const out = /** @type {T} */ (new /** @type {any} */ (column.constructor)(capacity));
  out.set(/** @type {any} */ (column));
  return out;
}

export class CallTree {
  /** By name, lanes apart. */
  #branches = new Branches();
  /** How many nodes there are. */
  size = 0;
  /** Of each node: parent, string, flags, distance from the root, a frame of it, category of a lane or -1. */
  parent = new Int32Array(FIRST_CAPACITY);
  name = new Uint32Array(FIRST_CAPACITY);
  flags = new Uint8Array(FIRST_CAPACITY);
  depth = new Uint16Array(FIRST_CAPACITY);
  frame = new Int32Array(FIRST_CAPACITY);
  category = new Int8Array(FIRST_CAPACITY);
  /** Siblings as linked lists in their fixed order; -1 ends one. */
  firstChild = new Int32Array(FIRST_CAPACITY);
  nextSibling = new Int32Array(FIRST_CAPACITY);
  /** Of each node: weight of its own, and with all below it. */
  self = new Float64Array(0);
  total = new Float64Array(0);
  /** Of each node: bits of the categories of the rows at or below it that weigh anything. */
  mask = new Uint16Array(0);
  /** Of each node: the category that nearly all its weight is of, or -1; how far that is ahead of the others. */
  lead = new Int8Array(0);
  #ahead = new Float64Array(0);
  /** Of each node: 1 it matches the search, 2 something above it does, 4 something below it does. */
  match = new Uint8Array(0);
  /** Weight of all that matches, nothing counted twice; how many nodes with weight match. */
  matched = 0;
  matches = 0;
  /** Of each node, when compared: what it weighed in the other span, scaled, and in this one; the change, -1 vanished … 1 new. @type {Float64Array | null} */
  base = null;
  /** `total` unless that was made the other's or the sum of both. @type {Float64Array | null} */
  after = null;
  /** @type {Float32Array | null} */
  delta = null;
  /** @type {Hidden} */
  hidden = { folded: { idle: 0, system: 0, filtered: 0 }, counts: { idle: 0, system: 0, filtered: 0 } };
  /** Node of each row key, or one of placing.js's constants; in a sandwich also among the callers. */
  #leaf = new Int32Array(0);
  #leafAbove = new Int32Array(0);
  /** Parents that got children since their children were put in order. @type {number[]} */
  #unordered = [];
  #placing;
  /** Which strings match the search: 0 not known, 1 no, 2 yes. */
  #stringMatch = new Uint8Array(0);
  /** @type {Search | null} */
  #search = null;

  /** @param {Reading} reading @param {Shape} shape */
  constructor(reading, shape) {
    this.reading = reading;
    this.dictionary = reading.dictionary;
    this.shape = shape;
    const name = this.dictionary.string(shape.focus || `all ${plural(reading.names.task ?? "goroutine")}`);
    const likely = Math.min(MAX_FIRST_CAPACITY, this.dictionary.stackParent.length + 64);
    this.#branches.reserve(likely);
    if (likely > FIRST_CAPACITY) this.#grow(likely);
    this.#add(-1, name, shape.focus === "" ? LANE : 0, -1, -1);
    if (shape.focus !== "") this.depth[this.child(0, name, LANE | CALLERS, -1, -1)] = 0;
    this.#placing = new Placing(this);
  }

  /** @param {number} node */
  nameOf(node) {
    return this.dictionary.strings[this.name[node]];
  }

  /** The root a node belongs to: 0, or the callers'. @param {number} node */
  rootOf(node) {
    if (this.shape.focus === "") return 0;
    let at = node;
    while (at > ABOVE) at = this.parent[at];
    return at;
  }

  /** @param {number} capacity */
  #grow(capacity) {
    for (const column of MADE) /** @type {any} */ (this)[column] = longer(this[column], capacity);
  }

  /** @param {number} parent @param {number} name @param {number} flags @param {number} frame @param {number} category */
  #add(parent, name, flags, frame, category) {
    const id = this.size++;
    if (id === this.parent.length) this.#grow(id * 2);
    this.parent[id] = parent;
    this.name[id] = name;
    this.flags[id] = flags;
    this.depth[id] = parent < 0 ? 0 : Math.min(0xffff, this.depth[parent] + 1);
    this.frame[id] = frame;
    this.category[id] = category;
    this.firstChild[id] = -1;
    this.nextSibling[id] = -1;
    return id;
  }

  /**
   * The child of a node by that name, made when there is none.
   * @param {number} parent @param {number} name string @param {number} flags @param {number} frame @param {number} category of a lane, else -1
   */
  child(parent, name, flags, frame, category) {
    const key = name * 2 + (flags & LANE ? 1 : 0);
    const known = this.#branches.find(parent, key);
    if (known >= 0) return known;
    const id = this.#add(parent, name, flags, frame, category);
    this.#branches.add(parent, key, id);
    if (flags & CALLERS) return id; // Not among the callees.
    const first = this.firstChild[parent];
    if (first >= 0 && this.#unordered.at(-1) !== parent) this.#unordered.push(parent);
    this.nextSibling[id] = first;
    this.firstChild[parent] = id;
    return id;
  }

  /** Which of two siblings stands first, as a comparator. @param {number} a @param {number} b */
  #compare(a, b) {
    const laneA = this.flags[a] & LANE;
    if (laneA !== (this.flags[b] & LANE)) return laneA ? -1 : 1;
    if (laneA && this.category[a] !== this.category[b]) return this.category[a] - this.category[b];
    return this.nameOf(a) < this.nameOf(b) ? -1 : 1;
  }

  /** Puts siblings in order where there are new ones. */
  #order() {
    const { firstChild, nextSibling } = this;
    for (const parent of this.#unordered) {
      const children = [];
      for (let child = firstChild[parent]; child >= 0; child = nextSibling[child]) children.push(child);
      children.sort((a, b) => this.#compare(a, b));
      for (let i = 0; i < children.length; i++) nextSibling[children[i]] = children[i + 1] ?? -1;
      firstChild[parent] = children[0];
    }
    this.#unordered = [];
  }

  /** The node of a row key; negative when this tree does not show it. @param {number} key */
  leaf(key) {
    if (key >= this.#leaf.length) this.#reserveKeys(key);
    if (this.#leaf[key] === UNKNOWN) {
      const place = this.#placing.place(key);
      this.#leaf[key] = place;
      this.#leafAbove[key] = place < 0 ? -1 : this.#placing.above;
    }
    return this.#leaf[key];
  }

  /** @param {number} key */
  #reserveKeys(key) {
    const known = this.#leaf.length;
    const capacity = Math.max(this.dictionary.keys, key + 1, known + (known >> 1));
    this.#leaf = longer(this.#leaf, capacity).fill(UNKNOWN, known);
    this.#leafAbove = longer(this.#leafAbove, capacity);
  }

  /** Makes room for the weights of all nodes. */
  #reserve() {
    const capacity = this.parent.length;
    if (this.self.length >= capacity) return;
    this.self = longer(this.self, capacity);
    this.total = longer(this.total, capacity);
    this.mask = longer(this.mask, capacity);
    this.lead = longer(this.lead, capacity);
    this.#ahead = longer(this.#ahead, capacity);
    this.match = longer(this.match, capacity);
  }

  /** Calls `each(key, weight)` for every row key that weighs anything. @param {Fold} fold @param {Weight} weight @param {(key: number, weight: number) => void} each */
  each(fold, weight, each) {
    if (weight === "count") {
      const last = fold.last;
      if (last === undefined) return;
      for (let i = 0; i < last.key.length; i++) if (last.count[i] > 0) each(last.key[i], last.count[i]);
      return;
    }
    const { reading } = this;
    const sums = fold[weight === "waiting" ? "wall" : weight];
    const keys = Math.min(sums.length, this.dictionary.keys);
    for (let key = 0; key < keys; key++) {
      if (sums[key] > 0 && (weight !== "waiting" || reading.of(key).state === "waiting")) each(key, sums[key]);
    }
  }

  /** Places whatever weighs anything. @param {Fold} fold @param {Weight} weight */
  #place(fold, weight) {
    this.each(fold, weight, (key) => this.leaf(key));
    if (weight !== "count") this.each(fold, "count", (key) => this.leaf(key));
    this.#order();
    this.#reserve();
  }

  /** Weighs all nodes by the window. @param {Fold} fold @param {Weight} weight @param {Search | null} search */
  weigh(fold, weight, search) {
    this.#place(fold, weight);
    this.base = this.after = this.delta = null;
    this.self.fill(0, 0, this.size);
    this.mask.fill(0, 0, this.size);
    this.#ahead.fill(0, 0, this.size);
    this.lead.fill(-1, 0, this.size);
    this.#weighLeaves(fold, weight);
    this.#countHidden(fold);
    this.#addUp();
    this.#findMatches(search);
  }

  /** @param {Fold} fold @param {Weight} weight */
  #weighLeaves(fold, weight) {
    const { folded } = this.hidden;
    folded.idle = folded.system = folded.filtered = 0;
    const { self, mask, reading } = this;
    const [leaves, above, sandwich] = [this.#leaf, this.#leafAbove, this.shape.focus !== ""];
    this.each(fold, weight, (key, value) => {
      const leaf = leaves[key];
      if (leaf < 0) {
        if (leaf === IDLE) folded.idle += value;
        else if (leaf === SYSTEM) folded.system += value;
        else if (leaf === FILTERED) folded.filtered += value;
        return;
      }
      const { category } = reading.of(key);
      self[leaf] += value;
      mask[leaf] |= 1 << category;
      this.#vote(leaf, category, value);
      if (!sandwich) return;
      self[above[key]] += value;
      mask[above[key]] |= 1 << category;
      this.#vote(above[key], category, value);
    });
  }

  /** @param {Fold} fold */
  #countHidden(fold) {
    const { counts } = this.hidden;
    counts.idle = counts.system = counts.filtered = 0;
    this.each(fold, "count", (key, value) => {
      const leaf = this.#leaf[key];
      if (leaf === IDLE) counts.idle += value;
      else if (leaf === SYSTEM) counts.system += value;
      else if (leaf === FILTERED) counts.filtered += value;
    });
  }

  /** Adds the weights of children to their parents'. */
  #addUp() {
    const { self, total, mask, parent, flags, lead, size } = this;
    const ahead = this.#ahead;
    total.set(self.subarray(0, size));
    for (let node = size - 1; node > 0; node--) {
      const weight = total[node];
      if (weight === 0 || flags[node] & CALLERS) continue;
      const up = parent[node];
      total[up] += weight;
      mask[up] |= mask[node];
      // As in #vote, which a loop this hot had better not call.
      const gain = ahead[node];
      const now = ahead[up];
      if (lead[up] === lead[node]) {
        ahead[up] = now + gain;
      } else if (gain > now) {
        lead[up] = lead[node];
        ahead[up] = gain - now;
      } else {
        ahead[up] = now - gain;
      }
    }
    for (let node = 0; node < size; node++) if (ahead[node] < CLEAR * total[node]) lead[node] = -1;
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

  /**
   * Compares what was weighed last with another span: fills `base` and `delta`. Nodes that only the
   * other span has are made, and weigh nothing here.
   * @param {Fold} fold @param {Weight} weight
   * @param {number | "share"} scale of its weights (the ratio of the spans' lengths), or so that both totals are equal
   * @param {"b" | "a" | "both"} [width] what `total`, a frame's width, is to be: this span's weight, the other's, or the sum
   */
  compare(fold, weight, scale, width = "b") {
    this.#place(fold, weight);
    const { total, parent, flags, size } = this;
    const base = new Float64Array(this.parent.length);
    const delta = new Float32Array(this.parent.length);
    this.each(fold, weight, (key, value) => {
      const leaf = this.#leaf[key];
      if (leaf < 0) return;
      base[leaf] += value;
      if (this.shape.focus !== "") base[this.#leafAbove[key]] += value;
    });
    for (let node = size - 1; node > 0; node--) if (!(flags[node] & CALLERS)) base[parent[node]] += base[node];
    const factor = scale !== "share" ? scale : base[0] > 0 ? total[0] / base[0] : 1;
    const least = LEAST_CHANGE * Math.max(total[0], base[0] * factor);
    for (let node = 0; node < size; node++) {
      base[node] *= factor;
      const larger = Math.max(total[node], base[node], least);
      delta[node] = larger > 0 ? (total[node] - base[node]) / larger : 0;
    }
    this.base = base;
    this.after = total.slice();
    this.delta = delta;
    if (width === "b") return;
    for (let node = 0; node < size; node++) total[node] = width === "a" ? base[node] : total[node] + base[node];
  }

  /** @param {Search | null} search */
  #findMatches(search) {
    const { match, parent, total, flags, size } = this;
    this.matched = this.matches = 0;
    match.fill(0, 0, size);
    if (search === null) return;
    for (let node = this.shape.focus === "" ? 1 : 0; node < size; node++) {
      const above = node === 0 || flags[node] & CALLERS ? 0 : match[parent[node]] & 3;
      const own = this.#matches(search, this.name[node]) ? 1 : 0;
      match[node] = own | (above ? 2 : 0);
      if (own && total[node] > 0 && !(flags[node] & CALLERS)) this.matches++;
      if (own && !above && this.rootOf(node) === 0) this.matched += total[node];
    }
    for (let node = size - 1; node > 0; node--) {
      if (match[node] & 5 && total[node] > 0 && !(flags[node] & CALLERS)) match[parent[node]] |= 4;
    }
  }

  /** @param {Search} search @param {number} string */
  #matches(search, string) {
    if (search !== this.#search) {
      this.#search = search;
      this.#stringMatch.fill(0);
    }
    if (string >= this.#stringMatch.length) this.#stringMatch = longer(this.#stringMatch, this.dictionary.strings.length + 1024);
    this.#stringMatch[string] ||= search.matches(this.dictionary.strings[string]) ? 2 : 1;
    return this.#stringMatch[string] === 2;
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
      const next = this.#branches.find(node, this.dictionary.string(name) * 2 + (lane ? 1 : 0));
      if (next > 0) node = next;
      else if (!lane) return { node, whole: false };
    }
    return { node, whole: true };
  }

  /** Of each row key: 1 when it is at this node or below it. @param {number} node @returns {Uint8Array} */
  keysBelow(node) {
    const below = new Uint8Array(this.size);
    below[node] = 1;
    for (let at = Math.max(node, 1) + (node === ABOVE ? 1 : 0); at < this.size; at++) {
      if (!(this.flags[at] & CALLERS)) below[at] |= below[this.parent[at]];
    }
    const leaves = this.rootOf(node) === ABOVE ? this.#leafAbove : this.#leaf;
    const keys = new Uint8Array(leaves.length);
    for (let key = 0; key < keys.length; key++) if (this.#leaf[key] >= 0) keys[key] = below[leaves[key]];
    return keys;
  }
}

/** @typedef {{name: string, lane: boolean}} Step */
