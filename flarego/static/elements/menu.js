/** A menu beside a point: arrows move in it, Enter chooses, Escape and whatever happens elsewhere close it. */

import { h, placeCard } from "../core/dom.js";

/** @typedef {{text: string, hint?: string, checked?: boolean, run: () => void} | "line"} Item */

/** @param {HTMLElement} menu @param {KeyboardEvent} event @param {() => void} close */
function act(menu, event, close) {
  const buttons = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("button")]);
  const at = buttons.indexOf(/** @type {HTMLElement} */ (event.composedPath()[0]));
  /** @type {Record<string, number>} */
  const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
  if (event.key === "Escape" || event.key === "Tab") close();
  else if (event.key in targets) buttons.at(targets[event.key] % buttons.length)?.focus();
  else if (event.key !== "Enter" && event.key !== " ") return;
  event.stopPropagation();
  if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
}

/**
 * Opens a menu in the page of an element; gives the focus back to where it was.
 * @param {HTMLElement} from an element inside fg-app
 * @param {string} name of the menu
 * @param {readonly Item[]} items
 * @param {number} x client pixels @param {number} y client pixels
 */
export function openMenu(from, name, items, x, y) {
  const app = /** @type {HTMLElement} */ (from.closest("fg-app") ?? document.body);
  const root = /** @type {Document | ShadowRoot} */ (app.getRootNode());
  const before = /** @type {HTMLElement | null} */ (root.activeElement);
  app.querySelector(".menu")?.remove();
  const close = () => {
    menu.remove();
    root.removeEventListener("pointerdown", outside, true);
    before?.focus();
  };
  const outside = (/** @type {Event} */ event) => {
    if (!event.composedPath().includes(menu)) close();
  };
  const menu = h("div", { class: "menu", role: "menu", "aria-label": name }, h("div", { class: "menu-name", role: "presentation" }, name),
    ...items.map((item) => (item === "line" ? h("hr", { role: "separator" }) : h("button", {
      type: "button", title: item.hint ?? "", tabIndex: -1, role: item.checked === undefined ? "menuitem" : "menuitemcheckbox",
      ...(item.checked === undefined ? {} : { "aria-checked": item.checked }),
      onclick: () => {
        close();
        item.run();
      },
    }, item.text))));
  menu.addEventListener("keydown", (event) => act(menu, event, close));
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  root.addEventListener("pointerdown", outside, true);
  app.append(menu);
  placeCard(menu, x - 14, y - 16);
  menu.querySelector("button")?.focus();
}
