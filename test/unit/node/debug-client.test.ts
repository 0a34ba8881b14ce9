// Questions to servers that answer late, wrongly, endlessly or not at all.
import { describe, expect, test, vi } from "vitest";
import { RpcServer, RxClient, RxOptionError, RxSocket, rxperfService } from "../../../src/index.js";
import { DebugClient, type DebugClientOptions } from "../../../src/node/debug-client.js";
import { RxperfRpc } from "../../../src/rxperf/client.js";
import { UdpTransport } from "../../../src/transport/udp.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_STATS_SIZE,
  DebugConn,
  DebugRequestType,
  DebugStats,
  RxStatistic,
  writeDebugConn,
  writeDebugConnEnd,
  writeDebugError,
  writeDebugStats,
} from "../../../src/wire/debug.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { type Asked, answer, type FakeRxServer, startFakeRxServer } from "./fake-rx-server.js";

const open = (
  server: { readonly port: number },
  options: Partial<DebugClientOptions> = {},
): Promise<DebugClient> => DebugClient.open({ host: "127.0.0.1", port: server.port, ...options });

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(`${value}\0`, "latin1"));

const statsBody = (calls: number): Uint8Array => {
  const body = new Uint8Array(DEBUG_STATS_SIZE);
  writeDebugStats(body, 0, Object.assign(new DebugStats(), { callsExecuted: calls }));
  return body;
};

const connBody = (serial: number): Uint8Array => {
  const body = new Uint8Array(DEBUG_CONN_SIZE);
  writeDebugConn(body, 0, Object.assign(new DebugConn(), { serial, cid: 4 }));
  return body;
};

describe("a question", () => {
  test("is laid out as rxdebug's", async () => {
    await using server = await startFakeRxServer((asked) => [
      asked.header.type === PacketType.Version ? answer(asked, text("x")) : answer(asked, statsBody(0)),
    ]);
    await using client = await open(server);
    await client.version();
    await client.stats();
    // A slow answer makes it ask again, with the same bytes.
    const [first, second] = [server.asked[0], server.asked.at(-1)] as [Asked, Asked];
    expect(first.header).toMatchObject({
      epoch: 999,
      cid: 0,
      seq: 0,
      serial: 0,
      type: PacketType.Version,
      serviceId: 0,
    });
    expect(first.header.flags).toBe(PacketFlag.ClientInitiated | PacketFlag.LastPacket);
    expect([...first.body]).toEqual([0]);
    expect(second.header.callNumber).toBe(first.header.callNumber + 1);
    expect(second.header.type).toBe(PacketType.Debug);
    expect([...second.body]).toEqual([0, 0, 0, DebugRequestType.GetStats, 0, 0, 0, 0]);
  });

  test("is answered by nothing but its answer", async () => {
    await using server = await startFakeRxServer((asked) => [
      new Uint8Array(0),
      new Uint8Array(27),
      answer(asked, text("late"), { callNumber: asked.header.callNumber - 1 }),
      answer(asked, text("other type"), { type: PacketType.Debug }),
      answer(asked, text("question"), { flags: PacketFlag.ClientInitiated }),
      answer(asked, new Uint8Array(0)),
      answer(asked, text("the answer")),
      answer(asked, text("too late")),
    ]);
    await using client = await open(server);
    expect(await client.version()).toBe("the answer");
  });

  test("is repeated, and a late answer to its first try counts", async () => {
    await using server = await startFakeRxServer((asked) =>
      asked.index === 0 ? [] : [answer(asked, text("second"))],
    );
    await using client = await open(server);
    expect(await client.version()).toBe("second");
    expect(server.asked.length).toBeGreaterThan(1);
    expect(new Set(server.asked.map(({ header }) => header.callNumber)).size).toBe(1);
  });

  test("that nobody answers ends, and tells what came instead", async () => {
    await using server = await startFakeRxServer((asked) => [
      answer(asked, new Uint8Array(3)),
      new Uint8Array(40),
    ]);
    const opened = vi.spyOn(UdpTransport.prototype, "open");
    await using client = await open(server, { timeoutMs: 500 });
    const transport = opened.mock.contexts[0] as UdpTransport;
    opened.mockRestore();
    // The time is up when both datagrams have been heard, however long that takes.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const outcome = expect(client.stats()).rejects.toMatchObject({
        code: "RX_ERR_CALL_TIMEOUT",
        message: `RX_ERR_CALL_TIMEOUT: no answer from 127.0.0.1 port ${server.port} to 1 tries; 2 datagrams came that are no answers`,
      });
      while (transport.counters.datagramsIn < 2) await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(500);
      await outcome;
    } finally {
      vi.useRealTimers();
    }
  });

  test("to a port without a server fails at once", async () => {
    const socket = await RxSocket.bind();
    await using client = await open(socket);
    await socket.close();
    await expect(client.version()).rejects.toMatchObject({ code: "RX_ERR_NETWORK" });
  });

  test("that the server does not know is told as such", async () => {
    const body = new Uint8Array(8);
    writeDebugError(body, 0);
    await using server = await startFakeRxServer((asked) => [answer(asked, body)]);
    await using client = await open(server);
    await expect(client.peers()).rejects.toMatchObject({ code: "RX_ERR_CALL_FAILED" });
  });

  test("waits for the one before it, and ends with the client", async () => {
    await using server = await startFakeRxServer(() => []);
    await using client = await open(server);
    const first = client.version();
    const outcome = expect(first).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });
    await expect(client.stats()).rejects.toMatchObject({ code: "RX_ERR_CALL_STATE" });
    await client.close();
    await outcome;
    await expect(client.version()).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });
  });
});

describe("a hostile server", () => {
  test("gets no byte of its text to the terminal as it is", async () => {
    await using server = await startFakeRxServer((asked) => [
      answer(asked, text(`\x1b]0;x\x07"\\\xff\n${"y".repeat(5_000)}`)),
    ]);
    await using client = await open(server);
    const shown = await client.version();
    expect(shown).toMatch(/^\\x1b\]0;x\\x07\\"\\\\\\xff\\x0ay+$/);
    expect(shown.length).toBeLessThan(100);
  });

  test.each([DEBUG_CONN_SIZE, 1_400])(
    "cannot make a listing endless with answers of %i bytes",
    async (size) => {
      const body = new Uint8Array(size).fill(0xaa);
      await using server = await startFakeRxServer((asked) => [answer(asked, body), answer(asked, body)]);
      await using client = await open(server, { entriesMax: 50 });
      const { entries, isComplete } = await client.connections("all");
      expect([entries.length, isComplete]).toEqual([50, false]);
      expect((await client.peers()).entries).toHaveLength(50);
    },
  );

  test("cannot make it last by slow answers", async () => {
    await using server = await startSlowServer();
    await using client = await open(server, { totalMs: 200 });
    await expect(client.connections("all")).rejects.toMatchObject({ code: "RX_ERR_CALL_TIMEOUT" });
    expect(server.asked.length).toBeLessThan(100);
  });
});

/** Answers every question with one more connection, 20 ms later. */
async function startSlowServer(): Promise<FakeRxServer> {
  const server: FakeRxServer = await startFakeRxServer((asked) => {
    const end = performance.now() + 20;
    while (performance.now() < end);
    return [answer(asked, connBody(asked.index))];
  });
  return server;
}

describe("a server that plays fair", () => {
  test("is asked for entry after entry, up to the end mark", async () => {
    await using server = await startFakeRxServer((asked) => {
      const body = connBody(asked.index + 100);
      if (asked.index === 3) writeDebugConnEnd(body, 0);
      return [answer(asked, body)];
    });
    await using client = await open(server);
    const { entries, isComplete } = await client.connections("active");
    expect(entries.map(({ serial }) => serial)).toEqual([100, 101, 102]);
    expect(isComplete).toBe(true);
    expect(server.asked.map(({ body }) => [body[3], body[7]])).toEqual(
      [0, 1, 2, 3].map((i) => [DebugRequestType.GetConn, i]),
    );
  });

  test("ours tells the truth about five calls", async () => {
    await using server = new RpcServer({ versionText: "a server of the tests" }).add(rxperfService());
    await server.start();
    await using caller = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 147 });
    const rpc = new RxperfRpc(10, 20);
    for (let i = 0; i < 5; i++) await rpc.call(caller);

    await using client = await open(server);
    expect(await client.version()).toBe("a server of the tests");
    expect(await client.stats()).toMatchObject({
      callsExecuted: 5,
      packets: 4_096,
      version: "S".charCodeAt(0),
    });
    const statistics = await client.statistics();
    // One of each call, and what a busy machine has let be sent again.
    expect(statistics[RxStatistic.PacketsRead + PacketType.Data - 1]).toBeGreaterThanOrEqual(5);
    expect(statistics[RxStatistic.ServerConns]).toBe(1);
    const { entries, isComplete } = await client.connections("all");
    expect(isComplete).toBe(true);
    expect(entries.map(({ type, port }) => [type, port === server.port])).toEqual([[1, false]]);
    expect([...(entries[0] as DebugConn).callNumber]).toEqual([5, 0, 0, 0]);
    const { entries: peers } = await client.peers();
    expect(peers.map(({ port }) => port)).toEqual([(entries[0] as DebugConn).port]);
    expect(peers[0]?.bytesReceived).toBeGreaterThan(5 * (28 + 24 + 10));
  });
});

test.each([
  [{ port: 0 }, "connect.port"],
  [{ port: 70_000 }, "connect.port"],
  [{ host: "" }, "connect.host"],
  [{ timeoutMs: 0 }, "timeoutMs"],
  [{ totalMs: -1 }, "totalMs"],
  [{ entriesMax: 0 }, "entriesMax"],
  [{ tries: 3 } as Partial<DebugClientOptions>, "options.tries"],
])("DebugClient.open() refuses %j", async (options: Partial<DebugClientOptions>, name) => {
  await expect(open({ port: 7_009 }, options)).rejects.toSatisfy(
    (cause) => cause instanceof RxOptionError && cause.option === name,
  );
});
