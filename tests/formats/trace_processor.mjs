// Perfetto's trace processor, compiled to WebAssembly, as a program: its RPC stream comes in on stdin, goes out on stdout.
//   node trace_processor.mjs FOLDER      of Perfetto's own page: engine_bundle.js, trace_processor*.wasm
// The bundle is made to be a worker of that page; it finds here what a worker finds there.

import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";

const folder = process.argv[2];
const file = (/** @type {string} */ name) => readFileSync(join(folder, name.split("/").pop() ?? ""));
const ignore = () => {};

/** @type {Record<string, any>} */
const worker = {
  WorkerGlobalScope: class {},
  location: { href: "http://localhost/engine_bundle.js" },
  XMLHttpRequest: class {
    open(/** @type {string} */ method, /** @type {string} */ name) {
      this.response = new Uint8Array(file(name)).buffer;
    }
    send() {}
  },
  console: { log: ignore, warn: ignore, error: console.error },
  ...{ URL, TextDecoder, TextEncoder, performance, crypto, setTimeout, clearTimeout, WebAssembly },
  ...{ Uint8Array, Error, TypeError, RangeError },
};
worker.self = worker;
runInContext(file("engine_bundle.js").toString(), createContext(worker));

/** What the engine sees of the page: it answers by postMessage, and sets onmessage once it is told of the port. */
const port = {
  onmessage: /** @type {((event: {data: Uint8Array}) => void) | undefined} */ (undefined),
  postMessage(/** @type {Uint8Array} */ data) {
    for (let at = 0; at < data.length; ) at += writeSync(1, data, at);
  },
};
worker.onmessage({ data: port });
// By then the engine has had the turn it takes to get ready.
setImmediate(() => process.stdin.on("data", (data) => port.onmessage?.({ data: new Uint8Array(data) })));
