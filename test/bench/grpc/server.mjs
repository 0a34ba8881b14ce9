// grpc-js server: answers each unary call with 128 bytes.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { PAYLOAD_BYTES } from "../workers/sizes.mjs";
import { serveUntilToldToEnd } from "../workers/worker.mjs";
import { service } from "./service.mjs";

/** @type {import("@grpc/grpc-js").handleUnaryCall<Buffer, Buffer>} */
const call = (_call, done) => done(null, reply);
const reply = Buffer.alloc(PAYLOAD_BYTES);
const server = new Server();
server.addService(service, { call });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening ${port}`);
});
serveUntilToldToEnd();
