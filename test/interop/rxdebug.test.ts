// OpenAFS's rxdebug against our server, and our own against the C server.
import { execFile, execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RpcServer, RxClient, rxperfService } from "../../src/index.js";
import { RxperfRpc } from "../../src/rxperf/client.js";
import { buildRequest, RxperfOp } from "../../src/rxperf/protocol.js";
import { eventually } from "../eventually.js";
import { runTool } from "../unit/cli/fake-terminal.js";
import { type PeerServer, peersAvailable, startPeerServer } from "./peer.js";
import { RXPERF_SERVICE_ID, startServer } from "./support.js";

const exec = promisify(execFile);
const CALLS = 5;

/** Whether the stock tool is here. @throws Error if it is not and `RXRPC_REQUIRE_PEERS` is 1 */
function rxdebugAvailable(): boolean {
  try {
    execFileSync("rxdebug", ["-help"], { stdio: "pipe" });
    return true;
  } catch (cause) {
    const reason = `install openafs-client (${cause instanceof Error ? cause.message.split("\n")[0] : String(cause)})`;
    if (process.env["RXRPC_REQUIRE_PEERS"] === "1") {
      throw new Error(`RXRPC_REQUIRE_PEERS is set, but rxdebug is missing: ${reason}`);
    }
    console.warn(`Skipped, as rxdebug is missing: ${reason}`);
    return false;
  }
}

async function rxdebug(port: number, ...options: string[]): Promise<string> {
  const { stdout } = await exec("rxdebug", ["127.0.0.1", String(port), ...options], { timeout: 120_000 });
  return stdout;
}

/** A server that has answered some calls of a client whose connection is still there. */
async function startUsedServer(
  options: Parameters<typeof startServer>[1],
): Promise<{ server: RpcServer; client: RxClient }> {
  const server = await startServer([rxperfService()], options);
  const client = await RxClient.connect({
    host: "127.0.0.1",
    port: server.port,
    serviceId: RXPERF_SERVICE_ID,
  });
  const rpc = new RxperfRpc(100, 200);
  for (let i = 0; i < CALLS; i++) await rpc.call(client);
  // The last reply keeps its buffer until it is acknowledged, which a client may put off.
  await eventually(() => expect(server.stats()[0]?.buffers.used).toBe(0));
  return { server, client };
}

describe.skipIf(!rxdebugAvailable())("the stock rxdebug and a server that trusts it", () => {
  let server: RpcServer;
  let client: RxClient;
  beforeAll(async () => {
    ({ server, client } = await startUsedServer({ versionText: "the tests' server" }));
  });
  afterAll(async () => {
    await client.close();
    await server.close();
  });

  test("-version", async () => {
    expect(await rxdebug(server.port, "-version")).toBe(
      `Trying 127.0.0.1 (port ${server.port}):\nAFS version: the tests' server\n`,
    );
  });

  test("-noconns: buffers and calls, and no warning about the format", async () => {
    const lines = (await rxdebug(server.port, "-noconns")).split("\n");
    expect(lines.slice(0, 6)).toEqual([
      `Trying 127.0.0.1 (port ${server.port}):`,
      `Free packets: 4096/4096, packet reclaims: 0, calls: ${CALLS}, used FDs: 0`,
      "not waiting for packets.",
      "0 calls waiting for a thread",
      "32 threads are idle",
      "0 calls have waited for a thread",
    ]);
  });

  test("-rxstats: the counters", async () => {
    const text = await rxdebug(server.port, "-rxstats", "-noconns");
    expect(text).toContain("rx stats: free packets 4096,");
    // A packet of a call, and more where a busy machine has let one be sent again.
    for (const direction of ["read", "sent"]) {
      const data = new RegExp(`packets ${direction}: data (\\d+) ack \\d+ busy 0 abort 0`).exec(text)?.[1];
      expect(Number(data), direction).toBeGreaterThanOrEqual(CALLS);
    }
    expect(text).toMatch(/1 server connections, 0 client connections, 1 peer structs, \d+ call structs/);
    expect(text).not.toMatch(/WARNING|unexpected|size mismatch/i);
  });

  test("-allconnections: the connection, its calls, and nothing that is not there", async () => {
    const text = await rxdebug(server.port, "-allconnections");
    expect(text.match(/^Connection from host/gm)).toHaveLength(1);
    expect(text).toMatch(/^Connection from host 127\.0\.0\.1, port \d+, Cuid [0-9a-f]+\/[0-9a-f]+$/m);
    expect(text).toMatch(/security index 0, server conn$/m);
    expect(text).toContain(`call 0: # ${CALLS}, state dally, mode: eof`);
    for (const channel of [1, 2, 3]) expect(text).toContain(`call ${channel}: # 0, state not initialized`);
    expect(text).toMatch(/\nDone\.\n$/);
  });

  test("without options: only what has something going on", async () => {
    expect(await rxdebug(server.port)).not.toContain("Connection from");
    await using call = client.open();
    // Less than it announces, so that the server waits for the rest.
    await call.write(buildRequest(RxperfOp.Send, [10_000], 5_000, false));
    await eventually(() => expect(server.running).toBe(1));
    const text = await rxdebug(server.port);
    expect(text.match(/^Connection from host/gm)).toHaveLength(1);
    expect(text).toMatch(/state active, mode: receiving/);
  });

  test("-peers: the client's address and traffic", async () => {
    const text = await rxdebug(server.port, "-peers", "-noconns");
    expect(text.match(/^Peer at host/gm)).toHaveLength(1);
    expect(text).toMatch(/^Peer at host 127\.0\.0\.1, port \d+$/m);
    expect(text).toMatch(/packets sent \d+\tpacket resends \d+/);
    expect(text).toMatch(/bytes sent high 0 low \d{4,}/);
    expect(text).toMatch(/\nDone\.\n$/);
  });
});

describe("a server that trusts nobody", () => {
  let server: RpcServer;
  let client: RxClient;
  beforeAll(async () => {
    ({ server, client } = await startUsedServer({ trusted: [] }));
  });
  afterAll(async () => {
    await client.close();
    await server.close();
  });

  test.skipIf(!rxdebugAvailable())("answers rxdebug -version", async () => {
    expect(await rxdebug(server.port, "-version")).toContain("AFS version: rxrpc 0.1.0\n");
  });

  test.skipIf(!rxdebugAvailable())("drops the questions of rxdebug without a word", async () => {
    const ignored = () => server.stats()[0]?.counters.DropDebug ?? 0;
    const before = ignored();
    const child = execFile("rxdebug", ["127.0.0.1", String(server.port), "-rxstats"]);
    let printed = "";
    child.stdout?.on("data", (text: string) => (printed += text));
    const exited = once(child, "exit");
    try {
      // It asks again only because the first question had no answer.
      await eventually(() => expect(ignored()).toBeGreaterThanOrEqual(before + 2));
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
    expect(printed).not.toContain("Free packets");
  });

  test("answers a VERSION question of 29 bytes with at most three times as many", async () => {
    const question = new Uint8Array(29);
    question.set([0, 0, 3, 0xe7]);
    question[11] = 101;
    question[20] = 13;
    question[21] = 5;
    const socket = createSocket("udp4");
    try {
      socket.send(question, server.port, "127.0.0.1");
      const [reply] = (await once(socket, "message")) as [Buffer];
      expect(reply.length).toBeLessThanOrEqual(87);
      expect([...reply.subarray(0, 12)]).toEqual([...question.subarray(0, 12)]);
      expect([reply[20], (reply[21] ?? 0) & 1]).toEqual([13, 0]);
      expect(reply.subarray(28).toString("latin1")).toMatch(/^rxrpc 0\.1\.0\0+$/);
    } finally {
      socket.close();
    }
  });
});

describe.skipIf(!peersAvailable())("our rxdebug and the C server", () => {
  let server: PeerServer;
  let client: RxClient;
  let target: string;
  beforeAll(async () => {
    server = await startPeerServer();
    target = `127.0.0.1:${server.port}`;
    client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: RXPERF_SERVICE_ID });
    const rpc = new RxperfRpc(100, 200);
    for (let i = 0; i < CALLS; i++) await rpc.call(client);
    // Its threads count a call after they have sent the reply.
    await eventually(async () => {
      const { terminal } = await runTool("debug", target, "--json");
      expect(JSON.parse(terminal.text)).toMatchObject({ callsExecuted: CALLS });
    });
  });
  afterAll(async () => {
    await client.close();
    await server.stop();
  });

  test("version", async () => {
    const { code, terminal } = await runTool("version", target);
    expect(terminal.errors).toEqual([]);
    expect(terminal.text).toMatch(/OpenAFS/i);
    expect(code).toBe(0);
  });

  test("debug: calls, counters, connections and peers", async () => {
    const { code, terminal } = await runTool("debug", target, "--allconns", "--peers", "--stats", "--json");
    expect([code, terminal.errors]).toEqual([0, []]);
    const facts = JSON.parse(terminal.text);
    expect(facts).toMatchObject({ target, callsExecuted: CALLS, isWaitingForPackets: false });
    expect(facts.debugVersion >= "S").toBe(true);
    expect(facts.statistics["packetsRead.data"]).toBeGreaterThanOrEqual(CALLS);
    expect(facts.statistics["serverConns"]).toBe(1);
    expect(facts.connections).toHaveLength(1);
    expect(facts.connections[0]).toMatchObject({
      isService: true,
      securityIndex: 0,
      security: "null",
      error: 0,
    });
    expect(facts.connections[0].channels.map(({ callNumber }: { callNumber: number }) => callNumber)).toEqual(
      [CALLS, 0, 0, 0],
    );
    expect(facts.peers.map(({ peer }: { peer: string }) => peer)).toContain(facts.connections[0].peer);
  });

  test("debug shows it to people, too", async () => {
    const { terminal } = await runTool("debug", target, "--allconns", "--peers", "--stats");
    expect(terminal.text).toContain(`calls: ${CALLS} executed`);
    expect(terminal.text).toMatch(/connections: 1\n {2}127\.0\.0\.1:\d+ server/);
    for (const line of terminal.lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });

  test("perf, through the tool", async () => {
    for (const operation of ["rpc", "send", "recv"]) {
      const { code, terminal } = await runTool(
        "perf",
        operation,
        target,
        "--bytes",
        "100k",
        "--calls",
        "20",
        "--outstanding",
        "4",
        "--cookie",
      );
      expect([code, terminal.errors, terminal.text.includes("20 calls in")]).toEqual([0, [], true]);
    }
  });
});
