// grpc-js client: unary calls of as many bytes each way over one channel. Usage: client.mjs PORT
import { credentials, makeClientConstructor } from "@grpc/grpc-js";
import { answerCommands, closedLoop } from "../workers/worker.mjs";
import { service } from "./service.mjs";

const Client = makeClientConstructor(service, "bench.Bench");
/** @type {any} made from a description, and so without types */
const client = new Client(`127.0.0.1:${process.argv[2]}`, credentials.createInsecure());

/** @param {Buffer} request */
function call(request) {
  return new Promise((resolve, reject) => {
    client.call(request, (/** @type {Error | null} */ error, /** @type {Buffer} */ reply) => {
      if (error) reject(error);
      else if (reply.length !== request.length) reject(new Error(`a reply of ${reply.length} bytes`));
      else resolve(undefined);
    });
  });
}

answerCommands(async ({ op, outstanding, seconds, bytes }) => {
  if (op !== "rpc") throw new RangeError(`expected op "rpc", got "${op}"`);
  const request = Buffer.alloc(bytes);
  return closedLoop(outstanding, seconds, () => call(request));
});
