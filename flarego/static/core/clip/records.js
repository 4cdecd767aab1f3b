/** The records of a clip (flarego/wire/CLIP.md): their headers, their limits, and what is inside them. */

import { Decompress } from "../../vendor/fzstd/fzstd.js";
import { ClipError } from "./bytes.js";

export { ClipError };

/** @typedef {{kind: string, stream: number, length: number, raw: number, crc: number, offset: number, end: number}} Record `end`: of its payload */

export const VERSION = 1;
export const MAGIC = Uint8Array.of(0x89, 0x46, 0x47, 0x4f, 0x0d, 0x0a, 0x1a, 0x0a);
export const START = 12;
export const HEADER = 20;
export const TRAILER = 16;
export const MAX_PAYLOAD = 64 << 20;
export const MAX_STREAM = 512 << 20;
export const MAX_GENERATIONS = 100_000;
/** The largest zstd window we give memory for. */
const MAX_WINDOW = 128 << 20;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 as zlib has it. @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** @param {Uint8Array} bytes */
export const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @param {Uint8Array} bytes */
export const ascii = (bytes) => String.fromCharCode(...bytes);

/**
 * The header at `at` of `bytes`, which begin at `base` of the file; null when it is not whole or no header.
 * @param {Uint8Array} bytes @param {number} at @param {number} base @param {number} size of the file
 * @returns {Record | null}
 */
export function header(bytes, at, base, size) {
  if (at + HEADER > bytes.length) return null;
  const view = viewOf(bytes);
  const [stream, length, raw, crc] = [4, 8, 12, 16].map((field) => view.getUint32(at + field, true));
  const kind = ascii(bytes.subarray(at, at + 4));
  const end = base + at + HEADER + length;
  if (!/^[A-Za-z0-9]{4}$/.test(kind) || Math.max(length, raw) > MAX_PAYLOAD || end > size) return null;
  return { kind, stream, length, raw, crc, offset: base + at, end };
}

/** The payload of the record at `at` of `bytes`. Raises ClipError when it is not what was written. @param {Uint8Array} bytes @param {number} at @param {Record} record */
export function payload(bytes, at, record) {
  const found = bytes.subarray(at + HEADER, at + HEADER + record.length);
  if (found.length !== record.length || crc32(found) !== record.crc) throw new ClipError(`the clip is damaged at byte ${record.offset}`);
  return found;
}

/** The window a zstd frame asks memory for. @param {Uint8Array} frame its beginning */
function windowOf(frame) {
  if (frame.length < 6) return Infinity;
  const flags = frame[4];
  if (!(flags & 0x20)) return 2 ** (10 + (frame[5] >> 3)) * (1 + (frame[5] & 7) / 8);
  const size = [1, 2, 4, 8][flags >> 6];
  const at = 5 + [0, 1, 2, 4][flags & 3];
  let window = 0;
  for (let i = size - 1; i >= 0; i--) window = window * 256 + (frame[at + i] ?? 255);
  return window;
}

/** Decodes a stream's records in order, and never makes more of them than they promise. */
export class StreamDecoder {
  #out = new Uint8Array(0);
  #filled = 0;
  #total = 0;
  #begun = false;
  #zstd = new Decompress((data) => {
    if (this.#filled + data.length > this.#out.length) throw new ClipError("the clip is damaged: a record holds more than it promised");
    this.#out.set(data, this.#filled);
    this.#filled += data.length;
  });

  /** The bytes of the next record. Raises ClipError. @param {Uint8Array} payload @param {number} raw */
  decode(payload, raw) {
    this.#total += raw;
    if (raw > MAX_PAYLOAD || this.#total > MAX_STREAM) throw new ClipError("the clip holds a generation that is too large");
    if (!this.#begun && windowOf(payload) > MAX_WINDOW) throw new ClipError("the clip asks for too much memory to be decompressed");
    this.#begun = true;
    this.#out = new Uint8Array(raw);
    this.#filled = 0;
    try {
      this.#zstd.push(payload);
    } catch (error) {
      if (error instanceof ClipError) throw error;
      throw new ClipError("the clip is damaged: its compression makes no sense");
    }
    if (this.#filled !== raw) throw new ClipError("the clip is damaged: a record holds less than it promised");
    return this.#out;
  }
}

/** A record that is a zstd frame of its own. Raises ClipError. @param {Uint8Array} payload @param {number} raw */
export const decompress = (payload, raw) => new StreamDecoder().decode(payload, raw);
