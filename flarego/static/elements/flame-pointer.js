/**
 * What fingers, mice and trackpads do to the flame graph, told apart: hover, click, tap, menu, drag,
 * pinch and wheel.
 */

/** Pixels a press may move and still be a click. */
const STEADY = 4;
/** Pixels of one line where a wheel counts lines. */
const LINE = 16;
/** How much closer a pixel of the wheel gets. */
const WHEEL_ZOOM = 0.0025;

/**
 * Client pixels throughout. `zoom` gets how much wider the sight becomes, around x.
 * @typedef {object} Gestures
 * @property {(x: number, y: number) => void} hover negative: nowhere
 * @property {(x: number, y: number, select: boolean) => void} click
 * @property {(x: number, y: number) => void} tap
 * @property {(x: number, y: number) => void} menu
 * @property {(dx: number, dy: number, now: number) => boolean} drag what is under the pointer moves along; false: there is no room
 * @property {(factor: number, x: number, now: number) => void} zoom
 */

/** @typedef {{x: number, y: number}} Point */

export class FlamePointer {
  /** Where pressed pointers are. @type {Map<number, Point>} */
  #pressed = new Map();
  #moved = false;

  /** @param {HTMLElement} element @param {Gestures} gestures @param {(target: EventTarget, type: string, listener: (event: any) => void, options?: AddEventListenerOptions) => void} listen */
  constructor(element, gestures, listen) {
    this.element = element;
    this.gestures = gestures;
    listen(element, "pointerdown", (event) => this.#down(event));
    listen(element, "pointermove", (event) => this.#move(event));
    listen(element, "pointerup", (event) => this.#up(event));
    listen(element, "pointercancel", (event) => this.#end(event));
    listen(element, "pointerleave", () => gestures.hover(-1, -1));
    listen(element, "wheel", (event) => this.#wheel(event), { passive: false });
    listen(element, "contextmenu", (event) => {
      event.preventDefault();
      this.#pressed.clear();
      gestures.menu(event.clientX, event.clientY);
    });
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    if (this.#pressed.size === 0) this.#moved = false;
    this.#pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { clientX: x, clientY: y, pointerId } = event;
    const last = this.#pressed.get(pointerId);
    if (last === undefined) return event.pointerType === "touch" ? undefined : this.gestures.hover(x, y);
    if (!this.#moved && Math.hypot(x - last.x, y - last.y) < STEADY) return;
    if (!this.#moved) this.element.setPointerCapture(pointerId);
    this.#moved = true;
    this.gestures.hover(-1, -1);
    const others = [...this.#pressed].filter(([id]) => id !== pointerId);
    this.#pressed.set(pointerId, { x, y });
    if (others.length > 0) this.#pinch(last, { x, y }, others[0][1], event.timeStamp);
    else this.gestures.drag(x - last.x, y - last.y, event.timeStamp);
  }

  /** @param {Point} from @param {Point} to @param {Point} other finger @param {number} now */
  #pinch(from, to, other, now) {
    const [before, after] = [Math.abs(from.x - other.x), Math.abs(to.x - other.x)];
    if (before > 8 && after > 8) this.gestures.zoom(before / after, (to.x + other.x) / 2, now);
    this.gestures.drag((to.x - from.x) / 2, (to.y - from.y) / 2, now);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const pressed = this.#pressed.has(event.pointerId);
    this.#end(event);
    if (!pressed || this.#moved) return;
    const { clientX: x, clientY: y } = event;
    if (event.pointerType === "touch") this.gestures.tap(x, y);
    else this.gestures.click(x, y, event.ctrlKey || event.metaKey || event.shiftKey);
  }

  /** @param {PointerEvent} event */
  #end(event) {
    this.#pressed.delete(event.pointerId);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.ctrlKey || event.metaKey) this.gestures.zoom(Math.exp(dy * WHEEL_ZOOM), event.clientX, event.timeStamp);
    else if (!this.gestures.drag(event.shiftKey ? -(dx || dy) : -dx, event.shiftKey ? 0 : -dy, event.timeStamp)) return;
    event.preventDefault();
  }
}
