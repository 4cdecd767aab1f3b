/** A part of a clip as a clip of its own: the whole generations that touch a span, byte for byte, under a new index. */

import { ClipError } from "./bytes.js";
import { join, pack, store } from "./pack.js";
import { crc32, HEADER, header, payload, START, StreamDecoder } from "./records.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./index.js").Recorded} Recorded */
/** @typedef {import("./index.js").Generation} Generation */
/** @typedef {import("../data.js").Span} Span */

/**
 * The part of one process's recording that touches a span. Raises ClipError where there is none, or it is damaged.
 * @param {Bytes} bytes @param {Recorded} recorded @param {Span} span
 */
export async function copySpan(bytes, recorded, span) {
  const touched = recorded.generations.filter(({ start, end }) => start < span.to && end > span.from);
  if (touched.length === 0) throw new ClipError("nothing was recorded in that span");
  const parts = [await bytes.read(0, (await recordAt(bytes, START)).end)];
  let size = parts[0].length;
  const copy = (/** @type {Uint8Array} */ part) => {
    parts.push(part);
    return (size += part.length) - part.length;
  };
  const generations = [];
  for (const generation of touched) {
    const offset = copy(await bytes.read(generation.offset, generation.size));
    const summary = generation.summary === 0 ? 0 : copy(await whole(bytes, generation.summary));
    generations.push({ first: 0, last: 0, ...generation, offset, summary });
  }
  const index = pack({ processes: [await processOf(bytes, touched[0])], generations, ...about(recorded, touched, span) });
  const at = copy(record("INDX", store(index), index));
  const trailer = new Uint8Array(16);
  new DataView(trailer.buffer).setBigUint64(0, BigInt(at), true);
  trailer.set(new TextEncoder().encode("FGOINDEX"), 8);
  copy(trailer);
  return new Blob(/** @type {Uint8Array<ArrayBuffer>[]} */ (parts), { type: "application/octet-stream" });
}

/** @param {Bytes} bytes @param {number} offset */
async function recordAt(bytes, offset) {
  const found = header(await bytes.read(offset, HEADER), 0, offset, bytes.size);
  if (found === null) throw new ClipError(`the clip is damaged at byte ${offset}`);
  return found;
}

/** @param {Bytes} bytes @param {number} offset of a record */
const whole = async (bytes, offset) => bytes.read(offset, (await recordAt(bytes, offset)).end - offset);

/** The process's own message: the first of each generation. @param {Bytes} bytes @param {Generation} generation */
async function processOf(bytes, { offset }) {
  const first = await recordAt(bytes, offset);
  return new StreamDecoder().decode(payload(await whole(bytes, offset), 0, first), first.raw);
}

/** What the index says besides. @param {Recorded} recorded @param {readonly Generation[]} touched @param {Span} span @returns {Record<string, import("./pack.js").Packable>} */
function about({ process, timeline, gone }, touched, span) {
  const id = process.process;
  const [from, to] = [touched[0].start, touched[touched.length - 1].end];
  const inside = (/** @type {number} */ _, /** @type {number} */ i) => (timeline?.start[i] ?? 0) < to && (timeline?.end[i] ?? 0) > from;
  const column = (/** @type {Float64Array} */ values) => new Uint8Array(values.filter(inside).buffer);
  const series = Object.fromEntries(Object.entries(timeline?.series ?? {}).map(([name, values]) => [name, column(values)]));
  return {
    timeline: timeline === null ? {} : { [id]: { start: column(timeline.start), end: column(timeline.end), series } },
    gone: gone === null || gone.at > to ? {} : { [id]: { at: gone.at, why: gone.why } },
    span: { [id]: [Math.max(from, Math.floor(span.from)), Math.min(to, Math.ceil(span.to))] },
  };
}

/** @param {string} kind @param {Uint8Array} stored a zstd frame of stored blocks @param {Uint8Array} bytes what lies in it */
function record(kind, stored, bytes) {
  const head = new Uint8Array(HEADER);
  head.set(new TextEncoder().encode(kind));
  const view = new DataView(head.buffer);
  view.setUint32(8, stored.length, true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, crc32(stored), true);
  return join([head, stored]);
}
