/**
 * Goroutines one by one: where each stands, and where it stood.
 *
 * Lists come about once a second and say what changed. Of every goroutine a bounded history is kept,
 * so that a moment of the past can be looked at as well as the present; those that are gone are kept
 * for as long as the rest of the page remembers, as far as there is room.
 */

/** @typedef {import("../core/chunk.js").MemberColumns} MemberColumns */
/** @typedef {{at: number, key: number, on: number, since: number, restless: boolean}} Stay told at, ns; `on` an address or 0 */
/**
 * `born` and `gone`: when it was first listed, and not any more (Infinity: it is here). `parted`: it was
 * said to be gone; else it is just not followed any longer.
 * @typedef {{goid: number, born: number, gone: number, parted: boolean, stays: Stay[]}} Member stays oldest first
 */
/** @typedef {{goid: number, now: Stay, wait: number, quick: boolean}} MemberAt wait ns, in the state; quick: less than a second, no more is known */

export const RESTLESS = 4;
const MAX_STAYS = 60;
const MAX_GONE = 16_384;
/** Shorter waits than the time between two lists are not told. */
const LISTED_EVERY = 1e9;

export class Members {
  /** Those followed now. @type {Map<number, Member>} */
  living = new Map();
  /** In the order they left. @type {Member[]} */
  past = [];
  /** When the newest list was made; -1: there was none. */
  listedAt = -1;
  /** Changes with every list. */
  version = 0;

  /**
   * Takes in a list.
   * @param {(MemberColumns & {key: Uint32Array}) | null} list null: there is nobody
   * @param {number} at ns @param {boolean} complete who is not in it is not followed any longer
   */
  add(list, at, complete) {
    const before = complete ? this.living : null;
    if (complete) this.living = new Map();
    this.version++;
    this.listedAt = at;
    for (let i = 0; i < (list?.n ?? 0); i++) this.#place(/** @type {NonNullable<typeof list>} */ (list), i, at, before);
    for (const goid of list?.left ?? []) this.#part(before?.get(goid) ?? this.living.get(goid), at, true);
    if (before !== null) for (const member of before.values()) if (this.living.get(member.goid) !== member) this.#part(member, at, false);
    if (this.past.length > MAX_GONE) this.past = this.past.slice(-MAX_GONE / 2);
  }

  /** @param {MemberColumns & {key: Uint32Array}} list @param {number} i @param {number} at @param {Map<number, Member> | null} before */
  #place(list, i, at, before) {
    const goid = list.goid[i];
    const known = this.living.get(goid) ?? before?.get(goid);
    const member = known ?? { goid, born: at, gone: Infinity, parted: false, stays: [] };
    this.living.set(goid, member);
    const since = Number.isFinite(list.since[i]) ? Math.max(0, list.since[i]) : at;
    const stay = { at, key: list.key[i], on: list.on[i], since, restless: (list.flags[i] & RESTLESS) !== 0 };
    const last = member.stays.at(-1);
    if (last !== undefined && same(last, stay)) return;
    member.stays.push(stay);
    if (member.stays.length > MAX_STAYS) member.stays.splice(0, member.stays.length - MAX_STAYS);
  }

  /** @param {Member | undefined} member @param {number} at @param {boolean} parted */
  #part(member, at, parted) {
    if (member === undefined || member.gone !== Infinity) return;
    member.gone = at;
    member.parted = parted;
    this.living.delete(member.goid);
    this.past.push(member);
  }

  /** @param {number} goid @returns {Member | undefined} */
  get(goid) {
    return this.living.get(goid) ?? this.past.findLast((member) => member.goid === goid);
  }

  /** Those who were there at a time. @param {number} time ns @returns {MemberAt[]} */
  at(time) {
    const found = [];
    for (const member of this.living.values()) {
      const here = standing(member, time);
      if (here !== null) found.push(here);
    }
    if (time >= this.listedAt) return found;
    for (const member of this.past) {
      const here = standing(member, time);
      if (here !== null) found.push(here);
    }
    return found;
  }
}

/** @param {Stay} a @param {Stay} b */
function same(a, b) {
  return a.key === b.key && a.on === b.on && a.since === b.since && a.restless === b.restless;
}

/** Where a goroutine was at a time; null when it was not there, or that is forgotten. @param {Member} member @param {number} time @returns {MemberAt | null} */
export function standing(member, time) {
  if (time < member.born || time >= member.gone) return null;
  const last = member.stays.at(-1);
  const now = last !== undefined && last.at <= time ? last : member.stays.findLast(({ at }) => at <= time);
  if (now === undefined) return null;
  const wait = Math.max(0, time - now.since);
  return { goid: member.goid, now, wait: now.restless ? Math.min(wait, LISTED_EVERY) : wait, quick: now.restless };
}

/**
 * A goroutine's stays within a span, as parts of it: `[from, to)` ns and the stay; what is not known is left out.
 * @param {Member} member @param {number} from @param {number} to
 * @returns {{from: number, to: number, stay: Stay}[]}
 */
export function history(member, from, to) {
  return member.stays.flatMap((stay, i) => {
    const begun = stay.restless ? stay.at : Math.min(stay.at, Math.max(stay.since, member.stays[i - 1]?.at ?? 0));
    const next = member.stays[i + 1];
    const begins = next === undefined ? member.gone : next.restless ? next.at : Math.min(next.at, Math.max(next.since, stay.at));
    const part = { from: Math.max(from, begun), to: Math.min(to, begins), stay };
    return part.to > part.from ? [part] : [];
  });
}

/** The middle of some numbers; NaN of none. @param {number[]} values */
export function median(values) {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
