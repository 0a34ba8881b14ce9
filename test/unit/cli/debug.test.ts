// `rxrpc version` and `rxrpc debug` without a process: what they show of our server, and of servers that lie.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectionFacts,
  connectionLines,
  peerFacts,
  peerLines,
  statisticsLines,
  statsLines,
} from "../../../src/cli/debug-text.js";
import { RpcServer, RxClient, rxperfService } from "../../../src/index.js";
import { RxperfRpc } from "../../../src/rxperf/client.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_PEER_SIZE,
  DEBUG_STATS_SIZE,
  DebugConn,
  DebugPeer,
  DebugStats,
  RX_STATISTICS_COUNT,
  readDebugConn,
  readDebugPeer,
  readDebugStats,
  writeDebugStats,
} from "../../../src/wire/debug.js";
import { eventually } from "../../eventually.js";
import { answer, startFakeRxServer } from "../node/fake-rx-server.js";
import { runTool } from "./fake-terminal.js";

const PRINTABLE = /^[\x20-\x7e]*$/;

describe("our server", () => {
  let server: RpcServer;
  let target: string;
  let client: RxClient;
  beforeAll(async () => {
    server = new RpcServer({ versionText: "the tests' own" }).add(rxperfService());
    await server.start();
    target = `127.0.0.1:${server.port}`;
    client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 147 });
    const rpc = new RxperfRpc(10, 20);
    for (let i = 0; i < 5; i++) await rpc.call(client);
    // The last reply keeps its buffer, and its call is no finished one, until it is acknowledged, which a client may put off.
    await eventually(() => expect(server.stats()[0]?.buffers.used).toBe(0));
  });
  afterAll(async () => {
    await client.close();
    await server.close();
  });

  test("version", async () => {
    const plain = await runTool("version", target);
    expect([plain.code, plain.terminal.lines]).toEqual([0, ["the tests' own"]]);
    const json = await runTool("version", target, "--json", "--timeout", "5");
    expect(JSON.parse(json.terminal.text)).toEqual({ target, version: "the tests' own" });
  });

  test("debug shows what is asked for", async () => {
    const { code, terminal } = await runTool("debug", target, "--allconns", "--peers", "--stats");
    expect(code).toBe(0);
    expect(terminal.lines.slice(0, 4)).toEqual([
      `${target}:`,
      "debug version S",
      "packet buffers: 4096 of 4096 free, 0 reclaimed",
      "calls: 5 executed, 0 waiting, 0 have waited; 32 idle threads",
    ]);
    // One of each call, and what a busy machine has let be sent again.
    const dataRead = /^ {2}packetsRead\.data +(\d+)$/m.exec(terminal.text)?.[1];
    expect(Number(dataRead)).toBeGreaterThanOrEqual(5);
    expect(terminal.text).toMatch(
      /^connections: 1\n {2}127\.0\.0\.1:\d+ server, cid [0-9a-f]{8}, epoch [0-9a-f]{8}, serial \d+, security 0 \(null\)\n {4}channel 0: call 5 dally, eof$/m,
    );
    expect(terminal.text).toMatch(
      /^peers: 1\n {2}127\.0\.0\.1:\d+ rtt [\d.]+ ms .*, \d+ packets sent, \d+ resent/m,
    );
  });

  test("debug alone lists the connections with something going on: none", async () => {
    const { terminal } = await runTool("debug", target);
    expect(terminal.lines.at(-1)).toBe("connections: 0");
    expect(terminal.text).not.toContain("counters");
  });

  test("debug --json is one object with the same facts", async () => {
    const { terminal } = await runTool("debug", target, "--allconns", "--peers", "--stats", "--json");
    expect(terminal.lines).toHaveLength(1);
    const facts = JSON.parse(terminal.text);
    expect(facts).toMatchObject({ target, debugVersion: "S", callsExecuted: 5, packets: 4_096 });
    expect(facts.statistics["packetsRead.data"]).toBeGreaterThanOrEqual(5);
    expect(facts.connections).toHaveLength(1);
    expect(facts.connections[0]).toMatchObject({ isService: true, security: "null", error: 0 });
    expect(facts.connections[0].channels[0]).toMatchObject({ callNumber: 5, state: "dally", mode: "eof" });
    expect(facts.peers[0].peer).toBe(facts.connections[0].peer);
    expect(facts.isComplete).toBeUndefined();
  });

  test("debug of a server that does not trust us: one line, exit code 1", async () => {
    await using strict = new RpcServer({ trusted: [] });
    await strict.start();
    const { code, terminal } = await runTool("debug", `127.0.0.1:${strict.port}`, "--timeout", "0.5");
    expect(code).toBe(1);
    expect(terminal.errors).toEqual([
      `rxrpc: RX_ERR_CALL_TIMEOUT: no answer from 127.0.0.1 port ${strict.port} to 1 tries`,
    ]);
  });
});

describe("another server", () => {
  test.each([
    ["L", "--stats", "counters: its debug version is below M"],
    ["L", "--allconns", "all connections: its debug version is below M"],
    ["L", "--conns", "connections: its debug version is below M"],
    ["P", "--peers", "peers: its debug version is below Q"],
    ["\x1b", "--peers", "peers: its debug version is below Q"],
    ["\xff", "--peers", "peers: its debug version is below Q"],
  ])("of version %j is not asked for what it does not know: %s", async (letter, option, message) => {
    const body = new Uint8Array(DEBUG_STATS_SIZE);
    writeDebugStats(body, 0, Object.assign(new DebugStats(), { version: letter.charCodeAt(0) }));
    await using server = await startFakeRxServer((asked) => [answer(asked, body)]);
    const { code, terminal } = await runTool("debug", `127.0.0.1:${server.port}`, option);
    expect(code).toBe(1);
    expect(terminal.errors).toEqual([`rxrpc: RX_ERR_CALL_FAILED: the server cannot tell of ${message}`]);
    expect(server.asked).toHaveLength(1);
  });

  test("with a list that does not end is cut at the limit", async () => {
    const stats = new Uint8Array(DEBUG_STATS_SIZE);
    writeDebugStats(stats, 0, new DebugStats());
    const conn = new Uint8Array(DEBUG_CONN_SIZE).fill(0xfe);
    await using server = await startFakeRxServer((asked) => [
      answer(asked, asked.body[3] === 1 ? stats : conn),
    ]);
    const { code, terminal } = await runTool(
      "debug",
      `127.0.0.1:${server.port}`,
      "--allconns",
      "--limit",
      "3",
    );
    expect(code).toBe(0);
    expect(terminal.text).toContain("connections: 3\n");
    expect(terminal.lines.at(-1)).toBe("  ... and more: --limit is 3");
    for (const line of terminal.lines) expect(line).toMatch(PRINTABLE);
  });
});

describe("any bytes at all become printable lines", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

  test("of connections", () => {
    fc.assert(
      fc.property(bytes(DEBUG_CONN_SIZE), (body) => {
        const conn = new DebugConn();
        readDebugConn(body, 0, body.length, conn);
        for (const line of [...connectionLines(conn), JSON.stringify(connectionFacts(conn))]) {
          expect(line).toMatch(PRINTABLE);
          expect(line).not.toMatch(/NaN|undefined/);
        }
      }),
    );
  });

  test("of peers", () => {
    fc.assert(
      fc.property(bytes(DEBUG_PEER_SIZE), (body) => {
        const peer = new DebugPeer();
        readDebugPeer(body, 0, body.length, peer);
        for (const line of [...peerLines(peer), JSON.stringify(peerFacts(peer))]) {
          expect(line).toMatch(PRINTABLE);
          expect(line).not.toMatch(/NaN|undefined/);
        }
      }),
    );
  });

  test("of counters", () => {
    fc.assert(
      fc.property(
        bytes(DEBUG_STATS_SIZE),
        fc.array(fc.integer(), { minLength: RX_STATISTICS_COUNT, maxLength: RX_STATISTICS_COUNT }),
        (body, values) => {
          const stats = new DebugStats();
          readDebugStats(body, 0, body.length, stats);
          for (const line of [...statsLines(stats), ...statisticsLines(Int32Array.from(values))]) {
            expect(line).toMatch(PRINTABLE);
            expect(line).not.toMatch(/NaN|undefined/);
          }
        },
      ),
    );
  });
});
