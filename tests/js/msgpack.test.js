import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_DEPTH, MsgpackError, decode } from "../../flarego/static/core/msgpack.js";
import { encode, random } from "./build.js";

const bytes = (...values) => Uint8Array.from(values.flat());

test("every kind of value comes back as it was", () => {
  const values = [
    null, true, false, 0, 127, 128, 65_536, 2 ** 32, 2 ** 52, -1, -32, -33, -(2 ** 40), 1.5, -0.25, "", "a", "é".repeat(40),
    "x".repeat(300), "y".repeat(70_000), [], [1, [2, ["three"]]], new Array(20).fill(7), new Array(70_000).fill(1),
  ];
  for (const value of values) assert.deepEqual(decode(bytes(encode(value))), value);
  assert.deepEqual(decode(bytes(0xca, 0x3f, 0x80, 0, 0)), 1);
  assert.deepEqual(decode(bytes(0xd1, 0xff, 0xfe)), -2);
  assert.deepEqual(decode(bytes(0xd4, 1, 2)), null, "an extension is nothing");
});

test("maps have no prototype, so that no key is special", () => {
  const value = decode(bytes(encode(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'))));
  assert.equal(Object.getPrototypeOf(value), null);
  assert.equal(value.constructor, 2);
  assert.equal({}.polluted, undefined);
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor"]);
});

test("bin is a view of the input and not a copy", () => {
  const input = bytes(encode(new Uint8Array([1, 2, 3])));
  assert.equal(decode(input).buffer, input.buffer);
});

test("every truncation is an error that says where", () => {
  const whole = bytes(encode({ a: [1, 2.5, "text"], b: new Uint8Array(9), c: { d: null } }));
  for (let n = 0; n < whole.length; n++) assert.throws(() => decode(whole.subarray(0, n)), MsgpackError);
  assert.throws(() => decode(bytes(whole, 0)), /trailing/);
});

test("sizes that the input cannot hold are refused before anything is allocated", () => {
  const huge = [0xff, 0xff, 0xff, 0xff];
  for (const tag of [0xc6, 0xc9, 0xdb, 0xdd, 0xdf]) {
    const before = process.memoryUsage().heapTotal;
    assert.throws(() => decode(bytes(tag, huge, 1, 2, 3)), MsgpackError);
    assert.ok(process.memoryUsage().heapTotal - before < 1 << 24);
  }
});

test("nesting is bounded", () => {
  assert.throws(() => decode(bytes(new Array(100_000).fill(0x91), 0xc0)), /nested/);
  assert.doesNotThrow(() => decode(bytes(new Array(MAX_DEPTH).fill(0x91), 0xc0)));
});

test("noise and damaged messages raise MsgpackError and nothing else", () => {
  const next = random(42);
  const good = encode({ type: "chunk", strings: ["", "a", "b"], rows: { node: new Uint8Array(64) }, n: -5, f: 0.5 });
  for (let i = 0; i < 60_000; i++) {
    const input = i % 2 ? Uint8Array.from({ length: next(80) }, () => next(256)) : Uint8Array.from(good);
    for (let flips = next(4); flips > 0; flips--) input[next(input.length)] = next(256);
    try {
      decode(input);
    } catch (error) {
      assert.ok(error instanceof MsgpackError, String(error));
    }
  }
});
