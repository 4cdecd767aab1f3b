/**
 * What is looked at as the address's fragment and back, so that a link or a reload shows the same.
 *
 * Every field of the fragment is a line of one table. Only what differs from the start is in it. What
 * cannot be read is ignored: anybody can type anything. Fields that speak of the process's time wait
 * until that process is known, and are ignored when it is another one.
 */

import { COLOURS } from "./graph.js";
import { MEASURES, WIDTHS } from "./compare.js";
import { DEFAULT_NAMESPACE } from "./fleet.js";
import { DEFAULT_WINDOW } from "./store.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./data.js").Span} Span */
/** @typedef {import("../model/calltree.js").Step} Step */
/**
 * `read` gives the text for the fragment, "" for nothing, and reads signals; `write` makes the store show a
 * text, which is never "" and may be anything up to MAX_TEXT long. Timed ones need the process.
 * @typedef {{name: string, timed?: boolean, read: (store: Store) => string, write: (store: Store, text: string) => void}} Field
 */

const S = 1e9;
const VIEWS = /** @type {const} */ (["state", "cpu", "blocked"]);
const WEIGHTS = /** @type {const} */ (["wall", "cpu", "waiting", "count"]);
const SHOWN = /** @type {const} */ (["idle", "system", "runtime"]);

const DEFAULT_PANEL = "goroutines";
const MAX_STEPS = 512;
const MAX_TEXT = 1 << 16;
const MAX_QUERY = 1000;
/** Longer ago or ahead than this, seconds, is no time of a process we watch. */
const MAX_SECONDS = 1e9;

/** @template {string} T @param {readonly T[]} all @param {string} text @returns {T | undefined} */
const oneOf = (all, text) => all.find((known) => known === text);
/** @param {string} text @param {string} normally */
const unless = (text, normally) => (text === normally ? "" : text);
/** @param {boolean} value */
const flag = (value) => (value ? "1" : "");

/** @param {readonly Step[] | null} steps */
const pack = (steps) => (!steps?.length ? "" : JSON.stringify(steps.map(({ name, lane }) => (lane ? [name] : name))));

/** @param {string} text @returns {Step[]} */
function unpack(text) {
  try {
    const steps = JSON.parse(text);
    if (!Array.isArray(steps)) return [];
    return steps.slice(0, MAX_STEPS).map((step) => Array.isArray(step)
      ? { name: String(step[0]), lane: true } : { name: String(step), lane: false });
  } catch {
    return [];
  }
}

/** Milliseconds are exact enough. @param {number} ns */
const seconds = (ns) => String(Math.round(ns / 1e6) / 1e3);
/** @param {Span} span */
const packSpan = ({ from, to }) => `${seconds(from)}~${seconds(to)}`;

/** A time of the process, ns; null for nonsense. @param {string} text */
function time(text) {
  const value = /^-?\d{1,10}(\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
  return Math.abs(value) < MAX_SECONDS ? value * S : null;
}

/** @param {string} text @returns {Span | null} */
function span(text) {
  const [from = "", to = "", ...more] = text.split("~");
  const [start, end] = [time(from), time(to)];
  return start !== null && end !== null && start < end && more.length === 0 ? { from: start, to: end } : null;
}

/** In the order they are written: what sets others back to their start comes first. @type {readonly Field[]} */
export const FIELDS = Object.freeze(/** @type {Field[]} */ ([
  {
    name: "process", read: ({ fleet }) => (fleet.active.value ? (fleet.chosen.value?.process ?? "") : ""),
    write: ({ fleet }, text) => fleet.choose({ namespace: DEFAULT_NAMESPACE, process: text.slice(0, 128) }),
  },
  {
    name: "namespace", read: ({ fleet }) => (fleet.active.value ? unless(fleet.chosen.value?.namespace ?? "", DEFAULT_NAMESPACE) : ""),
    write: ({ fleet }, text) => fleet.choose({ namespace: text.slice(0, 63), process: fleet.chosen.peek()?.process ?? "" }),
  },
  {
    name: "view", read: (store) => unless(store.view.value, "state"),
    write: (store, text) => store.setView(oneOf(VIEWS, text) ?? "state"),
  },
  {
    name: "weight", read: (store) => unless(store.weight.value, store.defaultsOf(store.view.value).weight),
    write: (store, text) => store.setWeight(oneOf(WEIGHTS, text) ?? store.weight.peek()),
  },
  {
    name: "window", read: (store) => unless(String(store.window.value), String(DEFAULT_WINDOW)),
    write: (store, text) => Number(text) > 0 && store.setWindow(Number(text)),
  },
  {
    name: "toggled", read: (store) => changed(store).join("."),
    write: (store, text) => SHOWN.filter((what) => text.split(".").includes(what)).forEach((what) => store.toggleShown(what)),
  },
  { name: "flipped", read: (store) => flag(store.flipped.value), write: (store, text) => void (store.flipped.value = text === "1") },
  { name: "inverted", read: (store) => flag(store.graph.inverted.value), write: (store, text) => void (store.graph.inverted.value = text === "1") },
  { name: "lanes", read: (store) => unless(flag(store.graph.lanes.value) || "0", "1"), write: (store, text) => void (store.graph.lanes.value = text !== "0") },
  { name: "table", read: (store) => flag(store.graph.table.value), write: (store, text) => void (store.graph.table.value = text === "1") },
  {
    name: "colour", read: (store) => (store.compare.a.value !== null ? "" : unless(store.graph.colour.value, "state")),
    write: (store, text) => store.graph.setColour(oneOf(COLOURS, text) ?? "state"),
  },
  { name: "search", read: (store) => store.query.value, write: (store, text) => store.setQuery(text.slice(0, MAX_QUERY)) },
  { name: "filters", read: (store) => store.filters.text, write: (store, text) => void (store.filters.text = text) },
  { name: "function", read: (store) => store.graph.focus.value, write: (store, text) => store.graph.go({ focus: text }, false) },
  {
    name: "zoom", read: (store) => pack(store.zoom.value),
    write: (store, text) => store.graph.go({ focus: store.graph.focus.peek(), zoom: unpack(text) }, false),
  },
  {
    name: "part", read: (store) => part(store.graph.range.value),
    write: (store, text) => {
      const [from, to] = text.split("~").map(Number);
      if (from >= 0 && to > from && to <= 1) store.graph.range.value = { from, to };
    },
  },
  {
    name: "selected", read: (store) => pack(store.selected.value),
    write: (store, text) => store.select(unpack(text)),
  },
  { name: "panel", read: (store) => unless(store.panel.value, DEFAULT_PANEL), write: (store, text) => void (store.panel.value = text.slice(0, 64)) },
  { name: "goroutines", read: (store) => store.goroutines.text, write: (store, text) => void (store.goroutines.text = text) },
  {
    name: "tracks", read: (store) => store.timeline.tracks.value?.join(".") ?? "",
    write: (store, text) => store.timeline.setTracks(text.split(".").slice(0, 64)),
  },
  {
    name: "measure", read: (store) => unless(store.compare.measure.value, "rate"),
    write: (store, text) => store.compare.setMeasure(oneOf(MEASURES, text) ?? "rate"),
  },
  {
    name: "width", read: (store) => unless(store.compare.width.value, "b"),
    write: (store, text) => store.compare.setWidth(oneOf(WIDTHS, text) ?? "b"),
  },
  {
    name: "speed", read: (store) => unless(String(store.playback.speed.value), "1"),
    write: (store, text) => store.playback.setSpeed(Number(text) || 1),
  },
  {
    name: "paused", timed: true, read: (store) => (store.paused.value === null ? "" : seconds(store.paused.value)),
    write: (store, text) => void (store.paused.value = time(text)),
  },
  {
    name: "span", timed: true, read: (store) => (store.span.value === null ? "" : packSpan(store.span.value)),
    write: (store, text) => store.setSpan(span(text)),
  },
  {
    name: "across", timed: true, read: (store) => (store.timeline.held.value === null ? "" : packSpan(store.timeline.held.value)),
    write: (store, text) => void (store.timeline.held.value = span(text)),
  },
  {
    name: "a", timed: true,
    read: (store) => {
      const pin = store.compare.a.value;
      return pin === null || pin.source !== "" ? "" : packSpan(pin.span);
    },
    write: (store, text) => {
      const pinned = span(text);
      if (pinned !== null) store.compare.pinA(pinned);
    },
  },
]));

/** Which of what is set aside is not as the view begins with. @param {Store} store */
function changed(store) {
  const { shown } = store.defaultsOf(store.view.value);
  const now = store.shown.value;
  return SHOWN.filter((what) => now[what] !== shown[what]);
}

/** @param {import("../model/layout.js").Range} range */
const part = ({ from, to }) => (from === 0 && to === 1 ? "" : `${Number(from.toPrecision(6))}~${Number(to.toPrecision(6))}`);

/** Fields of a fragment that wait for their process, by store. @type {WeakMap<Store, URLSearchParams>} */
const waiting = new WeakMap();

/** What is looked at as a fragment without its #. Reads signals: an effect that calls this runs when it changes. @param {Store} store */
export function toFragment(store) {
  const process = store.process.value;
  const params = new URLSearchParams();
  const later = waiting.get(store);
  for (const { name, timed, read } of FIELDS) {
    const text = timed && process === null ? (later?.get(name) ?? "") : read(store);
    if (text !== "" && text.length <= MAX_TEXT) params.set(name, text);
    if (timed && text !== "") params.set("process", process?.process ?? later?.get("process") ?? "");
  }
  return params.toString();
}

/** Puts everything the fields are about back to its start. @param {Store} store */
function reset(store) {
  const { graph, timeline, compare } = store;
  store.setView("state");
  store.setWindow(DEFAULT_WINDOW);
  store.flipped.value = graph.inverted.value = graph.table.value = false;
  graph.lanes.value = true;
  graph.setColour("state");
  graph.go({ zoom: [], focus: "" }, false);
  store.select(null);
  store.setQuery("");
  store.filters.clear();
  store.panel.value = DEFAULT_PANEL;
  store.goroutines.text = "";
  timeline.setTracks(null);
  compare.end();
  compare.setMeasure("rate");
  compare.setWidth("b");
  store.goLive();
}

/** Makes the store show what a fragment says, as far as that is possible now. @param {Store} store @param {string} fragment with or without its # */
export function fromFragment(store, fragment) {
  const params = new URLSearchParams(fragment.slice(0, 16 * MAX_TEXT).replace(/^#/, ""));
  reset(store);
  for (const field of FIELDS) if (!field.timed) write(store, field, params);
  waiting.set(store, params);
  if (store.process.peek() !== null) applyTimes(store);
}

/** Makes the store show the times that waited for the process it has now. @param {Store} store */
export function applyTimes(store) {
  const params = waiting.get(store);
  waiting.delete(store);
  if (params === undefined || params.get("process") !== store.process.peek()?.process) return;
  for (const field of FIELDS) if (field.timed) write(store, field, params);
}

/** @param {Store} store @param {Field} field @param {URLSearchParams} params */
function write(store, field, params) {
  const text = params.get(field.name) ?? "";
  if (text !== "" && text.length <= MAX_TEXT) field.write(store, text);
}

/** The page's address with what is looked at, and without the token. @param {Store} store @param {string} address */
export function linkTo(store, address) {
  const url = new URL(address);
  url.searchParams.delete("token");
  url.hash = toFragment(store);
  return url.href;
}

/** Puts a link to what is looked at on the clipboard. @param {Store} store */
export async function copyLink(store) {
  try {
    await navigator.clipboard.writeText(linkTo(store, location.href));
    store.said.value = { text: "Link copied. It has no token in it." };
  } catch {
    store.said.value = { text: "The browser did not let the link be copied; it is in the address bar." };
  }
}
