/** The flame graph: crumbs and legend above a canvas, a card under the pointer, a tree for readers. */

import { h, setText, show } from "../core/dom.js";
import { nextFrame } from "../core/frame.js";
import { LANE } from "../model/calltree.js";
import { CATEGORIES } from "../model/category.js";
import { count, share } from "../model/format.js";
import { Boxes, layout } from "../model/layout.js";
import { Surface } from "../paint/canvas.js";
import { readInk } from "../paint/colour.js";
import { Names, ROW, SCROLLBAR, labelOf, paintFlame, rowAt, topOf } from "../paint/flame.js";
import { Scheme } from "../paint/scheme.js";
import { FgElement } from "./base.js";
import { FlameCard } from "./flame-card.js";
import { FlameCrumbs } from "./flame-crumbs.js";
import { FlameLegend } from "./flame-legend.js";
import { FlamePointer } from "./flame-pointer.js";
import { FlameTree } from "./flame-tree.js";
import { openFrameMenu } from "./frame-menu.js";

/** @typedef {import("../paint/flame.js").FlameScene} FlameScene */
/** @typedef {import("../paint/canvas.js").Size} Size */
/** @typedef {import("../model/calltree.js").CallTree} CallTree */

/** Where a sandwich's function stands at first, as a part of the height. */
const SANDWICH_AT = 0.4;
/** How long after the picture the tree for readers follows, ms. */
const TELL_AFTER = 30;
/** What is announced comes at least this far apart, ms. */
const ANNOUNCE_EVERY = 1500;

export class Flame extends FgElement {
  boxes = new Boxes();
  /** Pixels between row 0 and the edge of the view; null: wherever it begins. @type {number | null} */
  scrolled = null;
  /** @type {{x: number, y: number} | null} client pixels */
  #pointer = null;
  #hovered = -1;
  /** @type {FlameScene | null} */
  #scene = null;
  /** @type {Names | null} */
  #names = null;
  /** @type {Scheme | null} */
  #scheme = null;
  /** Whether to scroll to what was just selected. */
  #follow = false;
  #announced = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #announcing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #telling;
  #paintHover = () => this.paintHover();
  /** What was painted last, for tests and measurements. */
  painted = { sequence: -1, end: 0, receivedAt: 0, paintedAt: 0, clock: 0, frames: 0, cost: 0 };

  build() {
    this.crumbs = new FlameCrumbs(this.store);
    this.legend = new FlameLegend(this.store);
    this.tree = new FlameTree();
    this.canvas = h("canvas", { class: "flame-canvas", "aria-hidden": true });
    this.selection = h("div", { class: "flame-selected", hidden: true });
    this.hover = h("div", { class: "flame-hovered", hidden: true });
    this.live = h("div", { class: "for-readers", role: "status" });
    this.message = h("div", { class: "flame-message", hidden: true });
    this.card = new FlameCard();
    this.append(
      h("div", { class: "flame-head" }, this.crumbs.element, this.legend.element),
      h("div", { class: "flame-body" }, this.tree.element, this.canvas, this.selection, this.hover, this.message),
      this.live, this.card.element);
    this.surface = new Surface(this.canvas, (context, size) => this.paint(context, size));
    this.restyle();
  }

  connect() {
    const { store } = this;
    const { graph } = store;
    this.effect(() => {
      store.scene.value;
      this.surface?.request();
    });
    this.effect(() => {
      store.zoom.value;
      graph.focus.value;
      this.scrolled = null;
    });
    this.effect(() => {
      if (store.selected.value !== null) this.#follow = true;
    });
    this.pointer = new FlamePointer(/** @type {HTMLElement} */ (this.canvas), {
      hover: (x, y) => this.point(x, y),
      click: (x, y, select) => this.pick(x, y, select),
      tap: (x, y) => this.tap(x, y),
      menu: (x, y) => this.menuAt(x, y),
      drag: (dx, dy, now) => this.drag(dx, dy, now),
      zoom: (factor, x, now) => graph.zoomBy(factor, this.across(x), now),
    }, (target, type, listener, options) => this.listen(target, type, listener, options));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.card?.hide();
  }

  /** Reads the theme's colours and font again. */
  restyle() {
    this.ink = readInk(this);
    this.#scheme = null;
    const style = getComputedStyle(/** @type {HTMLElement} */ (this.canvas));
    this.font = `11px ${style.fontFamily}`;
    this.character = 0;
    this.surface?.request();
  }

  // ---- where things are ----------------------------------------------------------------------------------------------

  /** What of the rows is in view. */
  view() {
    return { scroll: this.scrolled ?? 0, height: this.surface?.size.height ?? 0, flipped: this.store.flipped.peek() };
  }

  /** A place across the view, 0 … 1. @param {number} x client pixels */
  across(x) {
    const bounds = /** @type {HTMLElement} */ (this.canvas).getBoundingClientRect();
    return Math.min(1, Math.max(0, (x - bounds.left) / Math.max(1, bounds.width)));
  }

  /** The node under a place of the canvas, or -1. @param {number} x @param {number} y client pixels */
  nodeAt(x, y) {
    const bounds = this.canvas?.getBoundingClientRect();
    if (bounds === undefined) return -1;
    return this.boxes.at(x - bounds.left, rowAt(this.view(), y - bounds.top));
  }

  /** The box of a node in client pixels, of the root when it is not in sight. @param {number} node */
  boxOf(node) {
    const bounds = /** @type {HTMLElement} */ (this.canvas).getBoundingClientRect();
    const i = Math.max(0, this.boxes.find(node));
    return { x: bounds.left + this.boxes.x[i] + Math.min(40, this.boxes.width[i] / 2), y: bounds.top + topOf(this.view(), this.boxes.row[i]) + ROW };
  }

  // ---- what the user does --------------------------------------------------------------------------------------------

  /** @param {number} x @param {number} y client pixels; negative: nowhere */
  point(x, y) {
    this.#pointer = x < 0 ? null : { x, y };
    nextFrame(this.#paintHover);
  }

  /** @param {number} x @param {number} y client pixels @param {boolean} select without zooming */
  pick(x, y, select) {
    this.tree?.element.focus({ preventScroll: true });
    const tree = this.store.weighed();
    const node = this.nodeAt(x, y);
    if (tree === null || node < 0) return;
    if (select) this.store.select(tree.address(node));
    else this.store.setZoom(tree.address(node));
  }

  /** A finger has nowhere to hover: it opens the card, which has buttons. @param {number} x @param {number} y client pixels */
  tap(x, y) {
    const node = this.nodeAt(x, y);
    const scene = this.#scene;
    if (scene === null || node < 0) return this.card?.hide();
    const address = scene.tree.address(node);
    this.store.select(address);
    this.card?.pin({ ...scene, hovered: node }, this.store, x, y, [
      ["Zoom", () => this.store.setZoom(address)],
      ["More …", () => this.menuAt(x, y)],
    ]);
  }

  /** @param {number} x @param {number} y client pixels */
  menuAt(x, y) {
    const node = this.nodeAt(x, y);
    if (node >= 0) this.openMenu(node, x, y);
  }

  /** Opens the menu of the selected frame. False when there is none. */
  /** The function of the frame under the pointer; "" when it is over none. */
  get pointedAt() {
    const tree = this.#scene?.tree;
    if (tree === undefined || this.#hovered <= 0 || (tree.flags[this.#hovered] & LANE) !== 0) return "";
    return tree.nameOf(this.#hovered);
  }

  menuOfSelected() {
    const tree = this.store.weighed();
    const selected = this.store.selected.peek();
    if (tree === null || selected === null) return false;
    const { node } = tree.resolve(selected);
    const { x, y } = this.boxOf(node);
    this.openMenu(node, x, y);
    return true;
  }

  /** @param {number} node @param {number} x @param {number} y client pixels */
  openMenu(node, x, y) {
    const tree = this.store.weighed();
    if (tree === null) return;
    this.point(-1, -1);
    const name = tree.nameOf(node);
    const address = tree.address(node);
    const zoom = () => this.store.setZoom(address);
    if (!(tree.flags[node] & LANE)) return openFrameMenu(this, this.store, { function: name, zoom }, x, y);
    if (node === 0) return;
    const { reasons } = tree.reading.names;
    openFrameMenu(this, this.store, reasons.includes(name) ? { reason: name, zoom } : { state: name, zoom }, x, y);
  }

  /** @param {number} dx @param {number} dy client pixels @param {number} now ms */
  drag(dx, dy, now) {
    const width = this.surface?.size.width ?? 0;
    if (dx !== 0 && width > 0) this.store.graph.panBy(-dx / width, now);
    const { least, most } = this.room();
    const before = this.scrolled ?? least;
    this.scrolled = Math.max(least, Math.min(most, before + (this.store.flipped.peek() ? dy : -dy)));
    if (this.scrolled !== before) this.surface?.request();
    return dx !== 0 || this.scrolled !== before;
  }

  /** How far one can scroll. */
  room() {
    const least = this.boxes.first * ROW;
    return { least, most: Math.max(least, this.boxes.end * ROW - (this.surface?.size.height ?? 0)) };
  }

  // ---- painting ------------------------------------------------------------------------------------------------------

  /** @param {CanvasRenderingContext2D} context @param {Size} size */
  paint(context, size) {
    const started = performance.now();
    const { store, boxes, ink, font } = this;
    const tree = store.weighed();
    if (tree === null || !ink || !font) {
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
    this.#scene = this.sceneOf(tree, zoom.node, selected, context);
    paintFlame(context, size, this.#scene);
    this.paintAround(this.#scene, zoom.whole, started);
    this.note(started);
  }

  /** @param {CallTree} tree @param {number} zoom @param {number} selected @param {CanvasRenderingContext2D} context @returns {FlameScene} */
  sceneOf(tree, zoom, selected, context) {
    const { store, boxes } = this;
    const ink = /** @type {import("../paint/colour.js").Ink} */ (this.ink);
    const font = /** @type {string} */ (this.font);
    if (!this.character) {
      context.font = font;
      this.character = context.measureText("mmmmmmmmmm").width / 10;
    }
    if (this.#names?.dictionary !== tree.dictionary) this.#names = new Names(tree.dictionary);
    const by = store.graph.colour.peek();
    const possible = by === "change" && tree.delta === null ? "state" : by;
    if (this.#scheme?.by !== possible) this.#scheme = new Scheme(ink, possible);
    return {
      tree, boxes, ink, font, scheme: this.#scheme, names: this.#names, character: this.character, ...this.view(), zoom,
      hovered: -1, selected, searching: store.search !== null,
    };
  }

  /** Brings a node's row into view. @param {CallTree} tree @param {number} node @param {Size} size */
  bringIntoView(tree, node, size) {
    const y = tree.depth[node] * ROW * (tree.rootOf(node) === 0 ? 1 : -1);
    const now = this.scrolled ?? 0;
    if (y < now) this.scrolled = y;
    else if (y + 2 * ROW > now + size.height) this.scrolled = y + 2 * ROW - size.height;
  }

  /** Lays out what is in view; scrolls back when there is less below than there was. @param {CallTree} tree @param {number} zoom @param {Size} size */
  lay(tree, zoom, size) {
    const { boxes } = this;
    const place = (/** @type {number} */ width) => {
      const scroll = this.scrolled ?? 0;
      layout(tree, {
        zoom, range: this.store.graph.range.peek(), width, least: 1 / size.ratio,
        top: Math.floor(scroll / ROW), bottom: Math.ceil((scroll + size.height) / ROW),
      }, boxes);
    };
    place(size.width);
    const high = (boxes.end - boxes.first) * ROW > size.height;
    const { least, most } = this.room();
    const wanted = this.scrolled ?? (boxes.first < 0 ? -ROW * Math.round((size.height * SANDWICH_AT) / ROW) : 0);
    const scrolled = Math.max(least, Math.min(most, wanted));
    if (!high && scrolled === (this.scrolled ?? 0)) return;
    this.scrolled = scrolled;
    place(high ? size.width - SCROLLBAR : size.width);
  }

  /** What is not on the canvas. @param {FlameScene} scene @param {boolean} whole @param {number} now ms */
  paintAround(scene, whole, now) {
    const { tree, zoom, selected } = scene;
    this.crumbs?.paint(tree, zoom);
    this.legend?.paint(tree, now);
    this.tellSoon();
    const text = this.nothing(tree, zoom, whole);
    if (this.message) {
      setText(this.message, text);
      show(this.message, text !== "");
    }
    this.frameBox(this.selection, scene, selected);
    this.paintHover();
    this.announce(scene, now);
  }

  /** Brings the tree for readers up to date once the picture is there. */
  tellSoon() {
    this.#telling ||= setTimeout(() => {
      this.#telling = undefined;
      const scene = this.#scene;
      if (scene === null) return;
      const { tree, selected, zoom } = scene;
      this.tree?.paint(tree, selected >= 0 ? selected : zoom, selected >= 0, performance.now());
    }, TELL_AFTER);
  }

  /** Puts a frame around a node's box. @param {HTMLElement | undefined} element @param {FlameScene} scene @param {number} node */
  frameBox(element, scene, node) {
    if (element === undefined) return;
    const i = this.boxes.find(node);
    show(element, i >= 0);
    if (i < 0) return;
    element.style.transform = `translate(${Math.round(this.boxes.x[i])}px, ${topOf(scene, this.boxes.row[i])}px)`;
    element.style.width = `${Math.max(3, Math.round(this.boxes.width[i]) - 1)}px`;
  }

  /** The card and the frame of what is under the pointer. */
  paintHover() {
    const scene = this.#scene;
    if (scene === null || this.card?.pinned) return;
    this.#hovered = this.#pointer === null ? -1 : this.nodeAt(this.#pointer.x, this.#pointer.y);
    this.frameBox(this.hover, scene, this.#hovered);
    if (this.#pointer === null || this.#hovered < 0) this.card?.hide();
    else this.card?.show({ ...scene, hovered: this.#hovered }, this.store, this.#pointer.x, this.#pointer.y);
    this.canvas?.classList.toggle("pointing", this.#hovered >= 0);
  }

  /** Tells a reader what a search found and where a zoom led; nothing because data streams. @param {FlameScene} scene @param {number} now ms */
  announce({ tree, zoom, searching }, now) {
    if (this.live === undefined) return;
    const query = this.store.query.peek();
    const key = `${query}|${zoom}|${tree.shape.focus}`;
    if (this.live.dataset.key === key) return;
    const early = ANNOUNCE_EVERY - (now - this.#announced);
    if (early > 0) {
      clearTimeout(this.#announcing);
      this.#announcing = setTimeout(() => this.#scene && this.announce(this.#scene, performance.now()), early + 1);
      return;
    }
    this.live.dataset.key = key;
    this.#announced = now;
    const part = (/** @type {number} */ weight) => share(weight, tree.total[0]);
    setText(this.live, searching ? `${tree.matches} frames match, ${part(tree.matched)}`
      : zoom > 0 ? `Zoomed to ${tree.nameOf(zoom)}, ${part(tree.total[zoom])}` : "");
  }

  /** Why there is nothing to see; "" when there is. @param {CallTree} tree @param {number} zoom @param {boolean} whole */
  nothing(tree, zoom, whole) {
    const { store } = this;
    if (tree.total[zoom] > 0 || store.arrived.peek() === 0) return "";
    if (zoom > 0 || !whole) return "Nothing of this in the window shown. Zoom and position are kept; Esc goes back.";
    const { idle, system, filtered } = tree.hidden.counts;
    if (filtered > 0 || tree.hidden.folded.filtered > 0) return `Nothing passes the filters; ${count(filtered)} ${store.tasks} are left out by them.`;
    if (tree.shape.focus !== "") return `${tree.shape.focus} is not in the window shown.`;
    const engine = store.process.peek()?.engine;
    if (store.weight.peek() === "cpu" && engine?.name === "memory") {
      return `No CPU samples: the engine is memory only${engine.why ? ` (${engine.why})` : ""}. flarego doctor says how to permit them; the other views need none.`;
    }
    if (idle + system > 0) return `Nothing but idle and system ${store.tasks} in this window; they are folded away above.`;
    return "Nothing of this kind in the window shown.";
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
        match: tree.match[node], change: tree.delta?.[node] ?? 0,
        state: tree.lead[node] < 0 ? "" : CATEGORIES[tree.lead[node]].id,
      });
    }
    return out;
  }
}

customElements.define("fg-flame", Flame);
