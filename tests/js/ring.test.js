import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_BYTES, Ring } from "../../flarego/static/core/ring.js";
import { Fold } from "../../flarego/static/model/fold.js";
import { entry, random } from "./build.js";

const S = 1e9;

function filled(seconds, weightsOf, ring = new Ring()) {
  for (let i = 0; i < seconds * 5; i++) ring.push(entry(i, weightsOf(i)));
  return ring;
}

function sums(entries) {
  const out = {};
  for (const { key, wall } of entries) key.forEach((k, i) => (out[k] = (out[k] ?? 0) + wall[i]));
  return out;
}

test("old entries get coarser and no nanosecond is lost", () => {
  const ring = filled(600, (i) => ({ 0: 2e8, [1 + (i % 7)]: 1000 + i }));
  assert.ok(ring.entries.length < 800, `${ring.entries.length} entries for 3000 chunks`);
  assert.deepEqual(new Set(ring.entries.map(({ level }) => level)), new Set([2, 1, 0]));
  const wanted = {};
  for (let i = 0; i < 3000; i++) {
    wanted[0] = (wanted[0] ?? 0) + 2e8;
    wanted[1 + (i % 7)] = (wanted[1 + (i % 7)] ?? 0) + 1000 + i;
  }
  assert.deepEqual(sums(ring.entries), wanted);
  for (let i = 1; i < ring.entries.length; i++) assert.equal(ring.entries[i].start, ring.entries[i - 1].end);
});

test("the last minute keeps every chunk", () => {
  const ring = filled(300, () => ({ 0: 1 }));
  assert.ok(ring.entries.slice(-300).every(({ level }) => level === 0));
});

test("a merged entry has the last count and the longest wait", () => {
  const ring = filled(100, (i) => (i % 5 === 2 ? { 0: 1, 1: 1 } : { 0: 1 }));
  const merged = ring.entries[0];
  assert.equal(merged.level, 1);
  assert.deepEqual([...merged.count], [5, 0]);
  assert.deepEqual([...merged.wait], [4, 2]);
});

test("retention is bounded by time and by bytes", () => {
  const ring = filled(2000, () => ({ 0: 1 }));
  const age = ring.newest.end - ring.entries[0].start;
  assert.ok(age <= 906 * S && age > 890 * S);
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [i, 1]));
  const small = filled(200, () => many, new Ring({ maxBytes: 2 << 20 }));
  assert.ok(small.bytes <= 2 << 20);
  assert.equal(small.bytes, small.entries.reduce((sum, { key }) => sum + 600 + 20 * key.length, 0));
});

test("fifteen minutes of two thousand stacks fit", () => {
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [i, 1]));
  const ring = filled(900, () => many);
  assert.ok(ring.bytes < 40 << 20 && ring.bytes < MAX_BYTES, `${ring.bytes} bytes`);
});

test("a window moved along with the ring is the window folded afresh", () => {
  const next = random(3);
  const ring = new Ring();
  const windows = [5, 30, 300, Infinity].map((seconds) => ({ seconds, fold: new Fold() }));
  ring.onmerge = (old, merged) => windows.forEach(({ fold }) => fold.replace(old, merged));
  for (let i = 0; i < 2500; i++) {
    // Weights beyond 2^24 do not fit a 32-bit float exactly: rounding must cancel out too.
    ring.push(entry(i, { [next(40)]: next(1e9), [40 + next(40)]: 3e11 + next(1e9) }));
    for (const { seconds, fold } of windows) fold.move(ring, ring.newest.end - seconds * S, ring.newest.end);
    if (i % 97) continue;
    for (const { seconds, fold } of windows) {
      const fresh = new Fold();
      fresh.move(ring, ring.newest.end - seconds * S, ring.newest.end);
      assert.deepEqual(trimmed(fold.wall), trimmed(fresh.wall), `${seconds} s at ${i}`);
      assert.deepEqual(fold.span, fresh.span);
    }
  }
});

function trimmed(values) {
  const out = [...values];
  while (out.at(-1) === 0) out.pop();
  return out;
}

test("a span chosen anywhere is folded, and leaving it restores the live window", () => {
  const ring = filled(60, (i) => ({ [i]: 7 }));
  const fold = new Fold();
  fold.move(ring, 50 * S, 60 * S);
  fold.move(ring, 10 * S, 12 * S);
  assert.equal(fold.wall.reduce((a, b) => a + b), 70);
  assert.deepEqual(fold.span, { start: 10 * S, end: 12 * S });
  fold.move(ring, 50 * S, 60 * S);
  assert.equal(fold.wall.reduce((a, b) => a + b), 350);
  fold.move(ring, 600 * S, 700 * S);
  assert.equal(fold.size, 0);
  assert.deepEqual(fold.span, { start: 0, end: 0 });
});
