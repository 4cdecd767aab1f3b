/** Garbage collections as rows: what each cycle found, left and cost. What the runtime did not tell is NaN. */

/** @typedef {import("../core/chunk.js").ChunkEvent} ChunkEvent */
/** @typedef {{id: string, cycle: number, at: number, pause: number, before: number, live: number, goal: number, assist: number, since: number}} Collection at: ns since epoch; since: ns since the end of the cycle before; bytes */

/**
 * The collections that ended within a span, oldest first.
 * @param {readonly ChunkEvent[]} marks @param {number} from @param {number} to ns @returns {Collection[]}
 */
export function collections(marks, from, to) {
  const all = marks.filter(({ kind }) => kind === "gc");
  return all.flatMap(({ cycle, at, pause, figures: { before = NaN, live = NaN, goal = NaN, assist = NaN } }, i) => {
    if (at < from || at > to) return [];
    const last = all[i - 1];
    const since = last !== undefined && last.cycle === cycle - 1 ? at - last.at : NaN;
    return [{ id: String(cycle), cycle, at, pause, before, live, goal, assist, since }];
  });
}
