/** Values to msgpack, and bytes to a zstd frame that does not compress: what writing a clip's index needs. */

/** @typedef {number | string | Uint8Array | readonly Packable[] | {[key: string]: Packable}} Packable */

const BLOCK = 128 << 10;
const utf8 = new TextEncoder();

/** @param {number} tag @param {number} value @returns {Uint8Array} the tag and the value in 32 bits */
function tagged(tag, value) {
  const out = new Uint8Array(5);
  out[0] = tag;
  new DataView(out.buffer).setUint32(1, value);
  return out;
}

/** @param {number} value */
function number(value) {
  const out = new Uint8Array(9);
  const whole = Number.isSafeInteger(value);
  out[0] = !whole ? 0xcb : value < 0 ? 0xd3 : 0xcf;
  const view = new DataView(out.buffer);
  if (whole) view.setBigInt64(1, BigInt(value));
  else view.setFloat64(1, value);
  return out;
}

/** @param {Packable} value @param {Uint8Array[]} parts */
function put(value, parts) {
  if (typeof value === "number") {
    parts.push(number(value));
  } else if (typeof value === "string") {
    const bytes = utf8.encode(value);
    parts.push(tagged(0xdb, bytes.length), bytes);
  } else if (value instanceof Uint8Array) {
    parts.push(tagged(0xc6, value.length), value);
  } else if (Array.isArray(value)) {
    parts.push(tagged(0xdd, value.length));
    for (const item of value) put(item, parts);
  } else {
    const entries = Object.entries(/** @type {{[key: string]: Packable}} */ (value));
    parts.push(tagged(0xdf, entries.length));
    for (const [key, item] of entries) {
      put(key, parts);
      put(item, parts);
    }
  }
}

/** @param {readonly Uint8Array[]} parts */
export function join(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** @param {Packable} value */
export function pack(value) {
  /** @type {Uint8Array[]} */
  const parts = [];
  put(value, parts);
  return join(parts);
}

/** A zstd frame of stored blocks (RFC 8878, 3.1.1). @param {Uint8Array} bytes */
export function store(bytes) {
  const head = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0); // One segment, its size in 4 bytes.
  new DataView(head.buffer).setUint32(5, bytes.length, true);
  /** @type {Uint8Array[]} */
  const parts = [head];
  for (let at = 0; at === 0 || at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    const last = at + BLOCK >= bytes.length ? 1 : 0;
    const header = (block.length << 3) | last;
    parts.push(Uint8Array.of(header & 0xff, (header >> 8) & 0xff, header >> 16), block);
  }
  return join(parts);
}
