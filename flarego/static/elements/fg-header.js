/** The first line: whether we are live, who is being watched, and the controls of time. */

import { h, setText, show } from "../core/dom.js";
import { WINDOWS } from "../core/store.js";
import { FgElement } from "./base.js";
import "./fg-save.js";

/** @param {number} seconds */
function windowName(seconds) {
  if (seconds === Infinity) return "everything";
  return seconds < 60 ? `last ${seconds} s` : `last ${seconds / 60} min`;
}

class Header extends FgElement {
  build() {
    this.state = h("span", { class: "live", role: "status" });
    this.name = h("strong", { class: "target-name" });
    this.chosen = h("span");
    this.choose = h("button", { type: "button", class: "target-choose", title: "Choose a process (j)", "aria-haspopup": "dialog", onclick: () => this.store.fleet.toggle() }, this.chosen);
    this.facts = h("span", { class: "target-facts" });
    this.window = h("select", {
      "aria-label": "Window of time shown", title: "Window of time shown ( [ and ] )",
      onchange: () => this.store.setWindow(Number(this.window?.value)),
    }, ...WINDOWS.map((seconds) => h("option", { value: String(seconds) }, windowName(seconds))));
    this.pause = h("button", { type: "button", class: "pause", onclick: () => this.store.togglePause() });
    this.theme = h("button", {
      type: "button", class: "icon theme", title: "Dark or light (t)", "aria-label": "Dark or light",
      onclick: () => this.dispatchEvent(new CustomEvent("fg-theme", { bubbles: true })),
    });
    this.help = h("button", {
      type: "button", class: "icon", title: "Shortcuts (?)", "aria-label": "Shortcuts",
      onclick: () => this.dispatchEvent(new CustomEvent("fg-help", { bubbles: true })),
    }, "?");
    this.append(
      h("h1", { class: "brand" }, h("i", { class: "brand-mark" }), "FlareGo"), this.state,
      h("div", { class: "target" }, this.name, this.choose, this.facts),
      h("div", { class: "controls" }, this.window, h("fg-save"), this.pause, this.theme, this.help));
  }

  connect() {
    const { store } = this;
    this.effect(() => this.showTarget());
    this.effect(() => this.showState());
    this.effect(() => {
      if (this.window) this.window.value = String(store.window.value);
    });
    this.effect(() => {
      const still = store.paused.value !== null || store.span.value !== null;
      if (!this.pause) return;
      show(this.pause, store.recording.value === null);
      setText(this.pause, still ? "▶ Live" : "❚❚ Pause");
      this.pause.title = still ? "Back to live (Space)" : "Pause; data keeps coming (Space)";
      this.pause.setAttribute("aria-pressed", String(still));
    });
  }

  showTarget() {
    const process = this.store.process.value;
    if (!this.name || !this.facts) return;
    const fleet = this.store.fleet.active.value;
    show(this.name, !fleet);
    if (this.choose) show(this.choose, fleet);
    if (this.chosen) setText(this.chosen, process?.name ?? "Choose a process");
    setText(this.name, process?.name ?? "");
    const facts = process === null ? [] : [
      process.pid > 0 ? `pid ${process.pid}` : "", process.runtimeVersion, process.module !== process.name ? process.module : "", process.host,
    ];
    setText(this.facts, facts.filter(Boolean).join("  ·  "));
    this.facts.title = process?.command ?? "";
    if (!this.app.embedded) document.title = process === null ? "FlareGo" : `${process.name}${process.pid > 0 ? ` (${process.pid})` : ""} · FlareGo`;
  }

  showState() {
    const { store } = this;
    const { phase } = store.connection.value;
    const word = store.recording.value !== null ? (store.playback.playing.value ? "playing" : "clip") : store.gone.value !== null ? "gone" : store.fleet.active.value && store.fleet.chosen.value === null ? "no process" : phase === "denied" ? "no access" : phase === "closed" ? "ended"
      : phase === "open" && store.arrived.value === 0 ? "connected"
      : phase === "open" ? (store.span.value !== null ? "span" : store.paused.value !== null ? "paused" : "live")
      : phase === "connecting" && store.process.value === null ? "connecting" : "reconnecting";
    if (!this.state) return;
    setText(this.state, word);
    this.state.dataset.state = word;
    show(this.state, true);
  }
}

customElements.define("fg-header", Header);
