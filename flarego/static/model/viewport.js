/**
 * Free zoom and pan across the width of a flame graph.
 *
 * A view is a zoomed node and the part of its width that is in sight. The same sight has many such
 * descriptions; the one kept names the deepest node that fills it, so that what is looked at stays in
 * sight while weights around it change, and crumbs tell where one is.
 */

import { WHOLE } from "./layout.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {import("./layout.js").Range} Range */
/** @typedef {{zoom: number, range: Range}} View */

/** The narrowest sight, as a part of everything. */
const NARROWEST = 1e-9;

/** Left edge of a node, in weight from its root's. @param {CallTree} tree @param {number} node */
export function leftOf(tree, node) {
  const { total, parent, firstChild, nextSibling } = tree;
  const root = tree.rootOf(node);
  let left = 0;
  for (let at = node; at !== root; at = parent[at]) {
    for (let sibling = firstChild[parent[at]]; sibling !== at && sibling >= 0; sibling = nextSibling[sibling]) left += total[sibling];
  }
  return left;
}

/** What is in sight, in weight from the root's left edge. @param {CallTree} tree @param {View} view */
function sight(tree, { zoom, range }) {
  const left = leftOf(tree, zoom);
  return { root: tree.rootOf(zoom), from: left + range.from * tree.total[zoom], to: left + range.to * tree.total[zoom] };
}

/** The view of a sight: the deepest node that fills it. @param {CallTree} tree @param {number} root @param {number} from @param {number} to @returns {View} */
function viewOf(tree, root, from, to) {
  const { total, firstChild, nextSibling } = tree;
  const slack = (to - from) * 1e-6;
  let zoom = root;
  let left = 0;
  let child = firstChild[root];
  let x = 0;
  while (child >= 0) {
    const end = x + total[child];
    if (x <= from + slack && end >= to - slack && total[child] > 0) {
      zoom = child;
      left = x;
      child = firstChild[child];
    } else {
      x = end;
      child = nextSibling[child];
    }
  }
  const width = total[zoom];
  if (!(width > 0)) return { zoom, range: WHOLE };
  const range = { from: Math.max(0, (from - left) / width), to: Math.min(1, (to - left) / width) };
  return { zoom, range: range.from <= 1e-6 && range.to >= 1 - 1e-6 ? WHOLE : range };
}

/** The view `factor` times as wide around a point. @param {CallTree} tree @param {View} view @param {number} factor below 1: closer @param {number} at 0 … 1 across the view */
export function zoomAround(tree, view, factor, at) {
  const { root, from, to } = sight(tree, view);
  const all = tree.total[root];
  if (!(all > 0)) return view;
  const width = Math.min(all, Math.max(all * NARROWEST, (to - from) * factor));
  const point = from + at * (to - from);
  const start = Math.min(all - width, Math.max(0, point - at * width));
  return viewOf(tree, root, start, start + width);
}

/** The view moved to the right by a part of its width. @param {CallTree} tree @param {View} view @param {number} part */
export function pan(tree, view, part) {
  const { root, from, to } = sight(tree, view);
  const width = to - from;
  const start = Math.min(tree.total[root] - width, Math.max(0, from + part * width));
  return viewOf(tree, root, start, start + width);
}

/** The view one step out: all of the node, or what it is part of. @param {CallTree} tree @param {View} view */
export function outwards(tree, view) {
  return zoomAround(tree, view, 2, 0.5);
}
