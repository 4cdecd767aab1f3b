/** The two edges of a chosen span as sliders: moved by arrow keys, told to screen readers. The pointer passes through. */

import { h, show } from "../core/dom.js";
import { clock, duration } from "../model/format.js";
import { timeStep } from "../model/scale.js";

/** @typedef {import("../core/data.js").Span} Span */
/** @typedef {import("../model/scale.js").Scale} Scale */

/** Steps across the time shown; Shift takes ten at once. */
const STEPS = 200;
const MANY = 10;

/** How far a key moves something, ns; 0 when it is not a key for that. @param {KeyboardEvent} event @param {Scale} time */
export function keyStep(event, time) {
  const way = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : event.key === "PageDown" ? -MANY : event.key === "PageUp" ? MANY : 0;
  return way * timeStep(time.to - time.from, STEPS);
}

/** A span with one edge moved; edges that pass each other change their names. @param {Span} span @param {"from" | "to"} edge @param {number} by @param {Span} whole @returns {Span} */
export function moveEdge(span, edge, by, whole) {
  const moved = Math.min(whole.to, Math.max(whole.from, span[edge] + by));
  const other = edge === "from" ? span.to : span.from;
  return moved === other ? span : { from: Math.min(moved, other), to: Math.max(moved, other) };
}

export class Edges {
  /** @param {(edge: "from" | "to", event: KeyboardEvent) => void} onkey */
  constructor(onkey) {
    this.elements = /** @type {const} */ (["from", "to"]).map((edge) => h("div", {
      class: "timeline-edge", role: "slider", "aria-valuenow": 0, tabIndex: 0, hidden: true, "data-edge": edge,
      "aria-label": edge === "from" ? "Start of the span" : "End of the span",
      onkeydown: (/** @type {KeyboardEvent} */ event) => onkey(edge, event),
    }));
  }

  /** @param {Span | null} span @param {Scale} time @param {Span} whole @param {number} epoch @param {{top: number, height: number}} rows */
  place(span, time, whole, epoch, { top, height }) {
    for (const element of this.elements) {
      const edge = /** @type {"from" | "to"} */ (element.dataset.edge);
      const x = span === null ? -1 : time.pixel(span[edge]);
      show(element, span !== null && x >= time.start - 1 && x <= time.end + 1);
      if (span === null) continue;
      element.style.transform = `translate(${Math.round(x) - 5}px, ${top}px)`;
      element.style.height = `${height}px`;
      element.setAttribute("aria-valuemin", String(Math.round(whole.from / 1e6)));
      element.setAttribute("aria-valuemax", String(Math.round(whole.to / 1e6)));
      element.setAttribute("aria-valuenow", String(Math.round(span[edge] / 1e6)));
      element.setAttribute("aria-valuetext", `${clock(epoch + span[edge], 2)}, span of ${duration(span.to - span.from)}`);
    }
  }
}
