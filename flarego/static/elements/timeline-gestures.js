/**
 * What a pointer does on the timeline: choose a span, change or move the chosen one, move along time,
 * seek.
 */

/** @typedef {import("./fg-timeline.js").Timeline} Timeline */
/** @typedef {import("../core/data.js").Span} Span */
/** @typedef {"brush" | "from" | "to" | "move" | "pan" | "overview"} Gesture */
/** @typedef {{gesture: Gesture, x: number, at: number, span: Span | null, moved: boolean}} Press */

/** A press that moves less is a click. */
const MIN_DRAG = 4;
/** An edge is taken hold of from so near, pixels; by a finger from further away. */
const NEAR = 6;
const NEAR_FINGER = 16;

export class Gestures {
  /** @type {Press | null} */
  #press = null;
  /** The span as it would be if the pointer were let go now. @type {Span | null} */
  draft = null;

  /** @param {Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
  }

  get active() {
    return this.#press !== null && this.#press.moved;
  }

  /** @param {PointerEvent} event @returns {Gesture | null} null: none begins there */
  gestureAt(event) {
    const { x, y } = this.timeline.place(event);
    const { time, layout } = this.timeline;
    if (x < time.start || x > time.end) return null;
    if (y < (layout.places[0]?.top ?? 0) - 3 && layout.overview >= 0) return "overview";
    if (event.altKey || (event.buttons & 4) !== 0) return "pan";
    const span = this.timeline.store.span.peek();
    if (span === null) return "brush";
    const near = event.pointerType === "touch" ? NEAR_FINGER : NEAR;
    const [from, to] = [Math.abs(time.pixel(span.from) - x), Math.abs(time.pixel(span.to) - x)];
    if (Math.min(from, to) <= near) return from < to ? "from" : "to";
    const within = x > time.pixel(span.from) && x < time.pixel(span.to);
    return within && !event.shiftKey ? "move" : "brush";
  }

  /** @param {PointerEvent} event @param {HTMLElement} canvas */
  press(event, canvas) {
    const gesture = event.button === 0 || event.button === 1 ? this.gestureAt(event) : null;
    if (gesture === null) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const { x } = this.timeline.place(event);
    this.#press = { gesture, x, at: this.timeline.time.clamped(x), span: this.timeline.store.span.peek(), moved: false };
    if (gesture === "overview") this.#overview(x);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const press = this.#press;
    if (press === null) return;
    const { x } = this.timeline.place(event);
    if (!press.moved && Math.abs(x - press.x) < MIN_DRAG) return;
    if (!press.moved) this.timeline.view.hold();
    press.moved = true;
    const { time } = this.timeline;
    if (press.gesture === "overview") this.#overview(x);
    else if (press.gesture === "pan") this.timeline.view.pan(press.at - time.value(x));
    else this.draft = this.#spanFor(press, time.clamped(x));
  }

  /** @param {Press} press @param {number} at @returns {Span} */
  #spanFor({ gesture, at: began, span }, at) {
    const { from, to } = this.timeline.time;
    if (gesture === "move" && span !== null) {
      const by = Math.min(to - span.to, Math.max(from - span.from, at - began));
      return { from: span.from + by, to: span.to + by };
    }
    const other = gesture === "from" && span !== null ? span.to : gesture === "to" && span !== null ? span.from : began;
    return { from: Math.min(other, at), to: Math.max(other, at) };
  }

  /** @param {number} x */
  #overview(x) {
    const { view, time } = this.timeline;
    const { from, to } = view.whole;
    view.centre(from + ((x - time.start) / (time.end - time.start)) * (to - from));
  }

  /** The pointer was let go. @returns {{span: Span | null, clicked: number | null}} what it chose, or where it clicked */
  release() {
    const press = this.#press;
    const span = this.draft;
    this.cancel();
    const clicked = press !== null && !press.moved && (press.gesture === "brush" || press.gesture === "move") ? press.at : null;
    return { span, clicked };
  }

  cancel() {
    this.#press = null;
    this.draft = null;
  }
}
