/** What stands in the way of live data, in words, and what to do about it. A line above data, a page without. */

import { h, setText, show } from "../core/dom.js";
import { clock, duration } from "../model/format.js";
import { FgElement } from "./base.js";

/** @typedef {{kind: "" | "wait" | "bad" | "gone" | "warn", title: string, text: string, action?: string}} Notice */

/** A remark as a sentence. @param {string} remark */
function sentence(remark) {
  const text = `${remark.charAt(0).toUpperCase()}${remark.slice(1)}`;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

class NoticeElement extends FgElement {
  #timer = 0;
  /** The warning that was read. */
  #dismissed = "";

  build() {
    this.head = h("strong");
    this.text = h("span", { class: "notice-text" });
    this.button = h("button", { type: "button", onclick: () => this.act() });
    this.append(h("div", { class: "notice-box", role: "status" }, this.head, this.text, this.button));
  }

  connect() {
    this.effect(() => this.show());
    this.#timer = window.setInterval(() => this.show(), 500);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  /** Does what the button says. */
  act() {
    if (this.dataset.kind !== "warn") return void this.dispatchEvent(new CustomEvent("fg-reconnect", { bubbles: true }));
    this.#dismissed = this.store.warnings.peek();
    this.show();
  }

  /** @returns {Notice} */
  notice() {
    const { store } = this;
    const { phase, retryAt, problem } = store.connection.value;
    const gone = store.gone.value;
    const data = store.data.value;
    const any = store.arrived.value > 0;
    if (gone !== null) {
      const at = data === null ? "" : ` at ${clock(data.process.epoch + gone.at)}`;
      const newest = data?.ring.newest;
      const kept = newest === undefined ? "" : ` The last ${duration(newest.end - (data?.ring.entries[0].start ?? 0))} stay here to look at.`;
      return { kind: "gone", title: `The target has gone${at}`, text: `${sentence(gone.why || "it exited")}${kept}` };
    }
    if (phase === "denied") {
      return {
        kind: "bad", title: "A token is needed",
        text: "This page was opened without the access token, or flarego was started again and has a new one. Open the address that flarego printed in its terminal.",
        action: "Try again",
      };
    }
    if (phase === "closed") {
      const clip = this.app.session?.shown.value ?? "";
      if (clip !== "") return { kind: "bad", title: `${clip} cannot be opened`, text: sentence(problem), action: "Try again" };
      return {
        kind: "bad", title: any ? "The stream has ended" : "There is no stream",
        text: `${problem ? sentence(problem) : "Whoever shows this page has ended it."}${any ? " What came before stays here." : ""}`,
        action: "Try again",
      };
    }
    if (phase === "waiting" || (phase === "connecting" && any)) {
      const left = Math.max(0, retryAt - performance.now());
      const again = phase === "connecting" ? "Trying now." : `Trying again in ${Math.ceil(left / 1000)} s.`;
      return {
        kind: "bad", title: any ? "Connection lost" : "flarego does not answer",
        text: `${problem ? `${sentence(problem)} ` : ""}${again}${any ? " What came before stays here." : " Is it still running?"}`,
        action: "Now",
      };
    }
    if (problem && !any) {
      const remedy = /version/.test(problem) ? " Reload the page: it comes with the flarego that sends, and may be older than it." : "";
      return { kind: "bad", title: "The stream cannot be read", text: `${sentence(problem)}${remedy}`, action: "Try again" };
    }
    if (!any && store.fleet.active.value && store.fleet.chosen.value === null) {
      return store.fleet.processes.value.length > 0
        ? { kind: "wait", title: "Choose a process", text: "Press j, or the button above." }
        : { kind: "wait", title: "No agent has connected yet", text: `On a machine with a Go program: flarego agent --all --gateway ${location.host} --token-file FILE` };
    }
    if (!any) {
      const process = store.process.value;
      return process === null
        ? { kind: "wait", title: "Connecting", text: "Waiting for flarego to say what it watches." }
        : { kind: "wait", title: `Reading ${process.name}`, text: "The first stacks come within a second." };
    }
    const warnings = store.warnings.value;
    if (warnings !== "" && warnings !== this.#dismissed) return { kind: "warn", title: "The gateway warns", text: sentence(warnings), action: "Dismiss" };
    return { kind: "", title: "", text: "" };
  }

  show() {
    const { kind, title, text, action } = this.notice();
    show(this, kind !== "");
    this.dataset.kind = kind;
    this.dataset.page = String(this.store.arrived.peek() === 0);
    if (!this.head || !this.text || !this.button) return;
    setText(this.head, title);
    setText(this.text, text);
    setText(this.button, action ?? "");
    show(this.button, action !== undefined);
  }
}

customElements.define("fg-notice", NoticeElement);
