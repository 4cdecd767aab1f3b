/** Ways from one node of a call tree to the next: for the keyboard, and from match to match. */

import { ABOVE } from "./calltree.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {"up" | "down" | "left" | "right"} Direction */

/** The children of a node that weigh anything, in order. @param {CallTree} tree @param {number} node @returns {number[]} */
export function children(tree, node) {
  const out = [];
  for (let child = tree.firstChild[node]; child >= 0; child = tree.nextSibling[child]) {
    if (tree.total[child] > 0) out.push(child);
  }
  return out;
}

/** @param {CallTree} tree @param {number} node */
function heaviestChild(tree, node) {
  return children(tree, node).reduce((best, child) => (best < 0 || tree.total[child] > tree.total[best] ? child : best), -1);
}

/**
 * The neighbour of a node: up its parent, down its heaviest child, left and right its siblings; the
 * node itself where there is none. Of a sandwich's function, up is its heaviest caller; among callers
 * up leads further away from it.
 * @param {CallTree} tree @param {number} node @param {Direction} direction
 */
export function neighbour(tree, node, direction) {
  const sandwich = tree.shape.focus !== "";
  const above = sandwich && (tree.rootOf(node) === ABOVE || (node === 0 && direction === "up"));
  const at = above && node === 0 ? ABOVE : node;
  if (direction === "up" || direction === "down") {
    const outwards = above ? direction === "up" : direction === "down";
    if (outwards) return Math.max(heaviestChild(tree, at), -1) < 0 ? node : heaviestChild(tree, at);
    const parent = tree.parent[at];
    return parent === ABOVE && above ? 0 : Math.max(0, parent);
  }
  if (node === 0 || (sandwich && node === ABOVE)) return node;
  const siblings = children(tree, tree.parent[node]);
  return siblings[siblings.indexOf(node) + (direction === "right" ? 1 : -1)] ?? node;
}

/**
 * Matches of the search that are not below another, in the order they are drawn.
 * @param {CallTree} tree @returns {number[]}
 */
export function matches(tree) {
  /** @type {number[]} */
  const out = [];
  const visit = (/** @type {number} */ node) => {
    if (tree.match[node] & 1) out.push(node);
    else if (tree.match[node] & 4) for (const child of children(tree, node)) visit(child);
  };
  if (tree.shape.focus !== "") visit(ABOVE);
  visit(0);
  return out;
}
