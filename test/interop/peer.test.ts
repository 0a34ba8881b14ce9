// The C peer against itself: what the interoperation tests measure with has to be right first.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PeerClientOptions, PeerServer } from "./peer.js";
import { peersAvailable, runPeerClient, startPeerServer } from "./peer.js";

const ABORT_WRONG_PAYLOAD = 7001;

describe.skipIf(!peersAvailable())("C client against C server", () => {
  let server: PeerServer;
  beforeAll(async () => {
    server = await startPeerServer({ verify: true });
  });
  afterAll(() => server.stop());

  const run = (options: Omit<PeerClientOptions, "port">) =>
    runPeerClient({ verify: true, ...options, port: server.port });

  test("makes small calls on all channels of two connections", async () => {
    const result = await run({ op: "rpc", threads: 8, conns: 2, calls: 50 });
    expect(result).toMatchObject({ ok: 400, failed: 0, calls: 400, errors: {} });
    expect(result).toMatchObject({ bytesIn: 400 * 128, bytesOut: 400 * 128 });
  });

  test.each(["rpc", "send", "recv", "echo"] as const)("checks a megabyte by %s", async (op) => {
    const result = await run({ op, bytes: 1_048_576, calls: 2 });
    expect(result).toMatchObject({ ok: 2, failed: 0 });
    expect(result.bytesOut).toBe(op === "recv" ? 0 : 2 * 1_048_576);
    expect(result.bytesIn).toBe(op === "send" ? 0 : 2 * 1_048_576);
  });

  test("sends the cookie behind the request on demand", async () => {
    expect(await run({ op: "rpc", send: 3, recv: 30, cookie: true })).toMatchObject({ ok: 1, failed: 0 });
  });

  test.each([1, -455, 2_147_483_647])("hands on abort code %i of the server", async (abortCode) => {
    expect(await run({ op: "abort", abortCode })).toMatchObject({ ok: 0, errors: { [abortCode]: 1 } });
  });

  test("aborts its own call in mid request", async () => {
    const result = await run({ op: "send", bytes: 1_000_000, abortAfterBytes: 5000, abortCode: 77 });
    expect(result).toMatchObject({ ok: 0, failed: 1, bytesOut: 5000, errors: { "77": 1 } });
  });

  test("dies in mid call, and the server goes on", async () => {
    expect(await run({ op: "send", bytes: 1_000_000, dieAfterBytes: 5000 })).toMatchObject({ calls: 0 });
    expect(await run({ op: "rpc" })).toMatchObject({ ok: 1, failed: 0 });
  });

  test("waits for a slow server procedure", async () => {
    expect(await run({ op: "sleep", sleepMs: 150 })).toMatchObject({ ok: 1, failed: 0 });
  });

  test("has payload refused that is not the pattern", async () => {
    const result = await run({ op: "rpc", verify: false });
    expect(result).toMatchObject({ ok: 0, errors: { [ABORT_WRONG_PAYLOAD]: 1 } });
  });

  test("finds a wrong reply", async () => {
    const plain = await startPeerServer();
    try {
      expect(await runPeerClient({ port: plain.port, op: "recv", verify: true })).toMatchObject({
        ok: 0,
        errors: { payload: 1 },
      });
    } finally {
      expect(await plain.stop()).toMatchObject({ served: 1, refused: 0 });
    }
  });

  test("answers a server that checks reachability, without jumbograms and with a small window", async () => {
    const options = { verify: true, nojumbo: true, window: 4 };
    const strict = await startPeerServer({ ...options, checkReach: true, procs: 2 });
    try {
      expect(
        await runPeerClient({ ...options, port: strict.port, op: "rpc", bytes: 50_000, calls: 3 }),
      ).toMatchObject({ ok: 3, failed: 0 });
    } finally {
      await strict.stop();
    }
  });
});
