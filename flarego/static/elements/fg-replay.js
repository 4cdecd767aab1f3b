/** Playing a clip, or what is kept: play, step, speed, where we are; and which clip, when there are several. */

import { h, setText, show } from "../core/dom.js";
import { SPEEDS } from "../core/playback.js";
import { FgElement } from "./base.js";

/** Minutes and seconds, to a tenth. @param {number} ns */
function position(ns) {
  const tenths = Math.max(0, Math.round(ns / 1e8));
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor((tenths % 36000) / 600)];
  const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** @param {string} text @param {string} name @param {() => void} onclick */
const button = (text, name, onclick) => h("button", { type: "button", class: "icon", title: name, "aria-label": name, onclick }, text);

class Replay extends FgElement {
  build() {
    this.back = button("❙◂", "A chunk back (,)", () => this.playback.step(-1));
    this.play = button("▶", "Play (k)", () => this.playback.toggle());
    this.on = button("▸❙", "A chunk further (.)", () => this.playback.step(1));
    this.at = h("span", { class: "replay-at" });
    this.slider = h("input", {
      type: "range", min: "0", max: "1000", step: "1", "aria-label": "Position",
      oninput: () => this.drag(Number(this.slider?.value) / 1000),
    });
    this.speed = h("select", {
      "aria-label": "Speed", title: "Speed ( < and > )", onchange: () => this.playback.setSpeed(Number(this.speed?.value)),
    }, ...SPEEDS.map((speed) => h("option", { value: String(speed) }, `${speed}×`)));
    this.loop = h("button", {
      type: "button", class: "chip", title: "The span is played again and again; press to go on after it",
      onclick: () => (this.playback.loop.value = null),
    }, "↻ loop");
    this.clip = h("select", { "aria-label": "Clip", title: "Clip", onchange: () => this.app.session?.show(this.clip?.value ?? "") });
    this.name = h("strong", { class: "replay-name" });
    this.problem = h("span", { class: "replay-problem", role: "status" });
    this.live = h("button", { type: "button", onclick: () => this.app.session?.goLive() }, "Back to live");
    this.append(
      h("div", { class: "replay-buttons", role: "group", "aria-label": "Replay" }, this.back, this.play, this.on),
      this.slider, this.at, this.speed, this.loop, this.clip, this.name, this.problem, this.live);
  }

  get playback() {
    return this.store.playback;
  }

  connect() {
    const { store } = this;
    this.effect(() => show(this, this.playback.possible));
    this.effect(() => this.showClip());
    this.effect(() => this.showPlaying());
    this.paintOn(() => [store.scene.value, store.arrived.value], () => this.paint());
  }

  /** @param {number} share of what there is to play */
  drag(share) {
    const { from, to } = this.playback.bounds;
    this.playback.seek(from + share * (to - from));
  }

  showClip() {
    const { store } = this;
    const played = store.recording.value;
    const session = this.app.session;
    const clips = session?.clips.value ?? [];
    const several = played !== null && clips.length > 1;
    if (!this.clip || !this.name || !this.problem || !this.live) return;
    show(this.clip, several);
    show(this.name, played !== null && !several);
    setText(this.name, played?.name ?? "");
    this.clip.replaceChildren(...clips.map(({ name }) => h("option", { value: name, selected: name === session?.shown.value }, name)));
    const text = played === null ? "" : played.problem !== "" ? `Damaged: ${played.problem}`
      : played.progress < 1 ? `reading ${Math.round(100 * played.progress)} %` : "";
    setText(this.problem, text);
    this.problem.title = text;
    show(this.live, played !== null && (session?.live.value ?? false));
  }

  showPlaying() {
    const playing = this.playback.playing.value;
    if (!this.play || !this.speed || !this.loop) return;
    setText(this.play, playing ? "❚❚" : "▶");
    const name = playing ? "Stop (k)" : "Play (k)";
    this.play.title = name;
    this.play.setAttribute("aria-label", name);
    this.speed.value = String(this.playback.speed.value);
    show(this.loop, this.playback.loop.value !== null);
  }

  paint() {
    if (this.hidden || !this.at || !this.slider) return;
    const { store } = this;
    const { from, to } = this.playback.bounds;
    const now = store.span.peek()?.to ?? store.paused.peek() ?? to;
    setText(this.at, `${position(now - from)} of ${position(to - from)}`);
    const share = to > from ? (now - from) / (to - from) : 1;
    this.slider.value = String(Math.round(1000 * Math.min(1, Math.max(0, share))));
    this.slider.setAttribute("aria-valuetext", this.at.textContent ?? "");
  }
}

customElements.define("fg-replay", Replay);
