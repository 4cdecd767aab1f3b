/**
 * A map from pairs of unsigned 32-bit integers to dense numbers 0, 1, 2, …
 *
 * The tries of this page are nothing but such maps: (parent, frame) → node. Open addressing over
 * three typed arrays takes 18 bytes a pair and no object, where a Map keyed by strings takes a
 * hundred and a garbage collector.
 */

const EMPTY = 0xffffffff;

export class Pairs {
  /** How many pairs there are; the next new pair gets this number. */
  size = 0;
  #capacity = 64;
  #first = new Uint32Array(64);
  #second = new Uint32Array(64);
  #number = new Uint32Array(64).fill(EMPTY);

  /** @param {number} a @param {number} b */
  #slot(a, b) {
    const mask = this.#capacity - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    while (this.#number[slot] !== EMPTY && (this.#first[slot] !== a || this.#second[slot] !== b)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** The pair's number, or -1 when it has none. @param {number} a @param {number} b */
  find(a, b) {
    const number = this.#number[this.#slot(a, b)];
    return number === EMPTY ? -1 : number;
  }

  /** The pair's number, the next free one when it had none. @param {number} a @param {number} b */
  intern(a, b) {
    let slot = this.#slot(a, b);
    if (this.#number[slot] !== EMPTY) return this.#number[slot];
    if (this.size * 2 >= this.#capacity) {
      this.#grow();
      slot = this.#slot(a, b);
    }
    this.#first[slot] = a;
    this.#second[slot] = b;
    this.#number[slot] = this.size;
    return this.size++;
  }

  #grow() {
    const [first, second, number] = [this.#first, this.#second, this.#number];
    this.#capacity *= 2;
    this.#first = new Uint32Array(this.#capacity);
    this.#second = new Uint32Array(this.#capacity);
    this.#number = new Uint32Array(this.#capacity).fill(EMPTY);
    for (let i = 0; i < number.length; i++) {
      if (number[i] === EMPTY) continue;
      const slot = this.#slot(first[i], second[i]);
      this.#first[slot] = first[i];
      this.#second[slot] = second[i];
      this.#number[slot] = number[i];
    }
  }
}
