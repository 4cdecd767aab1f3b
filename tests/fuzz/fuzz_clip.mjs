/**
 * Throws damaged clips at the page's reader: `node fuzz_clip.mjs CLIP [SECONDS] [SEED]`.
 *
 * Bytes are changed, the end is cut, and half of the time checksums are made right again, so that what
 * lies inside records is reached. Anything but a ClipError, and anything that takes long, is a finding.
 */

import { readFileSync } from "node:fs";

import { ClipError } from "../../flarego/static/core/clip/bytes.js";
import { Clip } from "../../flarego/static/core/clip/clip.js";
import { crc32, HEADER, header, START } from "../../flarego/static/core/clip/records.js";

const SLOW_MS = 5000;
const [path, seconds = "10", seed = "1"] = process.argv.slice(2);
const good = new Uint8Array(readFileSync(path));
let state = Number(seed) || 1;

/** A number below n: xorshift. @param {number} n */
function random(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}

function damaged() {
  const bytes = good.slice(0, random(4) > 0 ? good.length : random(good.length));
  for (let n = random(4); n >= 0 && bytes.length > 0; n--) {
    const near = random(2) > 0 ? bytes.length : Math.min(bytes.length, 3000);
    bytes[bytes.length - 1 - random(near)] = random(256);
  }
  if (random(2) > 0) forgive(bytes);
  return bytes;
}

/** Makes checksums right again. @param {Uint8Array} bytes */
function forgive(bytes) {
  const view = new DataView(bytes.buffer);
  for (let record = header(bytes, START, 0, bytes.length); record !== null; record = header(bytes, record.end, 0, bytes.length)) {
    view.setUint32(record.offset + 16, crc32(bytes.subarray(record.offset + HEADER, record.end)), true);
  }
}

/** @param {Uint8Array} bytes */
async function readAll(bytes) {
  const clip = await Clip.open({ size: bytes.length, read: async (at, length) => bytes.slice(at, at + length), whole: async () => new Blob() });
  for (const { generations } of clip.recorded) {
    for (const generation of generations) {
      await clip.messages(generation);
      await clip.summary(generation);
    }
  }
}

let [tried, refused] = [0, 0];
const end = performance.now() + 1000 * Number(seconds);
while (performance.now() < end) {
  const before = state;
  const bytes = damaged();
  const begun = performance.now();
  try {
    await readAll(bytes);
  } catch (error) {
    if (!(error instanceof ClipError)) throw new Error(`input ${tried} of seed ${seed}, state ${before}`, { cause: error });
    refused++;
  }
  if (performance.now() - begun > SLOW_MS) throw new Error(`input ${tried} of seed ${seed}, state ${before}: ${performance.now() - begun} ms`);
  tried++;
}
if (refused === 0 || refused === tried) throw new Error(`${refused} of ${tried} refused: this tries nothing`);
console.log(`${tried} clips, ${refused} refused, no other error`);
