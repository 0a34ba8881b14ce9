// The bars of size: too long for every run. `npm run bars` measures them and prints each figure.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RpcServer, rxperfService } from "../../src/index.js";
import { type PeerClientOptions, peersAvailable, runPeerClient } from "./peer.js";
import { patternAt, startServer } from "./support.js";

const MIB = 1_048_576;
const PEER_TIMEOUT_MS = 590_000;
const TIMEOUT_MS = 600_000;

interface Bar {
  readonly name: string;
  readonly calls: number;
  readonly options: Omit<PeerClientOptions, "port">;
}

const BARS: readonly Bar[] = [
  {
    name: "100 000 rpc calls of 128/128 bytes, 8 threads, 2 connections",
    calls: 100_000,
    options: { op: "rpc", threads: 8, conns: 2, calls: 12_500 },
  },
  { name: "1 MiB each way x 30", calls: 30, options: { op: "rpc", bytes: MIB, calls: 30 } },
  { name: "100 MiB send", calls: 1, options: { op: "send", bytes: 100 * MIB } },
  { name: "100 MiB recv", calls: 1, options: { op: "recv", bytes: 100 * MIB } },
];

describe.skipIf(process.env["RXRPC_FULL"] !== "1" || !peersAvailable())(
  "C client, our server: bars of size",
  () => {
    let server: RpcServer;
    beforeAll(async () => {
      server = await startServer([rxperfService({ pattern: patternAt })]);
    });
    afterAll(() => server.close());

    test.each(BARS)(
      "$name",
      async ({ name, calls, options }) => {
        const result = await runPeerClient({ verify: true, ...options, port: server.port }, PEER_TIMEOUT_MS);
        const { callsPerSecond, mbitPerSecond, p50us, p99us, failed, seconds } = result;
        console.log(
          `${name}: ${failed} failed, ${seconds.toFixed(1)} s, ${callsPerSecond.toFixed(0)} calls/s, ` +
            `${mbitPerSecond.toFixed(0)} Mbit/s, p50 ${p50us} us, p99 ${p99us} us`,
        );
        expect(result).toMatchObject({ ok: calls, failed: 0, errors: {} });
      },
      TIMEOUT_MS,
    );
  },
);
