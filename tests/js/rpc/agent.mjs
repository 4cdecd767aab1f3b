// An agent made of @grpc/grpc-js: says Hello, sends the chunks on standard input (base64, one a line), prints what comes.
import { createInterface } from "node:readline";
import { credentials, loadPackageDefinition, Metadata } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [proto, address, token] = process.argv.slice(2);
const { flarego } = loadPackageDefinition(loadSync(proto, { longs: Number, enums: String }));
const client = new flarego.v1.Ingest(address, credentials.createInsecure());
const metadata = new Metadata();
metadata.set("authorization", `Bearer ${token}`);
const stream = client.Stream(metadata);
let sequence = 0;
let sent = Infinity;

stream.on("data", (message) => {
  console.log(JSON.stringify(message));
  if (message.ack !== undefined && message.ack.sequence >= sent) {
    stream.write({ bye: { why: "done" } });
    stream.end();
  }
});
stream.on("status", ({ code, details }) => {
  console.log(JSON.stringify({ status: code, details }));
  client.close();
});
stream.on("error", () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const payload = Buffer.from(line, "base64");
  if (sequence === 0) stream.write({ hello: { process: payload, encodings: ["ZSTD"] } });
  else stream.write({ data: { sequence, payload, rawSize: payload.length } });
  sequence++;
}
sent = sequence - 1;
