/** What the page has to say for a moment: that a link was copied, a clip saved. */

import { h, setText, show } from "../core/dom.js";
import { FgElement } from "./base.js";

const SHOWN_FOR = 4000;

class Toast extends FgElement {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hiding;

  build() {
    this.text = h("span");
    this.setAttribute("role", "status");
    this.append(this.text);
  }

  connect() {
    this.effect(() => {
      const { text } = this.store.said.value;
      if (this.text) setText(this.text, text);
      clearTimeout(this.#hiding);
      show(/** @type {HTMLElement} */ (this.text), text !== "");
      if (text !== "") this.#hiding = setTimeout(() => show(/** @type {HTMLElement} */ (this.text), false), SHOWN_FOR);
    });
  }
}

customElements.define("fg-toast", Toast);
