// Our client against the C server.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RxClient, type RxClientOptions, RxError } from "../../src/index.js";
import { RxperfRpc, rxperfRecv, rxperfSend } from "../../src/rxperf/client.js";
import { type PeerServer, type PeerServerOptions, peersAvailable, startPeerServer } from "./peer.js";
import {
  ABORT_WRONG_PAYLOAD,
  expectAtRest,
  expectPattern,
  OUTLASTED_TIMES,
  OUTLASTING_MS,
  PeerOp,
  patternFrom,
  patternRecv,
  patternRpc,
  patternSend,
  peerCall,
  RXPERF_SERVICE_ID,
  SHORT_TIMES,
} from "./support.js";

const MIB = 1_048_576;
const NOTHING = new Uint8Array(0);

describe.skipIf(!peersAvailable())("our client, C server", () => {
  let server: PeerServer;
  let client: RxClient;
  beforeAll(async () => {
    server = await startPeerServer({ verify: true, procs: 32 });
    client = await connect(server);
  });
  afterAll(async () => {
    await expectAtRest(client);
    await client.close();
    await server.stop();
  });

  test.each([
    [0, 0],
    [3, 30],
    [128, 128],
    [1_420, 1_408],
    [65_535, 65_537],
    [MIB, MIB],
  ])("sends %i bytes and receives %i in one call", async (sendBytes, recvBytes) => {
    for (let i = 0; i < 3; i++) await patternRpc(client, sendBytes, recvBytes);
  });

  test("makes 2 000 small calls, 32 outstanding", async () => {
    let left = 2_000;
    const loop = async () => {
      while (left-- > 0) await patternRpc(client, 128, 128);
    };
    await Promise.all(Array.from({ length: 32 }, loop));
    expect(client.stats().connections.highWater).toBeGreaterThanOrEqual(8);
    expect(client.stats().counters.CallsTimedOut).toBe(0);
  });

  test("moves 20 MiB by send and by recv", async () => {
    await patternSend(client, 20 * MIB);
    await patternRecv(client, 20 * MIB);
  });

  test("moves 256 KiB each way in 16 calls at once", async () => {
    await Promise.all(Array.from({ length: 16 }, () => patternRpc(client, 262_144, 262_144)));
  });

  test("has 300 000 bytes echoed", async () => {
    const payload = patternFrom(0, 300_000);
    const reply = await peerCall(client, PeerOp.Echo, payload.length, payload);
    expectPattern(reply.subarray(0, payload.length), 0);
    expect(reply.length).toBe(payload.length + 4);
  });

  test.each([1, 4_242, -455, -1, 2_147_483_647, -2_147_483_648])("is told abort code %i", async (code) => {
    const failure = await failureOf(peerCall(client, PeerOp.Abort, code));
    expect(failure).toMatchObject({ code: "RX_ERR_CALL_ABORTED", abortCode: code });
  });

  test("is told the code of a server that finds the payload wrong", async () => {
    const failure = await failureOf(new RxperfRpc(128, 128).call(client));
    expect(failure).toMatchObject({ code: "RX_ERR_CALL_ABORTED", abortCode: ABORT_WRONG_PAYLOAD });
  });

  test("cancels a call by its signal, and uses the channel again", async () => {
    const cancel = new AbortController();
    const reason = new Error("no longer wanted");
    const call = failureOf(peerCall(client, PeerOp.Sleep, 500, NOTHING, { signal: cancel.signal }));
    setTimeout(() => cancel.abort(reason), 50);
    expect(await call).toMatchObject({ code: "RX_ERR_CALL_CANCELLED", cause: reason });
    await patternRpc(client, 128, 128);
  });

  test("cancels a stream in mid reply", async () => {
    const cancel = new AbortController();
    const failure = failureOf(patternRecv(client, 200 * MIB, { signal: cancel.signal }));
    setTimeout(() => cancel.abort(), 100);
    expect(await failure).toMatchObject({ code: "RX_ERR_CALL_CANCELLED" });
    await patternRpc(client, 128, 128);
  });

  test("cancels a stream in mid request", async () => {
    const cancel = new AbortController();
    const failure = failureOf(patternSend(client, 200 * MIB, { signal: cancel.signal }));
    setTimeout(() => cancel.abort(), 100);
    expect(await failure).toMatchObject({ code: "RX_ERR_CALL_CANCELLED" });
    await patternRpc(client, 128, 128);
  });

  test("gives up at the deadline", async () => {
    const failure = await failureOf(peerCall(client, PeerOp.Sleep, 1_500, NOTHING, { deadlineMs: 100 }));
    expect(failure).toMatchObject({ code: "RX_ERR_CALL_TIMEOUT" });
    await patternRpc(client, 128, 128);
  });

  test("leaves a stream unread: closing it ends the call", async () => {
    await using call = client.open();
    await call.write(patternFrom(0, 20));
    call.close();
    await patternRpc(client, 128, 128);
  });
});

describe.skipIf(!peersAvailable())("our client, C servers of other kinds", () => {
  test("answers the PING of a server that checks reachability", async () => {
    await withServer({ checkReach: true, procs: 4 }, {}, async (client) => {
      await Promise.all(Array.from({ length: 4 }, () => patternRpc(client, 3_000, 3_000)));
    });
  });

  // The library itself fails calls when the window is less than the 16 that it begins with.
  test.each([{ window: 16, nojumbo: true }, { window: 128 }])("keeps to window $window", async (options) => {
    await withServer(options, {}, async (client) => {
      await patternRpc(client, 300_000, 300_000);
      await patternSend(client, MIB);
      await patternRecv(client, MIB);
    });
  });

  test("makes more calls than the server has threads, and all complete", async () => {
    await withServer({ procs: 2 }, {}, async (client) => {
      await Promise.all(Array.from({ length: 64 }, () => patternRpc(client, 500, 500)));
    });
  });

  test("sends with the cookie, which this server ignores", async () => {
    await withServer({ verify: false }, {}, async (client) => {
      await new RxperfRpc(3, 30, true).call(client);
      await rxperfSend(client, 100_000, { cookie: true });
      await rxperfRecv(client, 100_000, { cookie: true });
    });
  });

  test("waits for a reply that outlasts every timeout of its own", async () => {
    await withServer({}, OUTLASTED_TIMES, async (client) => {
      expect(await peerCall(client, PeerOp.Sleep, OUTLASTING_MS)).toHaveLength(4);
      expect(client.stats().counters.PingPacketsSent).toBeGreaterThan(0);
    });
  });

  test("notices a server that dies in mid call", async () => {
    const server = await startPeerServer();
    await using client = await connect(server, SHORT_TIMES);
    await patternRpcUnchecked(client);
    const calls = [0, 1, 2, 3, 4].map(() => failureOf(peerCall(client, PeerOp.Sleep, 60_000)));
    const sending = failureOf(rxperfSend(client, 2_000 * MIB));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await server.kill();
    for (const failure of await Promise.all([...calls, sending])) {
      expect(["RX_ERR_CALL_TIMEOUT", "RX_ERR_NETWORK"]).toContain(failure.code);
    }
    await expectAtRest(client);
  });

  test("notices that there is no server", async () => {
    const server = await startPeerServer();
    await server.stop();
    await using client = await connect(server);
    expect(await failureOf(patternRpcUnchecked(client))).toMatchObject({ code: "RX_ERR_NETWORK" });
  });
});

async function withServer(
  options: PeerServerOptions,
  socket: NonNullable<RxClientOptions["socket"]>,
  use: (client: RxClient) => Promise<void>,
): Promise<void> {
  const server = await startPeerServer({ verify: true, ...options });
  try {
    await using client = await connect(server, socket);
    await use(client);
    await expectAtRest(client);
  } finally {
    await server.stop();
  }
}

function connect(server: PeerServer, socket: RxClientOptions["socket"] = {}): Promise<RxClient> {
  return RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: RXPERF_SERVICE_ID, socket });
}

function patternRpcUnchecked(client: RxClient): Promise<void> {
  return new RxperfRpc(128, 128).call(client);
}

/** How a call failed; one that does not fail, or fails with anything but an RxError, fails the test. */
async function failureOf(call: Promise<unknown>): Promise<RxError> {
  const failure = await call.then(
    () => expect.fail("the call succeeded"),
    (cause: unknown) => cause,
  );
  expect(failure).toBeInstanceOf(RxError);
  return failure as RxError;
}
