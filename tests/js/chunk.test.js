import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkError, read } from "../../flarego/static/core/chunk.js";
import { MsgpackError } from "../../flarego/static/core/msgpack.js";
import { Store } from "../../flarego/static/core/store.js";
import { PROCESS, chunkMap, encode, random, u32, u8 } from "./build.js";

const bytes = (map) => Uint8Array.from(encode(map));
const STACKS = { "main.main;main.work": ["running", "", 2e8, 1e8], "main.main": ["waiting", "select", 2e8] };

test("a chunk's columns become typed arrays", () => {
  const chunk = read(bytes(chunkMap(STACKS)));
  assert.equal(chunk.type, "chunk");
  assert.deepEqual([...chunk.rows.node], [2, 1]);
  assert.deepEqual([...chunk.rows.cpu], [1e8, 0]);
  assert.equal(chunk.waits, null);
});

test("unknown types are passed over and unknown keys ignored", () => {
  assert.equal(read(bytes({ type: "later" })), null);
  assert.equal(read(bytes({ ...PROCESS, later: 1 })).name, "orders");
});

test("a newer version is refused by name", () => {
  assert.throws(() => read(bytes({ ...PROCESS, version: 2 })), /version 2; this page reads up to 1/);
});

test("columns of different length, or no columns, are refused", () => {
  const chunk = chunkMap(STACKS);
  assert.throws(() => read(bytes({ ...chunk, rows: { ...chunk.rows, count: u32(1) } })), ChunkError);
  assert.throws(() => read(bytes({ ...chunk, rows: { ...chunk.rows, count: u8(1, 2, 3) } })), ChunkError);
  assert.throws(() => read(bytes({ ...chunk, rows: { ...chunk.rows, count: [1, 2] } })), ChunkError);
  assert.throws(() => read(bytes({ ...chunk, locations: { count: u8(9), frame: u32(0) } })), ChunkError);
  assert.throws(() => read(bytes({ ...chunk, groups: 5 })), ChunkError);
});

test("indices that point nowhere are refused, and nothing is numbered on after them", () => {
  const chunk = chunkMap(STACKS);
  const wrong = [
    { frames: { ...chunk.frames, function: u32(99, 99) } }, { locations: { count: u8(1, 1), frame: u32(0, 7) } },
    { nodes: { parent: u32(0, 5), location: u32(0, 1) } }, { nodes: { parent: u32(0, 2), location: u32(0, 1) } },
    { rows: { ...chunk.rows, node: u32(1, 77) } }, { rows: { ...chunk.rows, group: u32(0, 3) } },
  ];
  for (const change of wrong) {
    const store = new Store();
    store.receive(read(bytes(PROCESS)), 0);
    assert.throws(() => store.receive(read(bytes({ ...chunk, ...change })), 0), ChunkError);
    assert.throws(() => store.receive(read(bytes({ ...chunk, strings: ["more"], sequence: 1 })), 0), /without its beginning/);
    assert.equal(store.data.peek().damaged, 2);
    store.receive(read(bytes({ ...chunk, sequence: 2, generation: 1 })), 0);
    assert.equal(store.data.peek().chunks, 1);
  }
});

test("damaged chunks raise ChunkError or MsgpackError and nothing else", () => {
  const next = random(7);
  const good = encode(chunkMap(STACKS));
  const store = new Store();
  store.receive(read(bytes(PROCESS)), 0);
  for (let i = 0; i < 20_000; i++) {
    const input = Uint8Array.from(good);
    for (let flips = 1 + next(6); flips > 0; flips--) input[next(input.length)] = next(256);
    try {
      const message = read(input);
      if (message !== null) store.receive(message, 0);
      store.weighed();
    } catch (error) {
      assert.ok(error instanceof ChunkError || error instanceof MsgpackError, error.stack);
    }
  }
});
