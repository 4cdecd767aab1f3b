/**
 * msgpack to JavaScript values, for bytes nobody vouches for.
 *
 * Source: the msgpack specification. Every size is checked against what is left of the input before
 * anything is allocated, so a message can make the decoder allocate only in proportion to its own
 * length. Maps become objects without a prototype: a key called `__proto__` is just a key. 64-bit
 * integers become numbers (exact below 2^53, which covers every time and address we send). `bin`
 * becomes a view of the input, not a copy.
 */

/** Nesting deeper than this is an attack: the chunk format needs five. */
export const MAX_DEPTH = 32;

/** The bytes are not one msgpack value. `offset` is where reading stopped. */
export class MsgpackError extends Error {
  /** @param {string} message @param {number} offset */
  constructor(message, offset) {
    super(`${message} at byte ${offset}`);
    this.name = "MsgpackError";
    this.offset = offset;
  }
}

const utf8 = new TextDecoder("utf-8");

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /** Offset of the next `size` bytes, which are thereby consumed. @param {number} size */
  take(size) {
    const start = this.at;
    if (size > this.bytes.length - start) throw new MsgpackError(`${size} bytes missing`, start);
    this.at = start + size;
    return start;
  }

  /** A count of items, each of which takes at least `least` bytes. @param {number} n @param {number} least */
  bounded(n, least) {
    if (n * least > this.bytes.length - this.at) throw new MsgpackError(`${n} items cannot follow`, this.at);
    return n;
  }

  /** @param {number} size */
  text(size) {
    const start = this.take(size);
    return size === 0 ? "" : utf8.decode(this.bytes.subarray(start, start + size));
  }

  /** @param {number} size */
  blob(size) {
    const start = this.take(size);
    return this.bytes.subarray(start, start + size);
  }

  /** An extension value, which this format does not use. @param {number} size @returns {null} */
  skip(size) {
    this.take(size + 1);
    return null;
  }

  u8() {
    return this.view.getUint8(this.take(1));
  }

  u16() {
    return this.view.getUint16(this.take(2));
  }

  u32() {
    return this.view.getUint32(this.take(4));
  }

  /** @param {number} n @param {number} depth @returns {unknown[]} */
  array(n, depth) {
    const items = new Array(this.bounded(n, 1));
    for (let i = 0; i < n; i++) items[i] = this.value(depth + 1);
    return items;
  }

  /** @param {number} n @param {number} depth @returns {Record<string, unknown>} */
  map(n, depth) {
    this.bounded(n, 2);
    const out = Object.create(null);
    for (let i = 0; i < n; i++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string") throw new MsgpackError("a key that is no string", this.at);
      out[key] = this.value(depth + 1);
    }
    return out;
  }

  /** @param {number} depth @returns {unknown} */
  value(depth) {
    if (depth > MAX_DEPTH) throw new MsgpackError("nested too deeply", this.at);
    const tag = this.u8();
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    return this.long(tag, depth);
  }

  /** Values whose size or content follows the tag. @param {number} tag @param {number} depth @returns {unknown} */
  long(tag, depth) {
    const { view } = this;
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.blob(this.u8());
      case 0xc5: return this.blob(this.u16());
      case 0xc6: return this.blob(this.u32());
      case 0xc7: return this.skip(this.u8());
      case 0xc8: return this.skip(this.u16());
      case 0xc9: return this.skip(this.u32());
      case 0xca: return view.getFloat32(this.take(4));
      case 0xcb: return view.getFloat64(this.take(8));
      case 0xcc: return this.u8();
      case 0xcd: return this.u16();
      case 0xce: return this.u32();
      case 0xcf: return Number(view.getBigUint64(this.take(8)));
      case 0xd0: return view.getInt8(this.take(1));
      case 0xd1: return view.getInt16(this.take(2));
      case 0xd2: return view.getInt32(this.take(4));
      case 0xd3: return Number(view.getBigInt64(this.take(8)));
      case 0xd4: return this.skip(1);
      case 0xd5: return this.skip(2);
      case 0xd6: return this.skip(4);
      case 0xd7: return this.skip(8);
      case 0xd8: return this.skip(16);
      case 0xd9: return this.text(this.u8());
      case 0xda: return this.text(this.u16());
      case 0xdb: return this.text(this.u32());
      case 0xdc: return this.array(this.u16(), depth);
      case 0xdd: return this.array(this.u32(), depth);
      case 0xde: return this.map(this.u16(), depth);
      case 0xdf: return this.map(this.u32(), depth);
      default: throw new MsgpackError(`unknown tag 0x${tag.toString(16)}`, this.at - 1);
    }
  }
}

/**
 * The one value that `bytes` hold. Raises MsgpackError when they hold anything else.
 * @param {Uint8Array} bytes
 * @returns {unknown}
 */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new MsgpackError("trailing bytes", reader.at);
  return value;
}

/**
 * The values that lie back to back in `bytes`. Raises MsgpackError when they hold anything else.
 * @param {Uint8Array} bytes
 * @returns {unknown[]}
 */
export function decodeAll(bytes) {
  const reader = new Reader(bytes);
  const values = [];
  while (reader.at < bytes.length) values.push(reader.value(0));
  return values;
}
