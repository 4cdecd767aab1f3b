/**
 * The keyboard: one table that fg-app acts by and fg-help lists.
 *
 * A line's `key` is the browser's name of it; Shift counts for keys with a name of several letters
 * ("Shift+ArrowLeft"), a single character says for itself whether Shift was held.
 */

import { copyLink } from "./link.js";
import { WINDOWS } from "./store.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("../elements/fg-app.js").App} App */
/** @typedef {"Time" | "View" | "Flame graph" | "Search" | "Panels" | "Compare" | "Page"} Group in the order of the list */
/**
 * `run` returns false when there was nothing to do: the key is then the browser's.
 * @typedef {{key: string, group: Group, text: string, run: (store: Store, app: App) => boolean | void}} Shortcut
 */

/** @type {readonly Group[]} */
export const GROUPS = Object.freeze(["Time", "View", "Flame graph", "Search", "Panels", "Compare", "Page"]);

const WEIGHTS = /** @type {const} */ (["wall", "cpu", "waiting", "count"]);
/** What one press of w, s, a or d does: the sight this much wider, this part of it further on. */
const ZOOM_STEP = 0.7;
const PAN_STEP = 0.2;

/** @param {Store} store @param {-1 | 1} step */
function changeWindow(store, step) {
  const next = WINDOWS[WINDOWS.indexOf(store.window.peek()) + step];
  if (next !== undefined) store.setWindow(next);
}

/** @param {Store} store */
function zoomToSelected(store) {
  const selected = store.selected.peek();
  if (selected !== null) store.setZoom(selected);
  return selected !== null;
}

/** Clears one thing: the search, the selection, the zoom, then the standing still. @param {Store} store @param {App} app */
function clearOne(store, app) {
  app.blurActive();
  if (store.query.peek() !== "") store.setQuery("");
  else if (store.selected.peek() !== null) store.select(null);
  else if (store.graph.away) store.zoomBack();
  else store.goLive();
}

/** @type {readonly Shortcut[]} */
export const SHORTCUTS = Object.freeze(/** @type {Shortcut[]} */ ([
  {
    key: " ", group: "Time", text: "pause, or back to live; play a clip",
    run: (store) => (store.recording.peek() !== null ? store.playback.toggle() : store.togglePause()),
  },
  { key: "k", group: "Time", text: "play from where the display stands, or stop", run: (store) => store.playback.toggle() },
  { key: ",", group: "Time", text: "a chunk back", run: (store) => store.playback.step(-1) },
  { key: ".", group: "Time", text: "a chunk further", run: (store) => store.playback.step(1) },
  { key: "<", group: "Time", text: "play slower", run: (store) => store.playback.faster(-1) },
  { key: ">", group: "Time", text: "play faster", run: (store) => store.playback.faster(1) },
  { key: "[", group: "Time", text: "shorter window", run: (store) => changeWindow(store, -1) },
  { key: "]", group: "Time", text: "longer window", run: (store) => changeWindow(store, 1) },
  { key: "Shift+ArrowLeft", group: "Time", text: "the span shown ends earlier", run: (store) => store.timeline.nudge(-1) },
  { key: "Shift+ArrowRight", group: "Time", text: "the span shown ends later", run: (store) => store.timeline.nudge(1) },
  { key: "End", group: "Time", text: "live, or the end", run: (store) => store.goLive() },

  { key: "1", group: "View", text: "by state", run: (store) => store.setView("state") },
  { key: "2", group: "View", text: "on CPU", run: (store) => store.setView("cpu") },
  { key: "3", group: "View", text: "blocked", run: (store) => store.setView("blocked") },
  {
    key: "t", group: "View", text: "weight: wall, CPU, waiting, count",
    run: (store) => store.setWeight(WEIGHTS[(WEIGHTS.indexOf(store.weight.peek()) + 1) % WEIGHTS.length]),
  },
  { key: "i", group: "View", text: "show or fold idle goroutines", run: (store) => store.toggleShown("idle") },
  { key: "S", group: "View", text: "show or fold system goroutines", run: (store) => store.toggleShown("system") },
  { key: "r", group: "View", text: "show or fold runtime frames", run: (store) => store.toggleShown("runtime") },

  { key: "ArrowUp", group: "Flame graph", text: "select the frame above", run: (store) => store.walk("up") },
  { key: "ArrowDown", group: "Flame graph", text: "select the frame below", run: (store) => store.walk("down") },
  { key: "ArrowLeft", group: "Flame graph", text: "select the frame to the left", run: (store) => store.walk("left") },
  { key: "ArrowRight", group: "Flame graph", text: "select the frame to the right", run: (store) => store.walk("right") },
  { key: "Enter", group: "Flame graph", text: "zoom into the selected frame", run: zoomToSelected },
  { key: "Backspace", group: "Flame graph", text: "zoom back", run: (store) => store.zoomBack() },
  { key: "0", group: "Flame graph", text: "zoom out to all", run: (store) => store.setZoom([]) },
  { key: "w", group: "Flame graph", text: "closer", run: (store) => store.graph.zoomBy(ZOOM_STEP, 0.5, performance.now()) },
  { key: "s", group: "Flame graph", text: "further away", run: (store) => store.graph.zoomBy(1 / ZOOM_STEP, 0.5, performance.now()) },
  { key: "a", group: "Flame graph", text: "to the left", run: (store) => store.graph.panBy(-PAN_STEP, performance.now()) },
  { key: "d", group: "Flame graph", text: "to the right", run: (store) => store.graph.panBy(PAN_STEP, performance.now()) },
  { key: "m", group: "Flame graph", text: "menu of the selected frame", run: (_, app) => app.flame?.menuOfSelected() },
  { key: "x", group: "Flame graph", text: "callers and callees of the frame pointed at, selected or zoomed to; or back", run: (store, app) => store.graph.sandwichAt(app.flame?.pointedAt ?? "") },
  { key: "v", group: "Flame graph", text: "inverted: from the innermost frame up", run: (store) => store.graph.invert() },
  { key: "f", group: "Flame graph", text: "root at the top, or at the bottom", run: (store) => store.flip() },
  { key: "l", group: "Flame graph", text: "states as lanes, or all in one", run: (store) => store.graph.toggleLanes() },
  { key: "c", group: "Flame graph", text: "colour: state, package, change", run: (store) => store.graph.nextColour() },
  { key: "F", group: "Flame graph", text: "table of functions beside it", run: (store) => store.graph.toggleTable() },
  { key: "o", group: "Flame graph", text: "open the selected frame's source, or copy where it is", run: (_, app) => app.openSource() },

  { key: "/", group: "Search", text: "search by text or regular expression", run: (_, app) => app.toolbar?.find() },
  { key: "n", group: "Search", text: "next match", run: (store) => store.walkMatches(1) },
  { key: "N", group: "Search", text: "match before", run: (store) => store.walkMatches(-1) },
  { key: "Escape", group: "Search", text: "clear the search, then selection, zoom, pause", run: clearOne },

  { key: "g", group: "Panels", text: "into the panel's table", run: (_, app) => app.panel?.enter() },
  { key: "p", group: "Panels", text: "next panel", run: (_, app) => app.panel?.step(1) },
  { key: "P", group: "Panels", text: "panel before", run: (_, app) => app.panel?.step(-1) },

  { key: "b", group: "Compare", text: "pin the span shown as A, and compare what is shown next with it", run: (store) => store.compare.pinA() },
  { key: "B", group: "Compare", text: "keep the span shown as B", run: (store) => store.compare.pinB() },
  { key: "X", group: "Compare", text: "swap A and B", run: (store) => store.compare.swap() },

  { key: "e", group: "Page", text: "save, or open a clip", run: (_, app) => app.save?.toggle() },
  { key: "y", group: "Page", text: "copy a link to what is shown", run: (store) => void copyLink(store) },
  { key: "j", group: "Page", text: "choose another process", run: (store) => store.fleet.toggle() },
  { key: "T", group: "Page", text: "dark or light", run: (_, app) => app.switchTheme() },
  { key: "?", group: "Page", text: "this list", run: (_, app) => app.help?.toggle() },
]));

/** What the pointer does, for the same list. @type {readonly {key: string, group: Group, text: string}[]} */
export const GESTURES = Object.freeze([
  { key: "drag on timeline", group: "Time", text: "show that span" },
  { key: "double-click on timeline", group: "Time", text: "live again" },
  { key: "wheel on timeline", group: "Time", text: "more or less time across; with Shift, or Alt + drag, along it" },
  { key: "arrows on timeline", group: "Time", text: "read out a moment; with Shift, choose a span" },
  { key: "click", group: "Flame graph", text: "zoom into a frame; on the crumbs, out again" },
  { key: "Ctrl + click", group: "Flame graph", text: "select a frame without zooming" },
  { key: "right click", group: "Flame graph", text: "what can be done with a frame" },
  { key: "drag, Shift + wheel", group: "Flame graph", text: "move across" },
  { key: "Ctrl + wheel, pinch", group: "Flame graph", text: "closer, further away" },
  { key: "Alt + click on legend", group: "Flame graph", text: "leave that state out; a click shows only it" },
]);

const BY_KEY = new Map(SHORTCUTS.map((shortcut) => [shortcut.key, shortcut]));

/** The line of the table a key press means. @param {{key: string, shiftKey: boolean}} press @returns {Shortcut | undefined} */
export function shortcutFor({ key, shiftKey }) {
  return BY_KEY.get(shiftKey && key.length > 1 ? `Shift+${key}` : key);
}

/** @type {Readonly<Record<string, string>>} */
const NAMES = Object.freeze({
  " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc",
});

/** A key as a person calls it. @param {string} key */
export function keyName(key) {
  const parts = key.length > 1 ? key.split("+") : [key];
  return parts.map((part) => NAMES[part] ?? part).join(" ");
}
