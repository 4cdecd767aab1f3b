/** Joins the stream, the store and the page: the only file that knows everyone. */

import { applyTimes, fromFragment, toFragment } from "./core/link.js";
import { Session } from "./core/session.js";
import { effect } from "./core/signal.js";
import { Store } from "./core/store.js";
import "./elements/fg-app.js";

const store = new Store();
fromFragment(store, location.hash);
window.addEventListener("hashchange", () => {
  if (location.hash.slice(1) !== toFragment(store)) fromFragment(store, location.hash);
});
const app = /** @type {import("./elements/fg-app.js").App} */ (document.querySelector("fg-app"));
const session = new Session(store);
app.session = session;
app.start(store);

effect(() => {
  if (store.process.value !== null) applyTimes(store);
});

/** Browsers refuse more than a few changes of the address a second. */
const ADDRESS_EVERY = 300;
let written = -Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let writing;
function writeAddress() {
  clearTimeout(writing);
  written = performance.now();
  const fragment = toFragment(store);
  if (location.hash.slice(1) === fragment) return;
  history.replaceState(null, "", fragment === "" ? location.pathname + location.search : `#${fragment}`);
}
effect(() => {
  toFragment(store);
  clearTimeout(writing);
  if (performance.now() - written > ADDRESS_EVERY) writeAddress();
  else writing = setTimeout(writeAddress, ADDRESS_EVERY);
});

app.addEventListener("fg-reconnect", () => session.again());
session.acceptDrops(document);
void session.start();

/** For tests and measurements: what was painted, and when. Not an interface to build on. */
Object.assign(window, {
  flarego: {
    store,
    painted: () => ({ ...app.flame?.painted }),
    frames: () => app.flame?.frames() ?? [],
  },
});
