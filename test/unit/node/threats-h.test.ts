// Tools, operation, supply: listings, hostile text, settings that cannot be met, logs under attack, dependencies.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { ENDPOINT_OPTION_NAMES } from "../../../src/core/config.js";
import {
  RpcServer,
  type RpcServerOptions,
  RxClient,
  RxOptionError,
  RxSocket,
  service,
} from "../../../src/index.js";
import { Prng } from "../../../src/transport/prng.js";
import { DEBUG_CONN_SIZE, DEBUG_STATS_SIZE, DebugStats, writeDebugStats } from "../../../src/wire/debug.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { runTool, startServe } from "../cli/fake-terminal.js";
import { clientTalker } from "../core/packets.js";
import { LAST, Rig } from "../core/rig.js";
import { answer, startFakeRxServer } from "./fake-rx-server.js";

const PRINTABLE = /^[\x20-\x7e]*$/;
const HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\u0000\u009b31m";

describe("H: tools and operation", () => {
  test("H1: a listing ends and never fails while connections come and go under it", () => {
    const rig = new Rig({ options: { idleConnectionMs: 1_000, tombstonesMax: 4_096 } });
    const serviceOf = rig.offer({ callsPerPeerMax: 1_024 }, 32);
    const asked = clientTalker({ cid: 0, callNumber: 7 });
    let made = 0;
    const churn = (): void => {
      rig.exchange(clientTalker({ cid: 0x10_000 + 4 * made++ }).data(1, 8, LAST));
      const handle = rig.newCalls.at(-1);
      if (handle !== undefined && made % 4 > 0 && !handle.isEnded) serviceOf.reject(handle, -6);
      rig.drain();
      rig.poll();
      rig.pass(300_000);
    };
    for (let i = 0; i < 20; i++) churn();
    for (const type of [2, 3, 5]) {
      let isEnd = false;
      for (let index = 0; !isEnd; index++) {
        expect(index).toBeLessThan(64);
        churn();
        const body = Uint8Array.of(0, 0, 0, type, 0, 0, 0, index);
        rig.feed(asked.of(PacketType.Debug, body));
        const [said] = rig.poll().filter((one) => one.header.type === PacketType.Debug);
        expect(said?.bytes.length).toBeLessThanOrEqual(320);
        // The id of a connection, or the host of a peer, that is none.
        const at = type === 5 ? 28 : 32;
        isEnd = said?.bytes.subarray(at, at + 4).every((byte) => byte === 0xff) === true;
      }
    }
  });

  test("H1: the statistics of a socket can be read at any moment of its calls", async () => {
    await using server = new RpcServer().add(service({ id: 7, call: (call) => call.readAll() }));
    await server.start();
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 7 });
    let seen = 0;
    const calls = Promise.all(Array.from({ length: 100 }, () => client.call(new Uint8Array(500))));
    let isDone = false;
    void calls.then(() => (isDone = true));
    while (!isDone) {
      for (const { calls: pool, services } of [...server.stats(), client.stats()]) {
        expect(pool.used).toBeLessThanOrEqual(pool.max);
        seen += services.length;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toBeGreaterThan(0);
    expect((await calls).length).toBe(100);
  });

  test("H2: hostile text of a server is escaped and cut, and huge counts are bounded", async () => {
    const version = Buffer.from(HOSTILE + "x".repeat(10_000), "latin1");
    const stats = new Uint8Array(DEBUG_STATS_SIZE);
    writeDebugStats(
      stats,
      0,
      Object.assign(new DebugStats(), { version: 0x1b, packets: -1, waiting: 2 ** 31 - 1 }),
    );
    const conn = new Uint8Array(DEBUG_CONN_SIZE).fill(0x9b);
    await using server = await startFakeRxServer((asked) => {
      if (asked.header.type === PacketType.Version) return [answer(asked, version)];
      return [answer(asked, asked.body[3] === 1 ? stats : conn)];
    });
    const target = `127.0.0.1:${server.port}`;
    for (const args of [
      ["version", target],
      ["version", target, "--json"],
      ["debug", target, "--json"],
    ]) {
      const { terminal } = await runTool(...args);
      expect([...terminal.lines, ...terminal.errors].length).toBeGreaterThan(0);
      for (const line of [...terminal.lines, ...terminal.errors]) {
        expect(line).toMatch(PRINTABLE);
        expect(line.length).toBeLessThan(2_000_000);
      }
    }
    expect((await runTool("version", target)).terminal.text.length).toBeLessThan(400);
  });

  test("H2: a server that says nothing is given up", async () => {
    await using server = await startFakeRxServer(() => []);
    const { code, terminal } = await runTool("version", `127.0.0.1:${server.port}`, "--timeout", "0.5");
    expect([code, terminal.lines, terminal.errors.length]).toEqual([1, [], 1]);
  });

  test("H4: settings beyond their limits are refused by name, and none is clamped", async () => {
    const numeric = ENDPOINT_OPTION_NAMES.filter((name) => name !== "trusted" && name !== "versionText");
    expect(numeric.length).toBeGreaterThan(20);
    for (const name of numeric) {
      for (const value of [-1, 2 ** 31, Number.NaN, 1.5, Number.POSITIVE_INFINITY]) {
        const make = (): unknown => new RpcServer({ [name]: value });
        expect(make, `${name} ${value}`).toThrow(RxOptionError);
        expect(make).toThrow(name);
      }
    }
    await using socket = await RxSocket.bind({ callsMax: 77, buffersMax: 99, tombstonesMax: 55 });
    const stats = socket.stats();
    expect([stats.calls.max, stats.buffers.max]).toEqual([77, 99]);
  });

  test("H4: settings that contradict each other, or no memory can hold, are refused before anything is bound", async () => {
    const wrong: [RpcServerOptions, string][] = [
      [{ deadTimeMs: 3_000, keepaliveMs: 2_000 }, "keepaliveMs"],
      [{ buffersMax: 7 }, "buffersMax"],
      [{ buffersMax: 1_048_576, bufferBytes: 65_536 }, "buffersMax"],
    ];
    for (const [options, name] of wrong) {
      expect(() => new RpcServer(options)).toThrow(RxOptionError);
      expect(() => new RpcServer(options)).toThrow(name);
      await expect(RxSocket.bind(options)).rejects.toThrow(name);
    }
    expect(() => new RpcServer({ backlog: 33 })).toThrow("backlog");
    const echo = (id: number) => service({ id, call: () => undefined });
    expect(() => new RpcServer({ callsMax: 40 }).add(echo(1)).add(echo(2))).toThrow("backlog");
  });

  test("H5: bad packets are counted, and make no line in any log", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const serve = await startServe("--interval", "3600");
    const lines = serve.terminal.lines.length;
    const socket = createSocket("udp4");
    try {
      const prng = new Prng(5);
      for (let i = 0; i < 2_000; i++) {
        const bytes = Uint8Array.from({ length: i % 60 }, () => prng.int32());
        socket.send(bytes, serve.port, "127.0.0.1");
        if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const { code } = await runTool("version", `127.0.0.1:${serve.port}`);
      expect(code).toBe(0);
    } finally {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    }
    expect(serve.terminal.lines.length).toBe(lines);
    expect(await serve.stop()).toBe(0);
    expect(serve.terminal.lines.length - lines).toBeLessThan(4);
    expect(serve.terminal.lines.at(-1)).toMatch(/ [1-9]\d* packets ignored/);
    expect([serve.terminal.errors, warnings.mock.calls.length]).toEqual([[], 0]);
    warnings.mockRestore();
  });

  test("H5: requests that make a handler throw are warned of a few times a second, not each", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    await using server = new RpcServer().add(
      service({
        id: 7,
        call: () => {
          throw new Error("bad request");
        },
      }),
    );
    await server.start();
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 7 });
    const calls = Array.from({ length: 200 }, () => client.call(new Uint8Array(1)).catch(() => undefined));
    const began = performance.now();
    await Promise.all(calls);
    const seconds = Math.ceil((performance.now() - began) / 1_000);
    const told = warnings.mock.calls.filter(([text]) => String(text).includes("bad request")).length;
    expect(server.handlers()[0]).toMatchObject({ failed: 200 });
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(10 * (seconds + 1));
    warnings.mockRestore();
  });
});

describe("H: supply", () => {
  const read = (name: string): Record<string, never> =>
    JSON.parse(readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8"));
  interface Package {
    readonly version: string;
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
    readonly peerDependencies?: Readonly<Record<string, string>>;
    readonly scripts?: Readonly<Record<string, string>>;
    readonly integrity?: string;
    readonly hasInstallScript?: boolean;
    readonly dev?: boolean;
    readonly engines?: Readonly<Record<string, string>>;
  }
  const own = read("package.json") as unknown as Package;
  const lock = read("package-lock.json") as unknown as { packages: Record<string, Package> };

  test("H6: one runtime dependency, and every version exact", () => {
    expect(Object.keys(own.dependencies ?? {})).toEqual(["dgram-as-promised"]);
    expect([own.optionalDependencies, own.peerDependencies]).toEqual([undefined, undefined]);
    for (const version of Object.values({ ...own.dependencies, ...own.devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
    expect(readFileSync(new URL("../../../.npmrc", import.meta.url), "utf8")).toMatch(/^save-exact=true$/m);
  });

  test("H6: nothing of ours, or of what ours needs at run time, runs at installation", () => {
    const atInstallation = [
      "preinstall",
      "install",
      "postinstall",
      "prepublish",
      "preprepare",
      "prepare",
      "postprepare",
    ];
    expect(Object.keys(own.scripts ?? {}).filter((name) => atInstallation.includes(name))).toEqual([]);
    const running = Object.entries(lock.packages).filter(
      ([path, each]) => each.hasInstallScript === true && (path === "" || each.dev !== true),
    );
    expect(running).toEqual([]);
  });

  test("H6: the lockfile is in step, and knows every package by its content", () => {
    const root = lock.packages[""];
    expect(root).toMatchObject({
      version: own.version,
      dependencies: own.dependencies,
      devDependencies: own.devDependencies,
      engines: own.engines,
    });
    for (const [name, version] of Object.entries({ ...own.dependencies, ...own.devDependencies })) {
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
    for (const [path, each] of Object.entries(lock.packages)) {
      if (path !== "") expect([path, each.integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
    }
  });
});
