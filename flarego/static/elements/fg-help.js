/** The list of shortcuts, made from the table that fg-app acts by. */

import { h } from "../core/dom.js";
import { GESTURES, GROUPS, SHORTCUTS, keyName } from "../core/keys.js";
import { FgElement } from "./base.js";

/** @param {string} name */
function section(name) {
  const lines = SHORTCUTS.filter(({ group }) => group === name);
  if (lines.length === 0) return null;
  return h("section", {}, h("h3", {}, name), list(lines.map(({ key, text }) => [keyName(key), text])));
}

/** @param {readonly (readonly [string, string])[]} lines */
const list = (lines) => h("dl", {}, ...lines.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)]));

class Help extends FgElement {
  build() {
    this.dialog = h("dialog", { class: "help", "aria-label": "Shortcuts" },
      h("div", { class: "help-head" }, h("h2", {}, "Shortcuts"),
        h("button", { type: "button", class: "icon", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.dialog?.close() }, "✕")),
      h("div", { class: "help-groups" }, ...GROUPS.map(section)),
      h("h2", {}, "With the pointer"),
      h("div", { class: "help-groups help-pointer" }, list(GESTURES.map(({ key, text }) => [key, text]))),
      h("h2", {}, "What is folded away as idle"),
      h("p", {}, "Goroutines that wait in a function made for waiting (accept loops, idle HTTP connections, signal loops), and those that wait at the top of their own loop: the function they were started with itself receives, selects or sleeps."));
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
