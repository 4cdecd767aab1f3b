import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "../../flarego/static/core/chunk.js";
import { FIELDS, applyTimes, fromFragment, linkTo, toFragment } from "../../flarego/static/core/link.js";
import { Store } from "../../flarego/static/core/store.js";
import { PROCESS, chunkMap, encode, random } from "./build.js";

const S = 1e9;
const message = (map) => read(Uint8Array.from(encode(map)));

function watching(id = PROCESS.process) {
  const store = new Store();
  feed(store, id);
  return store;
}

function feed(store, id = PROCESS.process) {
  store.receive(message({ ...PROCESS, process: id }), 0);
  for (let i = 0; i < 60; i++) {
    store.receive(message({ ...chunkMap({ "main.a": ["running", "", S] }, { sequence: i, generation: i, start: i * S, end: (i + 1) * S }), process: id }), 0);
  }
}

function arranged() {
  const store = watching();
  store.setView("blocked");
  store.setWeight("waiting");
  store.setWindow(300);
  store.toggleShown("idle");
  store.flip();
  store.graph.invert();
  store.graph.toggleLanes();
  store.graph.toggleTable();
  store.setQuery("a&b=#");
  store.filters.add("package", "net/http", "not");
  store.graph.sandwich("main.f[go.shape.int]");
  store.setZoom([{ name: "main.a[…]", lane: false }, { name: "select", lane: true }]);
  store.graph.range.value = { from: 0.25, to: 0.5 };
  store.select([{ name: "main.a", lane: false }]);
  store.panel.value = "waits";
  store.timeline.setTracks(["heap", "cpu"]);
  store.compare.pinA({ from: 2 * S, to: 7.5 * S });
  store.compare.setMeasure("share");
  store.compare.setWidth("both");
  store.timeline.held.value = { from: 0, to: 50 * S };
  store.setSpan({ from: 10 * S, to: 20.125 * S });
  return store;
}

test("a link restores everything, also when the process is met later", () => {
  const store = arranged();
  const fragment = toFragment(store);
  const early = new Store();
  fromFragment(early, `#${fragment}`);
  const names = (text) => [...new URLSearchParams(text).keys()].sort();
  assert.deepEqual(names(toFragment(early)), names(fragment), "what waits for the process stays in the address");
  feed(early);
  applyTimes(early);
  assert.equal(toFragment(early), fragment);
  assert.deepEqual(early.span.peek(), { from: 10 * S, to: 20.125 * S });
  assert.deepEqual(early.compare.a.peek().span, { from: 2 * S, to: 7.5 * S });
  assert.deepEqual(early.graph.range.peek(), { from: 0.25, to: 0.5 });
  assert.deepEqual(early.filters.terms.peek(), [{ what: "package", how: "not", value: "net/http" }]);
});

test("a fresh page has no fragment, and an empty one resets", () => {
  assert.equal(toFragment(new Store()), "");
  const store = arranged();
  fromFragment(store, "");
  assert.equal(toFragment(store), "");
});

test("times of another process are ignored", () => {
  const fragment = toFragment(arranged());
  const other = watching("7-7");
  fromFragment(other, fragment);
  assert.equal(other.span.peek(), null);
  assert.equal(other.compare.on, false);
  assert.equal(other.view.peek(), "blocked");
});

test("links of pages before this one still work", () => {
  const store = new Store();
  fromFragment(store, "#view=cpu&weight=wall&window=60&toggled=idle.runtime&flipped=1&search=main&zoom=%5B%5B%22running%22%5D%2C%22main.a%22%5D");
  assert.deepEqual([store.view.peek(), store.weight.peek(), store.window.peek(), store.flipped.peek(), store.query.peek()],
    ["cpu", "wall", 60, true, "main"]);
  assert.deepEqual(store.shown.peek(), { system: true, idle: true, runtime: false });
  assert.deepEqual(store.zoom.peek(), [{ name: "running", lane: true }, { name: "main.a", lane: false }]);
});

test("nonsense is ignored, whatever field it is in", () => {
  const next = random(11);
  const hostile = [
    "", "{", "[", "[[],{}]", "null", "1e999", "-1", "NaN", "Infinity~Infinity", "1~", "~", "5~1", "0~1e308", "__proto__", "constructor.prototype",
    "(", "<img src=x onerror=alert(1)>", "\u0000\u202e", "9".repeat(400), "a".repeat(70_000), JSON.stringify(Array(5000).fill("x")), "%%%", "1~2~3",
  ];
  const store = watching();
  for (const { name } of FIELDS) {
    for (const text of hostile) {
      fromFragment(store, `${new URLSearchParams({ [name]: text, process: PROCESS.process })}`);
      store.weighed();
      assert.ok(toFragment(store).length < 1e6);
      const span = store.span.peek();
      assert.ok(span === null || (Number.isFinite(span.from) && span.from < span.to));
      assert.ok(store.paused.peek() === null || Number.isFinite(store.paused.peek()));
      assert.ok(store.zoom.peek().length <= 512 && store.query.peek().length <= 1000);
    }
  }
  for (let i = 0; i < 300; i++) {
    const noise = Array.from({ length: next(80) }, () => String.fromCharCode(next(1 << 16))).join("");
    fromFragment(store, noise);
  }
});

test("a link has no token in it", () => {
  const link = linkTo(arranged(), "http://127.0.0.1:9/p/?token=secret&x=1#old");
  assert.ok(!link.includes("secret") && link.includes("x=1") && link.includes("#view=blocked"));
});
