/** Saving what is shown, or all that is kept, as a clip; opening one. */

import { copySpan } from "../core/clip/copy.js";
import { h, setText } from "../core/dom.js";
import { size as sizeOf } from "../model/format.js";
import { FgElement } from "./base.js";

export class Save extends FgElement {
  build() {
    const item = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", title, onclick: () => {
        this.close();
        onclick();
      } }, text);
    this.file = h("input", { type: "file", accept: ".fgo", hidden: true, "aria-label": "A clip to open", onchange: () => this.open() });
    this.window = item("Save the span shown", "As a clip, .fgo: for flarego replay, diff and export", () => void this.save(true));
    this.everything = item("Save everything kept", "As a clip, .fgo", () => void this.save(false));
    this.menu = h("details", { class: "save-menu" },
      h("summary", { title: "Save or open a clip (e)" }, "Save"),
      h("div", { class: "save-choices" }, this.window, this.everything,
        item("Open a clip…", "A file of yours; it stays on this machine. It can be dropped on the page as well", () => this.file?.click())));
    this.append(this.menu, this.file);
  }

  connect() {
    this.listen(this, "focusout", ({ relatedTarget }) => {
      if (!this.contains(relatedTarget)) this.close();
    });
    this.effect(() => {
      if (this.everything) setText(this.everything, this.store.recording.value === null ? "Save everything kept" : "Save the whole clip");
    });
  }

  toggle() {
    if (!this.menu) return;
    this.menu.open = !this.menu.open;
    if (this.menu.open) this.window?.focus();
  }

  close() {
    if (this.menu) this.menu.open = false;
  }

  open() {
    const file = this.file?.files?.[0];
    if (file !== undefined) void this.app.session?.addFile(file);
    if (this.file) this.file.value = "";
  }

  /** @param {boolean} shown only the span shown */
  async save(shown) {
    const { store } = this;
    const say = (/** @type {string} */ text) => (store.said.value = { text });
    try {
      say("Saving …");
      const { blob, name } = await this.clip(shown);
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      say(`Saved ${name}, ${sizeOf(blob.size)}.`);
    } catch (error) {
      say(`Not saved: ${error instanceof Error ? error.message : error}.`);
    }
  }

  /** @param {boolean} shown @returns {Promise<{blob: Blob, name: string}>} */
  async clip(shown) {
    const { store } = this;
    const played = store.recording.peek();
    const process = store.process.peek();
    if (process === null) throw new Error("there is nothing yet");
    if (played !== null && !shown) return { blob: await played.bytes.whole(), name: played.name };
    const { from, to } = store.wanted();
    const path = played === null ? "clip" : this.app.session?.addressOf(played.name) ?? "";
    if (played !== null && path === "") { // No server has it.
      return { blob: await copySpan(played.bytes, played.recorded, { from, to }), name: `part of ${played.name}` };
    }
    const query = new URLSearchParams({ process: process.process });
    if (shown && from > 0) query.set("from", String(Math.floor(from)));
    if (shown) query.set("to", String(Math.max(0, Math.ceil(to))));
    const response = await fetch(`${path}?${query}`);
    if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? `the server answered ${response.status}`);
    const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "clip.fgo";
    return { blob: await response.blob(), name };
  }
}

customElements.define("fg-save", Save);
