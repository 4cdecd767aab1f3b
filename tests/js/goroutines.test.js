import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkError, read } from "../../flarego/static/core/chunk.js";
import { Store } from "../../flarego/static/core/store.js";
import { collections } from "../../flarego/static/model/collections.js";
import { suspects } from "../../flarego/static/model/leaks.js";
import { history, median, standing } from "../../flarego/static/model/members.js";
import { deadlockedSince, waitedFor } from "../../flarego/static/model/waitfor.js";
import { PROCESS, REASONS, STATES, chunkMap, encode, f64, u32, u8 } from "./build.js";

const S = 1e9;
const bytes = (map) => Uint8Array.from(encode(map));
const u64 = (...values) => u32(...values.flatMap((value) => [value % 2 ** 32, Math.floor(value / 2 ** 32)]));

/** A list: of each goroutine `[goid, node, state, reason, since, {on, flags}]`. */
function list(here, left = []) {
  return {
    goid: u64(...here.map((m) => m[0])), node: u32(...here.map((m) => m[1])), group: u32(...here.map(() => 0)),
    state: u8(...here.map((m) => STATES.indexOf(m[2]))), reason: u8(...here.map((m) => REASONS.indexOf(m[3]))),
    flags: u8(...here.map((m) => m[5]?.flags ?? 0)), since: f64(...here.map((m) => m[4])), on: u64(...here.map((m) => m[5]?.on ?? 0)),
    left: u64(...left),
  };
}

/** A store that was sent a second at a time: `say(second)` gives `{stacks, members, …}`; a generation of its own each. */
function played(seconds, say) {
  const store = new Store();
  store.receive(read(bytes(PROCESS)), 0);
  for (let s = 0; s < seconds; s++) {
    const { stacks, members, ...more } = say(s);
    const map = chunkMap(stacks, { sequence: s, generation: 0, start: s * S, end: (s + 1) * S });
    if (s > 0) Object.assign(map, { strings: [], frames: {}, locations: {}, nodes: {}, groups: [] });
    store.receive(read(bytes({ ...map, ...(members ? { members } : {}), ...more })), s * 1000);
  }
  return store;
}

const data = (store) => store.data.peek();
const WAIT = { "main.serve;main.ask": ["waiting", "chan receive", S, 0, 1] };

test("lists of members become goroutines with a past", () => {
  const store = played(4, (s) => ({
    stacks: WAIT,
    members: [
      list([[1, 2, "waiting", "chan receive", 0, { on: 0xc000123456 }], [2, 1, "running", "", 0.5 * S]]),
      list([[2, 2, "waiting", "select", 1.2 * S]]),
      list([[3, 2, "waiting", "select", 2.5 * S, { flags: 4 }]], [1]),
      list([]),
    ][s],
  }));
  const { members } = data(store);
  assert.deepEqual(members.at(4 * S).map(({ goid }) => goid), [2, 3]);
  assert.deepEqual(members.at(2 * S).map(({ goid }) => goid).sort(), [1, 2]);
  assert.equal(members.get(1).parted, true);
  assert.equal(standing(members.get(1), 2.5 * S).now.on, 0xc000123456);
  assert.equal(standing(members.get(1), 3.5 * S), null);
  assert.equal(standing(members.get(2), 4 * S).wait, 2.8 * S);
  const restless = standing(members.get(3), 9 * S);
  assert.deepEqual([restless.quick, restless.wait], [true, S]);
  const past = history(members.get(2), 0, 4 * S);
  assert.deepEqual(past.map(({ from, to, stay }) => [from / S, to / S, data(store).reading.of(stay.key).lane]), [[0.5, 1.2, "running"], [1.2, 4, "select"]]);
});

test("a complete list says who is followed no longer; that is not to be gone", () => {
  const store = new Store();
  store.receive(read(bytes(PROCESS)), 0);
  const first = { ...chunkMap(WAIT, { end: S }), members: list([[1, 1, "waiting", "select", 0], [2, 1, "waiting", "select", 0]]) };
  const next = { ...chunkMap(WAIT, { sequence: 1, generation: 1, start: S, end: 2 * S }), members: list([[2, 1, "waiting", "select", 0]]) };
  for (const chunk of [first, next]) store.receive(read(bytes(chunk)), 0);
  const { members } = data(store);
  assert.deepEqual([...members.living.keys()], [2]);
  assert.deepEqual([members.get(1).gone, members.get(1).parted], [2 * S, false]);
  assert.equal(members.get(2).stays.length, 1, "told again of the same is nothing new");
});

test("what is remembered is bounded", () => {
  const store = played(3, (s) => ({ stacks: WAIT, members: list(Array.from({ length: 9000 }, (_, i) => [s * 9000 + i, 1, "waiting", "select", 0]), Array.from({ length: s * 9000 }, (_, i) => i)) }));
  const { members } = data(store);
  assert.equal(members.living.size, 9000);
  assert.ok(members.past.length <= 16_384);
  const restless = played(200, (s) => ({ stacks: WAIT, members: list([[1, 1, "waiting", "select", s * S]]) }));
  assert.ok(data(restless).members.get(1).stays.length <= 60);
});

test("damaged lists are refused", () => {
  const good = chunkMap(WAIT);
  const members = list([[1, 1, "waiting", "select", 0]]);
  for (const wrong of [{ goid: u8(1, 2, 3) }, { goid: u32(1) }, { left: u8(1) }, { node: u32() }, { on: "x" }]) {
    assert.throws(() => read(bytes({ ...good, members: { ...members, ...wrong } })), ChunkError);
  }
  const store = new Store();
  store.receive(read(bytes(PROCESS)), 0);
  assert.throws(() => store.receive(read(bytes({ ...good, members: list([[1, 77, "waiting", "select", 0]]) })), 0), ChunkError);
});

/** Goroutines 1 … n of one waiting stack, all that came before it; `change` alters a second's list. */
function growing(seconds, step, change = (_s, told) => told) {
  let known = 0;
  return played(seconds, (s) => {
    const n = step(s);
    const told = [];
    while (known < n) told.push([++known, 2, "waiting", "chan receive", s * S]);
    return { stacks: { "main.serve;main.ask": ["waiting", "chan receive", n * S, 0, n] }, members: change(s, list(told), n) };
  });
}

const judged = (store, to) => suspects(data(store).ring.entries, data(store).grouping, data(store).members, to);

test("a group that only grows and that nobody leaves is suspected, with the evidence", () => {
  const store = growing(40, (s) => 10 + 2 * s);
  assert.equal(judged(store, 10 * S), null, "too little time to say");
  const [suspect, ...more] = judged(store, 40 * S);
  assert.deepEqual(more, []);
  assert.equal(suspect.counts.at(-1), 88);
  assert.equal(suspect.counts.length, 6);
  assert.ok(suspect.counts.every((count, i) => i === 0 || count > suspect.counts[i - 1]));
  assert.deepEqual([suspect.followed, suspect.oldest, suspect.oldestGoid], [88, 40 * S, 1]);
  assert.equal(Math.round(suspect.perMinute), 120);
});

test("nothing else is: a group that stands still, shrinks once, is left, wakes, or moves on", () => {
  assert.deepEqual(judged(growing(40, (s) => 10 + 2 * Math.min(s, 20)), 40 * S), [], "stands still");
  assert.deepEqual(judged(growing(40, (s) => 10 + 2 * s - (s === 20 ? 5 : 0)), 40 * S), [], "shrank");
  const replaced = growing(40, (s) => 10 + 2 * s, (s, told) => (s === 30 ? { ...told, left: u64(5) } : told));
  assert.deepEqual(judged(replaced, 40 * S), [], "one left");
  const woken = growing(40, (s) => 10 + 2 * s, (s, told) => (s === 30 ? list([[3, 2, "waiting", "chan receive", 29.5 * S]]) : told));
  assert.deepEqual(judged(woken, 40 * S), [], "one woke");
  const moved = growing(40, (s) => 10 + 2 * s, (s, told) => (s === 30 ? list([[3, 1, "waiting", "select", 29.5 * S]]) : told));
  assert.deepEqual(judged(moved, 40 * S), [], "one moved");
  const restless = growing(40, (s) => 10 + 2 * s, (s, told) => (s === 5 ? list([[3, 2, "waiting", "chan receive", 4.5 * S, { flags: 4 }]]) : told));
  assert.deepEqual(judged(restless, 40 * S), [], "one never rests");
  assert.deepEqual(judged(growing(40, (s) => 10 + 2 * s, () => null), 40 * S), [], "nobody is followed");
});

test("groups are made by stack, creation site, state, labels or what is waited on, with change and median", () => {
  const store = growing(10, (s) => 4 + s);
  const { grouping, ring, members } = data(store);
  const options = { before: ring.entries[0], members: members.at(10 * S) };
  for (const by of ["stack", "created", "state", "label"]) {
    const [group, ...more] = grouping.at(ring.newest, { ...options, by });
    assert.deepEqual([more.length, group.count, group.change, group.members.length], [0, 13, 9, 13], by);
    assert.equal(group.median, median(group.members.map(({ wait }) => wait)));
  }
  const [unknown] = grouping.at(ring.newest, { ...options, by: "on" });
  assert.equal(unknown.name, "nothing known");
  assert.deepEqual([median([]), median([3]), median([4, 1]), median([9, 1, 2])], [NaN, 3, 2.5, 2]);
});

test("wait-for names objects, who is there, and nobody on a guess", () => {
  const stacks = { "main.serve;main.ask": ["waiting", "sync.Mutex.Lock", S, 0, 3], "main.serve;main.put": ["waiting", "chan receive", S, 0, 1] };
  const store = played(1, () => ({
    stacks,
    members: list([
      [1, 2, "waiting", "sync.Mutex.Lock", 0, { on: 0xc0 }], [2, 2, "waiting", "sync.Mutex.Lock", 0.5 * S, { on: 0xc0 }], [3, 3, "waiting", "chan receive", 0, { on: 0xd0 }],
    ]),
    waits: [{ kind: "semaphore", address: "0xc0", count: 3, longest: S, reason: REASONS.indexOf("sync.Mutex.Lock"), node: 2, object: { locked: true, waiters: 3 } }],
  }));
  const objects = waitedFor({ waits: store.data.peek().ring.newest.waits, members: data(store).members.at(S), grouping: data(store).grouping });
  assert.equal(objects.length, 1, "a channel with one receiver holds nobody up");
  const [mutex] = objects;
  assert.deepEqual([mutex.kind, mutex.count, mutex.waiters.length, mutex.facts], ["mutex", 3, 2, "locked, 3 in its queue"]);
  assert.match(mutex.verdict, /holder unknown/);
});

test("a deadlock is called one only when nothing can wake anybody", () => {
  const stuck = { "main.serve;main.ask": ["waiting", "chan receive", S, 0, 3], "main.serve;main.put": ["waiting", "sync.Mutex.Lock", S, 0, 1] };
  const processors = (timers) => [{ id: 0, status: "idle", runq: 0, ...(timers === null ? {} : { timers }) }];
  const since = (stacks, timers) => {
    const store = played(5, () => ({ stacks, processors: processors(timers) }));
    return deadlockedSince(data(store).ring.entries, data(store).grouping);
  };
  assert.equal(since(stuck, 0), 0);
  assert.equal(since(stuck, 1), null, "a timer is set");
  assert.equal(since(stuck, null), null, "timers are not known");
  for (const [state, reason] of [["runnable", ""], ["running", ""], ["syscall", ""], ["waiting", "IO wait"]]) {
    assert.equal(since({ ...stuck, "main.serve": [state, reason, S, 0, 1] }, 0), null, `one is ${reason || state}`);
  }
});

test("collections say what the runtime told, and nothing else", () => {
  const gc = (cycle, at, more = {}) => ({ kind: "gc", cycle, at, pause: 5e4, ...more });
  const store = played(3, (s) => ({ stacks: WAIT, events: [[gc(7, 0.5 * S, { before: 100, live: 40, goal: 80, assist: 0 })], [gc(8, 1.5 * S)], [gc(10, 2.5 * S)]][s] }));
  const rows = collections(data(store).marks, 0, 2.6 * S);
  assert.deepEqual(rows.map(({ cycle, live, assist, since }) => [cycle, live, assist, since]), [[7, 40, 0, NaN], [8, NaN, NaN, S], [10, NaN, NaN, NaN]]);
});
