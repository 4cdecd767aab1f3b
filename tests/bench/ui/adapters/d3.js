// d3-flame-graph as its documentation uses it; `d3` leaves nothing out, with a least width it is what its author advises.
import { flamegraph, select } from "../d3.bundle.js";

let graph, element, trees;
const least = Number(new URLSearchParams(location.search).get("least") ?? 0);
export default {
  data: "tree.json",
  init(into, data) {
    element = into;
    trees = data;
    graph = flamegraph().width(1380).cellHeight(18).transitionDuration(0).minFrameSize(least).inverted(true);
  },
  first: () => select(element).datum(trees[0]).call(graph),
  update: (which) => graph.update(trees[which === 0 ? 1 : 0]),
  zoom() {
    let node = select(element).datum();
    for (let depth = 0; depth < 3 && node.children?.length > 0; depth++) node = node.children.reduce((a, b) => (a.value > b.value ? a : b));
    graph.zoomTo(node);
  },
  reset: () => graph.resetZoom(),
  search: (text) => graph.search(text),
};
