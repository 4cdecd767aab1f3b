/** The lower part of the page: one table at a time, with tabs, as high as the user drags it. */

import { h, setText } from "../core/dom.js";
import { count } from "../model/format.js";
import { FgElement } from "./base.js";

const TABS = /** @type {const} */ ([
  ["fg-goroutines", "Goroutines", "Goroutines by stack (g)"],
  ["fg-waits", "Waits", "What goroutines wait on, by address"],
  ["fg-processors", "Processors", "Go's processors and their run queues"],
]);
const LEAST = 72;

class Panel extends FgElement {
  build() {
    this.grip = h("div", { class: "panel-grip", title: "Drag to resize", role: "separator", "aria-orientation": "horizontal" });
    this.tabs = h("div", { class: "tabs", role: "tablist" }, ...TABS.map(([id, text, title], i) =>
      h("button", { type: "button", role: "tab", title, "data-id": id, onclick: () => this.open(i) },
        text, h("span", { class: "tab-count" }))));
    this.pages = TABS.map(([id]) => h(id, { role: "tabpanel", class: "panel-page" }));
    this.append(this.grip, this.tabs, ...this.pages);
    this.open(0);
  }

  connect() {
    this.listen(this, "fg-count", (event) => {
      const button = this.tabs?.querySelector(`[data-id="${event.target.localName}"] .tab-count`);
      if (button) setText(button, event.detail > 0 ? count(event.detail) : "");
    });
    const grip = /** @type {HTMLElement} */ (this.grip);
    this.listen(grip, "pointerdown", (event) => {
      grip.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.listen(grip, "pointermove", (event) => {
      if (grip.hasPointerCapture(event.pointerId)) this.resize(this.getBoundingClientRect().bottom - event.clientY);
    });
  }

  /** @param {number} height */
  resize(height) {
    this.style.height = `${Math.min(innerHeight * 0.7, Math.max(LEAST, height))}px`;
  }

  /** @param {number} index */
  open(index) {
    this.pages?.forEach((page, i) => (page.hidden = i !== index));
    [...(this.tabs?.children ?? [])].forEach((tab, i) => tab.setAttribute("aria-selected", String(i === index)));
  }
}

customElements.define("fg-panel", Panel);
