/**
 * Everything rows refer to, once, for as long as the page watches one process.
 *
 * The stream numbers its definitions afresh in every generation. Here the same function, frame, stack
 * or row key is the same number for ever, found again by content, so that a window may span
 * generations and a zoomed stack stays itself. Memory is bounded: past the limits, new stacks end where
 * they leave the known ones.
 */

import { ChunkError } from "../core/chunk.js";
import { Branches } from "./branches.js";
import { Pairs } from "./pairs.js";

/** @typedef {import("../core/chunk.js").Chunk} Chunk */
/** @typedef {{createdBy: number, entry: number, labels: Record<string, string>, system: boolean}} GroupInfo frames or -1 */

/** Bits of a frame's flags, as on the wire. */
export const INLINED = 1;
export const RUNTIME = 2;

/** Bits of a row's flags, as on the wire. */
export const STALE = 1;
export const THREAD = 2;
const ROW_FLAGS = 3;

/** Functions the runtime lends to other packages (sync.runtime_…) carry their borrower's name. */
const LENT = /\.runtime_\w+$/;

/** From so many new nodes in one chunk on, room for them is made at once. */
const MANY_NODES = 1 << 12;
const MAX_STACKS = 1 << 21;
const MAX_STRINGS = 1 << 20;
const MAX_KEYS = 1 << 20;
const MAX_GROUPS = 1 << 18;
/** Groups past this number are told apart without their labels: some programs label by request. */
const MAX_LABELLED = 1 << 14;
/** Frames of one stack that are kept; Go stops at a depth of a few hundred, hostile data does not. */
export const MAX_DEPTH = 1024;

export class Dictionary {
  /** @type {string[]} */
  strings = [""];
  /** @type {Map<string, number>} */
  #stringIds = new Map([["", 0]]);

  #names = new Pairs();
  #frames = new Pairs();
  /** Of each frame: string, string, line, flags. @type {number[]} */
  frameFunction = [];
  /** @type {number[]} */
  frameFile = [];
  /** @type {number[]} */
  frameLine = [];
  /** @type {number[]} */
  frameFlags = [];
  /** Of each frame: 1 when it is the runtime's own. @type {number[]} */
  frameInternal = [];

  #stacks = new Branches();
  /** Of each stack: the stack without its innermost frame, that frame, how many there are. Stack 0 is empty. @type {number[]} */
  stackParent = [0];
  /** @type {number[]} */
  stackFrame = [-1];
  /** @type {number[]} */
  stackDepth = [0];

  /** @type {GroupInfo[]} */
  groups = [];
  /** @type {Map<string, number>} */
  #groupIds = new Map();

  #keyPlaces = new Pairs();
  #keys = new Pairs();
  /** Of each row key: stack, group, state, reason, flags. @type {number[]} */
  keyStack = [];
  /** @type {number[]} */
  keyGroup = [];
  /** @type {number[]} */
  keyState = [];
  /** @type {number[]} */
  keyReason = [];
  /** @type {number[]} */
  keyFlags = [];

  /** How many row keys there are. */
  get keys() {
    return this.keyStack.length;
  }

  /** @param {string} value */
  string(value) {
    let id = this.#stringIds.get(value);
    if (id !== undefined) return id;
    if (this.strings.length >= MAX_STRINGS) return this.strings.length - 1;
    id = this.strings.length;
    this.strings.push(value);
    this.#stringIds.set(value, id);
    return id;
  }

  /** @param {number} name string @param {number} file string @param {number} line @param {number} flags */
  frame(name, file, line, flags) {
    const id = this.#frames.intern(this.#names.intern(name, file), line * 4 + (flags & 3));
    if (id === this.frameFunction.length) {
      this.frameFunction.push(name);
      this.frameFile.push(file);
      this.frameLine.push(line);
      this.frameFlags.push(flags);
      this.frameInternal.push(flags & RUNTIME || LENT.test(this.strings[name]) ? 1 : 0);
    }
    return id;
  }

  /** Makes room for so many more stacks. @param {number} more */
  reserveStacks(more) {
    this.#stacks.reserve(Math.min(MAX_STACKS, this.stackParent.length + more));
  }

  /** @param {number} parent stack @param {number} frame */
  stack(parent, frame) {
    const known = this.#stacks.find(parent, frame);
    if (known >= 0) return known;
    const id = this.stackParent.length;
    if (this.stackDepth[parent] >= MAX_DEPTH || id >= MAX_STACKS) return parent;
    this.stackParent.push(parent);
    this.stackFrame.push(frame);
    this.stackDepth.push(this.stackDepth[parent] + 1);
    this.#stacks.add(parent, frame, id);
    return id;
  }

  /** @param {GroupInfo} group */
  group(group) {
    if (this.groups.length >= MAX_LABELLED) group = { ...group, labels: {} };
    const labels = Object.entries(group.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const text = JSON.stringify([group.createdBy, group.entry, group.system, labels]);
    let id = this.#groupIds.get(text);
    if (id !== undefined) return id;
    if (this.groups.length >= MAX_GROUPS) return this.groups.length - 1;
    id = this.groups.length;
    this.groups.push(group);
    this.#groupIds.set(text, id);
    return id;
  }

  /** @param {number} stack @param {number} group @param {number} state @param {number} reason @param {number} flags */
  key(stack, group, state, reason, flags) {
    if (this.keys >= MAX_KEYS && this.#keyPlaces.find(stack, group) < 0) stack = group = 0;
    const place = this.#keyPlaces.intern(stack, group);
    const id = this.#keys.intern(place, (flags << 16) | (reason << 8) | state);
    if (id === this.keyStack.length) {
      this.keyStack.push(stack);
      this.keyGroup.push(group);
      this.keyState.push(state);
      this.keyReason.push(reason);
      this.keyFlags.push(flags);
    }
    return id;
  }

  /** The name of a frame's function; "" for no frame. @param {number} frame */
  functionName(frame) {
    return frame < 0 ? "" : this.strings[this.frameFunction[frame]];
  }

  /** `file:line` of a frame; "" for no frame, and where that is not known. @param {number} frame */
  place(frame) {
    if (frame < 0 || this.frameFile[frame] === 0) return "";
    return `${this.strings[this.frameFile[frame]]}:${this.frameLine[frame]}`;
  }

  /** The frames of a stack, outermost first. @param {number} stack @returns {number[]} */
  framesOf(stack) {
    const frames = [];
    for (let at = stack; at > 0; at = this.stackParent[at]) frames.push(this.stackFrame[at]);
    return frames.reverse();
  }
}

/** The stream's numbers of one generation, and what they are in the dictionary. */
export class Generation {
  /** @type {number[]} */
  #strings = [];
  /** @type {number[]} */
  #frames = [];
  /** Of each location: its first and the one past its last entry in #locationFrames. @type {number[]} */
  #locationEnds = [];
  /** @type {number[]} */
  #locationFrames = [];
  /** @type {number[]} */
  #nodes = [0];
  /** @type {number[]} */
  #groups = [];

  /** @param {number} number @param {Dictionary} dictionary */
  constructor(number, dictionary) {
    this.number = number;
    this.dictionary = dictionary;
  }

  /** Adds the chunk's definitions. Raises ChunkError when one refers to what does not exist. @param {Chunk} chunk */
  define(chunk) {
    for (const value of chunk.strings) this.#strings.push(this.dictionary.string(value));
    this.#defineFrames(chunk.frames);
    this.#defineLocations(chunk.locations);
    this.#defineNodes(chunk.nodes);
    for (const group of chunk.groups) {
      this.#groups.push(this.dictionary.group({
        createdBy: this.#frame(group.created_by),
        entry: this.#frame(group.entry),
        labels: group.labels,
        system: group.system,
      }));
    }
  }

  /** @param {import("../core/chunk.js").FrameColumns} frames */
  #defineFrames(frames) {
    for (let i = 0; i < frames.n; i++) {
      const name = at(this.#strings, frames.function[i], "string");
      const file = at(this.#strings, frames.file[i], "string");
      this.#frames.push(this.dictionary.frame(name, file, frames.line[i], frames.flags[i]));
    }
  }

  /** @param {import("../core/chunk.js").LocationColumns} locations */
  #defineLocations(locations) {
    for (const frame of locations.frame) this.#locationFrames.push(at(this.#frames, frame, "frame"));
    let end = this.#locationEnds.at(-1) ?? 0;
    for (const count of locations.count) this.#locationEnds.push((end += count));
  }

  /** @param {import("../core/chunk.js").NodeColumns} nodes */
  #defineNodes(nodes) {
    if (nodes.n > MANY_NODES) this.dictionary.reserveStacks(nodes.n);
    const { dictionary } = this;
    const [ends, frames, stacks] = [this.#locationEnds, this.#locationFrames, this.#nodes];
    for (let i = 0; i < nodes.n; i++) {
      const location = nodes.location[i];
      const end = at(ends, location, "location");
      let stack = at(stacks, nodes.parent[i], "parent");
      for (let j = location === 0 ? 0 : ends[location - 1]; j < end; j++) stack = dictionary.stack(stack, frames[j]);
      stacks.push(stack);
    }
  }

  /** @param {number} index -1 for none */
  #frame(index) {
    return index < 0 ? -1 : at(this.#frames, index, "frame");
  }

  /** The dictionary's stack of a node. @param {number} node */
  stack(node) {
    return at(this.#nodes, node, "node");
  }

  /**
   * Row keys of the chunk's rows or members.
   * @param {Pick<import("../core/chunk.js").RowColumns, "n" | "node" | "group" | "state" | "reason" | "flags">} rows
   * @returns {Uint32Array}
   */
  keys(rows) {
    const keys = new Uint32Array(rows.n);
    for (let i = 0; i < rows.n; i++) {
      const stack = at(this.#nodes, rows.node[i], "node");
      const group = at(this.#groups, rows.group[i], "group");
      keys[i] = this.dictionary.key(stack, group, rows.state[i], rows.reason[i], rows.flags[i] & ROW_FLAGS);
    }
    return keys;
  }
}

/** @param {number[]} values @param {number} index @param {string} what */
function at(values, index, what) {
  const value = values[index];
  if (value === undefined) throw new ChunkError(`${what} ${index} was never defined`);
  return value;
}
