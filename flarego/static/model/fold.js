/**
 * Sums per row key over a window that slides along the ring.
 *
 * Live, a window is folded by adding the newest entry and subtracting the oldest; a jump folds afresh.
 * Weights are whole nanoseconds, so sums stay exact below 2^53 (about 10,000 goroutines for ten days).
 */

/** @typedef {import("../core/ring.js").Entry} Entry */
/** @typedef {import("../core/ring.js").Ring} Ring */

/** What comes about once a second and did not for so long has ended. */
const RECENT = 2.5e9;

/** @param {Float64Array<ArrayBuffer>} values @param {number} size */
function grown(values, size) {
  if (size <= values.length) return values;
  const larger = new Float64Array(Math.max(size, values.length * 2, 256));
  larger.set(values);
  return larger;
}

export class Fold {
  /** Goroutine-nanoseconds and on-CPU nanoseconds by row key. */
  wall = new Float64Array(256);
  cpu = new Float64Array(256);
  /** @type {Entry[]} */
  entries = [];
  #head = 0;

  /** The window's time, or zeros when nothing is in it. */
  get span() {
    if (this.#head === this.entries.length) return { start: 0, end: 0 };
    return { start: this.entries[this.#head].start, end: this.entries[this.entries.length - 1].end };
  }

  /** The last entry: what there is at the window's end. */
  get last() {
    return this.#head === this.entries.length ? undefined : this.entries[this.entries.length - 1];
  }

  get size() {
    return this.entries.length - this.#head;
  }

  clear() {
    this.entries = [];
    this.#head = 0;
    this.wall.fill(0);
    this.cpu.fill(0);
  }

  /** @param {Entry} entry @param {1 | -1} sign */
  #weigh(entry, sign) {
    const { key: keys } = entry;
    let top = 0;
    for (let i = 0; i < keys.length; i++) if (keys[i] > top) top = keys[i];
    this.wall = grown(this.wall, top + 1);
    this.cpu = grown(this.cpu, top + 1);
    const { wall, cpu } = this;
    for (let i = 0; i < keys.length; i++) {
      wall[keys[i]] += sign * entry.wall[i];
      cpu[keys[i]] += sign * entry.cpu[i];
    }
  }

  /**
   * Makes the window the ring's entries whose middle is in [from, to).
   * @param {Ring} ring
   * @param {number} from
   * @param {number} to
   */
  move(ring, from, to) {
    const first = ring.find(from);
    const end = ring.find(to);
    const last = this.last;
    let next = first;
    if (last !== undefined && first < end && ring.entries[first].end <= last.end && last.end <= ring.entries[end - 1].end
      && this.entries[this.#head].start <= ring.entries[first].start) {
      this.#dropBefore(ring.entries[first].start);
      while (next < end && ring.entries[next].end <= last.end) next++;
    } else {
      this.clear();
    }
    for (; next < end; next++) {
      this.#weigh(ring.entries[next], 1);
      this.entries.push(ring.entries[next]);
    }
  }

  /** @param {number} time */
  #dropBefore(time) {
    while (this.#head < this.entries.length && this.entries[this.#head].start < time) {
      this.#weigh(this.entries[this.#head++], -1);
    }
    if (this.#head > 64 && this.#head * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Lets go of entries the ring has merged, if all of them are in the window. @param {Entry[]} old @param {Entry} merged */
  replace(old, merged) {
    const at = this.entries.indexOf(old[0], this.#head);
    if (at < 0 || this.entries[at + old.length - 1] !== old[old.length - 1]) return;
    // The merged weights are rounded afresh: swap sums too, or the difference would stay for ever.
    for (const entry of old) this.#weigh(entry, -1);
    this.#weigh(merged, 1);
    this.entries.splice(at, old.length, merged);
  }

  /**
   * What was known last at the window's end of something that does not come with every chunk.
   * @template {"waits" | "processors"} K
   * @param {K} what
   * @returns {NonNullable<Entry[K]> | readonly []}
   */
  recent(what) {
    const end = this.last?.end ?? 0;
    for (let e = this.entries.length - 1; e >= this.#head; e--) {
      const entry = this.entries[e];
      if (entry[what] !== null) return /** @type {NonNullable<Entry[K]>} */ (entry[what]);
      if (entry.start < end - RECENT) break;
    }
    return [];
  }

  /** The longest wait over the window of any of the keys, ns. @param {Uint8Array} wanted of each key: 1 it counts */
  longest(wanted) {
    let longest = 0;
    for (let e = this.#head; e < this.entries.length; e++) {
      const { key, wait } = this.entries[e];
      for (let i = 0; i < key.length; i++) if (wait[i] > longest && wanted[key[i]]) longest = wait[i];
    }
    return longest;
  }
}
