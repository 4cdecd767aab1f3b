/** The flame graph: crumbs and legend above a canvas, a card under the pointer. */

import { h, setText, show } from "../core/dom.js";
import { LANE } from "../model/calltree.js";
import { CATEGORIES } from "../model/category.js";
import { count, duration, labels, mean, share } from "../model/format.js";
import { Boxes, layout } from "../model/layout.js";
import { Surface } from "../paint/canvas.js";
import { PALETTE, palette, readInk } from "../paint/colour.js";
import { ROW, SCROLLBAR, labelOf, paintFlame, rowAt, topOf } from "../paint/flame.js";
import { FgElement } from "./base.js";
import { FlameCard } from "./flame-card.js";

/** @typedef {import("../paint/flame.js").FlameScene} FlameScene */

/** Crumbs kept at either end of a long path. */
const CRUMBS_BEFORE = 2;
const CRUMBS_AFTER = 2;

export class Flame extends FgElement {
  boxes = new Boxes();
  /** Pixels above the view. */
  scrolled = 0;
  /** @type {{x: number, y: number} | null} client pixels */
  #pointer = null;
  /** @type {FlameScene | null} */
  #scene = null;
  /** Whether to scroll to what was just selected. */
  #follow = false;
  /** What was painted last, for tests and measurements. */
  painted = { sequence: -1, end: 0, receivedAt: 0, paintedAt: 0, clock: 0, frames: 0, cost: 0 };

  build() {
    this.crumbs = h("nav", { class: "crumbs", "aria-label": "Zoom" });
    this.legend = h("ul", { class: "legend", "aria-label": "Colours" }, ...CATEGORIES.map(({ id, name, hint }) => {
      const swatch = h("i", { class: "swatch" });
      swatch.style.backgroundColor = PALETTE[id];
      return h("li", { title: hint, "data-id": id }, swatch, name);
    }));
    this.canvas = h("canvas", { class: "flame-canvas", tabIndex: 0, role: "img", "aria-label": "Flame graph" });
    this.live = h("div", { class: "for-readers", role: "status" });
    this.message = h("div", { class: "flame-message", hidden: true });
    this.card = new FlameCard();
    this.append(
      h("div", { class: "flame-head" }, this.crumbs, this.legend),
      h("div", { class: "flame-body" }, this.canvas, this.message), this.live, this.card.element);
    this.surface = new Surface(this.canvas, (context, size) => this.paint(context, size));
    this.restyle();
  }

  connect() {
    const { store } = this;
    const canvas = /** @type {HTMLCanvasElement} */ (this.canvas);
    this.effect(() => {
      store.scene.value;
      this.surface?.request();
    });
    this.effect(() => {
      store.zoom.value;
      this.scrolled = 0;
    });
    this.effect(() => {
      if (store.selected.value !== null) this.#follow = true;
    });
    this.listen(canvas, "pointermove", (event) => this.point(event.clientX, event.clientY));
    this.listen(canvas, "pointerleave", () => this.point(-1, -1));
    this.listen(canvas, "click", (event) => this.pick(event));
    this.listen(canvas, "wheel", (event) => this.wheel(event), { passive: false });
  }

  /** Reads the theme's colours and font again. */
  restyle() {
    this.ink = readInk(this);
    this.colours = palette(this.ink);
    const style = getComputedStyle(/** @type {HTMLElement} */ (this.canvas));
    this.font = `11px ${style.fontFamily}`;
    this.character = 0;
    this.surface?.request();
  }

  /** @param {number} x @param {number} y client pixels; negative: nowhere */
  point(x, y) {
    this.#pointer = x < 0 ? null : { x, y };
    this.surface?.request();
  }

  /** What of the rows is in view. */
  view() {
    return { scroll: this.scrolled, height: this.surface?.size.height ?? 0, flipped: this.store.flipped.peek() };
  }

  /** The node under a place of the canvas, or -1. @param {number} x @param {number} y client pixels */
  nodeAt(x, y) {
    const bounds = this.canvas?.getBoundingClientRect();
    if (bounds === undefined) return -1;
    return this.boxes.at(x - bounds.left, rowAt(this.view(), y - bounds.top));
  }

  /** @param {MouseEvent} event */
  pick(event) {
    const tree = this.store.weighed();
    const node = this.nodeAt(event.clientX, event.clientY);
    if (tree === null || node < 0) return;
    const address = tree.address(node);
    if (event.ctrlKey || event.metaKey || event.shiftKey) this.store.select(address);
    else this.store.setZoom(address);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const room = this.boxes.rows * ROW - (this.surface?.size.height ?? 0);
    const away = this.store.flipped.peek() ? -event.deltaY : event.deltaY;
    const next = Math.max(0, Math.min(room, this.scrolled + away));
    if (event.ctrlKey || next === this.scrolled) return;
    event.preventDefault();
    this.scrolled = next;
    this.surface?.request();
  }

  /** @param {CanvasRenderingContext2D} context @param {import("../paint/canvas.js").Size} size */
  paint(context, size) {
    const started = performance.now();
    const { store, boxes } = this;
    const { ink, colours, font } = this;
    const tree = store.weighed();
    if (tree === null || !ink || !colours || !font) {
      context.fillStyle = ink?.background ?? "#000";
      context.fillRect(0, 0, size.width, size.height);
      return;
    }
    const zoom = tree.resolve(store.zoom.peek());
    const address = store.selected.peek();
    const selected = address === null ? -1 : tree.resolve(address).node;
    if (this.#follow && selected >= 0) this.bringIntoView(tree, selected, size);
    this.#follow = false;
    this.lay(tree, zoom.node, size);
    if (!this.character) {
      context.font = font;
      this.character = context.measureText("mmmmmmmmmm").width / 10;
    }
    this.#scene = {
      tree, boxes, ink, colours, font, character: this.character, ...this.view(), zoom: zoom.node,
      hovered: this.#pointer === null ? -1 : this.nodeAt(this.#pointer.x, this.#pointer.y),
      selected, searching: store.search !== null,
    };
    paintFlame(context, size, this.#scene);
    this.paintAround(this.#scene, zoom.whole);
    this.note(started);
  }

  /** Brings a node's row into view. @param {import("../model/calltree.js").CallTree} tree @param {number} node @param {import("../paint/canvas.js").Size} size */
  bringIntoView(tree, node, size) {
    const y = tree.depth[node] * ROW;
    if (y < this.scrolled) this.scrolled = y;
    else if (y + 2 * ROW > this.scrolled + size.height) this.scrolled = y + 2 * ROW - size.height;
    if (this.live) setText(this.live, `${tree.nameOf(node)}, ${share(tree.total[node], tree.total[0])}, depth ${tree.depth[node]}`);
  }

  /** Lays out what is in view; scrolls back when there is less below than there was. @param {import("../model/calltree.js").CallTree} tree @param {number} zoom @param {import("../paint/canvas.js").Size} size */
  lay(tree, zoom, size) {
    const place = (/** @type {number} */ width) => layout(
      tree, zoom, width, Math.floor(this.scrolled / ROW), Math.ceil((this.scrolled + size.height) / ROW), this.boxes,
      1 / size.ratio);
    place(size.width);
    const room = Math.max(0, this.boxes.rows * ROW - size.height);
    if (room === 0 && this.scrolled === 0) return;
    this.scrolled = Math.min(this.scrolled, room);
    place(room > 0 ? size.width - SCROLLBAR : size.width);
  }

  /** What is not on the canvas. @param {FlameScene} scene @param {boolean} whole */
  paintAround(scene, whole) {
    const { tree, zoom, hovered } = scene;
    this.paintCrumbs(tree, zoom);
    const text = this.nothing(tree, zoom, whole);
    if (this.message) {
      setText(this.message, text);
      show(this.message, text !== "");
    }
    for (const item of /** @type {Iterable<HTMLElement>} */ (this.legend?.children ?? [])) {
      item.dataset.there = String((tree.mask[0] >> CATEGORIES.findIndex(({ id }) => id === item.dataset.id)) & 1);
    }
    if (this.#pointer === null || hovered < 0) this.card?.hide();
    else this.card?.show(scene, this.store, this.#pointer.x, this.#pointer.y);
    this.canvas?.classList.toggle("pointing", hovered >= 0);
  }

  /** Why there is nothing to see; "" when there is. @param {import("../model/calltree.js").CallTree} tree @param {number} zoom @param {boolean} whole */
  nothing(tree, zoom, whole) {
    const { store } = this;
    if (tree.total[zoom] > 0 || store.arrived.peek() === 0) return "";
    if (zoom > 0 || !whole) return "Nothing of this in the window shown. Zoom and position are kept; Esc goes back.";
    const engine = store.process.peek()?.engine;
    if (store.weight.peek() === "cpu" && engine?.name === "memory") {
      return `No CPU samples: the engine is memory only${engine.why ? ` (${engine.why})` : ""}.`;
    }
    const { idle, system } = tree.hidden.counts;
    if (idle + system > 0) return "Nothing but idle and system goroutines in this window; they are folded away above.";
    return "Nothing of this kind in the window shown.";
  }

  /** @param {import("../model/calltree.js").CallTree} tree @param {number} zoom */
  paintCrumbs(tree, zoom) {
    const path = [0, ...tree.pathTo(zoom)];
    const span = this.store.fold.span;
    const key = `${path.join()}|${tree.shape.view}`;
    if (this.crumbs && this.crumbs.dataset.key !== key) {
      this.crumbs.dataset.key = key;
      this.crumbs.replaceChildren(...abridge(path).map((node) => this.crumb(tree, node)), h("span", { class: "crumb-total" }));
    }
    const total = this.crumbs?.lastElementChild;
    if (total) setText(total, describe(tree, zoom, this.store.weight.peek(), span.end - span.start));
  }

  /** @param {import("../model/calltree.js").CallTree} tree @param {number} node */
  crumb(tree, node) {
    if (node < 0) return h("span", { class: "crumb-gap" }, "…");
    const name = tree.nameOf(node);
    const text = node === 0 ? "all" : tree.flags[node] & LANE ? name : labels(name)[0];
    return h("button", { type: "button", title: name, onclick: () => this.store.setZoom(tree.address(node)) }, text);
  }

  /** @param {number} started */
  note(started) {
    const data = this.store.data.peek();
    const last = this.store.fold.last;
    if (data === null || last === undefined) return;
    const now = performance.now();
    const { painted } = this;
    if (painted.sequence !== last.sequence) painted.paintedAt = now;
    painted.sequence = last.sequence;
    painted.end = last.end;
    painted.receivedAt = data.receivedAt;
    painted.clock = performance.timeOrigin + now;
    painted.frames++;
    painted.cost = now - started;
  }

  /** What is painted, as a list a test can read. */
  frames() {
    const scene = this.#scene;
    if (scene === null) return [];
    const { tree, boxes } = scene;
    const out = [];
    for (let i = 0; i < boxes.n; i++) {
      const node = boxes.node[i];
      if (node < 0) continue;
      out.push({
        name: tree.nameOf(node), lane: (tree.flags[node] & LANE) !== 0, path: tree.address(node).map(({ name }) => name),
        x: boxes.x[i], y: topOf(scene, boxes.row[i]), width: boxes.width[i], row: boxes.row[i],
        label: labelOf(scene, node, boxes.width[i]), total: tree.total[node], self: tree.self[node],
        match: tree.match[node],
      });
    }
    return out;
  }
}

/** The zoomed node's weight in words. @param {import("../model/calltree.js").CallTree} tree @param {number} node @param {import("../model/calltree.js").Weight} weight @param {number} span */
function describe(tree, node, weight, span) {
  const total = tree.total[node];
  const part = node === 0 ? "" : `${share(total, tree.total[0])}  ·  `;
  if (weight === "count") return `${part}${count(total)} goroutines`;
  const average = `${part}${mean(total, span)} ${weight === "cpu" ? "cores" : "goroutines"} on average`;
  return node === 0 ? `${average} over ${duration(span)}` : average;
}

/** The path with its middle left out where it is long; -1 stands for that. @param {number[]} path */
function abridge(path) {
  if (path.length <= CRUMBS_BEFORE + CRUMBS_AFTER + 1) return path;
  return [...path.slice(0, CRUMBS_BEFORE), -1, ...path.slice(-CRUMBS_AFTER)];
}

customElements.define("fg-flame", Flame);
