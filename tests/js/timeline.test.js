import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "../../flarego/static/core/chunk.js";
import { Store } from "../../flarego/static/core/store.js";
import { moveEdge } from "../../flarego/static/elements/timeline-edges.js";
import { Columns } from "../../flarego/static/model/columns.js";
import { clockAt } from "../../flarego/static/model/format.js";
import { Scale, ticks, timeStep } from "../../flarego/static/model/scale.js";
import { Series } from "../../flarego/static/model/series.js";
import { TRACKS } from "../../flarego/static/model/tracks.js";
import { PROCESS, chunkMap, encode } from "./build.js";

const S = 1e9;
const STEP = 0.2 * S;

/** Points of a fifth of a second; `known` gives each its values. */
function series(n, known = () => ({}), at = (i) => i * STEP) {
  const out = new Series();
  for (let i = 0; i < n; i++) out.push(at(i), at(i) + STEP, new Float32Array(10).fill(i), 0, known(i));
  return out;
}

function playing(seconds, { start = 0 } = {}) {
  const store = new Store();
  const take = (map) => store.receive(read(Uint8Array.from(encode(map))), 0);
  take(PROCESS);
  for (let i = 0; i < seconds * 5; i++) {
    take(chunkMap({ "main.a": ["running", "", STEP, STEP / 2, 2] },
      { sequence: i, generation: i, start: start + i * STEP, end: start + (i + 1) * STEP }));
  }
  return { store, take };
}

test("columns cover each point once and stand where their time is", () => {
  const points = series(4500);
  const columns = new Columns();
  columns.take(points, new Scale(0, 900 * S, 100, 1300));
  assert.ok(columns.n <= 1201 && columns.n > 1100);
  assert.equal(columns.first[0], 0);
  assert.equal(columns.last[columns.n - 1], 4499);
  for (let c = 1; c < columns.n; c++) {
    assert.equal(columns.first[c], columns.last[c - 1] + 1);
    assert.equal(columns.left[c], columns.right[c - 1]);
    assert.ok(columns.right[c] > columns.left[c] - 0.5);
  }
});

test("a column stands for the same points while the picture moves by whole pixels", () => {
  const points = series(4500);
  const pixel = (900 * S) / 1200;
  const groups = (/** @type {number} */ shift) => {
    const columns = new Columns();
    columns.take(points, new Scale(shift * pixel, shift * pixel + 600 * S, 0, 800));
    return new Set(Array.from({ length: columns.n }, (_, c) => `${columns.first[c]}-${columns.last[c]}`));
  };
  const [before, after] = [groups(10), groups(11)];
  assert.ok([...after].filter((group) => !before.has(group)).length <= 4);
});

test("few points are wide columns, and missing time is no column", () => {
  const points = series(10, undefined, (i) => i * STEP + (i >= 5 ? 3 * S : 0));
  const columns = new Columns();
  columns.take(points, new Scale(0, 5 * S, 0, 1000));
  assert.equal(columns.n, 10);
  assert.deepEqual([...columns.broken.subarray(0, 10)], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  assert.deepEqual([columns.right[4], columns.left[5]], [200, 800]);
  columns.take(points, new Scale(7, 7, 0, 0));
  assert.equal(columns.n, 0);
});

test("what a track shows: means, peaks, rates", () => {
  const points = series(10, (i) => ({
    cpu: (i % 2) * STEP, "cpu.system": STEP / 4, "runq.global": i, "runq.local": 1, "heap.total_alloc": i * 1000, "goroutines.created": i * 2,
    "sched.latency.p99": i === 4 ? 9e6 : 1e3, processors: 4, wall: 3 * STEP,
  }));
  const layer = (/** @type {string} */ id, /** @type {number} */ l) => TRACKS.find((track) => track.id === id)?.layers(points, true)[l].of ?? (() => NaN);
  assert.equal(layer("goroutines", 0)(2, 4), 3);
  assert.equal(layer("cpu", 0)(0, 3), 0.5);
  assert.equal(layer("cpu", 1)(0, 3), 0.25);
  assert.equal(layer("queue", 0)(1, 6), 7);
  assert.equal(layer("latency", 0)(3, 5), 9e6);
  assert.equal(Math.round(layer("alloc", 0)(1, 4)), 5000);
  assert.equal(layer("created", 0)(0, 0), layer("created", 0)(1, 1), "the first has none before it");
  assert.equal(points.sum("wall", 4 * STEP, 8 * STEP), 12 * STEP);
  assert.ok(Number.isNaN(layer("heap", 0)(0, 9)), "what is not known is not drawn");
});

test("a point is found where there is one, and none where time is missing", () => {
  const points = series(10, undefined, (i) => i * STEP + (i >= 5 ? 3 * S : 0));
  assert.equal(points.pointAt(0.5 * STEP), 0);
  assert.equal(points.pointAt(2 * S), -1);
  assert.equal(points.pointAt(4.1 * S), 5);
  assert.equal(points.pointAt(99 * S), -1);
});

test("ticks are round, and as exact as they are dense", () => {
  assert.deepEqual(ticks(new Scale(3, 31, 0, 1), 10, 5), [5, 15, 25]);
  assert.equal(timeStep(0.2 * S, 10), 0.02 * S);
  const noon = new Date(2026, 10, 23, 12, 0, 7, 250).getTime() * 1e6;
  assert.deepEqual([60 * S, S, 0.1 * S, 0.05 * S, 0.001 * S].map((step) => clockAt(noon, step)),
    ["12:00", "12:00:07", "12:00:07.2", "12:00:07.25", "12:00:07.250"]);
});

test("an edge of a span stays in time, and passes the other", () => {
  const whole = { from: 0, to: 100 };
  assert.deepEqual(moveEdge({ from: 10, to: 20 }, "from", -30, whole), { from: 0, to: 20 });
  assert.deepEqual(moveEdge({ from: 10, to: 20 }, "from", 15, whole), { from: 20, to: 25 });
  assert.deepEqual(moveEdge({ from: 10, to: 20 }, "to", -10, whole), { from: 10, to: 20 });
});

test("the timeline follows, holds on to a span, and goes back", () => {
  const { store, take } = playing(60);
  const { timeline } = store;
  assert.equal(timeline.range.to, 60 * S);
  timeline.zoom(0.5, 30 * S);
  assert.deepEqual(timeline.range, { from: 30 * S, to: 60 * S }, "live stays at the edge");
  timeline.hold();
  store.setSpan({ from: 40 * S, to: 45 * S });
  const held = timeline.range;
  take(chunkMap({ "main.a": ["running", "", STEP] }, { sequence: 300, generation: 300, start: 60 * S, end: 60.2 * S }));
  assert.deepEqual(timeline.range, held);
  timeline.zoom(0.5, 45 * S);
  assert.deepEqual(timeline.range, { from: 37.5 * S, to: 52.5 * S }, "around the pointer");
  timeline.pan(-1e12);
  assert.equal(timeline.range.from, 0);
  timeline.nudge(1);
  assert.ok(store.span.peek().to > 45 * S);
  store.goLive();
  assert.equal(timeline.range.to, timeline.whole.to);
});

test("tracks that do not exist are not shown, and never none", () => {
  const { timeline } = new Store();
  timeline.setTracks(["heap", "nonsense", "cpu"]);
  assert.deepEqual(timeline.tracks.peek(), ["cpu", "heap"]);
  timeline.setTracks(["nonsense"]);
  assert.deepEqual(timeline.tracks.peek(), ["goroutines"]);
});

test("a recording is shown coarse as a whole, fine where that is known", () => {
  const { store } = playing(10, { start: 100 * S });
  const data = store.data.peek();
  data.overview = series(600);
  assert.deepEqual(store.timeline.whole, { from: 0, to: 120 * S });
  assert.equal(store.timeline.series({ from: 0, to: 120 * S }), data.overview);
  assert.equal(store.timeline.series({ from: 101 * S, to: 105 * S }), data.series);
  assert.deepEqual(store.timeline.range, { from: 0, to: 120 * S });
});

test("a click goes to a time while the display stands still, and not while it runs", () => {
  const { store } = playing(60);
  store.timeline.seek(30 * S);
  assert.equal(store.paused.peek(), null);
  store.togglePause();
  const { range } = store.timeline;
  store.timeline.seek(30 * S);
  assert.equal(store.wanted().to, 30 * S);
  assert.deepEqual(store.timeline.range, range, "the timeline stays where it is");
  store.timeline.seek(-5);
  assert.equal(store.wanted().to, 0);
});

test("a recording's index is a series; what is damaged in it is not known", () => {
  const coarse = Series.coarse({
    start: [0, S, 2 * S, 2 * S, NaN], end: [S, 2 * S, 3 * S, 1, 9 * S],
    series: { "state.waiting": [5, 6, 7], "state.running": [1, 2], "state.cpu": [0.5, 1, 2], "heap.live": [9] },
  });
  assert.equal(coarse.n, 3);
  const [goroutines, cpu] = TRACKS;
  assert.equal(goroutines.now(coarse, 1, 1), "8");
  assert.deepEqual(goroutines.layers(coarse, false).filter(({ of }) => of(0, 1) > 0).map(({ name, of }) => [name, of(0, 1)]),
    [["running", 1.5], ["waiting", 5.5]]);
  assert.equal(cpu.layers(coarse, false)[0].of(0, 1), 0.75);
  assert.ok(Number.isNaN(coarse.values["heap.live"][1]));
});
