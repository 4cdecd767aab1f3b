import assert from "node:assert/strict";
import { test } from "node:test";
import { categoryOf, CATEGORIES } from "../../flarego/static/model/category.js";
import { Dictionary } from "../../flarego/static/model/dictionary.js";
import { count, duration, fit, labels, mean, packageOf, share, size } from "../../flarego/static/model/format.js";
import { Grouping } from "../../flarego/static/model/groups.js";
import { Idleness } from "../../flarego/static/model/idle.js";
import { Pairs } from "../../flarego/static/model/pairs.js";
import { isStandard } from "../../flarego/static/model/place.js";
import { Scale, roundUp, timeStep } from "../../flarego/static/model/scale.js";
import { QueryError, Search } from "../../flarego/static/model/search.js";
import { Series } from "../../flarego/static/model/series.js";
import { CallTree } from "../../flarego/static/model/calltree.js";
import { matches, neighbour } from "../../flarego/static/model/walk.js";
import { fromFragment, toFragment } from "../../flarego/static/core/link.js";
import { pauseBefore } from "../../flarego/static/core/socket.js";
import { Signal, effect } from "../../flarego/static/core/signal.js";
import { read } from "../../flarego/static/core/chunk.js";
import { Store } from "../../flarego/static/core/store.js";
import { PROCESS, chunkMap, encode, random, world } from "./build.js";

test("pairs are numbered densely and found again", () => {
  const pairs = new Pairs();
  const next = random(5);
  const seen = new Map();
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [next(300), next(300)];
    const key = `${a},${b}`;
    if (!seen.has(key)) {
      assert.equal(pairs.find(a, b), -1);
      seen.set(key, seen.size);
    }
    assert.equal(pairs.intern(a, b), seen.get(key));
  }
  assert.equal(pairs.size, seen.size);
});

test("the same stack is the same stack in every generation", () => {
  const store = new Store();
  const bytes = (map) => read(Uint8Array.from(encode(map)));
  store.receive(bytes(PROCESS), 0);
  store.receive(bytes(chunkMap({ "main.a;main.b": ["running", "", 1e8] })), 0);
  const { dictionary } = store.data.peek();
  const before = [dictionary.keys, dictionary.stackParent.length];
  store.receive(bytes(chunkMap({ "main.a;main.b": ["running", "", 1e8] }, { sequence: 1, generation: 1, start: 2e8, end: 4e8 })), 0);
  assert.deepEqual([dictionary.keys, dictionary.stackParent.length], before);
  assert.equal(store.weighed().total[0], 2e8);
});

test("chunks sent again after a reconnection are counted once", () => {
  const store = new Store();
  const bytes = (map) => read(Uint8Array.from(encode(map)));
  const chunk = chunkMap({ "main.a": ["running", "", 1e8] });
  store.receive(bytes(PROCESS), 0);
  store.receive(bytes(chunk), 0);
  store.resynchronise();
  store.receive(bytes(PROCESS), 0);
  store.receive(bytes(chunk), 0);
  store.receive(bytes(chunkMap({ "main.a": ["running", "", 1e8] }, { sequence: 4, generation: 1, start: 8e8, end: 1e9 })), 0);
  const data = store.data.peek();
  assert.deepEqual([data.chunks, data.missed, data.gaps], [2, 3, [{ from: 2e8, to: 8e8 }]]);
});

test("a new process starts over, and pause keeps what is shown", () => {
  const store = new Store();
  const bytes = (map) => read(Uint8Array.from(encode(map)));
  store.receive(bytes(PROCESS), 0);
  store.receive(bytes(chunkMap({ "main.a": ["running", "", 1e8] })), 0);
  store.togglePause();
  const scene = store.scene.peek();
  store.receive(bytes(chunkMap({ "main.a": ["running", "", 1e8] }, { sequence: 1, generation: 1, start: 2e8, end: 4e8 })), 0);
  assert.equal(store.scene.peek(), scene);
  assert.equal(store.weighed().total[0], 1e8);
  store.togglePause();
  assert.equal(store.weighed().total[0], 2e8);
  store.receive(bytes({ type: "gone", process: "1-2", at: 5, why: "exited" }), 0);
  assert.equal(store.gone.peek().why, "exited");
  store.receive(bytes({ ...PROCESS, process: "2-9" }), 0);
  assert.equal(store.gone.peek(), null);
  assert.equal(store.data.peek().chunks, 0);
});

test("zoom has a history, and survives a change of view", () => {
  const store = new Store();
  const address = [{ name: "chan receive", lane: true }, { name: "main.a", lane: false }];
  store.setZoom(address.slice(0, 1));
  store.setZoom(address);
  store.setView("cpu");
  assert.deepEqual(store.zoom.peek(), address);
  assert.equal(store.zoomBack(), true);
  assert.deepEqual(store.zoom.peek(), address.slice(0, 1));
  store.zoomBack();
  assert.equal(store.zoomBack(), false);
});

test("wait reasons fall into the categories people ask about", () => {
  const of = (state, reason) => CATEGORIES[categoryOf(state, reason)].id;
  const wanted = {
    "chan receive": "chan", "chan send (nil chan)": "chan", "select (no cases)": "select", "IO wait": "io", sleep: "sleep",
    "sync.Mutex.Lock": "lock", "sync.RWMutex.RLock": "lock", semacquire: "lock", "sync.Cond.Wait": "lock",
    "sync.WaitGroup.Wait": "lock", "GC worker (idle)": "gc", "finalizer wait": "gc", "garbage collection scan": "gc",
    "force gc (idle)": "gc", "stopping the world": "gc", "something new": "other",
  };
  for (const [reason, id] of Object.entries(wanted)) assert.equal(of("waiting", reason), id, reason);
  assert.deepEqual(["running", "runnable", "preempted", "syscall", "dead"].map((s) => of(s, "")),
    ["running", "runnable", "runnable", "syscall", "other"]);
});

test("idle is who waits where waiting is the job", () => {
  const idle = (stack, reason) => {
    const { dictionary } = world([[stack, "waiting", reason, 1]]);
    return new Idleness(dictionary).of(dictionary.keyStack[0], reason);
  };
  assert.equal(idle("main.worker;runtime.chanrecv2;runtime.gopark", "chan receive"), true);
  assert.equal(idle("main.start.gowrap2;main.worker;runtime.selectgo;runtime.gopark", "select"), true);
  assert.equal(idle("main.ticker;time.Sleep", "sleep"), true);
  assert.equal(idle("net/http.(*Server).Serve.gowrap3;net/http.(*conn).serve;bufio.(*Reader).Peek", "IO wait"), true);
  assert.equal(idle("net/http.(*conn).serve;net/http.serverHandler.ServeHTTP;main.handle;bufio.(*Reader).Read", "IO wait"), false);
  assert.equal(idle("main.send;runtime.chansend1;runtime.gopark", "chan send"), false);
  assert.equal(idle("main.serve;main.ask;runtime.chanrecv1;runtime.gopark", "chan receive"), false);
  assert.equal(idle("main.lock;sync.(*Mutex).Lock;runtime.gopark", "sync.Mutex.Lock"), false);
});

test("names get shorter by meaning", () => {
  assert.deepEqual(labels("github.com/acme/api/cache.(*LRU[go.shape.int]).Get.func1"),
    ["cache.(*LRU[…]).Get.func1", "(*LRU).Get.func1", "Get.func1"]);
  assert.deepEqual(labels("net/http.HandlerFunc.ServeHTTP"), ["http.HandlerFunc.ServeHTTP", "HandlerFunc.ServeHTTP", "ServeHTTP"]);
  assert.deepEqual(labels("main.main"), ["main.main", "main"]);
  assert.deepEqual(labels("main.labelled.func1.1"), ["main.labelled.func1.1", "labelled.func1.1"]);
  assert.deepEqual(labels("gopkg.in/yaml%2ev3.Unmarshal"), ["yaml%2ev3.Unmarshal", "Unmarshal"]);
  assert.equal(fit(["cache.(*LRU).Get", "(*LRU).Get", "Get"], 11), "(*LRU).Get");
  assert.equal(fit(["abcdefgh"], 5), "abcd…");
  assert.equal(fit(["abcdefgh"], 2), "");
  assert.equal(packageOf("github.com/acme/api/cache.(*LRU).Get"), "github.com/acme/api/cache");
});

test("the target's own packages are told from the standard library's", () => {
  const own = ["main.main", "github.com/acme/x.F", "orders/internal/db.(*Pool).Get", "orders.New"];
  assert.ok(own.every((name) => !isStandard(name, "orders")));
  assert.ok(["net/http.(*conn).serve", "bufio.(*Reader).Read", "vendor/golang.org/x/net/http2.F"].every((name) => isStandard(name, "orders")));
});

test("numbers are short and have units", () => {
  assert.deepEqual([0, 812, 4_500, 3.1e6, 1.5e9, 59.96e9, 252e9, 11_100e9, 90_000e9].map(duration),
    ["0", "812 ns", "4.5 µs", "3.1 ms", "1.5 s", "1 min", "4 min 12 s", "3 h 5 min", "1 d 1 h"]);
  assert.deepEqual([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 40].map(size), ["0 B", "1023 B", "1 KiB", "1.5 MiB", "1 TiB"]);
  assert.deepEqual([share(1, 0), share(1, 8), share(1, 1e6), share(5, 5)], ["0 %", "12.5 %", "<0.01 %", "100 %"]);
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.deepEqual([mean(0, 1), mean(3, 1000), mean(5, 2), mean(50, 2), mean(5000, 2)], ["0.00", "0.003", "2.50", "25.0", "2\u202f500"]);
});

test("a search is text, or an expression between slashes, with smart case, and says what is wrong with it", () => {
  assert.equal(new Search("(*conn).serve").matches("net/http.(*conn).serve"), true, "text is text");
  assert.equal(new Search("json|xml").matches("encoding/JSON.Marshal"), false);
  assert.equal(new Search("/json|xml/").matches("encoding/JSON.Marshal"), true);
  assert.equal(new Search("JSON").matches("encoding/json.Marshal"), false);
  assert.equal(new Search("/JSON/i").matches("encoding/json.Marshal"), true);
  assert.equal(new Search("/\\Wgo").matches("a.GO"), true, "a class is not a capital; the last slash may be to come");
  assert.throws(() => new Search("/a(/"), QueryError);
});

test("groups are goroutines of one stack, state and origin", () => {
  const { reading, ring } = world([
    ["main.main;main.ask;net.(*conn).Read;internal/poll.runtime_pollWait;runtime.gopark", "waiting", "IO wait", 1],
    ["main.main;main.ask;net.(*conn).Read", "running", "", 1],
  ]);
  const groups = new Grouping(reading).at(ring.newest);
  assert.equal(groups.length, 2);
  assert.deepEqual([groups[0].where, groups[0].inside, groups[0].lane], ["main.ask", "net.(*conn).Read", "IO wait"]);
  assert.deepEqual(new Grouping(reading).at(undefined), []);
});

test("a scale converts there and back", () => {
  const scale = new Scale(100, 200, 0, 50);
  assert.equal(scale.pixel(150), 25);
  assert.equal(scale.value(25), 150);
  assert.equal(scale.clamped(99), 200);
  assert.equal(new Scale(5, 5, 0, 10).value(3), 5);
  assert.equal(timeStep(120e9, 12), 10e9);
  assert.deepEqual([0, 1, 2.1, 7, 101, 219].map((value) => roundUp(value)), [1, 1, 2.5, 8, 150, 250]);
});

test("a series forgets what is older than retention and keeps the rest in place", () => {
  const series = new Series();
  for (let i = 0; i < 5000; i++) {
    series.push(i, i + 1, new Float32Array(10).fill(i), 0, { "heap.live": i });
    series.trim(i - 1500);
  }
  assert.ok(series.n < 4000 && series.n >= 1500);
  assert.equal(series.values["heap.live"][series.n - 1], 4999);
  assert.equal(series.end[series.find(4000)], 4001);
  assert.equal(series.at("heap.live", 4100), 4099);
  assert.equal(series.at("heap.goal", 4100), 0);
});

test("pauses between attempts grow to ten seconds and differ a little", () => {
  assert.deepEqual([1, 2, 3, 10].map((attempt) => pauseBefore(attempt, 0.5)), [500, 1000, 2000, 10_000]);
  assert.deepEqual([pauseBefore(1, 0), pauseBefore(1, 1)], [375, 625]);
});

test("an effect runs once for many changes, and only for changes", async () => {
  const [a, b] = [new Signal(1), new Signal(1)];
  const seen = [];
  const stop = effect(() => seen.push(a.value + b.value));
  a.value = 2;
  b.value = 2;
  await Promise.resolve();
  a.value = 2;
  await Promise.resolve();
  stop();
  a.value = 9;
  await Promise.resolve();
  assert.deepEqual(seen, [2, 4]);
});

test("the dictionary is bounded in depth", () => {
  const dictionary = new Dictionary();
  const frame = dictionary.frame(dictionary.string("main.f"), 0, 1, 0);
  let stack = 0;
  for (let i = 0; i < 100_000; i++) stack = dictionary.stack(stack, frame);
  assert.equal(dictionary.framesOf(stack).length, 1024);
});

test("a link restores the view, and nonsense in it is ignored", () => {
  const store = new Store();
  store.setView("blocked");
  store.setWeight("count");
  store.setWindow(300);
  store.toggleShown("idle");
  store.flip();
  store.setQuery("a&b=#");
  store.setZoom([{ name: "main.a[…]", lane: false }, { name: "select", lane: true }]);
  const other = new Store();
  fromFragment(other, `#${toFragment(store)}`);
  for (const name of ["view", "weight", "window", "shown", "flipped", "query", "zoom"]) {
    assert.deepEqual(other[name].peek(), store[name].peek(), name);
  }
  assert.equal(toFragment(new Store()), "");
  for (const nonsense of ["view=x&weight=y&window=-3&toggled=z&zoom={", "zoom=5", "zoom=[[],{}]", "%%%", "search=("]) {
    fromFragment(new Store(), nonsense);
  }
});

test("arrows walk the tree, and n the matches", () => {
  const { reading, fold } = world([
    ["main.a;main.b", "running", "", 10], ["main.a;main.c", "running", "", 30], ["main.d;main.c", "runnable", "", 5],
  ]);
  const tree = new CallTree(reading, { view: "state", system: false, idle: false, runtime: false, lanes: true, order: "down", focus: "", filter: null });
  tree.weigh(fold, "wall", new Search("main.c"));
  const names = (nodes) => nodes.map((node) => tree.nameOf(node));
  const running = neighbour(tree, 0, "down");
  const a = neighbour(tree, running, "down");
  const c = neighbour(tree, a, "down");
  assert.deepEqual(names([running, a, c]), ["running", "main.a", "main.c"]);
  assert.deepEqual(names([neighbour(tree, c, "left"), neighbour(tree, c, "right"), neighbour(tree, running, "right")]),
    ["main.b", "main.c", "runnable"]);
  assert.equal(neighbour(tree, 0, "up"), 0);
  assert.deepEqual(matches(tree).map((node) => tree.pathTo(node).map((at) => tree.nameOf(at))),
    [["running", "main.a", "main.c"], ["runnable", "main.d", "main.c"]]);
});

test("only steady growth is growth", () => {
  const series = new Series();
  for (let i = 0; i < 100; i++) series.push(i, i + 1, new Float32Array(10), i < 60 ? i : 200 - i, {});
  assert.equal(series.growth(series.idle, 0, 50), 50);
  assert.equal(series.growth(series.idle, 0, 99), 0);
});

test("a flarego started again on the same process starts over", () => {
  const store = new Store();
  const bytes = (map) => read(Uint8Array.from(encode(map)));
  store.receive(bytes(PROCESS), 0);
  store.receive(bytes(chunkMap({ "main.a": ["running", "", 1e8] }, { sequence: 50 })), 0);
  store.resynchronise();
  store.receive(bytes({ ...PROCESS, epoch: 9_000 }), 0);
  store.receive(bytes(chunkMap({ "main.a": ["running", "", 1e8] }, { sequence: 1 })), 0);
  assert.equal(store.data.peek().sequence, 1);
});

test("labels by request do not make the dictionary grow for ever", () => {
  const dictionary = new Dictionary();
  for (let i = 0; i < 100_000; i++) dictionary.group({ createdBy: -1, entry: -1, labels: { request: String(i) }, system: false });
  assert.ok(dictionary.groups.length <= (1 << 14) + 1);
});
