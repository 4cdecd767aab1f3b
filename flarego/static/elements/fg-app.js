/** The page: puts the elements together, knows the keyboard and the theme. */

import { h } from "../core/dom.js";
import { WINDOWS } from "../core/store.js";
import "./fg-header.js";
import "./fg-notice.js";
import "./fg-timeline.js";
import "./fg-toolbar.js";
import "./fg-flame.js";
import "./fg-goroutines.js";
import "./fg-waits.js";
import "./fg-processors.js";
import "./fg-panel.js";
import "./fg-status.js";
import "./fg-help.js";

/** @typedef {import("../core/store.js").Store} Store */

const WEIGHTS = /** @type {const} */ (["wall", "cpu", "count"]);
const THEME_KEY = "flarego.theme";

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
  #dark = matchMedia("(prefers-color-scheme: dark)");

  /** @param {Store} store */
  start(store) {
    this.store = store;
    this.applyTheme(storedTheme() ?? (this.#dark.matches ? "dark" : "light"));
    this.#dark.addEventListener("change", () => {
      if (storedTheme() === null) this.applyTheme(this.#dark.matches ? "dark" : "light");
    });
    this.toolbar = /** @type {import("./fg-toolbar.js").Toolbar} */ (h("fg-toolbar"));
    this.flame = /** @type {import("./fg-flame.js").Flame} */ (h("fg-flame"));
    this.timeline = /** @type {import("./fg-timeline.js").Timeline} */ (h("fg-timeline"));
    this.help = /** @type {import("./fg-help.js").Help} */ (h("fg-help"));
    this.replaceChildren(
      h("fg-header"), h("fg-notice"), this.timeline, this.toolbar, this.flame, h("fg-panel"), h("fg-status"), this.help);
    this.addEventListener("fg-theme", () => this.switchTheme());
    this.addEventListener("fg-help", () => this.help?.toggle());
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {string} theme */
  applyTheme(theme) {
    document.documentElement.dataset.theme = theme === "dark" ? "dark" : "light";
    this.flame?.restyle();
    this.timeline?.restyle();
  }

  switchTheme() {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    storeTheme(theme);
    this.applyTheme(theme);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (typing && event.key !== "Escape") return;
    const operating = event.target instanceof Element && event.target.closest("button, [role=rowgroup]") !== null;
    if (operating && /^( |Enter|Arrow.*)$/.test(event.key)) return;
    if (this.act(event.key)) event.preventDefault();
  }

  /** Does what a key stands for; false when it stands for nothing. @param {string} key */
  act(key) {
    const store = /** @type {Store} */ (this.store);
    switch (key) {
      case " ": store.togglePause(); return true;
      case "1": store.setView("state"); return true;
      case "2": store.setView("cpu"); return true;
      case "3": store.setView("blocked"); return true;
      case "w": store.setWeight(WEIGHTS[(WEIGHTS.indexOf(store.weight.peek()) + 1) % WEIGHTS.length]); return true;
      case "i": store.toggleShown("idle"); return true;
      case "s": store.toggleShown("system"); return true;
      case "r": store.toggleShown("runtime"); return true;
      case "[": this.changeWindow(-1); return true;
      case "]": this.changeWindow(1); return true;
      case "0": store.setZoom([]); return true;
      case "f": store.flip(); return true;
      case "t": this.switchTheme(); return true;
      case "?": this.help?.toggle(); return true;
      case "ArrowUp": store.walk("up"); return true;
      case "ArrowDown": store.walk("down"); return true;
      case "ArrowLeft": store.walk("left"); return true;
      case "ArrowRight": store.walk("right"); return true;
      case "Enter": return this.zoomToSelected();
      case "n": store.walkMatches(1); return true;
      case "N": store.walkMatches(-1); return true;
      case "/": this.toolbar?.find(); return true;
      case "Backspace": return store.zoomBack();
      case "Escape": return this.escape();
      default: return false;
    }
  }

  zoomToSelected() {
    const store = /** @type {Store} */ (this.store);
    const selected = store.selected.peek();
    if (selected !== null) store.setZoom(selected);
    return selected !== null;
  }

  /** Clears one thing: search, selection, zoom, then the standing still. */
  escape() {
    const store = /** @type {Store} */ (this.store);
    const active = document.activeElement;
    if (active instanceof HTMLElement && active !== document.body) active.blur();
    if (store.query.peek() !== "") store.setQuery("");
    else if (store.selected.peek() !== null) store.select(null);
    else if (store.zoom.peek().length > 0) store.zoomBack();
    else store.goLive();
    return true;
  }

  /** @param {-1 | 1} step */
  changeWindow(step) {
    const store = /** @type {Store} */ (this.store);
    const next = WINDOWS[WINDOWS.indexOf(store.window.peek()) + step];
    if (next !== undefined) store.setWindow(next);
  }
}

customElements.define("fg-app", App);
