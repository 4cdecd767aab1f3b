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
  /** @type {Map<string, number[]>} counts by entry */
  const counts = new Map();
  /** @type {Map<string, number>} */
  const keys = new Map();
  entries.forEach(({ key, count }, e) => {
    for (let i = 0; i < key.length; i++) {
      const about = grouping.describe(key[i]);
      if (about.state !== "waiting" || about.system || count[i] === 0) continue;
      const known = counts.get(about.id) ?? new Array(entries.length).fill(0);
      known[e] += count[i];
      counts.set(about.id, known);
      keys.set(about.id, key[i]);
    }
  });
  const ends = Array.from({ length: WINDOWS + 1 }, (_, w) => {
    const time = from + ((to - from) * w) / WINDOWS;
    return Math.max(0, entries.findLastIndex(({ end }) => end <= time + 1));
  });
  /** @type {Map<string, Suspect>} */
  const found = new Map();
  for (const [id, all] of counts) {
    const at = ends.map((e) => all[e]);
    const grows = at.every((value, w) => w === 0 || value > at[w - 1]) && all.every((value, e) => e === 0 || value >= all[e - 1]);
    const grown = at[WINDOWS] - at[0];
    if (!grows || grown < LEAST_GROWN) continue;
    const perMinute = (grown * 60 * S) / (to - from);
    found.set(id, { id, key: keys.get(id) ?? 0, counts: at, grown, perMinute, followed: 0, oldest: 0, oldestGoid: 0, from, to });
  }
  return found;
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
