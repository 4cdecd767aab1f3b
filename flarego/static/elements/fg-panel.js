/** The lower part of the page: one table at a time, with tabs, as high as the user drags it. */

import { h, setText } from "../core/dom.js";
import { count } from "../model/format.js";
import { capital } from "../model/words.js";
import { FgElement } from "./base.js";
import "./fg-goroutines.js";
import "./fg-waits.js";
import "./fg-leaks.js";
import "./fg-memory.js";
import "./fg-processors.js";
import "./fg-changes.js";

/** The panels, in order. A new one: its element, imported above, and a line here. */
export const PANELS = Object.freeze(/** @type {const} */ ([
  { id: "goroutines", element: "fg-goroutines", title: "Goroutines", hint: "Goroutines in groups, one by one, and their history" },
  { id: "waits", element: "fg-waits", title: "Waits", hint: "Wait-for: which channel or lock holds whom" },
  { id: "leaks", element: "fg-leaks", title: "Leaks", hint: "Groups that only grow" },
  { id: "scheduler", element: "fg-processors", title: "Scheduler", hint: "Processors, their queues, what runs; system calls" },
  { id: "memory", element: "fg-memory", title: "Memory", hint: "Heap, allocation, garbage collections" },
  { id: "changes", element: "fg-changes", title: "Changes", hint: "What differs between the spans compared, by function" },
]));
/** Pixels the panel keeps, and leaves to the graph above it. */
const LEAST = 72;
const LEFT_ABOVE = 0.7;
const KEY_STEP = 24;

export class Panel extends FgElement {
  build() {
    this.grip = h("div", {
      class: "panel-grip", title: "Drag, or press ↑ and ↓, to resize", tabIndex: 0,
      role: "separator", "aria-orientation": "horizontal", "aria-label": "Height of the panel", "aria-valuenow": 24,
    });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Panels" }, ...PANELS.map(({ id, title, hint }) =>
      h("button", {
        type: "button", role: "tab", id: `tab-${id}`, title: hint, "data-id": id, "aria-controls": `panel-${id}`,
        onclick: () => this.store.panel.value = id,
      }, h("span", { class: "tab-title" }, title), h("span", { class: "tab-count" }))));
    this.pages = PANELS.map(({ id, element }) =>
      h(element, { role: "tabpanel", class: "panel-page", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, hidden: true }));
    this.append(this.grip, this.tabs, ...this.pages);
  }

  connect() {
    this.effect(() => this.open(this.store.panel.value));
    this.effect(() => {
      const title = this.tabs?.querySelector('[data-id="goroutines"] .tab-title');
      if (title) setText(title, capital(this.store.tasks));
    });
    this.listen(this, "fg-count", (event) => {
      const panel = PANELS.find(({ element }) => element === event.target.localName);
      const label = this.tabs?.querySelector(`[data-id="${panel?.id}"] .tab-count`);
      if (label) setText(label, event.detail > 0 ? count(event.detail) : "");
    });
    this.listen(/** @type {HTMLElement} */ (this.tabs), "keydown", (event) => this.walkTabs(event));
    const grip = /** @type {HTMLElement} */ (this.grip);
    this.listen(grip, "pointerdown", (event) => {
      grip.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.listen(grip, "pointermove", (event) => {
      if (grip.hasPointerCapture(event.pointerId)) this.resize(this.getBoundingClientRect().bottom - event.clientY);
    });
    this.listen(grip, "keydown", (event) => {
      const step = event.key === "ArrowUp" ? KEY_STEP : event.key === "ArrowDown" ? -KEY_STEP : 0;
      if (step === 0) return;
      event.preventDefault();
      this.resize(this.clientHeight + step);
    });
  }

  /** @param {number} height pixels */
  resize(height) {
    const app = /** @type {HTMLElement} */ (this.closest("fg-app"));
    const most = app.clientHeight * LEFT_ABOVE;
    const pixels = Math.round(Math.min(most, Math.max(LEAST, height)));
    app.style.setProperty("--panel", `${pixels}px`);
    this.grip?.setAttribute("aria-valuenow", String(Math.round(100 * pixels / app.clientHeight)));
  }

  /** Shows a panel; the first when there is none of that name. @param {string} id */
  open(id) {
    const index = Math.max(0, PANELS.findIndex((panel) => panel.id === id));
    this.pages?.forEach((page, i) => (page.hidden = i !== index));
    for (const [i, tab] of /** @type {Iterable<[number, HTMLElement]>} */ ([...(this.tabs?.children ?? [])].entries())) {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
    }
  }

  /** Shows the panel so many after this one, around the end. @param {number} by */
  step(by) {
    const index = Math.max(0, PANELS.findIndex(({ id }) => id === this.store.panel.peek()));
    this.store.panel.value = PANELS[(index + by + PANELS.length) % PANELS.length].id;
  }

  /** Moves the focus into the panel that is shown. */
  enter() {
    const page = this.pages?.find(({ hidden }) => !hidden);
    const inside = /** @type {HTMLElement | null | undefined} */ (
      page?.querySelector(".table-body") ?? page?.querySelector("[tabindex='0'], button"));
    inside?.focus();
  }

  /** @param {KeyboardEvent} event */
  walkTabs(event) {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    this.step(by);
    this.open(this.store.panel.peek());
    /** @type {HTMLElement | null | undefined} */ (this.tabs?.querySelector("[aria-selected=true]"))?.focus();
  }
}

customElements.define("fg-panel", Panel);
