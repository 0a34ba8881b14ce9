// `rxrpc serve` without a process: what it prints, what it serves, how it ends.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RxClient, RxSocket } from "../../../src/index.js";
import { transportPath } from "../../../src/node/system.js";
import { RxperfRpc } from "../../../src/rxperf/client.js";
import { eventually } from "../../eventually.js";
import { runTool, startServe } from "./fake-terminal.js";

const ECHO_ID = 52;
const PERF_ID = 147;

const connect = (port: number, serviceId: number) => RxClient.connect({ host: "127.0.0.1", port, serviceId });

describe("rxrpc serve", () => {
  test("prints its address first, then services, limits, memory and what to try", async () => {
    const serve = await startServe(
      "--backlog",
      "7",
      "--callsMax",
      "100",
      "--buffersMax",
      "1k",
      "--workBytesMax",
      "1M",
      "--concurrency",
      "9",
    );
    const { text, lines } = serve.terminal;
    expect(lines[0]).toBe(`listening on 127.0.0.1:${serve.port}`);
    expect(text).toContain("services: rxperf (147), 9 at once; echo (52), 9 at once");
    expect(text).toContain("backlog: 7 calls of each service");
    expect(text).toContain("limits: 100 calls (50 from one address)");
    expect(text).toMatch(/packet buffers +1024 +x +1636 B +1\.6 MiB/);
    expect(text).toMatch(/arenas, growable buffers +1 +x +1048576 B +1\.0 MiB/);
    expect(text).toContain("of the packet buffers 96 are kept");
    expect(text).toContain("on disk: growable buffers above 1.0 MiB, 1.0 GiB a call, 4.0 GiB in all");
    expect(text).toMatch(/sum +\d+\.\d MiB/);
    expect(text).toMatch(/socket buffers granted: [\d.]+ [KM]iB to receive/);
    const { path, reason } = transportPath();
    const code = path === "native" ? "UDP in batches" : "none, node:dgram";
    expect(lines).toContain(`native code: ${code} (${reason})`);
    for (const word of ["rxrpc perf rpc", "rxrpc version", "rxrpc debug", "rxdebug"]) {
      expect(text).toMatch(new RegExp(`^  ${word} .*${serve.port}`, "m"));
    }
    expect(await serve.stop()).toBe(0);
    expect(serve.terminal.errors).toEqual([]);
  });

  test("serves rxperf, and echoes what is longer than its packet buffers", async () => {
    const serve = await startServe("--quiet");
    await using perf = await connect(serve.port, PERF_ID);
    await new RxperfRpc(3, 30).call(perf);
    await using echo = await connect(serve.port, ECHO_ID);
    for (const length of [0, 1, 5_000, 7_000_000]) {
      const request = Uint8Array.from({ length }, (_, i) => i * 7);
      expect(Buffer.compare(await echo.call(request), request)).toBe(0);
    }
    expect(await serve.stop()).toBe(0);
    expect(serve.terminal.lines).toEqual([`listening on 127.0.0.1:${serve.port}`]);
  });

  test("prints a line after an interval with traffic, and none after one without", async () => {
    const serve = await startServe("--interval", "0.05");
    const status = () => serve.terminal.lines.filter((line) => line.includes("calls/s"));
    await using client = await connect(serve.port, ECHO_ID);
    await client.call(new Uint8Array(1));
    await eventually(() => expect(status().length).toBeGreaterThan(0));
    expect(status()[0]).toMatch(
      /^[\d.]+ calls\/s, \d+ running, 0 told busy, 0 refused, \d+ packets ignored, buffers \d+\/4096 \(most \d+\), 0 waiting for one, (kernel drops unknown|\d+ dropped by the kernel)$/,
    );
    expect(await serve.stop()).toBe(0);
    expect(serve.terminal.lines.at(-1)).toMatch(/^stopped: 1 calls, 0 failed, 0 told busy/);

    const quiet = await startServe("--interval", "0.01");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await quiet.stop()).toBe(0);
    expect(quiet.terminal.text).not.toContain("calls/s");
  });

  test("--json prints an object a line", async () => {
    const serve = await startServe("--json", "--interval", "0.05");
    await using client = await connect(serve.port, ECHO_ID);
    await client.call(new Uint8Array(1));
    await eventually(() => expect(serve.terminal.text).toContain('"status"'));
    expect(await serve.stop()).toBe(0);
    const events = serve.terminal.lines.map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event).filter((event) => event !== "status")).toEqual([
      "listening",
      "draining",
      "stopped",
    ]);
    const { path, reason } = transportPath();
    expect(events[0]).toMatchObject({
      address: `127.0.0.1:${serve.port}`,
      native: path === "native",
      nativeReason: reason,
    });
    expect(events[0].memoryBytes).toBeGreaterThan(1e6);
    expect(events.at(-1)).toMatchObject({ calls: 1, failed: 0, busy: 0 });
  });

  test("lets the calls under way end", async () => {
    const serve = await startServe();
    await using client = await connect(serve.port, ECHO_ID);
    await using call = client.open();
    await call.write(new Uint8Array(5_000));
    // An ACK tells that the server has taken the call; what it has not is refused from now on.
    await eventually(() => expect(client.stats().counters.AckPacketsRead).toBeGreaterThan(0));
    await client.call(new Uint8Array(1));
    const code = serve.stop();
    await eventually(() => expect(serve.terminal.text).toContain("stopping"));
    await call.end();
    expect(await call.readAll()).toHaveLength(5_000);
    expect(await code).toBe(0);
    expect(serve.terminal.lines.at(-1)).toMatch(/^stopped: 2 calls, 0 failed/);
  });

  test("a port that is taken: one line, exit code 1", async () => {
    await using taken = await RxSocket.bind();
    const { code, terminal } = await runTool("serve", "--port", String(taken.port));
    expect(code).toBe(1);
    expect(terminal.errors).toEqual([
      `rxrpc: RX_ERR_SOCKET: cannot bind UDP 127.0.0.1 port ${taken.port}: EADDRINUSE; ` +
        "another program uses the port: choose one with --port",
    ]);
    expect(terminal.handlers.size).toBe(0);
  });

  test("--pcap records, and a file that cannot be written is one line", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rxrpc-"));
    try {
      const path = join(folder, "calls.pcapng");
      const serve = await startServe("--pcap", path);
      await using client = await connect(serve.port, ECHO_ID);
      await client.call(Buffer.from("to be recorded"));
      expect(await serve.stop()).toBe(0);
      const capture = readFileSync(path);
      expect(capture.readUInt32BE(0)).toBe(0x0a0d0d0a);
      // Once in the request, once in the reply.
      expect(capture.toString("latin1").split("to be recorded")).toHaveLength(3);
      const failed = await runTool("serve", "--port", "0", "--pcap", join(folder, "no", "such"));
      expect(failed.code).toBe(1);
      expect(failed.terminal.errors).toHaveLength(1);
      expect(failed.terminal.errors[0]).toContain("ENOENT");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
