/**
 * The stream's socket: opens it, opens it again with growing pauses when it ends, and finds out
 * whether it was a missing token that kept it shut.
 */

import { read } from "./chunk.js";

/** @typedef {import("./store.js").Store} Store */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
/** A connection that lasted this long was a good one: the next pause is short again. */
const GOOD_AFTER = 5_000;

/** Milliseconds to wait before an attempt. @param {number} attempt from 1 @param {number} chance 0..1 */
export function pauseBefore(attempt, chance) {
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1));
  return pause * (0.75 + 0.5 * chance);
}

export class Stream {
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #openedAt = 0;
  #timer = 0;

  /** @param {Store} store @param {string | URL | (() => string)} url relative to the page; a function is asked each time */
  constructor(store, url) {
    this.store = store;
    this.address = typeof url === "function" ? url : () => url;
  }

  get url() {
    const absolute = new URL(this.address(), document.baseURI);
    absolute.protocol = /^(https|wss):$/.test(absolute.protocol) ? "wss:" : "ws:";
    absolute.hash = "";
    return absolute.href;
  }

  open() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#say("connecting");
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ reason }) => {
      if (socket === this.#socket) this.#closed(reason);
    };
  }

  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #opened() {
    this.#openedAt = performance.now();
    this.store.resynchronise();
    this.#say("open");
  }

  /** @param {unknown} data */
  #received(data) {
    if (!(data instanceof ArrayBuffer)) return;
    try {
      const message = read(new Uint8Array(data));
      if (message !== null) this.store.receive(message, performance.now());
    } catch (error) {
      // One message that breaks the format is counted and shown; the next may be good.
      this.#say("open", error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {string} reason */
  async #closed(reason) {
    if (this.#openedAt && performance.now() - this.#openedAt > GOOD_AFTER) this.#attempt = 0;
    this.#openedAt = 0;
    this.#attempt++;
    const pause = pauseBefore(this.#attempt, Math.random());
    this.#say("waiting", reason, performance.now() + pause);
    this.#timer = setTimeout(() => this.open(), pause);
    const attempt = this.#attempt;
    if ((await refused(this.url)) && this.#attempt === attempt && this.#socket !== null) {
      clearTimeout(this.#timer);
      this.#say("denied");
    }
  }

  /** @param {import("./store.js").Connection["phase"]} phase @param {string} [problem] @param {number} [retryAt] */
  #say(phase, problem = "", retryAt = 0) {
    this.store.connection.value = { phase, attempt: this.#attempt, retryAt, problem };
  }
}

/** Whether the server is there and will not have us; a browser does not tell why a WebSocket failed. @param {string} stream its address */
async function refused(stream) {
  const page = new URL(".", stream.replace(/^ws/, "http"));
  if (page.origin !== location.origin) return false; // It would not tell us.
  try {
    const response = await fetch(page, { method: "GET", cache: "no-store" });
    return response.status === 401 || response.status === 403;
  } catch {
    return false;
  }
}
