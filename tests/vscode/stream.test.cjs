"use strict";

const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const http = require("node:http");
const path = require("node:path");
const { test } = require("node:test");

const { Stream } = require(path.resolve(__dirname, "../../deployments/vscode/stream.js"));

/** A server that answers the handshake and writes these bytes, cut into pieces of `cut`. */
async function serve(bytes, cut, accept = true) {
  const server = http.createServer((_, response) => response.writeHead(401).end());
  const heard = [];
  if (accept) {
    server.on("upgrade", async (request, socket) => {
      server.token = request.headers.authorization;
      const key = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.on("data", (data) => heard.push(data));
      socket.on("error", () => {});
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
      for (let i = 0; i < bytes.length; i += cut) {
        socket.write(bytes.subarray(i, i + cut));
        await new Promise(setImmediate);
      }
    });
  }
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.heard = heard;
  return server;
}

const frame = (opcode, payload, last = true) => {
  const head = payload.length < 126 ? Buffer.from([0, payload.length]) : payload.length < 65536
    ? Buffer.from([0, 126, payload.length >> 8, payload.length & 255])
    : Buffer.concat([Buffer.from([0, 127]), (() => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(payload.length)); return b; })()]);
  head[0] = (last ? 0x80 : 0) | opcode;
  return Buffer.concat([head, payload]);
};

const hear = (server, token = "") => new Promise((done) => {
  const got = { messages: [], opened: 0 };
  const stream = new Stream(new URL(`http://127.0.0.1:${server.address().port}/stream`), token, {
    open: () => got.opened++,
    message: (bytes) => got.messages.push(Buffer.from(bytes)),
    close: (problem) => {
      server.close();
      server.closeAllConnections();
      done({ ...got, problem });
    },
  });
  got.stream = stream;
});

test("messages of every length, whole and in parts, however they arrive", async () => {
  const payloads = [Buffer.from("a"), Buffer.alloc(300, 1), Buffer.alloc(70_000, 2)];
  const bytes = Buffer.concat([
    ...payloads.map((payload) => frame(2, payload)), frame(9, Buffer.from("are you there")),
    frame(2, Buffer.from("one "), false), frame(0, Buffer.from("two"), true), frame(8, Buffer.from([3, 233, ...Buffer.from("enough")])),
  ]);
  for (const cut of [1777, bytes.length]) {
    const server = await serve(bytes, cut);
    const { messages, problem, opened } = await hear(server, "secret");
    assert.equal(opened, 1);
    assert.equal(server.token, "Bearer secret");
    assert.deepEqual(messages, [...payloads, Buffer.from("one two")]);
    assert.equal(problem, "enough");
  }
});

test("a length nobody sends is refused, as is who is no WebSocket", async () => {
  const huge = Buffer.from([0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
  assert.match((await hear(await serve(huge, 100))).problem, /too long/);
  assert.match((await hear(await serve(huge, 100, false))).problem, /refused.*401/);
});
