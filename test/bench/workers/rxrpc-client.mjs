// This library as a client: rxperf calls over one RxClient, by the public API alone.
// Usage: rxrpc-client.mjs PORT
import { RxClient, RxperfRpc, rxperfRecv, rxperfSend } from "../../../dist/index.js";
import { PAYLOAD_BYTES, RXPERF_SERVICE_ID } from "./sizes.mjs";
import { transportPath } from "./transport-path.mjs";
import { answerCommands, closedLoop } from "./worker.mjs";

const client = await RxClient.connect({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  serviceId: RXPERF_SERVICE_ID,
});
const { path } = transportPath();

answerCommands(async ({ op, outstanding = 1, seconds, bytes = PAYLOAD_BYTES }) => {
  switch (op) {
    case "rpc": {
      const rpc = new RxperfRpc(bytes, bytes);
      return { ...(await closedLoop(outstanding, seconds, () => rpc.call(client))), path };
    }
    case "send":
      return { ...(await timed(outstanding, () => rxperfSend(client, bytes / outstanding))), path };
    case "recv":
      return { ...(await timed(outstanding, () => rxperfRecv(client, bytes / outstanding))), path };
    default:
      throw new RangeError(`expected op "rpc", "send" or "recv", got "${op}"`);
  }
});

/**
 * @param {number} calls at once
 * @param {() => Promise<void>} call
 */
async function timed(calls, call) {
  const begin = performance.now();
  const ends = await Promise.allSettled(Array.from({ length: calls }, call));
  const seconds = (performance.now() - begin) / 1000;
  const failures = ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason)] : []));
  return {
    ok: calls - failures.length,
    failed: failures.length,
    seconds,
    ...(failures.length > 0 && { error: failures[0] }),
  };
}
