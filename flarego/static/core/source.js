/**
 * Where messages come from: a WebSocket (socket.js), a clip, or somebody who posts them.
 *
 * A source has `open()`, which may be called again, and `close()`. It feeds the store, and says in
 * `store.connection` how it is.
 */

import { read } from "./chunk.js";
import { urlBytes } from "./clip/bytes.js";
import { Recording } from "./clip/recording.js";
import { Stream } from "./socket.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {{open(): void, close(): void}} Source */
/**
 * A window, a MessagePort, or anything that posts and listens like one.
 * @typedef {{postMessage(message: unknown): void, addEventListener(type: "message", listener: (event: MessageEvent) => void): void,
 *   removeEventListener(type: "message", listener: (event: MessageEvent) => void): void, start?: () => void}} Port
 */

/** @param {unknown} data @returns {Uint8Array | null} */
function bytesOf(data) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
}

/**
 * Messages posted by whoever embeds the page, where a WebSocket cannot be had: a webview of an editor.
 *
 * It says `{flarego: "ready"}` when it opens, again on "Try again". It understands `{flarego: "open"}`: a stream
 * begins; `{flarego: "data", bytes}`: one message of it; `{flarego: "closed", problem}`: it has ended.
 */
export class Posted {
  #listener = (/** @type {MessageEvent} */ event) => this.#received(event);

  /** @param {Store} store @param {Port} port */
  constructor(store, port) {
    this.store = store;
    this.port = port;
    port.addEventListener("message", this.#listener);
    port.start?.();
  }

  open() {
    this.#say("connecting");
    this.port.postMessage({ flarego: "ready" });
  }

  close() {
    this.port.removeEventListener("message", this.#listener);
  }

  /** @param {MessageEvent} event */
  #received({ data }) {
    if (typeof data !== "object" || data === null) return;
    if (data.flarego === "open") {
      this.store.resynchronise();
      this.#say("open");
    } else if (data.flarego === "closed") {
      this.#say("closed", String(data.problem ?? "").slice(0, 1000));
    } else if (data.flarego === "data") {
      this.#take(bytesOf(data.bytes));
    }
  }

  /** @param {Uint8Array | null} bytes */
  #take(bytes) {
    if (bytes === null) return;
    try {
      const message = read(bytes);
      if (message !== null) this.store.receive(message, performance.now());
    } catch (error) {
      this.#say("open", error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {import("./store.js").Connection["phase"]} phase @param {string} [problem] */
  #say(phase, problem = "") {
    this.store.connection.value = { phase, attempt: 0, retryAt: 0, problem };
  }
}

/** The window around this one as a port that hears nobody else. @returns {Port} */
export function parentPort() {
  /** @type {Map<(event: MessageEvent) => void, (event: MessageEvent) => void>} */
  const filters = new Map();
  return {
    postMessage: (message) => window.parent.postMessage(message, "*"),
    addEventListener(type, listener) {
      const filter = (/** @type {MessageEvent} */ event) => {
        if (event.source === window.parent) listener(event);
      };
      filters.set(listener, filter);
      window.addEventListener(type, filter);
    },
    removeEventListener(type, listener) {
      const filter = filters.get(listener);
      if (filter !== undefined) window.removeEventListener(type, filter);
      filters.delete(listener);
    },
  };
}

/**
 * The source an address stands for: `ws:` and `wss:` a stream, `message:` the window around, anything else a clip.
 * @param {Store} store @param {string} src relative to `base` @param {string} [base]
 * @returns {Source}
 */
export function sourceOf(store, src, base = document.baseURI) {
  const url = new URL(src, base);
  if (url.protocol === "message:") return new Posted(store, parentPort());
  if (url.protocol === "ws:" || url.protocol === "wss:") return new Stream(store, url);
  return new Recording(store, decodeURIComponent(url.pathname.split("/").at(-1) ?? ""), () => urlBytes(url.href));
}
