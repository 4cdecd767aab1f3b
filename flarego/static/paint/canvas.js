/**
 * A canvas the size of its element in device pixels, painted at most once an animation frame.
 */

import { nextFrame } from "../core/frame.js";

/** @typedef {{width: number, height: number, ratio: number}} Size CSS pixels, and device pixels to one of them */
/** @typedef {(context: CanvasRenderingContext2D, size: Size) => void} Paint */

export class Surface {
  /** @type {Size} */
  size = { width: 0, height: 0, ratio: 1 };
  #observer;

  /** @param {HTMLCanvasElement} canvas @param {Paint} paint */
  constructor(canvas, paint) {
    this.canvas = canvas;
    this.paint = paint;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.#observer = new ResizeObserver(() => this.request());
    this.#observer.observe(canvas);
  }

  request() {
    nextFrame(this.#frame);
  }

  close() {
    this.#observer.disconnect();
  }

  #frame = () => {
    const { canvas, context } = this;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
      canvas.width = deviceWidth;
      canvas.height = deviceHeight;
    }
    this.size = { width, height, ratio };
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paint(context, this.size);
  };
}
