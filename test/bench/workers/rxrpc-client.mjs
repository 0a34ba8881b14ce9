// This library as a client: rxperf calls over one RxClient, by the public API alone.
// Usage: rxrpc-client.mjs PORT
import { RxClient, RxperfRpc, rxperfRecv, rxperfSend } from "../../../dist/index.js";
import { PAYLOAD_BYTES } from "./sizes.mjs";
import { answerCommands, closedLoop } from "./worker.mjs";

const RXPERF_SERVICE_ID = 147;

const client = await RxClient.connect({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  serviceId: RXPERF_SERVICE_ID,
});
const rpc = new RxperfRpc(PAYLOAD_BYTES, PAYLOAD_BYTES);

answerCommands(async ({ op, outstanding, seconds, bytes }) => {
  switch (op) {
    case "rpc":
      return closedLoop(outstanding, seconds, () => rpc.call(client));
    case "send":
      return timed(rxperfSend(client, bytes));
    case "recv":
      return timed(rxperfRecv(client, bytes));
    default:
      throw new RangeError(`expected op "rpc", "send" or "recv", got "${op}"`);
  }
});

/** @param {Promise<void>} work that has just begun */
async function timed(work) {
  const begin = performance.now();
  try {
    await work;
    return { ok: 1, failed: 0, seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    return { ok: 0, failed: 1, seconds: (performance.now() - begin) / 1000, error: String(error) };
  }
}
