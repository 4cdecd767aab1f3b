/** Joins the stream, the store and the page: the only file that knows everyone. */

import { keepAddress } from "./core/address.js";
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
keepAddress(store);

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
