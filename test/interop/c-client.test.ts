// The C client against our server.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CallHandler,
  type RpcServer,
  RxAbort,
  RxError,
  rxperfService,
  service,
} from "../../src/index.js";
import { eventually } from "../eventually.js";
import { type PeerClientOptions, peersAvailable, runPeerClient, startPeerClient } from "./peer.js";
import { Gate } from "./scratch.js";
import {
  ABORT_WRONG_PAYLOAD,
  expectAtRest,
  OUTLASTED_TIMES,
  OUTLASTING_MS,
  patternAt,
  RXPERF_SERVICE_ID,
  SHORT_TIMES,
  startServer,
} from "./support.js";

const MIB = 1_048_576;

describe.skipIf(!peersAvailable())("C client, our rxperf service", () => {
  let server: RpcServer;
  beforeAll(async () => {
    server = await startServer([rxperfService({ pattern: patternAt })], {
      deadTimeMs: 4_000,
      keepaliveMs: 1_000,
    });
  });
  afterAll(async () => {
    // A C client that exits may have acknowledged its last reply softly only: such calls last for the dead time.
    await expectAtRest(server);
    await server.close();
  });

  const run = (options: Omit<PeerClientOptions, "port">) =>
    runPeerClient({ verify: true, ...options, port: server.port });

  test("makes 4 000 small calls with 8 threads on 2 connections", async () => {
    const result = await run({ op: "rpc", threads: 8, conns: 2, calls: 500 });
    expect(result).toMatchObject({ ok: 4_000, failed: 0, errors: {} });
    expect(result).toMatchObject({ bytesIn: 4_000 * 128, bytesOut: 4_000 * 128 });
  });

  test("makes calls with 32 threads on 8 connections", async () => {
    expect(await run({ op: "rpc", threads: 32, conns: 8, calls: 40, bytes: 3_000 })).toMatchObject({
      ok: 1_280,
      failed: 0,
    });
  });

  test.each(["rpc", "send", "recv"] as const)("moves 1 MiB by %s, eight times", async (op) => {
    const result = await run({ op, bytes: MIB, calls: 8 });
    expect(result).toMatchObject({ ok: 8, failed: 0, errors: {} });
    expect(result.bytesOut).toBe(op === "recv" ? 0 : 8 * MIB);
    expect(result.bytesIn).toBe(op === "send" ? 0 : 8 * MIB);
  });

  test.each(["send", "recv"] as const)("moves 20 MiB in one %s", async (op) => {
    expect(await run({ op, bytes: 20 * MIB })).toMatchObject({ ok: 1, failed: 0, errors: {} });
  });

  test("moves 256 KiB each way on all channels of two connections at once", async () => {
    expect(await run({ op: "rpc", bytes: 262_144, threads: 8, conns: 2, calls: 3 })).toMatchObject({
      ok: 24,
      failed: 0,
      errors: {},
    });
  });

  test.each([
    { send: 0, recv: 0 },
    { send: 1, recv: 0 },
    { send: 0, recv: 1 },
    { send: 1_388, recv: 1_412 },
    { send: 1_416, recv: 1_412 * 4 - 4 },
    { send: 65_536, recv: 65_535 },
  ])("moves $send bytes there and $recv back", async ({ send, recv }) => {
    expect(await run({ op: "rpc", send, recv, calls: 5 })).toMatchObject({ ok: 5, failed: 0, errors: {} });
  });

  test.each([
    // The library itself fails calls when the window is less than the 16 that it begins with.
    { window: 16, nojumbo: true },
    { window: 128 },
  ])("serves a client with window $window", async (options) => {
    expect(await run({ op: "rpc", bytes: 200_000, calls: 2, ...options })).toMatchObject({
      ok: 2,
      failed: 0,
      errors: {},
    });
  });

  test("takes the request of a client that ends it with the cookie", async () => {
    expect(await run({ op: "rpc", send: 3, recv: 30, cookie: true })).toMatchObject({ ok: 1, failed: 0 });
    expect(await run({ op: "send", bytes: 5_000, cookie: true })).toMatchObject({ ok: 1, failed: 0 });
    expect(await run({ op: "recv", bytes: 5_000, cookie: true })).toMatchObject({ ok: 1, failed: 0 });
  });

  test("refuses an operation that it does not know, and payload that is not the pattern", async () => {
    expect(await run({ op: "echo" })).toMatchObject({ ok: 0, errors: { "-455": 1 } });
    expect(await run({ op: "rpc", verify: false })).toMatchObject({
      ok: 0,
      errors: { [ABORT_WRONG_PAYLOAD]: 1 },
    });
  });
});

describe.skipIf(!peersAvailable())("C client, calls that do not end well", () => {
  test.each([1, 4_242, -455, 2_147_483_647])(
    "is told abort code %i that the handler throws",
    async (code) => {
      await using server = await startServer([
        handler(async (call) => {
          await call.read(20);
          throw new RxAbort(code);
        }),
      ]);
      const options = { port: server.port, op: "rpc", threads: 4, calls: 5 } as const;
      expect(await runPeerClient(options)).toMatchObject({ ok: 0, failed: 20, errors: { [code]: 20 } });
      await expectAtRest(server);
      expect(server.handlers()).toMatchObject([{ running: 0, started: 20, failed: 20 }]);
    },
  );

  test("is told RX_USER_ABORT for any other error, which is reported", async () => {
    const faults: unknown[] = [];
    const mistake = new TypeError("a mistake of the handler's");
    await using server = await startServer(
      [
        handler(() => {
          throw mistake;
        }),
      ],
      { onFault: (cause) => faults.push(cause) },
    );
    expect(await runPeerClient({ port: server.port, op: "rpc" })).toMatchObject({
      ok: 0,
      errors: { "-6": 1 },
    });
    expect(faults).toEqual([mistake]);
  });

  test("aborts in mid request: the handler's read fails and its signal aborts with the code", async () => {
    const seen: unknown[] = [];
    await using server = await startServer([
      handler(async (call) => {
        call.signal.addEventListener("abort", () => seen.push(call.signal.reason));
        await call.read(20 + 1_000_000).catch((cause: unknown) => seen.push(cause));
      }),
    ]);
    const leave = { bytes: 1_000_000, abortAfterBytes: 50_000, abortCode: 77 };
    expect(await runPeerClient({ port: server.port, op: "send", ...leave })).toMatchObject({
      errors: { "77": 1 },
    });
    await expectAtRest(server);
    expect(seen).toHaveLength(2);
    for (const failure of seen) expect(failure).toMatchObject({ code: "RX_ERR_CALL_ABORTED", abortCode: 77 });
  });

  test("dies in mid request: its call is given up and its slot and buffers are free again", async () => {
    const failures: unknown[] = [];
    await using server = await startServer(
      [
        handler(async (call) => {
          const read = call.readAll();
          read.catch((cause: unknown) => failures.push(cause));
          await read;
        }, 1),
      ],
      SHORT_TIMES,
    );
    const options = { port: server.port, op: "send", bytes: 1_000_000 } as const;
    await runPeerClient({ ...options, dieAfterBytes: 40_000 });
    // The client's end and its packets come to us on different ways.
    await eventually(() => expect(server.handlers()).toMatchObject([{ started: 1 }]));
    await expectAtRest(server);
    expect(failures).toMatchObject([{ code: "RX_ERR_CALL_TIMEOUT" }]);
    expect(failures[0]).toBeInstanceOf(RxError);
    // The one handler there may be is free for the next client, whose reply is too short for it.
    expect(await runPeerClient({ ...options, bytes: 10 })).toMatchObject({ errors: { short: 1 } });
  });

  test("dies while its reply is written: the writer is told", async () => {
    const failures: unknown[] = [];
    const written = new Gate();
    await using server = await startServer(
      [
        handler(async (call) => {
          await call.read(20);
          const part = new Uint8Array(65_536);
          try {
            for (let count = 1; ; count++) {
              await call.write(part);
              // More than what is queued for a client that takes nothing.
              if (count === 10) written.open();
            }
          } catch (cause) {
            failures.push(cause);
          }
        }),
      ],
      SHORT_TIMES,
    );
    const client = startPeerClient({ port: server.port, op: "recv", bytes: 4_000 * MIB });
    await written.opened;
    await client.kill();
    await expectAtRest(server);
    expect(failures).toMatchObject([{ code: "RX_ERR_CALL_TIMEOUT" }]);
    expect(server.running).toBe(0);
  });
});

describe.skipIf(!peersAvailable()).concurrent("C client, a slow or overloaded server", () => {
  test("waits for a handler that outlasts every timeout of both sides", async () => {
    await using server = await startServer(
      [
        handler(async (call) => {
          await call.read(20);
          await new Promise((resolve) => setTimeout(resolve, OUTLASTING_MS));
          return cookie();
        }),
      ],
      OUTLASTED_TIMES,
    );
    const result = await runPeerClient({ port: server.port, op: "sleep", deadTime: 6, threads: 2 });
    expect(result).toMatchObject({ ok: 2, failed: 0, errors: {} });
    expect(result.seconds).toBeGreaterThan(OUTLASTING_MS / 1_000);
    expect(server.stats()[0]?.counters.PingPacketsSent).toBeGreaterThan(0);
    await expectAtRest(server);
  });

  // The library sends its request again after about 3, 10 and 23 seconds, of all refused calls at the same time, and
  // gives up after 12 seconds in which it has heard nothing: with a backlog of 1 some calls would never get through.
  test("is told BUSY, and every call completes in the end", async () => {
    let running = 0;
    let most = 0;
    await using server = await startServer([
      handler(async (call) => {
        most = Math.max(most, ++running);
        await call.read(20);
        // The handlers there may be wait until all other calls have been refused.
        await eventually(() => expect(busySent(server)).toBeGreaterThanOrEqual(4));
        running--;
        return cookie();
      }, 4),
    ]);
    const result = await runPeerClient({ port: server.port, op: "sleep", threads: 8, conns: 2 });
    expect(result).toMatchObject({ ok: 8, failed: 0, errors: {} });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    expect(server.handlers()).toMatchObject([{ started: 8, failed: 0 }]);
    await expectAtRest(server);
  });
});

function busySent(server: RpcServer): number {
  return server.stats()[0]?.counters.BusyPacketsSent ?? 0;
}

/** A service with rxperf's id whose handler is the test's own; `limit` sets both the backlog and the handlers at once. */
function handler(call: CallHandler, limit = 32): ReturnType<typeof service> {
  return service({ id: RXPERF_SERVICE_ID, call, backlog: limit, concurrency: limit });
}

function cookie(): Uint8Array {
  return Uint8Array.of(0, 0, 0x47, 0x11);
}
