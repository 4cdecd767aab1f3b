import assert from "node:assert/strict";
import { test } from "node:test";
import { Filters } from "../../flarego/static/core/filters.js";
import { Branches } from "../../flarego/static/model/branches.js";
import { ABOVE, CALLERS, CallTree } from "../../flarego/static/model/calltree.js";
import { functionsOf } from "../../flarego/static/model/functions.js";
import { Boxes, WHOLE, layout } from "../../flarego/static/model/layout.js";
import { leftOf, pan, zoomAround } from "../../flarego/static/model/viewport.js";
import { neighbour } from "../../flarego/static/model/walk.js";
import { changeColour, packageColour } from "../../flarego/static/paint/scheme.js";
import { changeOf } from "../../flarego/static/paint/flame.js";
import { random, world } from "./build.js";

const SHAPE = { view: "state", system: false, idle: false, runtime: false, lanes: true, order: "down", focus: "", filter: null };
const ROWS = [
  ["main.main;main.serve;main.query", "running", "", 40],
  ["main.main;main.serve;main.query;main.serve;main.lock", "waiting", "sync.Mutex.Lock", 60],
  ["main.cron;main.query", "running", "", 100],
  ["main.cron;net/http.(*Client).do;main.reply", "waiting", "chan receive", 50],
];

function grown(rows, shape = {}, weight = "wall") {
  const made = world(rows);
  const tree = new CallTree(made.reading, { ...SHAPE, ...shape });
  tree.weigh(made.fold, weight, null);
  return { ...made, tree };
}

const nodes = (tree) => Array.from({ length: tree.size }, (_, i) => i).filter((node) => tree.total[node] > 0);
const below = (tree, node) => nodes(tree).filter((child) => tree.parent[child] === node && !(tree.flags[child] & CALLERS)).map((child) => [tree.nameOf(child), tree.total[child]]);
const find = (tree, name) => nodes(tree).find((node) => tree.nameOf(node) === name);

test("children are found in lists and in tables alike", () => {
  const branches = new Branches();
  const known = new Map();
  const next = random(3);
  let size = 1;
  for (let i = 0; i < 20_000; i++) {
    const [parent, key] = [next(Math.min(size, 40)), next(2000)];
    const id = branches.find(parent, key);
    assert.equal(id, known.get(`${parent}|${key}`) ?? -1);
    if (id >= 0) continue;
    branches.add(parent, key, size);
    known.set(`${parent}|${key}`, size++);
  }
  assert.ok(size > 10_000);
});

test("a sandwich merges callers and callees of a function, recursion counted once", () => {
  const { tree } = grown(ROWS, { focus: "main.query" });
  assert.equal(tree.total[0], 200);
  assert.equal(tree.total[ABOVE], 200);
  assert.deepEqual(below(tree, 0), [["main.serve", 60]]);
  assert.deepEqual(below(tree, ABOVE).sort(), [["main.cron", 100], ["main.serve", 100]]);
  const boxes = new Boxes();
  layout(tree, { zoom: 0, range: WHOLE, width: 200, top: -9, bottom: 9 }, boxes);
  assert.deepEqual([boxes.first, boxes.end], [-2, 3]);
  const up = neighbour(tree, 0, "up");
  assert.equal(tree.rootOf(up), ABOVE);
  assert.equal(neighbour(tree, up, "down"), 0);
  assert.deepEqual(tree.resolve(tree.address(up)), { node: up, whole: true });
});

test("inverted, stacks begin with their innermost frame", () => {
  const { tree } = grown(ROWS, { order: "up", lanes: false });
  assert.deepEqual(below(tree, 0).sort(), [["main.lock", 60], ["main.query", 140], ["main.reply", 50]]);
  assert.deepEqual(below(tree, find(tree, "main.query")).sort(), [["main.cron", 100], ["main.serve", 40]]);
});

test("without lanes the same code of several states is one frame", () => {
  const { tree } = grown(ROWS, { lanes: false });
  assert.deepEqual(below(tree, 0).sort(), [["main.cron", 150], ["main.main", 100]]);
});

test("waiting is the wall time of those that wait", () => {
  assert.equal(grown(ROWS, {}, "waiting").tree.total[0], 110);
});

test("filters widen within a kind and narrow between kinds; hiding takes frames and leaves time", () => {
  const filters = new Filters(() => {});
  const total = () => grown(ROWS, { lanes: false, filter: filters.filter }).tree;
  filters.add("function", "main.query");
  assert.equal(total().total[0], 200);
  filters.add("state", "running");
  assert.equal(total().total[0], 140);
  filters.add("state", "lock");
  assert.equal(total().total[0], 200);
  filters.add("function", "main.cron", "not");
  assert.equal(total().total[0], 100);
  assert.equal(total().hidden.folded.filtered, 150);
  const text = filters.text;
  filters.clear();
  assert.equal(filters.filter, null);
  filters.text = text;
  assert.equal(filters.text, text);
  assert.equal(total().total[0], 100);
  filters.clear();
  filters.add("package", "main", "hide");
  assert.deepEqual(below(total(), 0), [["net/http.(*Client).do", 50]]);
  assert.equal(total().total[0], 250);
});

test("a filter is the same object as long as it asks the same, and nonsense in a link is ignored", () => {
  const filters = new Filters(() => {});
  filters.add("reason", "chan receive");
  assert.equal(filters.filter, filters.filter);
  filters.toggle("reason", "chan receive", "only");
  assert.equal(filters.filter, null);
  for (const text of ["{", "5", '["x"]', '["+nothing:a"]', '["~state:a"]', "[[[]]]"]) filters.text = text;
  assert.deepEqual(filters.terms.peek(), []);
  filters.text = '[" state:lock"]';
  assert.deepEqual(filters.terms.peek(), [{ what: "state", how: "only", value: "lock" }], "a plus may come as a space");
});

test("the sight is described by the deepest frame that fills it, and pans and zooms by weight", () => {
  const { tree } = grown(ROWS, { lanes: false });
  const query = nodes(tree).find((node) => tree.nameOf(node) === "main.query" && tree.nameOf(tree.parent[node]) === "main.serve");
  assert.equal(leftOf(tree, query), 150);
  const closer = zoomAround(tree, { zoom: 0, range: WHOLE }, 0.2, 0.8);
  const edges = ({ zoom, range }) => [leftOf(tree, zoom) + range.from * tree.total[zoom], leftOf(tree, zoom) + range.to * tree.total[zoom]];
  assert.deepEqual(edges(closer).map(Math.round), [160, 210]);
  assert.equal(tree.nameOf(closer.zoom), "main.lock");
  const moved = pan(tree, closer, -0.5);
  assert.deepEqual(edges(moved).map(Math.round), [135, 185]);
  assert.equal(moved.zoom, 0, "no frame fills that");
  assert.deepEqual(edges(pan(tree, moved, 9)).map(Math.round), [200, 250], "the end is the end");
  assert.deepEqual(zoomAround(tree, moved, 100, 0.3), { zoom: 0, range: WHOLE });
});

test("only what is in sight is laid out, cut at its edges", () => {
  const { tree } = grown(ROWS, { lanes: false });
  const boxes = new Boxes();
  layout(tree, { zoom: 0, range: { from: 0.5, to: 0.7 }, width: 500, top: 0, bottom: 9 }, boxes);
  const shown = Array.from({ length: boxes.n }, (_, i) => [tree.nameOf(boxes.node[i]), boxes.x[i], boxes.width[i]]);
  assert.deepEqual(shown.slice(0, 2), [["all goroutines", 0, 500], ["main.cron", 0, 250]]);
  assert.ok(shown.every(([, x, width]) => x >= 0 && x + width <= 500 && width > 0));
  assert.ok(shown.some(([name, x, width]) => name === "main.serve" && x === 250 && width === 250));
});

test("a comparison scales the other span and tells new, gone, more and less", () => {
  const now = grown(ROWS, { lanes: false });
  const { dictionary } = now;
  const wall = new Float64Array(dictionary.keys + 1);
  wall[0] = 80;
  wall[1] = 30;
  const gone = dictionary.key(dictionary.stack(0, dictionary.frame(dictionary.string("main.gone"), 0, 1, 0)), 0, 0, 0, 0);
  wall[gone] = 10;
  now.tree.compare({ wall, cpu: wall, last: undefined }, "wall", 1);
  const { tree } = now;
  const told = Object.fromEntries(Array.from({ length: tree.size }, (_, node) => [tree.nameOf(node), changeOf(tree, node)]));
  assert.equal(told["main.gone"], "▼ gone");
  assert.equal(told["main.cron"], "▲ new");
  assert.equal(told["main.lock"], "▲ 100 %");
  assert.equal(tree.base[0], 120);
  now.tree.compare({ wall, cpu: wall, last: undefined }, "wall", "share");
  assert.equal(Math.round(tree.base[0]), 250);
});

test("functions are weighed themselves and with what they call, lanes and recursion apart", () => {
  const rowsOf = (shape) => {
    const { tree, fold } = grown(ROWS, shape);
    return Object.fromEntries(functionsOf(tree, fold, 0).map((row) => [row.name, [row.self, row.total]]));
  };
  const wanted = {
    "main.main": [0, 100], "main.serve": [0, 100], "main.query": [140, 200], "main.lock": [60, 60], "main.cron": [0, 150],
    "net/http.(*Client).do": [0, 50], "main.reply": [50, 50],
  };
  assert.deepEqual(rowsOf({}), wanted);
  assert.deepEqual(rowsOf({ lanes: false }), wanted);
  assert.deepEqual(rowsOf({ order: "up" }), wanted, "whichever way the graph is looked at");
  assert.deepEqual(rowsOf({ view: "blocked" })["main.lock"], [60, 60], "what a function waits for is its own");
});

test("colours of packages and changes do not depend on what else there is", () => {
  assert.equal(packageColour("main.a", "m"), packageColour("main.(*T).b", "m"));
  assert.equal(packageColour("net/http.(*conn).serve", "m"), packageColour("bufio.(*Reader).Read", "m"), "the standard library is one");
  assert.notEqual(changeColour(1), changeColour(-1));
  assert.equal(changeColour(0.01), changeColour(-0.01));
});
