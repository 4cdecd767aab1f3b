/**
 * Keeps the page's address telling what is looked at.
 *
 * Browsers refuse to change it too often (Chromium: 200 times in 30 s), which panning and zooming would.
 * A few changes in a row are made at once, the rest when there is room again.
 */

import { toFragment } from "./link.js";
import { effect } from "./signal.js";

/** @typedef {import("./store.js").Store} Store */

const AT_ONCE = 20;
/** Room for another change comes so often, ms. */
const EVERY = 200;

/** @param {Store} store */
export function keepAddress(store) {
  let room = AT_ONCE;
  let counted = performance.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const write = () => {
    waiting = undefined;
    const fragment = toFragment(store);
    if (location.hash.slice(1) === fragment) return;
    const now = performance.now();
    room = Math.min(AT_ONCE, room + (now - counted) / EVERY);
    counted = now;
    if (room < 1) {
      waiting = setTimeout(write, EVERY);
      return;
    }
    room--;
    history.replaceState(null, "", fragment === "" ? location.pathname + location.search : `#${fragment}`);
  };
  effect(() => {
    toFragment(store);
    if (waiting === undefined) write();
  });
}
