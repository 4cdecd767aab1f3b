/** What the timeline says about a moment: as a card beside the pointer, and in words for a screen reader. */

import { h, placeCard, show } from "../core/dom.js";
import { clock, count, duration } from "../model/format.js";
import { layerColour } from "../paint/tracks.js";

/** @typedef {import("../model/series.js").Series} Series */
/** @typedef {import("../model/tracks.js").Track} Track */
/** @typedef {import("../core/data.js").Mark} Mark */
/** @typedef {import("../paint/colour.js").Ink} Ink */
/** @typedef {{series: Series, point: number, tracks: readonly Track[], epoch: number, idle: boolean, marks: readonly Mark[]}} Moment marks near it */

const MAX_MARKS = 4;

/** What is known of a track at a point. @param {Track} track @param {Moment} moment */
function known(track, { series, point, idle }) {
  const layers = track.layers(series, idle || track.id === "goroutines");
  const lines = layers.map((layer) => ({ layer, value: layer.of(point, point) })).filter(({ value }) => Number.isFinite(value));
  return track.stacked && lines.length > 3 ? lines.filter(({ value }) => value > 0) : lines;
}

/** @param {Mark} mark @returns {[string, string]} */
function markText({ kind, cycle, pause, text }) {
  return kind === "gc" ? [`GC cycle ${count(cycle)}`, `${duration(pause)} paused`] : [kind, text];
}

/** Everything about a moment in a sentence. @param {Moment} moment */
export function sentence(moment) {
  const { series, point, tracks, epoch } = moment;
  if (point < 0) return "nothing known at this time";
  const parts = tracks.map((track) => `${track.title}: ${known(track, moment).map(({ layer, value }) => `${layer.name} ${track.say(value)}`).join(", ") || "not known"}`);
  const marks = moment.marks.map((mark) => markText(mark).join(" "));
  return [clock(epoch + series.end[point], 1), ...parts, ...marks].join("; ");
}

export class TimelineCard {
  constructor() {
    this.element = h("div", { class: "card timeline-card", role: "tooltip", hidden: true });
  }

  hide() {
    show(this.element, false);
  }

  /** @param {Moment} moment @param {Ink} ink @param {{x: number, y: number}} pointer client pixels */
  show(moment, ink, pointer) {
    const { series, point, epoch } = moment;
    const title = h("div", { class: "card-name" }, clock(epoch + series.end[point], 2));
    this.element.replaceChildren(title, ...moment.tracks.map((track) => section(track, moment, ink)), ...marks(moment, ink));
    show(this.element, true);
    placeCard(this.element, pointer.x, pointer.y);
  }
}

/** @param {Track} track @param {Moment} moment @param {Ink} ink */
function section(track, moment, ink) {
  const lines = known(track, moment);
  return h("div", { class: "readouts" }, h("div", { class: "readout-title" }, track.title),
    ...lines.map(({ layer, value }) => line(layer.name, track.say(value), layerColour(layer.colour, ink))),
    lines.length === 0 && line("not known", "", ""));
}

/** @param {Moment} moment @param {Ink} ink */
function marks(moment, ink) {
  const shown = moment.marks.slice(-MAX_MARKS);
  const more = moment.marks.length - shown.length;
  if (shown.length === 0) return [];
  return [h("div", { class: "readouts" }, h("div", { class: "readout-title" }, "Events"), ...shown.map((mark) => {
    const [name, text] = markText(mark);
    return line(name, text, layerColour(mark.kind === "gc" ? "gc" : "accent", ink));
  }), more > 0 && line(`and ${more} more`, "", ""))];
}

/** @param {string} name @param {string} text @param {string} colour */
function line(name, text, colour) {
  const swatch = h("i", { class: "swatch" });
  swatch.style.backgroundColor = colour || "transparent";
  return h("div", { class: "readout" }, swatch, h("span", {}, name), h("b", {}, text));
}
