/**
 * Wait-for: what goroutines wait on, who they are, and what can be known of who could let them go.
 *
 * Only what is read is said. Go keeps no owner of a mutex, so nobody is named as one; a deadlock is called
 * one only when nothing is left that could wake anybody.
 */

import { CATEGORY } from "./category.js";
import { hex } from "./format.js";

/** @typedef {import("../core/ring.js").Entry} Entry */
/** @typedef {import("../core/ring.js").WaitObject} WaitObject */
/** @typedef {import("./groups.js").Grouping} Grouping */
/** @typedef {import("./groups.js").About} About */
/** @typedef {import("./members.js").MemberAt} MemberAt */
/**
 * `count` goroutines wait on it, of whom `waiters` are followed one by one; `lanes` says how many of those do what. `verdict`:
 * what is known of who could let them go. `hopeless`: nothing can, for certain.
 * @typedef {{id: string, kind: string, address: string, count: number, longest: number, about: About, lanes: Map<string, number>,
 *   creators: Map<string, number>, waiters: MemberAt[], facts: string, verdict: string, hopeless: boolean}} WaitedFor
 */

/** Waits that nothing ever ends, by the language's own rules. */
const FOR_EVER = /^(chan (receive|send) \(nil chan\)|select \(no cases\))$/;
/** What a wait reason waits on. @type {readonly [RegExp, string][]} */
const KINDS = [
  [/^(chan|select)/, "channel"], [/^sync\.Mutex/, "mutex"], [/^sync\.RWMutex/, "read-write mutex"], [/^sync\.WaitGroup/, "wait group"],
  [/^sync\.Cond/, "condition"], [/^IO wait/, "descriptor"], [/^sema/, "semaphore"],
];
/** Of these a single one that waits is worth a row: somebody holds it. */
const LOCKS = new Set(["mutex", "read-write mutex", "wait group"]);
/** Goroutines may look stuck for a moment; this long says something. */
const STUCK = 2e9;

/** @param {string} reason @param {string} kind as on the wire */
function kindOf(reason, kind) {
  return KINDS.find(([pattern]) => pattern.test(reason))?.[1] ?? kind;
}

/** @param {Iterable<[string, number]>} counted */
export function most(counted) {
  return [...counted].sort(([, a], [, b]) => b - a);
}

/**
 * What more than one goroutine waits on, and locks, and waits without end.
 * @param {{waits: readonly WaitObject[], members: readonly MemberAt[], grouping: Grouping}} known
 * @returns {WaitedFor[]}
 */
export function waitedFor({ waits, members, grouping }) {
  /** @type {Map<string, WaitedFor>} */
  const found = new Map();
  for (const member of members) {
    const about = grouping.describe(member.now.key);
    const forever = FOR_EVER.test(about.reason);
    if (about.state !== "waiting" || about.system || (member.now.on === 0 && !forever)) continue;
    const address = forever ? "" : hex(member.now.on);
    const id = forever ? about.id : address;
    const object = found.get(id) ?? /** @type {WaitedFor} */ ({
      id, kind: kindOf(about.reason, ""), address, count: 0, longest: 0, about, lanes: new Map(), creators: new Map(), waiters: [],
      facts: "", verdict: "", hopeless: forever,
    });
    found.set(id, object);
    object.waiters.push(member);
    object.count++;
    if (!member.quick) object.longest = Math.max(object.longest, member.wait);
    add(object.lanes, about.lane);
    add(object.creators, about.createdBy || about.entry);
  }
  for (const wait of waits) tell(found.get(wait.address), wait);
  for (const object of found.values()) if (object.verdict === "") object.verdict = verdict(object, {});
  return [...found.values()].filter(({ count, hopeless, kind }) => count > 1 || hopeless || LOCKS.has(kind));
}

/** @param {Map<string, number>} counts @param {string} name */
function add(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** @param {WaitedFor | undefined} object @param {WaitObject} wait of all goroutines */
function tell(object, wait) {
  if (object === undefined) return;
  object.count = Math.max(object.count, wait.count);
  object.longest = Math.max(object.longest, wait.longest);
  object.facts = facts(wait.object);
  object.verdict = verdict(object, wait.object);
}

/** @param {import("../core/chunk.js").Facts} about */
function facts({ length, capacity, closed, timer, locked, waiters, count }) {
  const said = [];
  if (typeof capacity === "number") said.push(capacity > 0 ? `buffer ${length} of ${capacity}` : "no buffer");
  if (closed === true) said.push("closed");
  if (timer === true) said.push("of a timer");
  if (locked === true) said.push("locked");
  if (typeof waiters === "number" && waiters > 0) said.push(`${waiters} in its queue`);
  if (typeof count === "number") said.push(`${count} not done`);
  return said.join(", ");
}

/** Who could let the waiters go, as far as that is known. @param {WaitedFor} object @param {import("../core/chunk.js").Facts} known */
function verdict({ kind, hopeless, lanes }, known) {
  if (hopeless) return "nobody ever: there is no channel";
  if (known.held_by === "writer") return "held by a writer; Go does not record which";
  if (known.held_by === "readers") return `held by ${known.readers} ${known.readers === 1 ? "reader" : "readers"}; Go does not record which`;
  if (kind === "mutex") return known.locked === true ? "holder unknown: Go does not record it" : "";
  if (known.timer === true) return "the runtime, when the timer is due";
  if (kind !== "channel") return "";
  const [receiving, sending] = ["chan receive", "chan send"].map((lane) => lanes.has(lane));
  if (sending && receiving) return "";
  if (sending) return "whoever receives next: no receiver waits";
  return receiving ? "whoever sends or closes next: no sender waits" : "";
}

/**
 * Since when (ns) every goroutine of the program has been stuck for certain; null when that is not so, or
 * cannot be known. It is when all of them wait on channels and locks, and no timer is set that could fire.
 * @param {readonly Entry[]} entries up to the time asked about @param {Grouping} grouping
 */
export function deadlockedSince(entries, grouping) {
  const last = entries.at(-1);
  const processors = entries.findLast((entry) => entry.processors !== null && entry.processors.length > 0)?.processors;
  if (last === undefined || !processors?.every(({ timers }) => timers === 0)) return null;
  let since = null;
  for (let e = entries.length - 1; e >= 0 && allStuck(entries[e], grouping); e--) since = entries[e].start;
  return since !== null && last.end - since >= STUCK ? since : null;
}

const STUCK_IN = new Set([CATEGORY.lock, CATEGORY.chan, CATEGORY.select]);

/** @param {Entry} entry @param {Grouping} grouping */
function allStuck({ key, count, processors }, grouping) {
  if (processors?.some(({ timers }) => timers !== 0)) return false;
  let users = 0;
  for (let i = 0; i < key.length; i++) {
    if (count[i] === 0) continue;
    const { state, category, system } = grouping.describe(key[i]);
    if (system) continue;
    users += count[i];
    if (state !== "waiting" || !STUCK_IN.has(category)) return false;
  }
  return users > 0;
}
