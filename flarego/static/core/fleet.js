/** The processes a gateway knows, and which of them is looked at. Asks again and again, as long as somebody wants it. */

import { Signal } from "./signal.js";

/**
 * @typedef {{process: string, namespace: string, name: string, pid: number, host: string, runtime: string,
 *   version: string, task: string, command: string, labels: Readonly<Record<string, string>>, seen: number, gone: string, goroutines: number}} Known
 * `seen`: ms since 1970; `gone`: why nothing more comes, "" while it is watched
 * @typedef {{namespace: string, process: string}} Choice
 */

export const DEFAULT_NAMESPACE = "default";
/** Milliseconds between two questions: while a list is looked at, and otherwise. */
const OFTEN = 2_000;
const SELDOM = 15_000;
const MAX_LISTED = 10_000;

/** @param {unknown} value @param {number} longest */
const text = (value, longest = 512) => (typeof value === "string" ? value.slice(0, longest) : "");
/** @param {unknown} value */
const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : 0);

/** @param {any} raw @returns {Known} */
function known(raw) {
  const labels = Object.entries(typeof raw?.labels === "object" && raw.labels !== null ? raw.labels : {}).slice(0, 32);
  return {
    process: text(raw?.process), namespace: text(raw?.namespace), name: text(raw?.name) || "?", pid: number(raw?.pid),
    host: text(raw?.host), runtime: text(raw?.runtime), version: text(raw?.runtime_version), task: text(raw?.task) || "goroutine", command: text(raw?.command, 4096),
    labels: Object.fromEntries(labels.map(([name, value]) => [text(name), text(value)])),
    seen: 1000 * number(raw?.last_seen), gone: text(raw?.gone), goroutines: number(raw?.goroutines),
  };
}

/** What of a process can be searched for. @param {Known} process */
function searchable({ name, host, pid, process, namespace, command, labels, version }) {
  const parts = [name, host, String(pid), process, namespace, command, version, ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)];
  return parts.join("\n").toLowerCase();
}

/** Those that have every word of the query, the living first, by name. @param {readonly Known[]} all @param {string} query */
export function matching(all, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((process) => {
    const whole = searchable(process);
    return words.every((word) => whole.includes(word));
  });
  return found.sort((a, b) => Number(a.gone !== "") - Number(b.gone !== "") || a.namespace.localeCompare(b.namespace)
    || a.name.localeCompare(b.name) || a.host.localeCompare(b.host) || a.pid - b.pid);
}

/** @param {string} url @returns {Promise<any>} null when it does not answer as it should */
async function askServer(url) {
  try {
    const response = await fetch(url, { cache: "no-store" });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

export class Fleet {
  /** Whether there may be several processes: what we look at is a gateway's. */
  active = new Signal(false);
  /** @type {Signal<readonly Known[]>} */
  processes = new Signal(/** @type {readonly Known[]} */ ([]));
  /** Whether the list was read at all. */
  read = new Signal(false);
  /** What is looked at, or is to be as soon as it is there; null: nothing yet. @type {Signal<Choice | null>} */
  chosen = new Signal(/** @type {Choice | null} */ (null));
  /** Whether the list is shown. */
  open = new Signal(false);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ended = false;

  /** @param {(url: string) => Promise<any>} [ask] */
  constructor(ask = askServer) {
    this.ask = ask;
  }

  /** Begins to ask. */
  start() {
    this.active.value = true;
    this.#ended = false;
    return this.#again();
  }

  stop() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** Shows the list, or hides it. */
  toggle() {
    if (!this.active.peek()) return false;
    this.open.value = !this.open.peek();
    if (this.open.peek()) void this.#again();
    return true;
  }

  /** @param {Choice} choice */
  choose({ namespace, process }) {
    const before = this.chosen.peek();
    this.open.value = false;
    if (before?.namespace !== namespace || before.process !== process) this.chosen.value = { namespace, process };
  }

  /** The parameters of an address about the process that is looked at. */
  get query() {
    const chosen = this.active.peek() ? this.chosen.peek() : null;
    return chosen === null ? "" : new URLSearchParams({ namespace: chosen.namespace, process: chosen.process }).toString();
  }

  async #again() {
    clearTimeout(this.#timer);
    await this.refresh();
    if (this.#ended) return;
    const often = this.open.peek() || this.chosen.peek() === null;
    this.#timer = setTimeout(() => void this.#again(), often ? OFTEN : SELDOM);
  }

  /** Reads the list. The only process there is is looked at, of several the user chooses. */
  async refresh() {
    const status = await this.ask("api/v1/status");
    if (status === null) return;
    const names = Array.isArray(status.namespaces) ? status.namespaces.map((/** @type {any} */ one) => text(one?.namespace ?? one?.name ?? one)).filter(Boolean) : [DEFAULT_NAMESPACE];
    const lists = await Promise.all(names.map((/** @type {string} */ name) => this.ask(`api/v1/processes?${new URLSearchParams({ namespace: name })}`)));
    const all = lists.flatMap((list) => (Array.isArray(list?.processes) ? list.processes : [])).slice(0, MAX_LISTED).map(known);
    this.processes.value = all;
    this.read.value = true;
    if (this.chosen.peek() !== null) return;
    const [only, ...others] = all.filter(({ gone }) => gone === "");
    if (only !== undefined && others.length === 0 && all.length === 1) this.choose(only);
    else if (all.length > 0) this.open.value = true;
  }
}
