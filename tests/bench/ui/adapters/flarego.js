// Our component as it is: <fg-flame> over a Store that is given chunks as a socket gives them. What corresponds to parsing
// (taking the definitions in) is timed apart; `first` is the first picture of what the store has.
import { read } from "../static/core/chunk.js";
import { Store } from "../static/core/store.js";
import "../static/elements/fg-flame.js";

/** State and reason of each of the generator's states. */
const STATES = ["running", "runnable", "syscall", "waiting"];
const REASONS = ["", "chan receive", "chan send", "select", "sync.Mutex.Lock", "IO wait", "sleep", "GC worker (idle)"];
const MEANING = [[0, 0], [1, 0], [3, 1], [3, 2], [3, 3], [3, 4], [2, 0], [3, 5], [3, 6], [3, 7]];
const PERIOD = 2e8;
/** What the reader makes of messages without content. */
const bare = (type) => read(Uint8Array.of(0x81, 0xa4, ...new TextEncoder().encode("type"), 0xa0 | type.length, ...new TextEncoder().encode(type)));
const PROCESS = { ...bare("process"), version: 1, process: "bench", name: "bench", states: STATES, reasons: REASONS, module: "github.com/acme/shop" };

const store = new Store();
let flame, open, rows, intake, sequence = 0;
customElements.define("fg-app", class extends HTMLElement { store = store; });

/** Each name a frame, each frame a location, each node of the trie but the root a node. */
function definitions({ names, name, level }) {
  const parent = new Uint32Array(name.length - 1);
  const path = [0];
  for (let i = 1; i < name.length; i++) {
    path.length = level[i];
    parent[i - 1] = path[level[i] - 1];
    path.push(i);
  }
  const n = names.length;
  const index = Uint32Array.from({ length: n }, (_, i) => i);
  return {
    strings: ["", ...names],
    frames: { n, function: index.map((i) => i + 1), file: new Uint32Array(n), line: index, flags: new Uint8Array(n) },
    locations: { n, count: new Uint8Array(n).fill(1), frame: index },
    nodes: { n: parent.length, parent, location: Uint32Array.from(name.slice(1)) },
    groups: [{ created_by: -1, entry: -1, labels: {}, system: false }],
  };
}

function rowsOf({ state }, self) {
  const at = self.flatMap((weight, i) => (i > 0 && weight > 0 ? [i] : []));
  const column = (Type, of) => Type.from(at, of);
  return {
    n: at.length, node: column(Uint32Array, (i) => i), group: new Uint32Array(at.length), state: column(Uint8Array, (i) => MEANING[state[i]][0]),
    reason: column(Uint8Array, (i) => MEANING[state[i]][1]), flags: new Uint8Array(at.length), wall: column(Float64Array, (i) => self[i] * 1e6),
    cpu: new Float64Array(at.length), count: column(Uint32Array, (i) => self[i]), wait: new Float64Array(at.length),
  };
}

function send(rows, more = {}) {
  const start = sequence * PERIOD;
  const chunk = { ...bare("chunk"), process: "bench", sequence: sequence++, start, end: start + PERIOD, rows, ...more };
  store.receive(chunk, performance.now());
}

export default {
  data: "json",
  init(into, data) {
    document.documentElement.dataset.theme = "dark";
    store.graph.lanes.value = false; // One graph of all states: as many frames as the others have.
    store.shown.value = { system: true, idle: true, runtime: true };
    store.setWindow(5);
    const app = document.createElement("fg-app");
    flame = document.createElement("fg-flame");
    app.style.cssText = "display:block;height:100%";
    flame.style.height = "100%";
    app.append(flame);
    open = () => into.append(app);
    rows = [rowsOf(data, data.later), rowsOf(data, data.self)];
    const defined = definitions(data);
    const start = performance.now();
    store.receive(PROCESS, start);
    store.data.peek().ring.maxBytes = 8 << 20; // The page keeps 15 minutes; this is about one picture.
    send(rows[1], defined);
    intake = performance.now() - start;
  },
  first: () => open(),
  update: (which) => send(rows[which]),
  zoom() {
    const tree = store.weighed();
    let node = 0;
    for (let depth = 0; depth < 3 && tree.firstChild[node] >= 0; depth++) {
      let best = tree.firstChild[node];
      for (let child = best; child >= 0; child = tree.nextSibling[child]) if (tree.total[child] > tree.total[best]) best = child;
      node = best;
    }
    store.setZoom(tree.address(node));
  },
  reset: () => store.setZoom([]),
  search: (text) => store.setQuery(`/${text}/`),
  about: () => ({ frames: store.tree().size, drawn: flame.boxes.n, intake }),
};
