// Operations that a service does not know: an answer for people who mix up versions, and no abuse.
import { expect, test } from "vitest";
import { RpcServer, RxClient, rxperfService } from "../../../src/index.js";
import { RxperfRpc } from "../../../src/rxperf/client.js";
import { buildRequest, type RxperfOp } from "../../../src/rxperf/protocol.js";
import { AbortCode } from "../../../src/wire/abort.js";

test("F7: unknown operations are told RXGEN_OPCODE, each time, and are no fault and no abuse", async () => {
  const faults: unknown[] = [];
  await using server = new RpcServer({ onFault: (cause) => void faults.push(cause) }).add(
    rxperfService({ concurrency: 4 }),
  );
  await server.start();
  await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 147 });
  for (const op of [2, 5, 77, 0x7fff_ffff, -1, ...new Array<number>(60).fill(9)]) {
    const request = buildRequest(op as RxperfOp, [0, 0], 0, false);
    await expect(client.call(request)).rejects.toMatchObject({ abortCode: AbortCode.RXGEN_OPCODE });
  }
  await new RxperfRpc(10, 20).call(client);
  expect([faults, server.running]).toEqual([[], 0]);
  expect(server.stats()[0]?.counters).toMatchObject({ RefusalsWithheld: 0, BusyPacketsSent: 0 });
});
