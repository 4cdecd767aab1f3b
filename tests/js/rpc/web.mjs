// Reads with grpc-web: one call that answers once, and a stream of which it prints so many messages in base64.
import xhr2 from "xhr2";

globalThis.XMLHttpRequest = xhr2.XMLHttpRequest;
const grpcWeb = (await import("grpc-web")).default;
const [address, token, format, count] = process.argv.slice(2);
const client = new grpcWeb.GrpcWebClientBase({ format });
const metadata = { authorization: `Bearer ${token}` };

/** Bytes as they are: what is in them is for somebody else to read. */
function method(name, type) {
  return new grpcWeb.MethodDescriptor(name, type, Object, Object, (bytes) => bytes, (bytes) => bytes);
}

const processes = "/flarego.v1.Watch/Processes";
const reply = await client.unaryCall(address + processes, new Uint8Array(), metadata, method(processes, "unary"));
console.log(Buffer.from(reply).toString("base64"));

if (format === "binary") process.exit(0); // its streams are in text only

const watch = "/flarego.v1.Watch/Stream";
// xhr2 hands over what came when the answer ends, which the server does after this time.
const brief = { ...metadata, "grpc-timeout": "1S" };
const stream = client.serverStreaming(address + watch, new Uint8Array(), brief, method(watch, "server_streaming"));
let read = 0;
stream.on("data", (message) => {
  console.log(Buffer.from(message).toString("base64"));
  read++;
});
stream.on("error", (error) => {
  console.error(error.code, error.message);
  process.exit(error.code === 4 && read === Number(count) ? 0 : 1);
});
