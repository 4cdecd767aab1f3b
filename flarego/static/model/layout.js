/**
 * The boxes of a flame graph that can be seen, as columns.
 *
 * Cost is proportional to what is drawn: a subtree narrower than a device pixel is passed over whole
 * and leaves one grey mark, so nothing is lost silently. The zoomed node and everything above it are
 * as wide as the view.
 */

/** @typedef {import("./calltree.js").CallTree} CallTree */

export class Boxes {
  n = 0;
  /** Node, left edge and width in CSS pixels, row from the top. `node` -1: something too narrow to draw. */
  node = new Int32Array(256);
  x = new Float32Array(256);
  width = new Float32Array(256);
  row = new Uint16Array(256);
  /** Rows there are, drawn or not. */
  rows = 0;

  /** @param {number} node @param {number} x @param {number} width @param {number} row */
  add(node, x, width, row) {
    if (this.n === this.node.length) this.#grow();
    this.node[this.n] = node;
    this.x[this.n] = x;
    this.width[this.n] = width;
    this.row[this.n++] = row;
  }

  #grow() {
    for (const column of /** @type {const} */ (["node", "x", "width", "row"])) {
      const larger = new /** @type {any} */ (this[column].constructor)(this.n * 2);
      larger.set(this[column]);
      /** @type {any} */ (this)[column] = larger;
    }
  }

  /** The node drawn at a place, or -1. @param {number} x @param {number} row */
  at(x, row) {
    for (let i = 0; i < this.n; i++) {
      if (this.row[i] === row && x >= this.x[i] && x < this.x[i] + this.width[i] && this.node[i] >= 0) return this.node[i];
    }
    return -1;
  }
}

/**
 * Lays out the tree seen from `zoom` into `boxes`, of which only rows in [top, bottom) are kept.
 * @param {CallTree} tree
 * @param {number} zoom node
 * @param {number} width CSS pixels
 * @param {number} top
 * @param {number} bottom
 * @param {Boxes} boxes
 * @param {number} [least] narrower boxes are not drawn, CSS pixels
 */
export function layout(tree, zoom, width, top, bottom, boxes, least = 1) {
  boxes.n = 0;
  const { total, depth, parent } = tree;
  for (let node = zoom; node >= 0; node = parent[node]) {
    if (depth[node] >= top && depth[node] < bottom) boxes.add(node, 0, width, depth[node]);
  }
  boxes.rows = depth[zoom] + 1;
  if (total[zoom] > 0) descend(tree, zoom, width / total[zoom], top, bottom, boxes, least);
}

/** @param {CallTree} tree @param {number} zoom @param {number} factor pixels per weight @param {number} top @param {number} bottom @param {Boxes} boxes @param {number} least */
function descend(tree, zoom, factor, top, bottom, boxes, least) {
  const { total, depth, parent, firstChild, nextSibling } = tree;
  /** Left edge of the next child at each depth. @type {number[]} */
  const edge = [];
  let node = firstChild[zoom];
  let x = 0;
  let restEnd = -1;
  while (node >= 0) {
    const w = total[node] * factor;
    const row = depth[node];
    if (w >= least) {
      if (row >= top && row < bottom) boxes.add(node, x, w, row);
      if (row >= boxes.rows) boxes.rows = row + 1;
      if (firstChild[node] >= 0) {
        edge[row] = x + w;
        node = firstChild[node];
        restEnd = -1;
        continue;
      }
    } else if (w > 0 && row >= top && row < bottom && x >= restEnd) {
      boxes.add(-1, Math.min(x, total[zoom] * factor - 1), 1, row);
      restEnd = x + 1;
    }
    x += w;
    while (nextSibling[node] < 0 && parent[node] !== zoom) {
      node = parent[node];
      x = edge[depth[node]];
      restEnd = -1;
    }
    node = nextSibling[node];
  }
}
