/**
 * The boxes of a flame graph that can be seen, as columns.
 *
 * Cost is proportional to what is drawn: a subtree narrower than a device pixel or beside the view is
 * passed over whole; what is too narrow leaves a grey mark, so nothing is lost silently. The zoomed
 * node and everything above it are as wide as the view, or wider: `range` is the part of its width
 * that is in view.
 */

import { ABOVE } from "./calltree.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {{from: number, to: number}} Range parts of the zoomed node's width, 0 … 1 */
/** @typedef {{zoom: number, range: Range, width: number, top: number, bottom: number, least?: number}} Sight
 *   zoomed node, CSS pixels across, rows [top, bottom) in view, the narrowest box drawn */

/** All of the zoomed node. */
export const WHOLE = Object.freeze({ from: 0, to: 1 });

export class Boxes {
  n = 0;
  /** Node, left edge and width in CSS pixels, row: distance from the root, negative for callers. `node` -1: too narrow to draw. */
  node = new Int32Array(256);
  x = new Float32Array(256);
  width = new Float32Array(256);
  row = new Int16Array(256);
  /** Rows there are, drawn or not: from the first, 0 or less, to the one past the last. */
  first = 0;
  end = 0;

  /** @param {number} node @param {number} x @param {number} width @param {number} row */
  add(node, x, width, row) {
    if (this.n === this.node.length) this.#grow();
    this.node[this.n] = node;
    this.x[this.n] = x;
    this.width[this.n] = width;
    this.row[this.n++] = row;
  }

  /** Marks what is too narrow to draw; marks beside each other are one. @param {number} from @param {number} to CSS pixels @param {number} row */
  mark(from, to, row) {
    const last = this.n - 1;
    if (last >= 0 && this.node[last] < 0 && this.row[last] === row && from <= this.x[last] + this.width[last] + 1) {
      this.width[last] = Math.max(this.width[last], to - this.x[last]);
    } else {
      this.add(-1, Math.max(0, from), Math.max(1, to - from), row);
    }
  }

  #grow() {
    for (const column of /** @type {const} */ (["node", "x", "width", "row"])) {
      const larger = new /** @type {any} */ (this[column].constructor)(this.n * 2);
      larger.set(this[column]);
      /** @type {any} */ (this)[column] = larger;
    }
  }

  /** The place of a node among the boxes, or -1. @param {number} node */
  find(node) {
    return node < 0 ? -1 : this.node.subarray(0, this.n).indexOf(node);
  }

  /** The node drawn at a place, or -1. @param {number} x @param {number} row */
  at(x, row) {
    for (let i = 0; i < this.n; i++) {
      if (this.row[i] === row && x >= this.x[i] && x < this.x[i] + this.width[i] && this.node[i] >= 0) return this.node[i];
    }
    return -1;
  }
}

/** Lays out what of the tree is in sight; in a sandwich both halves, of which only one is zoomed. @param {CallTree} tree @param {Sight} sight @param {Boxes} boxes */
export function layout(tree, sight, boxes) {
  boxes.n = boxes.first = boxes.end = 0;
  if (tree.shape.focus === "") return half(tree, sight, 1, boxes);
  const zoomed = tree.rootOf(sight.zoom);
  half(tree, zoomed === 0 ? sight : { ...sight, zoom: 0, range: WHOLE }, 1, boxes);
  half(tree, zoomed === ABOVE ? sight : { ...sight, zoom: ABOVE, range: WHOLE }, -1, boxes);
}

/** @param {CallTree} tree @param {Sight} sight @param {1 | -1} way rows count @param {Boxes} boxes */
function half(tree, sight, way, boxes) {
  const { zoom, range, width } = sight;
  const { total, depth, parent } = tree;
  const factor = total[zoom] > 0 ? width / (total[zoom] * (range.to - range.from)) : 0;
  const left = 0 - range.from * total[zoom] * factor;
  for (let node = zoom; node >= 0; node = node === ABOVE && way < 0 ? -1 : parent[node]) {
    const row = way * depth[node];
    // A box that begins outside is drawn from the edge on, so that its label can be read.
    if (row >= sight.top && row < sight.bottom && !(way < 0 && row === 0)) boxes.add(node, 0, width, row);
  }
  const deepest = factor > 0 ? descend(tree, sight, way, factor, left, boxes) : depth[zoom];
  if (way > 0) boxes.end = deepest + 1;
  else boxes.first = -deepest;
}

/**
 * Adds all boxes below the zoomed node; gives back the greatest depth there is.
 * @param {CallTree} tree @param {Sight} sight @param {1 | -1} way @param {number} factor pixels per weight
 * @param {number} left edge of the zoomed node @param {Boxes} boxes
 */
function descend(tree, { zoom, width, top, bottom, least = 1 }, way, factor, left, boxes) {
  const { total, depth, parent, firstChild, nextSibling } = tree;
  /** Right edge of the box entered at each depth. @type {number[]} */
  const edge = [];
  let deepest = depth[zoom];
  let node = firstChild[zoom];
  let x = left;
  while (node >= 0) {
    const w = total[node] * factor;
    const end = x + w;
    const row = way * depth[node];
    if (w > 0 && end > 0 && x < width) {
      const inView = row >= top && row < bottom;
      if (w >= least) {
        const from = x < 0 ? 0 : x;
        if (inView) boxes.add(node, from, (end > width ? width : end) - from, row);
        if (depth[node] > deepest) deepest = depth[node];
        if (firstChild[node] >= 0) {
          edge[depth[node]] = end;
          node = firstChild[node];
          continue;
        }
      } else if (inView) {
        boxes.mark(x, end, row);
      }
    }
    x = end;
    // Whatever is to the right of the view stays there, with all that follows beside it.
    while ((nextSibling[node] < 0 || x >= width) && parent[node] !== zoom) {
      node = parent[node];
      x = edge[depth[node]];
    }
    node = x >= width ? -1 : nextSibling[node];
  }
  return deepest;
}
