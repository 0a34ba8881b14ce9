// grpc-js server: answers each unary call with as many bytes as it brought.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { serveUntilToldToEnd } from "../workers/worker.mjs";
import { service } from "./service.mjs";

/** @type {import("@grpc/grpc-js").handleUnaryCall<Buffer, Buffer>} */
const call = ({ request }, done) => done(null, request);
const server = new Server();
server.addService(service, { call });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening ${port}`);
});
serveUntilToldToEnd();
