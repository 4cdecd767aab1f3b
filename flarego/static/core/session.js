/** What the page was opened for: to watch, to replay clips, to compare two. Decides where messages come from. */

import { base64Bytes, blobBytes, urlBytes } from "./clip/bytes.js";
import { Clip } from "./clip/clip.js";
import { Recording } from "./clip/recording.js";
import { RETENTION } from "./ring.js";
import { effect, Signal } from "./signal.js";
import { Stream } from "./socket.js";
import { DEFAULT_WINDOW, Store } from "./store.js";

/** @typedef {import("./source.js").Source} Source */
/** @typedef {{name: string, url?: string, open: () => import("./clip/bytes.js").Bytes | Promise<import("./clip/bytes.js").Bytes>}} Playable */

/** Seconds of the past to ask for: all that is kept of this machine, of others what a line carries in a moment. */
const PAST = 300;
const LOCAL = /^(localhost|127\..*|\[::1\])$/;
/** Seconds asked for beyond what is missing after a reconnection. */
const OVERLAP = 5;
/** Where an exported page carries its clip, in base64. */
const EMBEDDED = "flarego-clip";

export class Session {
  /** @type {Source | null} */
  #source = null;
  /** Clips that can be shown; the user may add to them. @type {Signal<readonly Playable[]>} */
  clips = new Signal(/** @type {readonly Playable[]} */ ([]));
  /** The name of the one that is shown; "" when live. */
  shown = new Signal("");
  /** Whether there is something living to go back to. */
  live = new Signal(false);

  /** Who is logged in; "" when nobody had to. */
  who = new Signal("");

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }

  /** Opens what the page is for. */
  async start() {
    const embedded = document.getElementById(EMBEDDED);
    if (embedded !== null) return this.add({ name: embedded.dataset.name ?? "clip", open: () => base64Bytes(embedded.textContent ?? "") });
    const session = await ask();
    this.who.value = session?.user ?? "";
    if (session?.fleet === true) return this.#watchFleet();
    if (session?.mode !== "replay") return this.goLive();
    this.clips.value = session.clips.map(({ name, url }) => ({ name, url, open: () => urlBytes(new URL(url, document.baseURI).href) }));
    this.store.playback.setSpeed(session.speed);
    const [first, second] = this.clips.peek();
    if (session.compare && second !== undefined) this.#compare(first, second);
    else if (first !== undefined) this.show(first.name);
  }

  /** Looks at the process that is chosen, as soon as one is. */
  async #watchFleet() {
    const { fleet } = this.store;
    let at = "";
    effect(() => {
      const chosen = fleet.chosen.value;
      const now = chosen === null ? "" : `${chosen.namespace}/${chosen.process}`;
      if (now === at) return;
      const before = at;
      at = now;
      queueMicrotask(() => {
        if (before !== "") this.store.forget();
        this.live.value = false;
        this.goLive();
      });
    });
    await fleet.start();
  }

  /** Ends the session of who is logged in. */
  async logOut() {
    await fetch("session/logout", { method: "POST" });
    location.reload();
  }

  /** Where the server has a clip; "" for one that it has not. @param {string} name */
  addressOf(name) {
    return this.clips.peek().find((clip) => clip.name === name)?.url ?? "";
  }

  /** Takes files dropped anywhere on the page. @param {Document} page */
  acceptDrops(page) {
    page.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
    page.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      for (const file of event.dataTransfer.files) void this.addFile(file);
    });
  }

  /** Opens again what was open. */
  again() {
    this.#source?.open();
  }

  /** Watches; coming back from a clip, with all that has been kept meanwhile. */
  goLive() {
    const back = this.live.peek();
    this.live.value = true;
    this.shown.value = "";
    this.#source?.close();
    if (back) this.store.forget();
    if (back && this.store.window.peek() === Infinity) this.store.setWindow(DEFAULT_WINDOW);
    this.#use(new Stream(this.store, () => this.#address()));
  }

  /** Of the stream, from where this page has it; what is sent twice is taken once. */
  #address() {
    const { fleet, data } = this.store;
    const past = LOCAL.test(location.hostname) ? RETENTION / 1e9 : PAST;
    const received = data.peek()?.receivedAt ?? -Infinity;
    const since = Math.min(past, Math.ceil((performance.now() - received) / 1000) + OVERLAP);
    return `stream?${[fleet.query, `since=${since}`].filter(Boolean).join("&")}`;
  }

  /** Adds a clip to those that can be shown, and shows it. @param {Playable} clip */
  add(clip) {
    this.clips.value = [...this.clips.peek().filter(({ name }) => name !== clip.name), clip];
    this.show(clip.name);
  }

  /** Adds a file that the user dropped or chose. One that cannot be opened changes nothing. @param {File} file */
  async addFile(file) {
    try {
      await Clip.open(blobBytes(file));
      this.add({ name: file.name, open: () => blobBytes(file) });
      this.store.said.value = { text: "" };
    } catch (error) {
      this.store.said.value = { text: `${file.name} cannot be opened: ${error instanceof Error ? error.message : error}.` };
    }
  }

  /** @param {string} name */
  show(name) {
    const clip = this.clips.peek().find((known) => known.name === name);
    if (clip === undefined) return;
    this.shown.value = name;
    this.store.paused.value = null;
    this.#use(this.#recording(this.store, clip));
  }

  /** @param {Store} store @param {Playable} clip */
  #recording(store, clip) {
    if (store.window.peek() === DEFAULT_WINDOW) store.setWindow(Infinity); // Of a clip, all of it is shown first.
    return new Recording(store, clip.name, clip.open);
  }

  /** @param {Source} source */
  #use(source) {
    this.#source?.close();
    this.#source = source;
    source.open();
  }

  /** Shows the second clip, pinned against all of the first. @param {Playable} before @param {Playable} after */
  #compare(before, after) {
    const aside = new Store();
    const recording = this.#recording(aside, before);
    recording.open();
    this.show(after.name);
    const end = effect(() => {
      const [a, b] = [aside.recording.value, this.store.recording.value];
      if (a?.progress !== 1 || b?.progress !== 1) return;
      const data = aside.data.peek();
      if (data !== null) queueMicrotask(() => this.store.compare.pinOther(data, a.span, before.name));
      queueMicrotask(() => end());
    });
  }
}

/**
 * What the server says the page is for; null when it does not say.
 * @returns {Promise<{mode: string, fleet?: boolean, user?: string, clips: {name: string, url: string}[], speed: number, compare: boolean} | null>}
 */
async function ask() {
  try {
    const response = await fetch("session", { cache: "no-store" });
    const session = response.ok ? await response.json() : null;
    return Array.isArray(session?.clips) || session?.mode === "live" ? session : null;
  } catch {
    return null;
  }
}
