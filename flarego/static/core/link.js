/**
 * The view as the address's fragment and back, so that a link or a reload shows the same.
 *
 * Only what differs from the start is in it. What cannot be read is ignored: anybody can type anything.
 */

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("../model/calltree.js").Step} Step */

const VIEWS = /** @type {const} */ (["state", "cpu", "blocked"]);
const WEIGHTS = /** @type {const} */ (["wall", "cpu", "count"]);
const SHOWN = /** @type {const} */ (["idle", "system", "runtime"]);
const MAX_STEPS = 512;

/** @param {readonly Step[]} steps */
const pack = (steps) => JSON.stringify(steps.map(({ name, lane }) => (lane ? [name] : name)));

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

/** The view as a fragment without its #. Reads signals: an effect that calls this runs when it changes. @param {Store} store */
export function toFragment(store) {
  const params = new URLSearchParams();
  const view = store.view.value;
  const defaults = store.defaultsOf(view);
  if (view !== "state") params.set("view", view);
  if (store.weight.value !== defaults.weight) params.set("weight", store.weight.value);
  if (store.window.value !== 30) params.set("window", String(store.window.value));
  const shown = store.shown.value;
  const changed = SHOWN.filter((what) => shown[what] !== defaults.shown[what]);
  if (changed.length > 0) params.set("toggled", changed.join("."));
  if (store.flipped.value) params.set("flipped", "1");
  if (store.query.value !== "") params.set("search", store.query.value);
  if (store.zoom.value.length > 0) params.set("zoom", pack(store.zoom.value));
  return params.toString();
}

/** Makes the store show what a fragment says. @param {Store} store @param {string} fragment with or without its # */
export function fromFragment(store, fragment) {
  const params = new URLSearchParams(fragment.replace(/^#/, ""));
  store.setView(VIEWS.find((view) => view === params.get("view")) ?? "state");
  const weight = WEIGHTS.find((known) => known === params.get("weight"));
  if (weight !== undefined) store.setWeight(weight);
  const seconds = Number(params.get("window"));
  if (seconds > 0) store.setWindow(seconds);
  const toggled = (params.get("toggled") ?? "").split(".");
  for (const what of SHOWN) if (toggled.includes(what)) store.toggleShown(what);
  if (store.flipped.peek() !== (params.get("flipped") === "1")) store.flip();
  store.setQuery(params.get("search") ?? "");
  const zoom = unpack(params.get("zoom") ?? "[]");
  if (zoom.length > 0) store.setZoom(zoom);
}
