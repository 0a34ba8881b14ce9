// fastify: takes plain bytes, answers with plain bytes. No schema, no log, no plugin.
import Fastify from "fastify";
import { serveUntilToldToEnd } from "../workers/worker.mjs";

const REPLY_MAX = 1 << 20;
const zeros = Buffer.alloc(REPLY_MAX);

const app = Fastify({ logger: false, bodyLimit: REPLY_MAX });
app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) =>
  done(null, body),
);
app.post("/rpc/:bytes", (request, reply) => {
  const { bytes } = /** @type {{ bytes: string }} */ (request.params);
  reply.type("application/octet-stream").send(zeros.subarray(0, Math.min(Number(bytes), REPLY_MAX)));
});
const address = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(`listening ${new URL(address).port}`);
serveUntilToldToEnd();
