/**
 * Leak suspects: groups of goroutines that only grow and that nobody ever leaves.
 *
 * A group is suspected only when all of this holds over the time looked at, which is cut into WINDOWS
 * equal parts: it is larger at the end of each part than at the end of the one before; its count never
 * went down in between; of its goroutines that are followed one by one none went away, woke or moved;
 * and they wait. A program under load makes groups that grow, and groups that nobody leaves, for a
 * while: hardly ever both, steadily.
 */

/** @typedef {import("../core/ring.js").Entry} Entry */
/** @typedef {import("./groups.js").Grouping} Grouping */
/** @typedef {import("./members.js").Members} Members */
/**
 * @typedef {{id: string, key: number, counts: number[], grown: number, perMinute: number, followed: number, oldest: number, oldestGoid: number, from: number, to: number}} Suspect
 *   counts at the beginning and at the end of each window; oldest: ns that its oldest member has waited
 */

export const WINDOWS = 5;
const S = 1e9;
/** Time looked at: no less, or it proves nothing; no more is needed. */
export const LEAST = 20 * S;
export const MOST = 120 * S;
const LEAST_GROWN = 5;

/**
 * The suspects at a time, those that grow fastest first; null when too little time is known to say.
 * @param {readonly Entry[]} entries @param {Grouping} grouping @param {Members} members @param {number} to ns
 * @returns {Suspect[] | null}
 */
export function suspects(entries, grouping, members, to) {
  const end = entries.findLastIndex((entry) => entry.end <= to + 1);
  const oldest = entries[0];
  if (end < 0 || oldest === undefined) return null;
  const until = entries[end].end;
  const from = Math.max(oldest.end, until - MOST);
  if (until - from < LEAST) return null;
  const start = entries.findIndex((entry) => entry.end >= from);
  const growing = onlyGrown(entries.slice(start, end + 1), grouping, from, until);
  judge(growing, grouping, members, from, until);
  return [...growing.values()].filter(({ followed }) => followed > 0).sort((a, b) => b.grown - a.grown);
}

/**
 * Waiting groups whose count never fell and rose in every window.
 * @param {readonly Entry[]} entries @param {Grouping} grouping @param {number} from @param {number} to
 */
function onlyGrown(entries, grouping, from, to) {
  const ends = Array.from({ length: WINDOWS + 1 }, (_, w) => {
    const time = from + ((to - from) * w) / WINDOWS;
    return entries[Math.max(0, entries.findLastIndex(({ end }) => end <= time + 1))];
  });
  const counted = ends.map((entry) => countWaiting(entry, grouping));
  /** @type {Map<string, Suspect>} */
  const found = new Map();
  for (const [id, { key }] of counted[WINDOWS]) {
    const counts = counted.map((groups) => groups.get(id)?.count ?? 0);
    const grown = counts[WINDOWS] - counts[0];
    if (grown < LEAST_GROWN || !counts.every((value, w) => w === 0 || value > counts[w - 1])) continue;
    const perMinute = (grown * 60 * S) / (to - from);
    found.set(id, { id, key, counts, grown, perMinute, followed: 0, oldest: 0, oldestGoid: 0, from, to });
  }
  strikeShrunk(found, entries, grouping);
  return found;
}

/** @param {Entry} entry @param {Grouping} grouping */
function countWaiting({ key, count }, grouping) {
  /** @type {Map<string, {key: number, count: number}>} */
  const groups = new Map();
  for (let i = 0; i < key.length; i++) {
    const { id, state, system } = grouping.describe(key[i]);
    if (state !== "waiting" || system || count[i] === 0) continue;
    const known = groups.get(id);
    if (known === undefined) groups.set(id, { key: key[i], count: count[i] });
    else known.count += count[i];
  }
  return groups;
}

/** Strikes out groups that were smaller at the end of any entry than at the one before. @param {Map<string, Suspect>} found @param {readonly Entry[]} entries @param {Grouping} grouping */
function strikeShrunk(found, entries, grouping) {
  if (found.size === 0) return;
  const ids = [...found.keys()];
  /** Of each key: the place of its group in ids, from 1; 0: in none of them. @type {Map<number, number>} */
  const places = new Map();
  const before = new Float64Array(ids.length);
  for (const { key, count } of entries) {
    const now = new Float64Array(ids.length);
    for (let i = 0; i < key.length; i++) {
      let place = places.get(key[i]);
      if (place === undefined) places.set(key[i], (place = ids.indexOf(grouping.describe(key[i]).id) + 1));
      if (place > 0) now[place - 1] += count[i];
    }
    now.forEach((value, i) => value < before[i] && found.delete(ids[i]));
    before.set(now);
  }
}

/**
 * Strikes out groups that somebody left, or woke in; counts the witnesses of the others.
 * @param {Map<string, Suspect>} found @param {Grouping} grouping @param {Members} members @param {number} from @param {number} to
 */
function judge(found, grouping, members, from, to) {
  if (found.size === 0) return;
  const id = (/** @type {number} */ key) => grouping.describe(key).id;
  for (const member of members.past) if (member.gone > from) for (const { key } of member.stays) found.delete(id(key));
  for (const { goid, stays } of members.living.values()) {
    stays.forEach((stay, i) => {
      const group = id(stay.key);
      const next = stays[i + 1];
      const rested = next !== undefined && id(next.key) === group && (next.since === stay.since || stay.restless);
      if (next !== undefined && next.at > from && next.at <= to && !rested) found.delete(group);
      // To be restless is to have come a moment ago; to stay so is to wake again and again.
      if (next === undefined && stay.restless && to - stay.at > 3 * S) found.delete(group);
    });
    const last = stays.at(-1);
    const suspect = last === undefined ? undefined : found.get(id(last.key));
    if (last === undefined || suspect === undefined) continue;
    suspect.followed++;
    if (to - last.since <= suspect.oldest) continue;
    suspect.oldest = to - last.since;
    suspect.oldestGoid = goid;
  }
}
