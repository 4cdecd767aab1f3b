/** The list of shortcuts. */

import { h } from "../core/dom.js";
import { FgElement } from "./base.js";

/** What a person reads, and the keys that do it; fg-app listens for them. */
export const SHORTCUTS = Object.freeze([
  ["Space", "pause, or back to live"],
  ["1  2  3", "by state, on CPU, blocked"],
  ["w", "weight: wall, CPU, count"],
  ["/", "search by regular expression"],
  ["Esc", "clear the search, then zoom back, then live"],
  ["n  N", "next, previous match"],
  ["← ↑ → ↓", "select a frame beside, above, below"],
  ["Enter", "zoom into the selected frame"],
  ["Backspace", "zoom back"],
  ["0", "zoom out to all"],
  ["i  s  r", "show idle goroutines, system goroutines, runtime frames"],
  ["[  ]", "shorter, longer window"],
  ["f", "root at the top, or at the bottom"],
  ["t", "dark or light"],
  ["?", "this list"],
  ["click", "zoom into a frame; on the graph's crumbs, out again"],
  ["Ctrl + click", "select a frame without zooming"],
  ["drag on timeline", "show that span; double-click is live again"],
  ["wheel on timeline", "more or less time across"],
]);

class Help extends FgElement {
  build() {
    this.dialog = h("dialog", { class: "help", "aria-label": "Shortcuts" },
      h("h2", {}, "Shortcuts"),
      h("dl", {}, ...SHORTCUTS.flatMap(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)])),
      h("h2", {}, "What is folded away as idle"),
      h("p", {}, "Goroutines that wait in a function made for waiting (accept loops, idle HTTP connections, signal loops), and those that wait at the top of their own loop: the function they were started with itself receives, selects or sleeps."),
      h("button", { type: "button", onclick: () => this.dialog?.close() }, "Close"));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog?.close();
    });
    this.append(this.dialog);
  }

  /** Opens the list, or closes it. */
  toggle() {
    if (this.dialog?.open) this.dialog.close();
    else this.dialog?.showModal();
  }
}

customElements.define("fg-help", Help);
export { Help };
