/** What is selected, in terms another program understands. */

/** @typedef {import("./store.js").Store} Store */
/** @typedef {{function: string, file: string, line: number, path: string[], total: number, share: number}} Selection weights in the weight shown: ns or goroutines; `share` of all, 0..1 */

/** The selected frame or state; null when nothing is. A state has no file. @param {Store} store @returns {Selection | null} */
export function selection(store) {
  const address = store.selected.peek();
  const tree = store.weighed();
  if (address === null || tree === null) return null;
  const { node, whole } = tree.resolve(address);
  if (!whole) return null;
  const frame = tree.frame[node];
  const { strings, frameFile, frameLine } = tree.dictionary;
  return {
    function: tree.nameOf(node),
    file: frame < 0 ? "" : strings[frameFile[frame]],
    line: frame < 0 ? 0 : frameLine[frame],
    path: address.map(({ name }) => name),
    total: tree.total[node],
    share: tree.total[0] > 0 ? tree.total[node] / tree.total[0] : 0,
  };
}

/** The span shown, milliseconds since 1970, and whether it moves with live. @param {Store} store @returns {{from: number, to: number, live: boolean} | null} */
export function rangeOf(store) {
  const process = store.process.peek();
  if (process === null) return null;
  const { from, to } = store.wanted();
  const unix = (/** @type {number} */ at) => (process.epoch + at) / 1e6;
  return { from: unix(from), to: unix(to), live: store.span.peek() === null && store.paused.peek() === null };
}
