/** What the goroutine panels look at: how they are grouped, and which one is looked at closely. */

import { Signal } from "./signal.js";

/** @typedef {import("../model/groups.js").By} By */

/** Ways to group, with what a button says of each. */
export const BY = Object.freeze(/** @type {const} */ ([
  ["stack", "stack", "One row for each stack and state"],
  ["created", "creation site", "One row for each go statement"],
  ["state", "state", "One row for each state and wait reason"],
  ["label", "labels", "One row for each set of pprof labels"],
  ["on", "waits on", "One row for each channel, lock or descriptor"],
]));

export class GoroutineView {
  /** @type {Signal<By>} */
  by = new Signal(/** @type {By} */ ("stack"));
  /** The goroutine looked at, by its id; 0: none. */
  chosen = new Signal(0);

  /** @param {number} goid that of the one looked at: not any more */
  toggle(goid) {
    this.chosen.value = this.chosen.peek() === goid ? 0 : goid;
  }

  /** For the link; "" for what the page begins with. Reads the signals. */
  get text() {
    const [by, chosen] = [this.by.value, this.chosen.value];
    return by === "stack" && chosen === 0 ? "" : `${by}${chosen > 0 ? `.${chosen}` : ""}`;
  }

  /** What cannot be read is ignored. @param {string} text */
  set text(text) {
    const [by, chosen] = text.split(".");
    this.by.value = BY.find(([known]) => known === by)?.[0] ?? "stack";
    this.chosen.value = Number.isSafeInteger(Number(chosen)) ? Math.max(0, Number(chosen)) : 0;
  }
}
