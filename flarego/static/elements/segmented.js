/** A choice of a few: buttons in a row, one of them pressed. */

import { h } from "../core/dom.js";

/**
 * A row of buttons of which one is pressed.
 * @param {string} name @param {readonly (readonly [string, string, string])[]} items @param {(id: any) => void} onpick
 */
export function segmented(name, items, onpick) {
  return h("div", { class: "segmented", role: "group", "aria-label": name }, ...items.map(([id, text, title]) =>
    h("button", { type: "button", title, "data-id": id, onclick: () => onpick(id) }, text)));
}

/** Shows which one is pressed. @param {HTMLElement} group @param {string} id */
export function press(group, id) {
  for (const button of group.children) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.id === id));
  }
}
