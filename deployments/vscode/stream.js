/**
 * A WebSocket that only listens (RFC 6455), over Node's own http.
 *
 * Node's WebSocket cannot send an Authorization header, and older editors' Node has none at all.
 */

"use strict";

const { createHash, randomBytes } = require("node:crypto");
const http = require("node:http");

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MAX_MESSAGE = 64 << 20;
const CONTINUATION = 0, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/** A frame from us: masked, as the standard wants it. @param {number} opcode @param {Buffer} payload shorter than 126 bytes */
function frame(opcode, payload) {
  const mask = randomBytes(4);
  const masked = Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]);
}

/** The first frame in `bytes`, or null while it is not all there. Raises RangeError for one that is too long. @param {Buffer} bytes */
function first(bytes) {
  if (bytes.length < 2) return null;
  let [length, start] = [bytes[1] & 0x7f, 2];
  if (length === 126) [length, start] = [bytes.length < 4 ? 0 : bytes.readUInt16BE(2), 4];
  else if (length === 127) [length, start] = [bytes.length < 10 ? 0 : Number(bytes.readBigUInt64BE(2)), 10];
  if (length > MAX_MESSAGE) throw new RangeError("a message of flarego is too long");
  const end = start + length;
  if (bytes.length < end) return null;
  return { last: (bytes[0] & 0x80) !== 0, opcode: bytes[0] & 0x0f, payload: bytes.subarray(start, end), end };
}

/** Messages of a stream, one after the other, until it ends or `close()`. */
class Stream {
  /** @type {import("node:net").Socket | null} */
  #socket = null;
  #pending = Buffer.alloc(0);
  /** @type {Buffer[]} */
  #parts = [];
  #size = 0;
  #closed = false;

  /**
   * @param {URL} url http: or ws: @param {string} token
   * @param {{open: () => void, message: (bytes: Buffer) => void, close: (problem: string) => void}} listener `close` comes once
   */
  constructor(url, token, listener) {
    this.listener = listener;
    const key = randomBytes(16).toString("base64");
    const request = http.get({
      hostname: url.hostname.replace(/^\[|\]$/g, ""), port: url.port, path: url.pathname + url.search,
      headers: {
        Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": key,
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
    });
    this.request = request;
    request.on("response", (response) => {
      response.resume();
      this.close(`flarego refused the connection (${response.statusCode})`);
    });
    request.on("error", (error) => this.close(error.message));
    request.on("upgrade", (response, socket, head) => {
      const accepted = createHash("sha1").update(key + MAGIC).digest("base64");
      if (response.headers["sec-websocket-accept"] !== accepted) return this.close("this is no WebSocket");
      this.#upgraded(socket, head);
    });
  }

  /** @param {import("node:net").Socket} socket @param {Buffer} head */
  #upgraded(socket, head) {
    if (this.#closed) return void socket.destroy();
    this.#socket = socket;
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", (error) => this.close(error.message));
    socket.on("close", () => this.close("flarego has ended"));
    this.listener.open();
    this.#take(head);
  }

  /** @param {Buffer} bytes */
  #take(bytes) {
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, bytes]) : bytes;
    try {
      for (let next = first(this.#pending); next !== null && !this.#closed; next = first(this.#pending)) {
        this.#pending = this.#pending.subarray(next.end);
        this.#heard(next);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.close(error.message);
    }
  }

  /** @param {NonNullable<ReturnType<typeof first>>} frame_ */
  #heard({ opcode, payload, last }) {
    if (opcode === CLOSE) return this.close(payload.subarray(2).toString() || "flarego has ended");
    if (opcode === PING) return void this.#socket?.write(frame(PONG, payload));
    if (opcode !== BINARY && opcode !== CONTINUATION) return;
    this.#parts.push(payload);
    this.#size += payload.length;
    if (this.#size > MAX_MESSAGE) throw new RangeError("a message of flarego is too long");
    if (!last) return;
    const message = this.#parts.length === 1 ? payload : Buffer.concat(this.#parts);
    [this.#parts, this.#size] = [[], 0];
    this.listener.message(message);
  }

  /** Ends it. @param {string} [problem] */
  close(problem = "") {
    if (this.#closed) return;
    this.#closed = true;
    this.request.destroy();
    this.#socket?.destroy();
    this.listener.close(problem);
  }
}

module.exports = { Stream };
