// The other end of the raw dgram echo: keeps N datagrams under way. Callbacks only, no promise per datagram.
// Usage: dgram-client.mjs PORT
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { replyDatagramBytes, requestDatagramBytes } from "./sizes.mjs";
import { answerCommands, Latencies } from "./worker.mjs";

const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
socket.connect(Number(process.argv[2]), "127.0.0.1");
await once(socket, "connect");

const latencies = new Latencies();
const SLOTS = 256;
const sentAt = new Float64Array(SLOTS);

answerCommands(async ({ op, outstanding, seconds, bytes }) => {
  if (op !== "rpc") throw new RangeError(`expected op "rpc", got "${op}"`);
  return rpc(outstanding, seconds, bytes);
});

/**
 * @param {number} outstanding 1 to 256
 * @param {number} seconds
 * @param {number} bytes payload of an rpc whose datagrams these are as long as
 * @returns {Promise<import("./worker.mjs").Answer>}
 */
function rpc(outstanding, seconds, bytes) {
  const slots = Array.from({ length: outstanding }, (_, slot) =>
    Buffer.alloc(requestDatagramBytes(bytes), slot),
  );
  const replyBytes = replyDatagramBytes(bytes);
  return new Promise((resolve) => {
    latencies.clear();
    let underWay = outstanding;
    const begin = performance.now();
    const end = begin + seconds * 1000;
    // Nothing repeats a lost datagram: what has not come a second after the end counts as failed.
    const overdue = setTimeout(finish, seconds * 1000 + 1000);

    socket.on("message", onMessage);
    socket.on("error", onError);
    for (let slot = 0; slot < outstanding; slot++) send(slot);

    /** @param {number} slot */
    function send(slot) {
      sentAt[slot] = performance.now();
      socket.send(/** @type {Buffer} */ (slots[slot]));
    }

    /** @param {Buffer} message */
    function onMessage(message) {
      const slot = message[0] ?? 0;
      const now = performance.now();
      if (message.length === replyBytes) latencies.add((now - (sentAt[slot] ?? now)) * 1000);
      if (now < end) send(slot);
      else if (--underWay === 0) finish();
    }

    function finish() {
      clearTimeout(overdue);
      socket.off("message", onMessage);
      socket.off("error", onError);
      resolve({
        ok: latencies.count,
        failed: underWay,
        seconds: (performance.now() - begin) / 1000,
        p50us: latencies.quantileUs(0.5),
        p99us: latencies.quantileUs(0.99),
        p999us: latencies.quantileUs(0.999),
        ...(underWay > 0 && { error: `${underWay} datagrams were not answered` }),
      });
    }

    /** @param {Error} error */
    function onError(error) {
      console.error(error.message);
      process.exit(1);
    }
  });
}
