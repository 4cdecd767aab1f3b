/** The list of a gateway's processes, to choose the one that is looked at. */

import { matching } from "../core/fleet.js";
import { h, setText, show } from "../core/dom.js";
import { count, duration } from "../model/format.js";
import { plural } from "../model/words.js";
import { FgElement } from "./base.js";

/** @typedef {import("../core/fleet.js").Known} Known */

const FRESH = 10_000;
/** More are not shown at once; searching finds them. */
const MAX_SHOWN = 500;

/** @param {Known} process @param {number} now ms since 1970 */
function freshness({ gone, seen }, now) {
  if (gone !== "") return gone;
  const age = now - seen;
  return age < FRESH ? "" : `nothing for ${duration(age * 1e6)}`;
}

class FleetList extends FgElement {
  /** @type {readonly Known[]} */
  #shown = [];

  build() {
    this.search = h("input", {
      type: "search", placeholder: "name, host, pid, label …", "aria-label": "Search processes", spellcheck: false,
      oninput: () => this.show(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#leaveSearch(event),
    });
    this.total = h("span", { class: "fleet-total", role: "status" });
    this.list = h("div", { class: "fleet-list", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#move(event) });
    this.empty = h("div", { class: "fleet-empty" });
    this.user = h("span");
    this.foot = h("div", { class: "fleet-foot" }, this.user,
      h("button", { type: "button", onclick: () => void this.app.session?.logOut() }, "Log out"));
    this.dialog = h("dialog", { class: "fleet", "aria-label": "Processes", onclose: () => (this.store.fleet.open.value = false) },
      h("div", { class: "fleet-head" }, h("h2", {}, "Processes"), this.search, this.total,
        h("button", { type: "button", class: "icon", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.dialog?.close() }, "✕")),
      this.list, this.empty, this.foot);
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog?.close();
    });
    this.append(this.dialog);
  }

  connect() {
    const { fleet } = this.store;
    this.effect(() => {
      const open = fleet.open.value;
      if (open && !this.dialog?.open) {
        this.show();
        this.dialog?.showModal();
        this.search?.focus();
      } else if (!open && this.dialog?.open) {
        this.dialog.close();
      }
    });
    this.effect(() => {
      const who = this.app.session?.who.value ?? "";
      if (this.foot) show(this.foot, who !== "");
      if (this.user) setText(this.user, `Logged in as ${who}`);
    });
    this.effect(() => {
      fleet.processes.value;
      if (fleet.open.value) this.show();
    });
  }

  /** Shows those that match, by namespace; those that have gone last. */
  show() {
    const { fleet } = this.store;
    if (!this.list || !this.search || !this.total || !this.empty) return;
    const all = fleet.processes.peek();
    const found = matching(all, this.search.value);
    this.#shown = found.slice(0, MAX_SHOWN);
    const more = found.length - this.#shown.length;
    setText(this.total, `${count(found.length)} of ${count(all.length)}${more > 0 ? `; the first ${MAX_SHOWN} are shown` : ""}`);
    show(this.empty, found.length === 0);
    setText(this.empty, all.length === 0 ? "No agent has connected yet." : "No process matches.");
    const focused = /** @type {HTMLElement | null} */ (this.list.querySelector("button:focus"))?.dataset.id;
    this.list.replaceChildren(...this.#sections());
    if (focused !== undefined) /** @type {HTMLElement | null} */ (this.list.querySelector(`button[data-id="${CSS.escape(focused)}"]`))?.focus();
  }

  *#sections() {
    const now = Date.now();
    /** @type {Map<string, Known[]>} */
    const sections = new Map();
    for (const process of this.#shown) {
      const title = process.gone === "" ? process.namespace : "Gone";
      const section = sections.get(title);
      if (section === undefined) sections.set(title, [process]);
      else section.push(process);
    }
    for (const [title, processes] of sections) {
      yield h("section", {}, h("h3", {}, title), h("ul", {}, ...processes.map((process) => h("li", {}, this.#button(process, now)))));
    }
  }

  /** @param {Known} process @param {number} now */
  #button(process, now) {
    const { fleet } = this.store;
    const chosen = fleet.chosen.peek();
    const current = chosen?.process === process.process && chosen.namespace === process.namespace;
    const age = freshness(process, now);
    return h("button", {
      type: "button", class: "fleet-one", title: process.command, "data-id": `${process.namespace}/${process.process}`,
      "data-gone": process.gone !== "", "aria-current": current, onclick: () => fleet.choose(process),
    },
    h("strong", {}, process.name), h("span", { class: "fleet-where" }, [process.host, process.pid > 0 ? `pid ${process.pid}` : ""].filter(Boolean).join(" · ")),
    h("span", { class: "fleet-what" }, `${process.version || process.runtime}${process.goroutines ? ` · ${count(process.goroutines)} ${plural(process.task)}` : ""}`),
    age && h("span", { class: "fleet-age" }, age),
    h("span", { class: "fleet-labels" }, ...Object.entries(process.labels).slice(0, 8).map(([name, value]) => h("span", {}, `${name}=${value}`))));
  }

  /** @param {KeyboardEvent} event */
  #leaveSearch(event) {
    const first = /** @type {HTMLElement | null} */ (this.list?.querySelector("button"));
    if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Enter") first?.click();
    else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const buttons = /** @type {HTMLElement[]} */ ([...(this.list?.querySelectorAll("button") ?? [])]);
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    /** @type {Record<string, number>} */
    const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
    if (!(event.key in targets)) return;
    event.preventDefault();
    if (targets[event.key] < 0) this.search?.focus();
    else buttons[Math.min(targets[event.key], buttons.length - 1)]?.focus();
  }
}

customElements.define("fg-fleet", FleetList);
