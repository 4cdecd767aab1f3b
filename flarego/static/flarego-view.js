/**
 * `<flarego-view>`: the dashboard as an element of any page. README.md beside this file documents it.
 *
 * It stands in a shadow root with its own stylesheet, takes only the keys pressed inside it, and
 * leaves the page's title, address and storage alone.
 */

import { blobBytes } from "./core/clip/bytes.js";
import { Recording } from "./core/clip/recording.js";
import { fromFragment, toFragment } from "./core/link.js";
import { rangeOf, selection } from "./core/selection.js";
import { effect } from "./core/signal.js";
import { Posted, sourceOf } from "./core/source.js";
import { Store } from "./core/store.js";
import "./elements/fg-app.js";

/** @typedef {import("./core/source.js").Source} Source */
/** @typedef {import("./core/source.js").Port} Port */
/** @typedef {import("./elements/fg-app.js").App} App */

const STYLE = new URL("style.css", import.meta.url).href;
const VIEWS = /** @type {const} */ (["state", "cpu", "blocked"]);

export class FlaregoView extends HTMLElement {
  static observedAttributes = ["src", "view", "weight", "window", "panel", "search", "theme", "controls"];

  /** What is shown; for what attributes and methods do not offer. */
  store = new Store();
  /** @type {Source | null} */
  #source = null;
  /** @type {App | null} */
  #app = null;
  /** @type {(() => void)[]} */
  #endings = [];

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }

  connectedCallback() {
    if (this.#app === null) this.#build();
    this.#tell();
    if (this.#source !== null) this.#source.open();
    else this.#open();
  }

  disconnectedCallback() {
    for (const end of this.#endings) end();
    this.#endings = [];
    this.#source?.close();
  }

  /** @param {string} name @param {string | null} before @param {string | null} value */
  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (name !== "src") this.#apply(name, value ?? "");
    else if (this.#app !== null) this.#open(); // Before, connectedCallback does.
  }

  // ---- methods, documented in README.md ----------------------------------------------------------------------------

  /** Stands still; data keeps coming. */
  pause() {
    if (this.store.paused.peek() === null && this.store.span.peek() === null) this.store.togglePause();
  }

  /** Back to live, or to a clip's end. */
  resume() {
    this.store.goLive();
  }

  /** Shows the window that ends at a time. @param {number} time milliseconds since 1970 */
  seek(time) {
    const process = this.store.process.peek();
    if (process === null) return;
    this.store.span.value = null;
    this.store.paused.value = time * 1e6 - process.epoch;
    this.store.refresh();
  }

  /** Shows what somebody posts instead of `src`. @param {Port} port a MessagePort, or what looks like one */
  connect(port) {
    this.#use(new Posted(this.store, port));
  }

  /** Shows a clip. @param {Blob} blob @param {string} [name] */
  load(blob, name = "clip") {
    this.#use(new Recording(this.store, name, () => blobBytes(blob)));
  }

  /** The view as plain data that JSON can keep; setting it restores the view. @returns {Record<string, string>} */
  get state() {
    return Object.fromEntries(new URLSearchParams(toFragment(this.store)));
  }

  set state(state) {
    fromFragment(this.store, new URLSearchParams(state).toString());
  }

  /** What is selected, or null. */
  get selection() {
    return selection(this.store);
  }

  /** The span shown, or null before anything is. */
  get range() {
    return rangeOf(this.store);
  }

  // ---- within ------------------------------------------------------------------------------------------------------

  #build() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const style = document.createElement("link");
    style.rel = "stylesheet";
    const app = /** @type {App} */ (document.createElement("fg-app"));
    app.hidden = true; // Nothing is shown unstyled, and colours are read from the stylesheet.
    app.setAttribute("role", "group");
    app.setAttribute("aria-label", this.getAttribute("aria-label") ?? "FlareGo");
    style.addEventListener("load", () => {
      app.hidden = false;
      app.start(this.store, { embedded: true });
      for (const name of ["theme", "controls"]) this.#apply(name, this.getAttribute(name) ?? "");
      this.#say("flarego-ready", null);
    });
    style.addEventListener("error", () => this.#say("flarego-error", { problem: `${STYLE} cannot be loaded` }));
    style.href = STYLE;
    app.addEventListener("fg-reconnect", () => this.#source?.open());
    root.append(style, app);
    this.#app = app;
  }

  /** @param {string} name @param {string} value "" when the attribute is not there */
  #apply(name, value) {
    const { store } = this;
    const app = this.#app;
    if (name === "view") store.setView(VIEWS.find((view) => view === value) ?? "state");
    if (name === "weight" && value !== "") store.setWeight(/** @type {import("./core/store.js").Weight} */ (value));
    if (name === "window" && Number(value) > 0) store.setWindow(Number(value));
    if (name === "panel" && value !== "") store.panel.value = value;
    if (name === "search") store.setQuery(value);
    if (app?.store === null || app === null) return;
    if (name === "theme") app.fixTheme(value === "dark" || value === "light" ? value : null);
    if (name === "controls") app.dataset.controls = value === "none" || value === "min" ? value : "full";
  }

  #open() {
    const src = this.getAttribute("src");
    if (src) this.#use(sourceOf(this.store, src));
  }

  /** @param {Source} source */
  #use(source) {
    this.#source?.close();
    this.#source = source;
    if (this.isConnected) source.open();
  }

  /** Tells the page around what happens inside. */
  #tell() {
    const { store } = this;
    const on = (/** @type {() => void} */ body) => this.#endings.push(effect(body));
    on(() => {
      store.selected.value;
      this.#say("flarego-select", selection(store));
    });
    on(() => {
      [store.span.value, store.paused.value, store.window.value];
      this.#say("flarego-range", rangeOf(store));
    });
    on(() => this.#say("flarego-state", this.state));
    on(() => {
      const { phase, problem } = store.connection.value;
      const process = store.process.value;
      this.#say("flarego-status", {
        phase, problem, gone: store.gone.value?.why ?? null,
        process: process && { pid: process.pid, name: process.name, host: process.host, command: process.command },
      });
    });
  }

  /** @param {string} type @param {unknown} detail */
  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

customElements.define("flarego-view", FlaregoView);
