/** What all elements of the dashboard share: the store, effects that end with the element, its painting. */

import { nextFrame } from "../core/frame.js";
import { effect } from "../core/signal.js";

/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("./fg-app.js").App} App */

export class FgElement extends HTMLElement {
  /** @type {(() => void)[]} */
  #endings = [];
  /** @type {App | null} */
  #app = null;
  #built = false;

  /** The fg-app around this element. @returns {App} */
  get app() {
    if (this.#app === null) throw new Error(`${this.localName} stands outside fg-app`);
    return this.#app;
  }

  /** The store of the fg-app around this element. @returns {Store} */
  get store() {
    return /** @type {Store} */ (this.app.store);
  }

  connectedCallback() {
    this.#app = /** @type {App | null} */ (this.closest("fg-app"));
    if (!this.#built) this.build();
    this.#built = true;
    this.connect();
  }

  disconnectedCallback() {
    for (const end of this.#endings) end();
    this.#endings = [];
  }

  /** Makes the element's content, once. */
  build() {}

  /** Starts effects and listeners, each time the element comes into the document. */
  connect() {}

  /** Runs `body` now and whenever what it read changes, while the element is in the document. @param {() => void} body */
  effect(body) {
    this.#endings.push(effect(body));
  }

  /** Calls `paint` in the next frame after any change of what `read` reads. @param {() => void} read @param {() => void} paint */
  paintOn(read, paint) {
    this.effect(() => {
      read();
      nextFrame(paint);
    });
  }

  /** @param {EventTarget} target @param {string} type @param {(event: any) => void} listener @param {AddEventListenerOptions} [options] */
  listen(target, type, listener, options) {
    target.addEventListener(type, listener, options);
    this.#endings.push(() => target.removeEventListener(type, listener, options));
  }
}
