/** Everything about one box: what the rows at and below it do, how long they wait, where they come from. */

import { CATEGORIES } from "./category.js";
import { STALE } from "./dictionary.js";

/** @typedef {import("./calltree.js").CallTree} CallTree */
/** @typedef {import("./calltree.js").Weight} Weight */
/** @typedef {import("./fold.js").Fold} Fold */
/**
 * Weights by category, by lane and by the frame that created the goroutines (-1 none); goroutines at the
 * window's end; weight of stacks that are not current; longest wait, ns; source lines a box stands for.
 * @typedef {{parts: number[], lanes: Map<string, number>, createdBy: Map<number, number>, count: number, stale: number,
 *   longest: number}} Breakdown
 */

/** @param {CallTree} tree @param {number} node @param {Fold} fold @param {Weight} weight @returns {Breakdown} */
export function breakdown(tree, node, fold, weight) {
  const { dictionary, reading } = tree;
  const within = tree.keysBelow(node);
  const parts = CATEGORIES.map(() => 0);
  /** @type {Map<string, number>} */
  const lanes = new Map();
  /** @type {Map<number, number>} */
  const createdBy = new Map();
  let count = 0;
  let stale = 0;
  tree.each(fold, weight, (key, value) => {
    if (!within[key]) return;
    const { lane, category } = reading.of(key);
    parts[category] += value;
    lanes.set(lane, (lanes.get(lane) ?? 0) + value);
    const creator = dictionary.groups[dictionary.keyGroup[key]]?.createdBy ?? -1;
    createdBy.set(creator, (createdBy.get(creator) ?? 0) + value);
    if (dictionary.keyFlags[key] & STALE) stale += value;
  });
  tree.each(fold, "count", (key, value) => {
    if (within[key]) count += value;
  });
  return { parts, lanes, createdBy, count, stale, longest: fold.longest(within) };
}

/** Frames (places in the source) that a node stands for. @param {CallTree} tree @param {number} node @returns {number} */
export function lines(tree, node) {
  const { dictionary } = tree;
  const within = tree.keysBelow(node);
  const up = tree.shape.order === "up" || tree.rootOf(node) === 1;
  const seen = new Set([tree.frame[node]]);
  if (tree.frame[node] < 0 || up) return seen.size;
  for (let key = 0; key < within.length; key++) {
    if (!within[key]) continue;
    let at = dictionary.keyStack[key];
    for (; at > 0; at = dictionary.stackParent[at]) {
      if (dictionary.frameFunction[dictionary.stackFrame[at]] === tree.name[node]) seen.add(dictionary.stackFrame[at]);
    }
  }
  return seen.size;
}
