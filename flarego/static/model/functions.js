/** What each function takes, itself and with all it calls; recursion is counted once. */

import { CALLERS, LANE } from "./calltree.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {import("./calltree.js").Weight} Weight */
/**
 * `self` and `total` by the graph's weight; wall and CPU time in ns, goroutines at the end, each with all that is
 * called; `node` is where it weighs most, `frame` a place in its source.
 * @typedef {{id: string, name: string, node: number, frame: number, category: number, self: number, total: number, wall: number,
 *   cpu: number, count: number}} FunctionRow
 */

/** Weights of nodes with all below them. @param {CallTree} tree @param {Parameters<CallTree["each"]>[0]} fold @param {Weight} weight */
function totals(tree, fold, weight) {
  const { parent, flags, size } = tree;
  const out = new Float64Array(size);
  tree.each(fold, weight, (key, value) => {
    const leaf = tree.leaf(key);
    if (leaf >= 0 && leaf < size) out[leaf] += value;
  });
  for (let node = size - 1; node > 0; node--) if (!(flags[node] & CALLERS)) out[parent[node]] += out[node];
  return out;
}

/** The node whose function has the weight that is a node's own: a lane below code says what the code waits for. @param {CallTree} tree @param {number} node */
const ownerOf = (tree, node) => (tree.flags[node] & LANE ? tree.parent[node] : node);

/**
 * All functions at or below a node.
 * @param {CallTree} tree as weighed last @param {Parameters<CallTree["each"]>[0]} fold @param {number} root node
 * @returns {FunctionRow[]}
 */
export function functionsOf(tree, fold, root) {
  const [wall, cpu, count] = /** @type {const} */ (["wall", "cpu", "count"]).map((weight) => totals(tree, fold, /** @type {Weight} */ (weight)));
  const { total, self, name, flags, parent, firstChild, nextSibling } = tree;
  const inverted = tree.shape.order === "up";
  /** @type {Map<number, FunctionRow>} */
  const rows = new Map();
  /** How many frames of a function are above the node looked at. @type {Map<number, number>} */
  const open = new Map();
  const rowOf = (/** @type {number} */ node) => {
    let row = rows.get(name[node]);
    if (row === undefined) {
      const text = tree.nameOf(node);
      row = { id: text, name: text, node, frame: tree.frame[node], category: tree.lead[node], self: 0, total: 0, wall: 0, cpu: 0, count: 0 };
      rows.set(name[node], row);
    }
    return row;
  };
  const enter = (/** @type {number} */ node) => {
    if (!(flags[node] & LANE) || (node === 0 && tree.shape.focus !== "")) {
      const row = rowOf(node);
      const above = open.get(name[node]) ?? 0;
      open.set(name[node], above + 1);
      if (above === 0) {
        row.total += total[node];
        row.wall += wall[node];
        row.cpu += cpu[node];
        row.count += count[node];
      }
      if (total[node] > total[row.node]) [row.node, row.category, row.frame] = [node, tree.lead[node], tree.frame[node]];
      // Inverted, what stands first below the root or a lane is the innermost frame.
      if (inverted && (flags[parent[node]] & LANE) !== 0) row.self += total[node];
    }
    const owner = ownerOf(tree, node);
    if (!inverted && self[node] > 0 && owner >= 0 && !(flags[owner] & LANE)) rowOf(owner).self += self[node];
  };
  const leave = (/** @type {number} */ node) => open.set(name[node], (open.get(name[node]) ?? 1) - 1);
  let node = root;
  while (node >= 0) {
    if (total[node] > 0) enter(node);
    if (total[node] > 0 && firstChild[node] >= 0) {
      node = firstChild[node];
      continue;
    }
    for (;;) {
      if (total[node] > 0) leave(node);
      if (node === root) return [...rows.values()];
      if (nextSibling[node] >= 0) {
        node = nextSibling[node];
        break;
      }
      node = parent[node];
    }
  }
  return [...rows.values()];
}
