/**
 * The page: puts the elements together, knows the keyboard and the theme.
 *
 * It is the whole of a document, or stands in the shadow root of a flarego-view in somebody else's:
 * then only keys pressed inside it are its own, and so are its theme and its title.
 */

import { h } from "../core/dom.js";
import { shortcutFor } from "../core/keys.js";
import { selection } from "../core/selection.js";
import "./fg-header.js";
import "./fg-notice.js";
import "./fg-timeline.js";
import "./fg-replay.js";
import "./fg-toolbar.js";
import "./fg-compare.js";
import "./fg-flame.js";
import "./fg-functions.js";
import "./fg-panel.js";
import "./fg-status.js";
import "./fg-help.js";
import "./fg-fleet.js";
import "./fg-toast.js";

/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {"dark" | "light"} Theme */

const THEME_KEY = "flarego.theme";
/** Elements that the browser, or tables, let be operated by Space, Enter and arrows; sliders take what they use. */
const OPERATED = "button, summary, [role=rowgroup], [role=treegrid], [role=tab]";

/** What the user chose before; storage may be forbidden, then nothing. */
function storedTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
}

/** @param {string} theme */
function storeTheme(theme) {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Only this page forgets it.
  }
}

export class App extends HTMLElement {
  /** @type {Store | null} */
  store = null;
  /** Whether this is a part of somebody else's page. */
  embedded = false;
  /** @type {Theme | null} */
  #theme = null;
  #dark = matchMedia("(prefers-color-scheme: dark)");
  /** @type {(() => void)[]} */
  #endings = [];

  /** What decides where messages come from; null in somebody else's page. @type {import("../core/session.js").Session | null} */
  session = null;

  /** Builds the page around a store. @param {Store} store @param {{embedded?: boolean}} [options] */
  start(store, { embedded = false } = {}) {
    this.store = store;
    this.embedded = embedded;
    if (embedded) this.tabIndex = -1; // A click anywhere in it is enough for keys to be its own.
    this.toolbar = /** @type {import("./fg-toolbar.js").Toolbar} */ (h("fg-toolbar"));
    this.flame = /** @type {import("./fg-flame.js").Flame} */ (h("fg-flame"));
    this.timeline = /** @type {import("./fg-timeline.js").Timeline} */ (h("fg-timeline"));
    this.panel = /** @type {import("./fg-panel.js").Panel} */ (h("fg-panel"));
    this.help = /** @type {import("./fg-help.js").Help} */ (h("fg-help"));
    this.main = h("div", { class: "main" }, this.flame, h("fg-functions"));
    this.replaceChildren(
      h("fg-header"), h("fg-notice"), this.timeline, h("div", { class: "tools" }, h("fg-replay"), this.toolbar, h("fg-compare")), this.main, this.panel, h("fg-status"), h("fg-toast"), h("fg-fleet"), this.help);
    this.applyTheme(this.preferredTheme());
    this.addEventListener("fg-theme", () => this.switchTheme());
    this.addEventListener("fg-help", () => this.help?.toggle());
    if (this.isConnected) this.connectedCallback();
  }

  connectedCallback() {
    if (this.store === null) return;
    this.#listen(this.#dark, "change", () => this.applyTheme(this.preferredTheme()));
    this.#listen(this.embedded ? this : document, "keydown", (event) => this.key(/** @type {KeyboardEvent} */ (event)));
  }

  disconnectedCallback() {
    for (const end of this.#endings) end();
    this.#endings = [];
  }

  /** @param {EventTarget} target @param {string} type @param {(event: Event) => void} listener */
  #listen(target, type, listener) {
    target.addEventListener(type, listener);
    this.#endings.push(() => target.removeEventListener(type, listener));
  }

  /** What was chosen here, by a page around or by the user, else what the system prefers. @returns {Theme} */
  preferredTheme() {
    const chosen = this.embedded ? this.#theme : storedTheme();
    return (chosen ?? (this.#dark.matches ? "dark" : "light")) === "dark" ? "dark" : "light";
  }

  /** @param {Theme} theme */
  applyTheme(theme) {
    this.dataset.theme = theme;
    if (!this.embedded) document.documentElement.dataset.theme = theme;
    this.flame?.restyle();
    this.timeline?.restyle();
  }

  /** Keeps to a theme; null: to what the system prefers. @param {Theme | null} theme */
  fixTheme(theme) {
    this.#theme = theme;
    this.applyTheme(this.preferredTheme());
  }

  switchTheme() {
    const theme = this.dataset.theme === "dark" ? "light" : "dark";
    if (!this.embedded) storeTheme(theme);
    this.#theme = theme;
    this.applyTheme(theme);
  }

  /** Asks whoever can to open the selected frame's source; where nobody does, its place is copied. */
  openSource() {
    const chosen = selection(/** @type {Store} */ (this.store));
    if (chosen === null || chosen.file === "") return false;
    const { function: name, file, line } = chosen;
    const request = new CustomEvent("open-source", {
      detail: { function: name, file, line }, bubbles: true, composed: true, cancelable: true,
    });
    if (this.dispatchEvent(request)) void navigator.clipboard?.writeText(`${file}:${line}`);
    return true;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || this.querySelector("dialog[open]")) return;
    const target = event.composedPath()[0];
    const typing = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
    if (typing && event.key !== "Escape") return;
    const operating = target instanceof Element && target.closest(OPERATED) !== null;
    if (operating && /^( |Enter|Arrow.*|Home|End)$/.test(event.key)) return;
    const store = /** @type {Store} */ (this.store);
    const shortcut = shortcutFor(event);
    if (shortcut !== undefined && shortcut.run(store, this) !== false) event.preventDefault();
  }

  /** The menu of saving and opening. @returns {import("./fg-save.js").Save | null} */
  get save() {
    return this.querySelector("fg-save");
  }

  /** Takes the cursor out of whatever field it is in. */
  blurActive() {
    const root = /** @type {Document | ShadowRoot} */ (this.getRootNode());
    const active = root.activeElement;
    if (active instanceof HTMLElement && this.contains(active)) active.blur();
  }
}

customElements.define("fg-app", App);
