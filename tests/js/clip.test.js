import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { blobBytes, base64Bytes, ClipError } from "../../flarego/static/core/clip/bytes.js";
import { Clip } from "../../flarego/static/core/clip/clip.js";
import { copySpan } from "../../flarego/static/core/clip/copy.js";
import { crc32, header, HEADER, START, StreamDecoder } from "../../flarego/static/core/clip/records.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const PYTHON = process.env.PYTHON ?? "python3";
const PERIOD = 0.2;
const SECONDS = 33;
const whole = new Uint8Array(execFileSync(PYTHON, [join(HERE, "clip.py"), String(SECONDS)], { maxBuffer: 1 << 28 }));

/** @param {Uint8Array} bytes */
const open = (bytes) => Clip.open(blobBytes(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)])));

/** Sequences of all chunks, in order. @param {Clip} clip */
async function sequences(clip) {
  const found = [];
  for (const generation of clip.recorded[0].generations) {
    for (const message of await clip.messages(generation)) if (message.type === "chunk") found.push(message.sequence);
  }
  return found;
}

/** @param {Float64Array} column */
const sum = (column) => column.reduce((total, value) => total + value, 0);

test("what Python writes is read: every chunk, and merged", async () => {
  const clip = await open(whole);
  assert.equal(clip.problem, "");
  const [{ process, generations, overview, timeline }] = clip.recorded;
  assert.equal(process.name, "orders");
  assert.deepEqual(await sequences(clip), Array.from({ length: SECONDS / PERIOD }, (_, i) => i));
  let [chunks, summaries] = [0, 0];
  for (const generation of generations) {
    for (const message of await clip.messages(generation)) if (message.type === "chunk") chunks += sum(message.rows.wall);
    summaries += sum((await clip.summary(generation))?.rows.wall ?? new Float64Array(0));
  }
  assert.ok(Math.abs(summaries / chunks - 1) < 1e-9);
  assert.ok(Math.abs(sum(overview?.rows.wall ?? new Float64Array(0)) / chunks - 1) < 1e-9);
  assert.equal(timeline?.start.length, timeline?.series["state.running"].length);
  assert.ok((timeline?.start.length ?? 0) > 10);
});

test("opening reads the ends, not the file", async () => {
  const { read, ...bytes } = blobBytes(new Blob([whole]));
  let asked = 0;
  const clip = await Clip.open({ ...bytes, read: (offset, length) => {
    asked += length;
    return read(offset, length);
  } });
  const ends = asked;
  await clip.messages(clip.recorded[0].generations[0]);
  assert.ok(ends < whole.length / 2, `${ends} of ${whole.length} bytes to open`);
  assert.ok(asked - ends <= clip.recorded[0].generations[0].size);
});

test("a clip cut anywhere gives what lies before the cut, and says so", async () => {
  const last = (await open(whole)).recorded[0].generations.at(-1);
  const [from, to] = [last?.offset ?? 0, (last?.offset ?? 0) + (last?.size ?? 0)];
  let known = 0;
  for (let cut = from; cut < to; cut += Math.max(1, Math.floor((to - from) / 60))) {
    const clip = await open(whole.slice(0, cut));
    assert.notEqual(clip.problem, "");
    const found = await sequences(clip);
    assert.deepEqual(found, found.map((_, i) => i));
    assert.ok(found.length >= known, `${found.length} chunks at ${cut}, ${known} before`);
    known = found.length;
  }
  assert.ok(known >= SECONDS / PERIOD - 3);
});

/** Makes the checksums right again, so that what is inside a record is what is to be refused. @param {Uint8Array} bytes */
function forgive(bytes) {
  const view = new DataView(bytes.buffer);
  for (let record = header(bytes, START, 0, bytes.length); record !== null; record = header(bytes, record.end, 0, bytes.length)) {
    view.setUint32(record.offset + 16, crc32(bytes.subarray(record.offset + HEADER, record.end)), true);
  }
}

test("bytes changed anywhere are an error with words, or do no harm", async () => {
  let state = 42;
  const random = (/** @type {number} */ n) => (state = (state * 1103515245 + 12345) % 2 ** 31) % n;
  let refused = 0;
  for (let round = 0; round < 60; round++) {
    const bytes = whole.slice(0, random(4) === 0 ? random(whole.length) : whole.length);
    for (let n = 0; n <= random(4); n++) if (bytes.length > 0) bytes[random(2) ? random(bytes.length) : bytes.length - 1 - random(Math.min(400, bytes.length))] = random(256);
    if (random(2) === 0) forgive(bytes);
    try {
      const clip = await open(bytes);
      await sequences(clip);
      for (const generation of clip.recorded[0].generations) await clip.summary(generation);
    } catch (error) {
      assert.ok(error instanceof ClipError, String(error));
      assert.ok(error.message.length > 10);
      refused++;
    }
  }
  assert.ok(refused > 0 && refused < 60, `${refused} refused`);
});

test("a later version, another file, nothing: refused by name", async () => {
  const later = whole.slice();
  later[8] = 7;
  await assert.rejects(open(later), /version 7/);
  await assert.rejects(open(new TextEncoder().encode("SQLite format 3, and more")), /not a clip/);
  await assert.rejects(open(new Uint8Array(0)), /not a clip/);
  await assert.rejects(open(whole.slice(0, START)), ClipError);
  assert.throws(() => base64Bytes("*no base64*"), ClipError);
});

test("a record that makes more of itself than it promised is refused", async () => {
  const clip = await open(whole);
  const { offset } = clip.recorded[0].generations[0];
  const view = new DataView(whole.buffer);
  const length = view.getUint32(offset + 8, true);
  const raw = view.getUint32(offset + 12, true);
  const payload = whole.slice(offset + HEADER, offset + HEADER + length);
  assert.equal(crc32(payload), view.getUint32(offset + 16, true));
  assert.equal(new StreamDecoder().decode(payload, raw).length, raw);
  assert.throws(() => new StreamDecoder().decode(payload, raw - 1), /more than it promised/);
  assert.throws(() => new StreamDecoder().decode(payload, raw + 1), /less than it promised/);
  assert.throws(() => new StreamDecoder().decode(payload, 2 ** 31), /too large/);
  const wide = payload.slice();
  wide[5] = 0xff; // the window's size
  assert.throws(() => new StreamDecoder().decode(wide, raw), /too much memory/);
});

test("a part of a clip is a clip: for this reader and for Python's", async () => {
  const clip = await open(whole);
  const [recorded] = clip.recorded;
  const [, second] = recorded.generations;
  const part = await copySpan(clip.bytes, recorded, { from: second.start + 1e9, to: Infinity });
  const copied = await Clip.open(blobBytes(part));
  assert.equal(copied.problem, "");
  assert.deepEqual(await sequences(copied), (await sequences(clip)).filter((sequence) => sequence >= 150));
  assert.deepEqual(copied.recorded[0].process, recorded.process);
  assert.ok((copied.recorded[0].timeline?.start[0] ?? 0) >= second.start - 1e9);
  const folder = mkdtempSync(join(tmpdir(), "clip-"));
  writeFileSync(join(folder, "part.fgo"), new Uint8Array(await part.arrayBuffer()));
  const said = execFileSync(PYTHON, ["-c", `
import sys
from flarego.wire.clip import Clip
with Clip.open(sys.argv[1]) as clip:
    process = clip.processes[0].process
    print(clip.problem, len(list(clip.messages(process))), len(clip.timeline(process).start) > 2, clip.shown(process), sep="|")
`, join(folder, "part.fgo")], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  assert.equal(said.trim(), `|${1 + (await sequences(copied)).length}|True|(${second.start + 1e9}, ${second.end})`);
  await assert.rejects(copySpan(clip.bytes, recorded, { from: 1e12, to: 2e12 }), ClipError);
});
