/**
 * Where a row key belongs in a call tree of one shape: which of its frames are shown, in which order,
 * below or above which lane; or why it is not in it.
 *
 * From the root down a stack's node follows from its parent stack's, so each is worked out once a lane.
 */

import { isInternal } from "./place.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {"state" | "cpu" | "blocked"} View */
/**
 * Which rows a tree shows, and how.
 * @typedef {object} Shape
 * @property {View} view
 * @property {boolean} system shown beside the user's own
 * @property {boolean} idle
 * @property {boolean} runtime frames that park or start a goroutine
 * @property {boolean} lanes whether states stand above the code
 * @property {"down" | "up"} order from the outermost frame to the innermost, or inverted
 * @property {string} focus the function whose callers and callees are shown; "" for all
 * @property {Filter | null} filter
 */
/**
 * What the user lets through; one object stays the same as long as that does.
 * @typedef {object} Filter
 * @property {(reading: import("./reading.js").Reading, key: number) => boolean} keeps
 * @property {(dictionary: import("./dictionary.js").Dictionary, frame: number) => boolean} hides frames passed over
 */

/** Where a row key belongs when not to a node. */
export const ELSEWHERE = -2;
export const IDLE = -3;
export const SYSTEM = -4;
export const FILTERED = -5;

/** Bits of a tree's nodes that are lanes. */
const LANE = 4;

/** @param {Shape} a @param {Shape} b */
export function sameShape(a, b) {
  return /** @type {(keyof Shape)[]} */ (Object.keys(b)).every((key) => a[key] === b[key]);
}

export class Placing {
  /** In a sandwich: the node among the callers of the key placed last. */
  above = -1;
  /** Of each lane and the root: node of each stack below it, plus 1; 0 not known. @type {Map<number, Uint32Array>} */
  #known = new Map();
  /** Stacks on the way to one whose node is known. @type {number[]} */
  #way = [];

  /** @param {CallTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.reading = tree.reading;
    this.dictionary = tree.dictionary;
    this.shape = tree.shape;
  }

  /** The node of a row key, made if need be, or where else it belongs. @param {number} key @returns {number} */
  place(key) {
    const { view, system, idle, filter, focus, order } = this.shape;
    const { state, aside } = this.reading.of(key);
    if (view === "cpu" && state === "waiting") return ELSEWHERE;
    if (view === "blocked" && state !== "waiting") return ELSEWHERE;
    if (aside === "system" && !system) return SYSTEM;
    if (aside === "idle" && !idle) return IDLE;
    if (filter !== null && !filter.keeps(this.reading, key)) return FILTERED;
    if (focus !== "") return this.#sandwich(key, focus);
    const first = view === "state" ? this.shape.lanes : view === "blocked" && order === "up";
    const top = first ? this.#lane(0, key) : 0;
    if (order === "up") return this.#descend(top, this.#frames(key).reverse());
    const node = this.#below(top, key);
    return view === "blocked" ? this.#lane(node, key) : node;
  }

  /** @param {number} parent @param {number} key */
  #lane(parent, key) {
    const { lane, category } = this.reading.of(key);
    return this.tree.child(parent, this.dictionary.string(lane), LANE, -1, category);
  }

  /** @param {number} node @param {number} frame */
  #step(node, frame) {
    const { frameFunction, frameFlags } = this.dictionary;
    return this.tree.child(node, frameFunction[frame], frameFlags[frame], frame, -1);
  }

  /** @param {number} node @param {readonly number[]} frames */
  #descend(node, frames) {
    for (const frame of frames) node = this.#step(node, frame);
    return node;
  }

  /** @param {number} key @param {string} focus */
  #sandwich(key, focus) {
    const frames = this.#frames(key);
    const at = frames.findIndex((frame) => this.dictionary.functionName(frame) === focus);
    if (at < 0) return ELSEWHERE;
    this.above = this.#descend(1, frames.slice(0, at).reverse());
    return this.#descend(0, frames.slice(at + 1));
  }

  /** Whether a frame is passed over wherever it stands. @param {number} frame */
  #passed(frame) {
    return this.shape.filter?.hides(this.dictionary, frame) ?? false;
  }

  /** Whether the runtime's own frames stay in sight at both ends of a stack. @param {number} key */
  #whole(key) {
    return this.shape.runtime || this.reading.of(key).aside === "system";
  }

  /**
   * The stack of a row key without what parks it inside the runtime: that says no more than the wait
   * reason does. Where CPU time is spent inside the runtime does.
   * @param {number} key
   */
  #stack(key) {
    const { dictionary } = this;
    const stack = dictionary.keyStack[key];
    if (this.#whole(key) || this.reading.of(key).state !== "waiting") return stack;
    let at = stack;
    while (at > 0 && isInternal(dictionary, dictionary.stackFrame[at])) at = dictionary.stackParent[at];
    return at === 0 ? stack : at;
  }

  /** Whether a stack has a frame that is not the runtime's. @param {number} stack */
  #own(stack) {
    const { dictionary } = this;
    for (let at = stack; at > 0; at = dictionary.stackParent[at]) if (!isInternal(dictionary, dictionary.stackFrame[at])) return true;
    return false;
  }

  /** The frames to show of a row key, outermost first. @param {number} key @returns {number[]} */
  #frames(key) {
    const stack = this.#stack(key);
    const frames = this.dictionary.framesOf(stack).filter((frame) => !this.#passed(frame));
    if (this.#whole(key)) return frames;
    const start = frames.findIndex((frame) => !isInternal(this.dictionary, frame));
    return start < 0 ? frames : frames.slice(start);
  }

  /** The node of a row key's stack from a lane down. @param {number} top @param {number} key */
  #below(top, key) {
    const stack = this.#stack(key);
    // Frames that launch a goroutine are left out, but for stacks of nothing else.
    const whole = this.#whole(key) || !this.#own(stack);
    return this.#node(top, whole ? ~top : top, whole, stack);
  }

  /** @param {number} top @param {number} set name of the table of nodes @param {boolean} whole @param {number} stack */
  #node(top, set, whole, stack) {
    const { stackParent, stackFrame } = this.dictionary;
    let known = this.#known.get(set);
    if (known === undefined || stack >= known.length) {
      const larger = new Uint32Array(Math.max(stackParent.length, stack + 1024));
      if (known !== undefined) larger.set(known);
      this.#known.set(set, (known = larger));
    }
    const way = this.#way;
    way.length = 0;
    let at = stack;
    while (at > 0 && known[at] === 0) {
      way.push(at);
      at = stackParent[at];
    }
    const { tree, dictionary } = this;
    const { frameFunction, frameFlags } = dictionary;
    let node = at === 0 ? top : known[at] - 1;
    for (let i = way.length - 1; i >= 0; i--) {
      const frame = stackFrame[way[i]];
      const launching = !whole && node === top && isInternal(dictionary, frame);
      if (!launching && !this.#passed(frame)) node = tree.child(node, frameFunction[frame], frameFlags[frame], frame, -1);
      known[way[i]] = node + 1;
    }
    return node;
  }
}
