import assert from "node:assert/strict";
import { test } from "node:test";
import { CallTree } from "../../flarego/static/model/calltree.js";
import { breakdown } from "../../flarego/static/model/breakdown.js";
import { Boxes, WHOLE, layout } from "../../flarego/static/model/layout.js";
import { Search } from "../../flarego/static/model/search.js";
import { world } from "./build.js";

const SHAPE = { view: "state", system: false, idle: false, runtime: false, lanes: true, order: "down", focus: "", filter: null };
const sight = (zoom, width, top = -100, bottom = 100) => ({ zoom, width, top, bottom, range: WHOLE });
const ROWS = [
  ["main.main;main.work", "running", "", 300, { cpu: 250 }],
  ["main.main;main.work;main.lock;sync.(*Mutex).Lock;runtime.semacquire1;runtime.gopark", "waiting", "sync.Mutex.Lock", 500],
  ["main.main;main.ask;main.recv;runtime.chanrecv1;runtime.gopark", "waiting", "chan receive", 150],
  ["main.pool.gowrap1;main.worker;runtime.chanrecv2;runtime.gopark", "waiting", "chan receive", 4000],
  ["runtime.gcBgMarkWorker;runtime.gopark", "waiting", "GC worker (idle)", 9000, { system: true }],
];

function grown(rows, shape = SHAPE, weight = "wall", search = null) {
  const { reading, fold } = world(rows);
  const tree = new CallTree(reading, shape);
  tree.weigh(fold, weight, search);
  return { tree, fold };
}

function children(tree, node) {
  const out = [];
  for (let child = tree.firstChild[node]; child >= 0; child = tree.nextSibling[child]) out.push(child);
  return out;
}

const names = (tree, node = 0) => children(tree, node).map((child) => tree.nameOf(child));
const find = (tree, name) => Array.from({ length: tree.size }, (_, i) => i).find((node) => tree.nameOf(node) === name);

test("states are lanes in a fixed order and weigh what their goroutines do", () => {
  const { tree } = grown(ROWS);
  assert.deepEqual(names(tree), ["running", "sync.Mutex.Lock", "chan receive"]);
  assert.deepEqual(children(tree, 0).map((node) => tree.total[node]), [300, 500, 150]);
  assert.equal(tree.total[0], 950);
});

test("idle and system goroutines are folded away, counted, and come back when asked for", () => {
  const { tree } = grown(ROWS);
  assert.deepEqual(tree.hidden, { folded: { idle: 4000, system: 9000, filtered: 0 }, counts: { idle: 1, system: 1, filtered: 0 } });
  const all = grown(ROWS, { ...SHAPE, idle: true, system: true }).tree;
  assert.equal(all.total[0], 13_950);
  assert.deepEqual(all.hidden.counts, { idle: 0, system: 0, filtered: 0 });
});

test("what parks a goroutine inside the runtime is left out unless asked for", () => {
  assert.equal(find(grown(ROWS).tree, "runtime.gopark"), undefined);
  assert.notEqual(find(grown(ROWS, { ...SHAPE, runtime: true }).tree, "runtime.gopark"), undefined);
});

test("on-CPU weighs CPU time and has no waiting in it", () => {
  const { tree } = grown(ROWS, { ...SHAPE, view: "cpu", runtime: true }, "cpu");
  assert.deepEqual(names(tree), ["main.main"]);
  assert.equal(tree.total[0], 250);
});

test("blocked merges by code and ends each stack with what it waits for", () => {
  const { tree } = grown(ROWS, { ...SHAPE, view: "blocked" });
  assert.deepEqual(names(tree), ["main.main"]);
  assert.deepEqual(names(tree, find(tree, "main.recv")), ["chan receive"]);
  assert.equal(tree.total[0], 650);
});

test("siblings stay in order and nodes keep their numbers whatever streams in", () => {
  const { reading, fold, ring, dictionary } = world(ROWS);
  const tree = new CallTree(reading, SHAPE);
  tree.weigh(fold, "wall", null);
  const before = tree.resolve(tree.address(find(tree, "main.lock"))).node;
  const frame = (name) => dictionary.frame(dictionary.string(name), 0, 1, 0);
  const stack = dictionary.stack(dictionary.stack(0, frame("main.main")), frame("main.aaa"));
  const key = dictionary.key(stack, 0, 0, 0, 0);
  ring.push({ ...ring.newest, start: 2e8, end: 4e8, sequence: 1, key: Uint32Array.of(key), wall: Float32Array.of(1e6) });
  fold.move(ring, -Infinity, Infinity);
  tree.weigh(fold, "wall", null);
  assert.deepEqual(names(tree, children(tree, 0)[0]), ["main.main"]);
  assert.deepEqual(names(tree, children(tree, children(tree, 0)[0])[0]), ["main.aaa", "main.work"]);
  assert.equal(tree.resolve(tree.address(before)).node, before);
});

test("an address leads to the same code in a tree of another shape", () => {
  const { tree } = grown(ROWS);
  const address = tree.address(find(tree, "main.lock"));
  const { tree: other } = grown(ROWS, { ...SHAPE, view: "blocked" });
  const { node, whole } = other.resolve(address);
  assert.equal(other.nameOf(node), "main.lock");
  assert.equal(whole, true);
  const gone = other.resolve([...address, { name: "main.vanished", lane: false }]);
  assert.deepEqual([other.nameOf(gone.node), gone.whole], ["main.lock", false]);
});

test("the matched share counts nothing twice", () => {
  const { tree } = grown(ROWS, SHAPE, "wall", new Search("/work|lock/"));
  assert.equal(tree.matched, 300 + 500);
  assert.equal(tree.match[0] & 4, 4);
  assert.equal(grown(ROWS, SHAPE, "wall", new Search("nothing")).tree.matched, 0);
});

test("weight by count is what there is at the window's end", () => {
  assert.equal(grown(ROWS, SHAPE, "count").tree.total[0], 3);
});

test("a breakdown tells the states below a node", () => {
  const { tree, fold } = grown(ROWS);
  const { lanes, count } = breakdown(tree, 0, fold, "wall");
  assert.deepEqual([...lanes].sort(), [["chan receive", 150], ["running", 300], ["sync.Mutex.Lock", 500]]);
  assert.equal(count, 3);
});

test("boxes fill their parents and rows out of view are left out", () => {
  const { tree } = grown(ROWS);
  const boxes = new Boxes();
  layout(tree, sight(0, 950), boxes);
  const byName = Object.fromEntries(Array.from({ length: boxes.n }, (_, i) => [tree.nameOf(boxes.node[i]), i]));
  assert.deepEqual([boxes.x[byName.running], boxes.width[byName.running]], [0, 300]);
  assert.deepEqual([boxes.x[byName["sync.Mutex.Lock"]], boxes.width[byName["sync.Mutex.Lock"]]], [300, 500]);
  assert.equal(boxes.end, 6);
  layout(tree, sight(0, 950, 1, 2), boxes);
  assert.deepEqual([...boxes.row.subarray(0, boxes.n)], [1, 1, 1]);
  assert.equal(boxes.end, 6, "how far one can scroll does not depend on the view");
});

test("the zoomed node and all above it are as wide as the view", () => {
  const { tree } = grown(ROWS);
  const boxes = new Boxes();
  const node = find(tree, "main.lock");
  layout(tree, sight(node, 1000), boxes);
  const above = Array.from({ length: boxes.n }, (_, i) => i).filter((i) => tree.depth[boxes.node[i]] <= tree.depth[node]);
  assert.equal(above.length, tree.depth[node] + 1);
  assert.ok(above.every((i) => boxes.x[i] === 0 && boxes.width[i] === 1000));
});

test("what is too narrow to draw leaves one mark and costs nothing", () => {
  const rows = Array.from({ length: 5000 }, (_, i) => [`main.main;main.f${i};main.g;main.h`, "running", "", 1]);
  const { tree } = grown([...rows, ["main.main;main.wide", "running", "", 1e6]]);
  const boxes = new Boxes();
  layout(tree, sight(0, 1000), boxes);
  assert.ok(boxes.n < 20, `${boxes.n} boxes`);
  assert.ok(boxes.node.subarray(0, boxes.n).includes(-1));
});

test("a node has the colour that nine tenths of it have, or none", () => {
  const rows = (lock) => [["main.a;main.b", "waiting", "sync.Mutex.Lock", lock], ["main.a;main.c", "waiting", "IO wait", 50],
    ["main.a;main.d", "waiting", "select", 50]];
  const lead = (lock) => {
    const { tree } = grown(rows(lock), { ...SHAPE, view: "blocked", idle: true });
    return tree.lead[find(tree, "main.a")];
  };
  assert.equal(lead(5000), 3);
  assert.equal(lead(300), -1);
  assert.equal(lead(40), -1);
});
