// `rxrpc perf` without a process.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../../src/cli/run.js";
import {
  type RpcServer,
  RxAbort,
  RxSocket,
  rxperfService,
  RpcServer as Server,
  service,
} from "../../../src/index.js";
import { eventually } from "../../eventually.js";
import { FakeTerminal, runTool } from "./fake-terminal.js";

describe("rxrpc perf", () => {
  let server: RpcServer;
  let target: string;
  beforeAll(async () => {
    server = new Server().add(rxperfService());
    await server.start();
    target = `127.0.0.1:${server.port}`;
  });
  afterAll(() => server.close());

  test.each([
    [
      ["rpc", "--calls", "50", "--outstanding", "8"],
      "rpc to TARGET: 128 bytes there, 128 bytes back; 8 at a time",
    ],
    [["rpc", "--calls", "50", "--send", "0", "--recv", "3k"], "rpc to TARGET: 3072 bytes back; 1 at a time"],
    [["rpc", "--calls", "50", "--bytes", "0", "--cookie"], "rpc to TARGET: no payload; 1 at a time"],
    [
      ["send", "--calls", "50", "--bytes", "100k", "--outstanding", "2"],
      "send to TARGET: 102400 bytes there; 2 at a time",
    ],
    [["recv", "--calls", "50", "--bytes", "100k"], "recv to TARGET: 102400 bytes back; 1 at a time"],
  ])("%j", async ([operation, ...options], head) => {
    const { code, terminal } = await runTool("perf", operation as string, target, ...options);
    expect(terminal.errors).toEqual([]);
    expect(terminal.lines[0]).toBe(head?.replace("TARGET", target));
    expect(terminal.lines[1]).toMatch(/^50 calls in \d+\.\d\d s, 0 failed$/);
    expect(terminal.lines.slice(2).map((line) => line.slice(0, 11).trim())).toEqual([
      "calls/s",
      "Mbit/s",
      "latency p50",
      "p90",
      "p99",
      "max",
    ]);
    expect(code).toBe(0);
  });

  test("--json prints the result as one object", async () => {
    const { code, terminal } = await runTool("perf", "rpc", target, "--calls", "20", "--json");
    expect(code).toBe(0);
    expect(terminal.lines).toHaveLength(1);
    const result = JSON.parse(terminal.text);
    expect(result).toMatchObject({
      target,
      operation: "rpc",
      calls: 20,
      failed: 0,
      bytes: 20 * 256,
      failures: {},
    });
    expect(result.latencyUs.p50).toBeLessThanOrEqual(result.latencyUs.max);
  });

  test("tells how far it is, and ends early with what it has", async () => {
    const terminal = new FakeTerminal();
    const code = run(["perf", "rpc", target, "--seconds", "60"], terminal);
    await eventually(() => expect(terminal.progressLines.length).toBeGreaterThan(0));
    expect(terminal.progressLines[0]).toMatch(
      /^\d+ s: [\d.]+ calls\/s, [\d.]+ Mbit\/s, p99 .*, \d+ done, 0 failed$/,
    );
    terminal.stop();
    expect(await code).toBe(0);
    expect(terminal.lines[1]).toMatch(/^\d+ calls in \d+\.\d\d s, 0 failed$/);
    expect(terminal.handlers.size).toBe(0);
  });

  test("tells what a stream has moved that is stopped half-way", async () => {
    const terminal = new FakeTerminal();
    const code = run(["perf", "recv", target, "--bytes", "3G", "--calls", "1"], terminal);
    await eventually(() => expect(terminal.progressLines.length).toBeGreaterThan(0));
    terminal.stop();
    expect(await code).toBe(1);
    expect(terminal.lines.slice(1)).toEqual([
      expect.stringMatching(/^0 calls in .*, 0 failed$/),
      expect.stringMatching(/^Mbit\/s +[\d.]+$/),
    ]);
  });

  test("counts failures by kind and exits with 1", async () => {
    await using other = new Server();
    let calls = 0;
    other.add(
      service({
        id: 147,
        call: () => {
          throw new RxAbort(++calls % 2 === 0 ? 4_242 : -453);
        },
      }),
    );
    await other.start();
    const { code, terminal } = await runTool("perf", "rpc", `127.0.0.1:${other.port}`, "--calls", "10");
    expect(code).toBe(1);
    expect(terminal.lines.slice(1)).toEqual([
      expect.stringMatching(/^0 calls in .*, 10 failed$/),
      "  5 x RX_ERR_CALL_ABORTED -453 RXGEN_SS_UNMARSHAL",
      "  5 x RX_ERR_CALL_ABORTED 4242",
      "hint: servers differ in the end of a request; try with --cookie",
    ]);
  });

  test("a server that is not there fails every call at once", async () => {
    const socket = await RxSocket.bind();
    const { port } = socket;
    await socket.close();
    const { code, terminal } = await runTool("perf", "rpc", `127.0.0.1:${port}`, "--calls", "3");
    expect(code).toBe(1);
    expect(terminal.lines.at(-1)).toMatch(/^ {2}3 x RX_ERR_NETWORK/);
  });
});
