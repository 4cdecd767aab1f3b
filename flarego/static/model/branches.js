/**
 * The children of a trie's nodes by key.
 *
 * Most nodes have one child or a few: a list is searched faster than a table, stays in the cache and
 * takes sixteen bytes a node. Only the children of nodes with many are in a table as well.
 */

import { Pairs } from "./pairs.js";

/** Children from which on a table is worth it. */
const MANY = 12;

export class Branches {
  #first = new Int32Array(64).fill(-1);
  #next = new Int32Array(64).fill(-1);
  #key = new Uint32Array(64);
  #count = new Uint32Array(64);
  #pairs = new Pairs();
  /** Child of each pair. @type {number[]} */
  #children = [];

  /** Makes room for nodes up to a number. @param {number} nodes */
  reserve(nodes) {
    const known = this.#first.length;
    if (nodes <= known) return;
    const capacity = Math.max(nodes, known * 2);
    const longer = (/** @type {Int32Array} */ column) => {
      const out = new Int32Array(capacity);
      out.set(column);
      return out.fill(-1, known);
    };
    this.#first = longer(this.#first);
    this.#next = longer(this.#next);
    const [key, count] = [this.#key, this.#count];
    this.#key = new Uint32Array(capacity);
    this.#key.set(key);
    this.#count = new Uint32Array(capacity);
    this.#count.set(count);
  }

  /** The child of a node by key, or -1. @param {number} parent @param {number} key */
  find(parent, key) {
    if (parent >= this.#first.length) return -1;
    if (this.#count[parent] > MANY) {
      const pair = this.#pairs.find(parent, key);
      return pair < 0 ? -1 : this.#children[pair];
    }
    const keys = this.#key;
    const next = this.#next;
    let child = this.#first[parent];
    while (child >= 0 && keys[child] !== key) child = next[child];
    return child;
  }

  /** Makes a node the child of another by a key that finds none yet. @param {number} parent @param {number} key @param {number} child */
  add(parent, key, child) {
    this.reserve(Math.max(parent, child) + 1);
    this.#key[child] = key;
    this.#next[child] = this.#first[parent];
    this.#first[parent] = child;
    const count = ++this.#count[parent];
    if (count <= MANY) return;
    const last = count === MANY + 1 ? -1 : this.#next[child];
    for (let each = child; each !== last; each = this.#next[each]) this.#children[this.#pairs.intern(parent, this.#key[each])] = each;
  }
}
