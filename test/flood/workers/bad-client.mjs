// Calls handlers that misbehave, and tells how each call ended.
import { RxClient } from "../../../dist/index.js";
import { answerCommands } from "../../bench/workers/worker.mjs";

const REQUEST_BYTES = 16;

/** @type {Promise<Record<string, number>> | undefined} */
let underWay;

answerCommands(async (command) => {
  switch (command.op) {
    case "call":
      return { ends: await callAll(command) };
    // Begins, and tells later: something else has to happen meanwhile.
    case "begin":
      underWay = callAll(command);
      return {};
    case "ends":
      return { ends: await underWay };
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

/** @param {{ port: number, serviceId: number, calls: number, requestBytes?: number }} command */
async function callAll({ port, serviceId, calls, requestBytes = REQUEST_BYTES }) {
  const client = await RxClient.connect({ host: "127.0.0.1", port, serviceId });
  /** @type {Record<string, number>} */
  const ends = {};
  const one = async () => {
    const end = await endOf(client.call(new Uint8Array(requestBytes), { deadlineMs: 10_000 }));
    ends[end] = (ends[end] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: calls }, one));
  await client.close();
  return ends;
}

/** @param {Promise<Uint8Array>} call */
async function endOf(call) {
  try {
    return `reply ${(await call).length}`;
  } catch (cause) {
    if (cause?.code === "RX_ERR_CALL_ABORTED") return `abort ${cause.abortCode}`;
    return `${cause?.code ?? cause}`;
  }
}
