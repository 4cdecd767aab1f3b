/**
 * What the page keeps: fifteen minutes of rows and series, bounded by bytes as well.
 *
 * Rows get coarser with age. A minute and more ago 200 ms entries are merged into one of a second,
 * later into one of five; sums stay what they were, counts are those at the end, waits the longest.
 * Two thousand stacks at five chunks a second would otherwise be 180 MB in fifteen minutes; so they
 * are 27.
 */

/**
 * Rows of one span of time. All weights are whole nanoseconds in 32-bit floats: what was added to a
 * 64-bit sum can be subtracted again without a trace.
 * @typedef {{sequence: number, start: number, end: number, level: number, key: Uint32Array, wall: Float32Array,
 *   cpu: Float32Array, count: Uint32Array, wait: Float32Array,
 *   waits: readonly WaitObject[] | null, processors: readonly Processor[] | null}} Entry
 * @typedef {import("./chunk.js").Processor} Processor
 * @typedef {{kind: string, address: string, count: number, longest: number, reason: string, stack: number,
 *   object: import("./chunk.js").Facts}} WaitObject
 */

const S = 1e9;
/** Entries older than `age` are merged into spans of `span` nanoseconds. */
const LEVELS = [
  { age: 75 * S, span: 1 * S },
  { age: 330 * S, span: 5 * S },
];
export const RETENTION = 900 * S;
export const MAX_BYTES = 128 << 20;
const BYTES_PER_ROW = 20;
const BYTES_PER_ENTRY = 600;
const BYTES_PER_OBJECT = 120;

/** @param {Entry} entry */
function bytesOf({ key, waits, processors }) {
  const objects = (waits?.length ?? 0) + (processors?.length ?? 0);
  return BYTES_PER_ENTRY + key.length * BYTES_PER_ROW + objects * BYTES_PER_OBJECT;
}

/**
 * One entry for several that follow each other.
 * @param {Entry[]} entries
 * @param {number} level
 * @returns {Entry}
 */
export function merge(entries, level) {
  /** @type {Map<number, number>} */
  const places = new Map();
  for (const entry of entries) {
    for (const key of entry.key) if (!places.has(key)) places.set(key, places.size);
  }
  const n = places.size;
  const first = entries[0];
  const last = entries[entries.length - 1];
  const merged = {
    sequence: last.sequence, start: first.start, end: last.end, level, key: Uint32Array.from(places.keys()),
    wall: new Float32Array(n), cpu: new Float32Array(n), count: new Uint32Array(n), wait: new Float32Array(n),
    waits: entries.findLast((entry) => entry.waits !== null)?.waits ?? null,
    processors: entries.findLast((entry) => entry.processors !== null)?.processors ?? null,
  };
  const wall = new Float64Array(n);
  const cpu = new Float64Array(n);
  for (const entry of entries) {
    for (let i = 0; i < entry.key.length; i++) {
      const place = /** @type {number} */ (places.get(entry.key[i]));
      wall[place] += entry.wall[i];
      cpu[place] += entry.cpu[i];
      if (entry === last) merged.count[place] = entry.count[i];
      if (entry.wait[i] > merged.wait[place]) merged.wait[place] = entry.wait[i];
    }
  }
  merged.wall.set(wall);
  merged.cpu.set(cpu);
  return merged;
}

export class Ring {
  /** Oldest first. @type {Entry[]} */
  entries = [];
  bytes = 0;
  /** Where merging has come to, per level: entries before it are at that level or above. @type {number[]} */
  #next;
  /** Called with what was replaced and by what. @type {(old: Entry[], merged: Entry) => void} */
  onmerge = () => {};

  /** @param {{maxBytes?: number, retention?: number, levels?: {age: number, span: number}[]}} [limits] */
  constructor({ maxBytes = MAX_BYTES, retention = RETENTION, levels = LEVELS } = {}) {
    this.maxBytes = maxBytes;
    this.retention = retention;
    this.levels = levels;
    this.#next = levels.map(() => 0);
  }

  clear() {
    this.entries = [];
    this.bytes = 0;
    this.#next = this.levels.map(() => 0);
  }

  get newest() {
    return this.entries.at(-1);
  }

  /** @param {Entry} entry newer than all others */
  push(entry) {
    this.entries.push(entry);
    this.bytes += bytesOf(entry);
    for (let level = this.levels.length - 1; level >= 0; level--) this.#coarsen(level, entry.end);
    this.#evict(entry.end);
  }

  /** Merges the oldest whole span that has come of age for this level, if there is one. @param {number} level @param {number} now */
  #coarsen(level, now) {
    const { age, span } = this.levels[level];
    const from = this.#next[level];
    const first = this.entries[from];
    if (first === undefined) return;
    const slot = Math.floor(first.start / span);
    let to = from + 1;
    while (to < this.entries.length && Math.floor(this.entries[to].start / span) === slot) to++;
    const last = this.entries[to - 1];
    if (to === this.entries.length || last.end > now - age) return;
    if (level + 1 < this.levels.length || to <= this.#next[0]) this.#replace(from, to, level);
  }

  /** @param {number} from @param {number} to half-open @param {number} level */
  #replace(from, to, level) {
    this.#next[level]++;
    if (to - from === 1) return;
    const old = this.entries.slice(from, to);
    const merged = merge(old, level + 1);
    this.entries.splice(from, old.length, merged);
    for (let finer = 0; finer < level; finer++) this.#next[finer] -= old.length - 1;
    this.bytes += bytesOf(merged);
    for (const entry of old) this.bytes -= bytesOf(entry);
    this.onmerge(old, merged);
  }

  /** @param {number} now */
  #evict(now) {
    let n = 0;
    while (n < this.entries.length - 1 && (this.entries[n].end <= now - this.retention || this.bytes > this.maxBytes)) {
      this.bytes -= bytesOf(this.entries[n++]);
    }
    if (n === 0) return;
    this.entries.splice(0, n);
    this.#next = this.#next.map((next) => Math.max(0, next - n));
  }

  /** Index of the first entry whose middle is at or after `time`. @param {number} time */
  find(time) {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      const { start, end } = this.entries[mid];
      if (start + (end - start) / 2 < time) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}
