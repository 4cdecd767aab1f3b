/**
 * A map from pairs of unsigned 32-bit integers to dense numbers 0, 1, 2, …
 *
 * The tries of this page are nothing but such maps: (parent, frame) → node. Open addressing over one
 * typed array of (a, b, number + 1) takes 24 bytes a pair, one line of cache to look at and no object,
 * where a Map keyed by strings takes a hundred and a garbage collector.
 */

const STRIDE = 3;
const FIRST_CAPACITY = 64;

export class Pairs {
  /** How many pairs there are; the next new pair gets this number. */
  size = 0;
  #capacity = FIRST_CAPACITY;
  #slots = new Uint32Array(FIRST_CAPACITY * STRIDE);

  /** Where a pair is, or the empty slot it belongs in. @param {number} a @param {number} b */
  #slot(a, b) {
    const slots = this.#slots;
    const mask = this.#capacity - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
    hash ^= hash >>> 15;
    let at = hash & mask;
    for (;;) {
      const slot = at * STRIDE;
      if (slots[slot + 2] === 0 || (slots[slot] === a && slots[slot + 1] === b)) return slot;
      at = (at + 1) & mask;
    }
  }

  /** The pair's number, or -1 when it has none. @param {number} a @param {number} b */
  find(a, b) {
    return this.#slots[this.#slot(a, b) + 2] - 1;
  }

  /** The pair's number, the next free one when it had none. @param {number} a @param {number} b */
  intern(a, b) {
    let slot = this.#slot(a, b);
    if (this.#slots[slot + 2] !== 0) return this.#slots[slot + 2] - 1;
    if (this.size * 2 >= this.#capacity) {
      this.#grow(this.#capacity * 2);
      slot = this.#slot(a, b);
    }
    this.#slots[slot] = a;
    this.#slots[slot + 1] = b;
    this.#slots[slot + 2] = ++this.size;
    return this.size - 1;
  }

  /** Makes room for that many pairs at once: growing step by step costs as much again. @param {number} pairs */
  reserve(pairs) {
    let capacity = this.#capacity;
    while (pairs * 2 > capacity) capacity *= 2;
    if (capacity > this.#capacity) this.#grow(capacity);
  }

  /** @param {number} capacity a power of two */
  #grow(capacity) {
    const old = this.#slots;
    this.#capacity = capacity;
    this.#slots = new Uint32Array(capacity * STRIDE);
    for (let i = 0; i < old.length; i += STRIDE) {
      if (old[i + 2] === 0) continue;
      const slot = this.#slot(old[i], old[i + 1]);
      this.#slots[slot] = old[i];
      this.#slots[slot + 1] = old[i + 1];
      this.#slots[slot + 2] = old[i + 2];
    }
  }
}
