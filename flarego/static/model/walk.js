/** Ways from one node of a call tree to the next: for the keyboard, and from match to match. */

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

/**
 * The neighbour of a node: up its parent, down its heaviest child, left and right its siblings; the
 * node itself where there is none.
 * @param {CallTree} tree @param {number} node @param {Direction} direction
 */
export function neighbour(tree, node, direction) {
  if (direction === "up") return Math.max(0, tree.parent[node]);
  if (direction === "down") {
    return children(tree, node).reduce((best, child) => (best === node || tree.total[child] > tree.total[best] ? child : best), node);
  }
  if (node === 0) return node;
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
  visit(0);
  return out;
}
