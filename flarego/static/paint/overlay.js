/**
 * Paints what lies over the timeline: the window shown, spans chosen and pinned, the playhead, where
 * the pointer is. All that moves without new data is here.
 */

import { clock, duration } from "../model/format.js";
import { AXIS, clipped } from "./timeline.js";
import { PALETTE } from "./colour.js";

/** @typedef {import("../model/scale.js").Scale} Scale */
/** @typedef {import("./colour.js").Ink} Ink */
/** @typedef {import("./timeline.js").Layout} Layout */
/** @typedef {import("./timeline.js").Span} Span */
/**
 * @typedef {{time: Scale, layout: Layout, ink: Ink, family: string, epoch: number, window: Span, chosen: boolean,
 *   hover: number | null, playhead: number | null, pins: readonly {letter: string, span: Span}[],
 *   limit: number}} Overlay
 *   `hover` in pixels; `limit` is where the axis is covered; `chosen` when the window is a span the user chose
 */

/** Of each pin: its colour, the same as in the flame graph's changes. @type {Readonly<Record<string, string>>} */
export const PIN_COLOUR = Object.freeze({ A: "#4a9be0", B: "#ee8a2e" });
const VEIL = 0.6;
const GRIP = 3;

/** @param {CanvasRenderingContext2D} context @param {Overlay} overlay */
export function paintOverlay(context, overlay) {
  const { time, layout } = overlay;
  clipped(context, time, 0, layout.height, () => {
    paintWindow(context, overlay);
    paintPins(context, overlay);
    paintCursor(context, overlay);
  });
  if (overlay.chosen) paintNumbers(context, overlay);
}

/** Everything outside the window is veiled. @param {CanvasRenderingContext2D} context @param {Overlay} overlay */
function paintWindow(context, { time, window, chosen, ink, layout }) {
  const top = layout.places[0]?.top ?? 0;
  const height = layout.axis - top;
  const left = Math.round(Math.max(time.start, time.pixel(window.from)));
  const right = Math.round(Math.min(time.end, time.pixel(window.to)));
  context.globalAlpha = VEIL;
  context.fillStyle = ink.background;
  context.fillRect(time.start, top, left - time.start, height);
  context.fillRect(right, top, time.end - right, height);
  context.globalAlpha = 1;
  context.fillStyle = chosen ? ink.accent : ink.muted;
  if (window.from >= time.from) context.fillRect(left, top, 1, height);
  if (window.to <= time.to) context.fillRect(right - 1, top, 1, height);
  if (!chosen) return;
  context.fillRect(left, layout.axis - 1, right - left, 2);
  context.fillRect(left - 1, top + height / 2 - 9, GRIP, 18);
  context.fillRect(right - GRIP + 1, top + height / 2 - 9, GRIP, 18);
}

/** @param {CanvasRenderingContext2D} context @param {Overlay} overlay */
function paintPins(context, { time, pins, layout, family }) {
  context.font = `700 10px ${family}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { letter, span } of pins) {
    const left = Math.round(time.pixel(span.from));
    const right = Math.max(left + 2, Math.round(time.pixel(span.to)));
    if (right < time.start || left > time.end) continue;
    const top = layout.places[0]?.top ?? 0;
    context.fillStyle = PIN_COLOUR[letter] ?? PALETTE.other;
    if (letter === "A") {
      context.globalAlpha = 0.14;
      context.fillRect(left, top, right - left, layout.axis - top);
      context.globalAlpha = 1;
    }
    context.fillRect(left, layout.axis - (letter === "A" ? 8 : 4), right - left, 3);
    // A's letter at its left edge, B's at its right one: side by side even when the spans are not.
    const x = letter === "A" ? Math.max(left, time.start) : Math.min(right, time.end) - 14;
    context.fillRect(x, top, 14, 13);
    context.fillStyle = "#111417";
    context.fillText(letter, x + 7, top + 7);
  }
}

/** @param {CanvasRenderingContext2D} context @param {Overlay} overlay */
function paintCursor(context, { time, ink, layout, hover, playhead }) {
  const top = layout.places[0]?.top ?? 0;
  if (playhead !== null) {
    const x = Math.round(time.pixel(playhead));
    context.fillStyle = PALETTE.select;
    context.fillRect(x - 1, top, 2, layout.axis - top);
    context.beginPath();
    context.moveTo(x - 5, top - 3);
    context.lineTo(x + 5, top - 3);
    context.lineTo(x, top + 4);
    context.fill();
  }
  if (hover === null) return;
  context.fillStyle = ink.text;
  context.fillRect(Math.round(hover), top, 1, layout.axis - top);
}

/** From when to when and how long, on the axis below the span. @param {CanvasRenderingContext2D} context @param {Overlay} overlay */
function paintNumbers(context, { time, window, ink, family, epoch, layout, limit }) {
  const { from, to } = window;
  const text = `${clock(epoch + from, 2)} – ${clock(epoch + to, 2)}   ${duration(to - from)}`;
  context.font = `600 10px ${family}`;
  const width = context.measureText(text).width + 14;
  const middle = (Math.max(time.start, time.pixel(from)) + Math.min(time.end, time.pixel(to))) / 2;
  const left = Math.round(Math.min(limit - width, Math.max(time.start, middle - width / 2)));
  context.fillStyle = ink.background;
  context.fillRect(left - 8, layout.axis + 2, width + 16, AXIS - 2);
  context.fillStyle = ink.accent;
  context.beginPath();
  context.roundRect(left, layout.axis + 2, width, AXIS - 3, 3);
  context.fill();
  context.fillStyle = ink.background;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, left + 7, layout.axis + AXIS / 2 + 1);
}
