/** A clip opened: its index and, when asked for, its generations. A file that was cut gives what it has. */

import { readAll } from "../chunk.js";
import { guarded, readIndex } from "./index.js";
import { ClipError, HEADER, MAGIC, MAX_PAYLOAD, START, StreamDecoder, TRAILER, VERSION, decompress, header, payload } from "./records.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./index.js").Generation} Generation */
/** @typedef {import("./index.js").Recorded} Recorded */
/** @typedef {import("./records.js").Record} Record */
/** @typedef {import("../chunk.js").Message} Message */
/** @typedef {import("../chunk.js").Chunk} Chunk */

const BLOCK = 1 << 20;
const MAX_RECORDS = 1_000_000;

export class Clip {
  /** What was lost, in a sentence; "" when nothing was. */
  problem = "";
  /** @type {Recorded[]} */
  recorded = [];

  /** @param {Bytes} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  /** Raises ClipError for what is no clip, a later version's, or damaged beyond use. @param {Bytes} bytes */
  static async open(bytes) {
    const clip = new Clip(bytes);
    await clip.#readStart();
    const recorded = await clip.#readIndex();
    clip.recorded = recorded ?? (await clip.#scan());
    if (clip.recorded.every(({ generations }) => generations.length === 0)) throw new ClipError(clip.problem || "nothing was recorded in this clip");
    return clip;
  }

  async #readStart() {
    const start = await this.bytes.read(0, START);
    if (start.length < START || MAGIC.some((byte, i) => start[i] !== byte)) {
      throw new ClipError("not a clip of flarego's. `flarego import` on the command line makes one of other tools' profiles");
    }
    const version = new DataView(start.buffer, start.byteOffset).getUint32(8, true);
    if (version > VERSION) throw new ClipError(`a clip of version ${version}; this flarego knows versions up to ${VERSION}. Update flarego`);
  }

  /** What the index says; null when there is none that can be used. */
  async #readIndex() {
    const { size } = this.bytes;
    const trailer = await this.bytes.read(Math.max(0, size - TRAILER), TRAILER);
    if (trailer.length < TRAILER || String.fromCharCode(...trailer.subarray(8)) !== "FGOINDEX") return null;
    const offset = Number(new DataView(trailer.buffer, trailer.byteOffset).getBigUint64(0, true));
    if (!(offset < size) || size - offset > MAX_PAYLOAD) return null;
    try {
      const bytes = await this.bytes.read(offset, size - offset);
      const record = header(bytes, 0, offset, size);
      if (record?.kind !== "INDX") return null;
      return readIndex(decompress(payload(bytes, 0, record), record.raw), size);
    } catch (error) {
      this.problem = `Its index is damaged (${error instanceof Error ? error.message : error}); it was made again from what is there.`;
      return null;
    }
  }

  /** The messages of a generation. Raises ClipError where the file is damaged. @param {Generation} generation @returns {Promise<Message[]>} */
  async messages({ offset, size, stream, process }) {
    const bytes = await this.bytes.read(offset, size);
    const { messages, problem } = decodeStream(bytes, offset, this.bytes.size, stream);
    if (problem !== "") throw new ClipError(problem);
    return messages.filter((message) => message.process === process);
  }

  /** A generation merged into one chunk; null where there is none. @param {Generation} generation @returns {Promise<Chunk | null>} */
  async summary({ summary }) {
    if (summary === 0) return null;
    return (await this.#summed(summary)).find((message) => message.type === "chunk") ?? null;
  }

  /** The messages of the summary at an offset. @param {number} offset */
  async #summed(offset) {
    const head = await this.bytes.read(offset, HEADER);
    const record = header(head, 0, offset, this.bytes.size);
    if (record?.kind !== "SUMM") throw new ClipError(`the clip is damaged at byte ${offset}`);
    const bytes = await this.bytes.read(offset, HEADER + record.length);
    const raw = decompress(payload(bytes, 0, record), record.raw);
    return guarded(() => readAll(raw));
  }

  /** Finds generations by walking from record to record: for a clip whose recording was cut short. */
  async #scan() {
    this.problem ||= "It has no index: recording it was cut short.";
    /** @type {Map<number, Generation>} */
    const streams = new Map();
    let at = START;
    for await (const record of this.#records(START)) {
      at = record.end;
      const known = streams.get(record.stream);
      if (record.kind === "SUMM" && known) known.summary = record.offset;
      if (record.kind !== "CHNK" && record.kind !== "DONE") continue;
      if (known) {
        known.size = record.end - known.offset;
        known.raw += record.raw;
      } else {
        streams.set(record.stream, {
          stream: record.stream, process: "", start: 0, end: 0, chunks: 0, offset: record.offset, size: record.end - record.offset, summary: 0, raw: record.raw,
        });
      }
    }
    const lost = this.bytes.size - at;
    if (lost > 0) this.problem += ` Its last ${lost.toLocaleString("en")} bytes hold no whole record.`;
    return this.#survey([...streams.values()]);
  }

  /** @param {number} offset @returns {AsyncGenerator<Record>} */
  async *#records(offset) {
    let block = new Uint8Array(0);
    let base = offset;
    for (let n = 0; n < MAX_RECORDS; n++) {
      if (offset + HEADER > base + block.length) {
        block = /** @type {Uint8Array<ArrayBuffer>} */ (await this.bytes.read(offset, BLOCK));
        base = offset;
      }
      const record = header(block, offset - base, base, this.bytes.size);
      if (record === null) return;
      yield record;
      offset = record.end;
    }
    throw new ClipError(`a clip of more than ${MAX_RECORDS} records`);
  }

  /** Learns what each generation tells of: from its summary or its own messages. @param {Generation[]} generations @returns {Promise<Recorded[]>} */
  async #survey(generations) {
    /** @type {Map<string, Recorded>} */
    const recorded = new Map();
    for (const generation of generations) {
      const { messages, problem, end } = await this.#told(generation);
      if (problem !== "") {
        this.problem += ` ${problem[0].toUpperCase()}${problem.slice(1)}.`;
        generation.size = end - generation.offset;
      }
      const process = messages.find((message) => message.type === "process");
      const chunks = messages.filter((message) => message.type === "chunk");
      if (process === undefined || chunks.length === 0) continue;
      Object.assign(generation, { process: process.process, start: chunks[0].start, end: chunks[chunks.length - 1].end, chunks: chunks.length });
      const known = recorded.get(process.process) ?? { process, generations: [], overview: null, timeline: null, gone: null, span: null };
      recorded.set(process.process, known);
      known.generations.push(generation);
      known.gone = messages.find((message) => message.type === "gone") ?? known.gone;
    }
    return [...recorded.values()];
  }

  /** What a generation tells: by its summary where there is one, else as far as it is whole. @param {Generation} generation */
  async #told({ offset, size, stream, summary }) {
    const summed = summary === 0 ? [] : await this.#summed(summary).catch(() => []);
    if (summed.length > 0) return { messages: summed, problem: "", end: offset + size };
    return decodeStream(await this.bytes.read(offset, size), offset, this.bytes.size, stream);
  }
}

/**
 * What the records of one stream among some bytes say, as far as they are whole.
 * @param {Uint8Array} bytes @param {number} offset of them in the file @param {number} size of the file @param {number} stream
 */
function decodeStream(bytes, offset, size, stream) {
  const decoder = new StreamDecoder();
  /** @type {Message[]} */
  const messages = [];
  let at = 0;
  try {
    for (let record = header(bytes, 0, offset, size); record !== null; record = header(bytes, at, offset, size)) {
      if (record.stream === stream && (record.kind === "CHNK" || record.kind === "DONE")) {
        const raw = decoder.decode(payload(bytes, at, record), record.raw);
        messages.push(...readAll(raw));
      }
      at = record.end - offset;
    }
  } catch (error) {
    return { messages, problem: error instanceof Error ? error.message : String(error), end: offset + at };
  }
  return { messages, problem: "", end: offset + at };
}

