/**
 * What the user lets through: terms over states, wait reasons, labels, packages, functions and groups.
 *
 * Terms that ask for the same thing widen ("state chan, state lock": either), terms that ask for
 * different things narrow, and what is left out is left out whatever else matches. To hide a package or
 * a function takes its frames from the stacks and leaves the time. Trees and tables ask the same
 * `filter`; the link carries the same text.
 */

import { CATEGORIES } from "../model/category.js";
import { packageOf } from "../model/format.js";
import { Signal } from "./signal.js";

/** @typedef {import("../model/reading.js").Reading} Reading */
/** @typedef {import("../model/dictionary.js").Dictionary} Dictionary */
/** @typedef {"state" | "reason" | "label" | "package" | "function" | "group"} What */
/** @typedef {"only" | "not" | "hide"} How let through, leave out, pass over frames */
/** @typedef {{what: What, how: How, value: string}} Term */

/** @type {readonly What[]} */
export const WHATS = Object.freeze(["state", "reason", "label", "package", "function", "group"]);
const HOW = /** @type {const} */ ({ "+": "only", "-": "not", "~": "hide" });
const SIGN = /** @type {const} */ ({ only: "+", not: "-", hide: "~" });
const MAX_TERMS = 64;
const MAX_VALUE = 4096;

/** The package of a function for filters; what has none is its own. @param {string} name */
const packageName = (name) => packageOf(name) || name;

/** Whether any frame of a key's stack passes a test. @param {Dictionary} dictionary @param {number} key @param {(frame: number) => boolean} test */
function someFrame(dictionary, key, test) {
  for (let at = dictionary.keyStack[key]; at > 0; at = dictionary.stackParent[at]) {
    if (test(dictionary.stackFrame[at])) return true;
  }
  return false;
}

/**
 * How a row key answers each kind of term. A state is the runtime's own or one of the ten of the
 * legend; a group is known by the function that created it or that it was started with.
 * @type {Readonly<Record<What, (reading: Reading, key: number, value: string) => boolean>>}
 */
const ANSWERS = Object.freeze({
  state: (reading, key, value) => {
    const { state, category } = reading.of(key);
    return state === value || CATEGORIES[category].id === value;
  },
  reason: (reading, key, value) => reading.of(key).reason === value,
  label: ({ dictionary }, key, value) => {
    const labels = dictionary.groups[dictionary.keyGroup[key]]?.labels ?? {};
    return Object.entries(labels).some(([name, text]) => `${name}=${text}` === value || name === value);
  },
  package: ({ dictionary }, key, value) =>
    someFrame(dictionary, key, (frame) => packageName(dictionary.functionName(frame)) === value),
  function: ({ dictionary }, key, value) => someFrame(dictionary, key, (frame) => dictionary.functionName(frame) === value),
  group: ({ dictionary }, key, value) => {
    const group = dictionary.groups[dictionary.keyGroup[key]];
    return group !== undefined && (dictionary.functionName(group.createdBy) === value || dictionary.functionName(group.entry) === value);
  },
});

/** Terms as one question, asked of row keys and frames. */
class Filter {
  /** Of each frame: 0 not known, 1 shown, 2 hidden. @type {number[]} */
  #hidden = [];

  /** @param {readonly Term[]} terms */
  constructor(terms) {
    this.excluding = terms.filter(({ how }) => how === "not");
    this.hiding = terms.filter(({ how }) => how === "hide");
    this.including = WHATS.map((what) => terms.filter((term) => term.how === "only" && term.what === what)).filter((some) => some.length > 0);
  }

  /** Whether a row key is let through. @param {Reading} reading @param {number} key */
  keeps(reading, key) {
    const answers = (/** @type {Term} */ { what, value }) => ANSWERS[what](reading, key, value);
    return !this.excluding.some(answers) && this.including.every((some) => some.some(answers));
  }

  /** Whether a frame is passed over. @param {Dictionary} dictionary @param {number} frame */
  hides(dictionary, frame) {
    if (this.hiding.length === 0) return false;
    while (this.#hidden.length <= frame) this.#hidden.push(0);
    const name = () => dictionary.functionName(frame);
    this.#hidden[frame] ||= this.hiding.some(({ what, value }) =>
      (what === "package" ? packageName(name()) : name()) === value) ? 2 : 1;
    return this.#hidden[frame] === 2;
  }
}

/** @param {Term} a @param {Term} b */
const same = (a, b) => a.what === b.what && a.how === b.how && a.value === b.value;

export class Filters {
  /** @type {Signal<readonly Term[]>} */
  terms = new Signal(/** @type {readonly Term[]} */ ([]));
  #filter = /** @type {Filter | null} */ (null);
  #of = this.terms.peek();

  /** @param {() => void} changed called after every change */
  constructor(changed) {
    this.changed = changed;
  }

  /** The terms as a question; the same object until they change, null when there are none. */
  get filter() {
    const terms = this.terms.peek();
    if (terms !== this.#of) {
      this.#filter = terms.length > 0 ? new Filter(terms) : null;
      this.#of = terms;
    }
    return this.#filter;
  }

  /** @param {readonly Term[]} terms */
  set(terms) {
    this.terms.value = terms.slice(0, MAX_TERMS);
    this.changed();
  }

  /** Adds a term; the same one told otherwise gives way to it. @param {What} what @param {string} value @param {How} [how] */
  add(what, value, how = "only") {
    const rest = this.terms.peek().filter((term) => term.what !== what || term.value !== value);
    this.set([...rest, { what, how, value: value.slice(0, MAX_VALUE) }]);
  }

  /** @param {Term} term */
  remove(term) {
    this.set(this.terms.peek().filter((known) => !same(known, term)));
  }

  /** Adds a term, or removes it when it is there. @param {What} what @param {string} value @param {How} how */
  toggle(what, value, how) {
    const term = { what, how, value };
    if (this.has(what, value, how)) this.remove(term);
    else this.add(what, value, how);
  }

  /** @param {What} what @param {string} value @param {How} how */
  has(what, value, how) {
    return this.terms.peek().some((known) => same(known, { what, how, value }));
  }

  clear() {
    this.set([]);
  }

  /** For the link; "" when there are none. Reads the signal. */
  get text() {
    const terms = this.terms.value;
    return terms.length === 0 ? "" : JSON.stringify(terms.map(({ what, how, value }) => `${SIGN[how]}${what}:${value}`));
  }

  /** What cannot be read is ignored: anybody can type anything. @param {string} text */
  set text(text) {
    this.set(parse(text));
  }
}

/** @param {string} text @returns {Term[]} */
function parse(text) {
  /** @type {unknown} */
  let list;
  try {
    list = JSON.parse(text || "[]");
  } catch {
    return [];
  }
  return (Array.isArray(list) ? list : []).slice(0, MAX_TERMS).flatMap((item) => {
    // A plus that was typed into an address comes as a space.
    const [, sign, name, value] = /^([+~-])(\w+):(.*)$/s.exec(String(item).replace(/^ /, "+")) ?? [];
    const what = WHATS.find((known) => known === name);
    const how = HOW[/** @type {keyof typeof HOW} */ (sign)];
    if (what === undefined || (how === "hide" && what !== "package" && what !== "function")) return [];
    return [{ what, how, value: value.slice(0, MAX_VALUE) }];
  });
}
