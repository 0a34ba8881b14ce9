// The addon on real sockets: what every UDP transport does, and what only this one does. Skipped where it is not built.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import {
  loadBinding,
  type NativeBinding,
  Open,
  SEND_MAX,
  SendHead,
  SLOT_BYTES,
} from "../../../../src/transport/native/binding.js";
import { NativeUdp } from "../../../../src/transport/native/native-udp.js";
import type { UdpOptions } from "../../../../src/transport/udp-options.js";
import { Address } from "../../../../src/util/address.js";
import { RecordingSink, until } from "../recording-sink.js";
import { describeUdp } from "../udp-conformance.js";

const { binding: found } = loadBinding();
const binding = found as NativeBinding;
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some((entry) => entry.address === "::1"),
);

const path = (relative: string): string => fileURLToPath(new URL(`../../../../${relative}`, import.meta.url));
const PREBUILT = path(`prebuilds/${process.platform}-${process.arch}/rxrpc-udp.node`);
const openFiles = (): number => readdirSync("/proc/self/fd").length;

/** A sink that also keeps what was unreachable. */
class UnreachableSink extends RecordingSink {
  readonly unreachable: { readonly remote: string; readonly quote: Uint8Array }[] = [];

  handleUnreachable(remote: Address, quote: Uint8Array, length: number): void {
    this.unreachable.push({ remote: remote.toString(), quote: Uint8Array.from(quote.subarray(0, length)) });
  }
}

/** Part of the loopback where no other program opens the port of one that was closed. */
const QUIET_HOST = "127.77.0.1";

const opened: NativeUdp[] = [];

async function open(
  options: UdpOptions = {},
  use: NativeBinding = binding,
): Promise<{ udp: NativeUdp; sink: UnreachableSink }> {
  const udp = new NativeUdp(use, options);
  opened.push(udp);
  const sink = new UnreachableSink();
  await udp.open(sink);
  return { udp, sink };
}

afterEach(async () => {
  for (const udp of opened.splice(0)) await udp.close();
});

/** The addon with every result of `name` kept. */
function spied(name: "receive" | "send", results: Int32Array[]): NativeBinding {
  const spy = (id: number, bytes: Uint8Array, words: Int32Array, count = 0): number => {
    const result = binding[name](id, bytes, words, count);
    results.push(Int32Array.of(result, ...words.subarray(0, SendHead.Count)));
    return result;
  };
  return {
    sourceHash: binding.sourceHash,
    open: binding.open,
    close: binding.close,
    watch: binding.watch,
    receive: binding.receive,
    readErrors: binding.readErrors,
    send: binding.send,
    [name]: spy,
  };
}

// Elsewhere it may be missing; where nothing may be skipped, it may not.
test.runIf(
  process.env["RXRPC_REQUIRE_PEERS"] === "1" && `${process.platform}-${process.arch}` === "linux-x64",
)("the prebuilt addon loads", () => {
  expect(loadBinding().reason).toBe("prebuilt for linux-x64");
  expect(found).toBeDefined();
});

describe.skipIf(found === undefined)("with the addon", () => {
  describeUdp("NativeUdp", (options) => new NativeUdp(binding, options));

  test("the prebuilt file was built from this source", () => {
    const folder = path("src/transport/native/");
    const hash = createHash("sha256");
    const names = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
    for (const name of names.sort()) hash.update(readFileSync(folder + name));
    expect(binding.sourceHash).toBe(hash.digest("hex"));
  });

  test("takes 32 datagrams a turn of the loop, and the loop turns between two batches", async () => {
    const results: Int32Array[] = [];
    const receiver = await open({}, spied("receive", results));
    const sender = await open();
    for (let i = 0; i < 100; i++) sender.udp.send(Uint8Array.of(i), 0, 1, receiver.udp.local, "");
    sender.udp.flush();
    const heard: number[] = [];
    while (receiver.sink.datagrams.length < 100) {
      await new Promise((resolve) => setImmediate(resolve));
      heard.push(receiver.sink.datagrams.length);
    }
    expect(results.map((words) => words[0]).slice(0, 4)).toEqual([32, 32, 32, 4]);
    expect(heard.filter((count) => count > 0).slice(0, 4)).toEqual([32, 64, 96, 100]);
    expect(receiver.sink.datagrams.map(({ bytes }) => bytes[0])).toEqual([...Array(100).keys()]);
  });

  test.each(hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"])(
    "runs of equal datagrams to one peer leave as one message, and arrive as they were, on %s",
    async (host) => {
      const results: Int32Array[] = [];
      const one = await open({ host });
      const two = await open({ host });
      const sender = await open({ host }, spied("send", results));
      const lengths = [500, 500, 500, 200, 500, 0, 500, 500, 1_444, 1_444, 9, 1_453, 1_453];
      lengths.forEach((length, i) => {
        sender.udp.send(new Uint8Array(length).fill(i), 0, length, one.udp.local, "");
      });
      for (const to of [one, two, two, one]) sender.udp.send(new Uint8Array(8), 0, 8, to.udp.local, "");
      sender.udp.flush();
      await until(() => one.sink.datagrams.length === 15 && two.sink.datagrams.length === 2, "all");
      expect(one.sink.datagrams.slice(0, 13).map(({ bytes }) => bytes)).toEqual(
        lengths.map((length, i) => new Uint8Array(length).fill(i)),
      );
      const words = results[0] as Int32Array;
      // [500 500 500 200] [500] [0] [500 500] [1444 1444 9] [1453] [1453], then [one] [two two] [one].
      if (words[1 + SendHead.Segments] === 1) expect(words[1 + SendHead.Messages]).toBe(10);
      expect(results.length).toBe(1);
    },
  );

  test("64 datagrams of an Ethernet frame's length leave as messages that the system takes", async () => {
    const receiver = await open();
    const sender = await open();
    for (let i = 0; i < 3 * SEND_MAX; i++) {
      sender.udp.send(new Uint8Array(1_444).fill(i), 0, 1_444, receiver.udp.local, "");
    }
    sender.udp.flush();
    await until(() => receiver.sink.datagrams.length === 3 * SEND_MAX, "all");
    expect(receiver.sink.datagrams.every(({ bytes }, i) => bytes[1_443] === i)).toBe(true);
    expect(sender.udp.counters.sendErrors).toBe(0);
  });

  test("one datagram that cannot be sent does not take others with it", async () => {
    const { udp, sink } = await open();
    const nowhere = Address.from("255.255.255.255", 9) as Address;
    for (const to of [udp.local, nowhere, udp.local, nowhere, udp.local]) {
      udp.send(Uint8Array.of(1), 0, 1, to, "");
    }
    udp.flush();
    await until(() => sink.datagrams.length === 3, "the others");
    expect(udp.counters).toMatchObject({ datagramsOut: 5, sendErrors: 2 });
  });

  test.each(hasIpv6 ? ["127.0.0.1", "::1", "::"] : ["127.0.0.1"])(
    "a closed port is told with the datagram that found it, and others are still reached, on %s",
    async (host) => {
      const { udp, sink } = await open({ host });
      const gone = await open({ host: host === "::1" ? host : QUIET_HOST });
      const there = await open({ host: host === "::" ? "127.0.0.1" : host });
      await gone.udp.close();
      const lost = Uint8Array.from({ length: 40 }, (_, i) => i);
      udp.send(lost, 0, 40, gone.udp.local, "");
      udp.flush();
      // The news of one peer's port comes through the next call, which is about another peer.
      for (let i = 0; i < 5; i++) {
        udp.send(Uint8Array.of(i), 0, 1, there.udp.local, "");
        udp.flush();
      }
      await until(() => sink.unreachable.length > 0 && there.sink.datagrams.length === 5, "both");
      expect(sink.unreachable).toEqual([{ remote: gone.udp.local.toString(), quote: lost }]);
      expect(udp.counters).toMatchObject({ networkErrors: 1, sendErrors: 0 });
      expect(sink.errors).toEqual([]);
    },
  );

  test("many closed ports at once: it hears on, and tells each", async () => {
    const { udp, sink } = await open();
    const peer = await open();
    // All are open before the first is closed, so that no port is given out twice.
    const gone = await Promise.all(Array.from({ length: 40 }, () => open({ host: QUIET_HOST })));
    for (const each of gone) await each.udp.close();
    const wanted = new Set(gone.map((each) => each.udp.local.toString()));
    const left = (): number => {
      for (const { remote } of sink.unreachable.splice(0)) wanted.delete(remote);
      return wanted.size;
    };
    await until(() => {
      for (const each of gone) udp.send(Uint8Array.of(1), 0, 1, each.udp.local, "");
      udp.flush();
      peer.udp.send(Uint8Array.of(1), 0, 1, udp.local, "");
      return left() === 0 && sink.datagrams.length > 0;
    }, "all ports");
    expect(udp.counters.sendErrors).toBe(0);
  });

  test("leaves no descriptor behind, however it ends", async () => {
    await (await open()).udp.close();
    const before = openFiles();
    for (let i = 0; i < 50; i++) {
      const { udp } = await open();
      const refused = new NativeUdp(binding, { port: udp.local.port });
      await expect(refused.open(new RecordingSink())).rejects.toMatchObject({ code: "RX_ERR_SOCKET" });
      await udp.close();
    }
    expect(openFiles()).toBe(before);
  });
});

describe.skipIf(found === undefined)("the functions of the addon", () => {
  const settings = (): Int32Array => {
    const words = new Int32Array(Open.Count);
    words[Open.Local] = 4;
    words[Open.Local + 4] = 0x7f000001;
    words[Open.MtuDiscover] = -1;
    return words;
  };
  const none = (): undefined => undefined;

  test.each<[string, (id: number) => unknown]>([
    ["open without settings", () => binding.open(undefined as never, none)],
    ["open with few settings", () => binding.open(new Int32Array(Open.Count - 1), none)],
    ["open with other words", () => binding.open(new Uint32Array(Open.Count) as never, none)],
    ["open without a callback", () => binding.open(settings(), {} as never)],
    ["open with no family", () => binding.open(new Int32Array(Open.Count), none)],
    ["receive into nothing", (id) => binding.receive(id, new Uint8Array(0), new Int32Array(256))],
    [
      "receive into too little",
      (id) => binding.receive(id, new Uint8Array(SLOT_BYTES - 1), new Int32Array(256)),
    ],
    [
      "receive into other words",
      (id) => binding.receive(id, new Int8Array(SLOT_BYTES) as never, new Int32Array(8)),
    ],
    ["receive without entries", (id) => binding.receive(id, new Uint8Array(SLOT_BYTES), new Int32Array(7))],
    ["send with fewer entries", (id) => binding.send(id, new Uint8Array(9), new Int32Array(12), 1)],
    ["send of too many", (id) => binding.send(id, new Uint8Array(9), new Int32Array(1_000), SEND_MAX + 1)],
    ["send of a fraction", (id) => binding.send(id, new Uint8Array(9), new Int32Array(1_000), 0.5)],
    ["send of fewer than none", (id) => binding.send(id, new Uint8Array(9), new Int32Array(1_000), -1)],
    ["send to no family", (id) => binding.send(id, new Uint8Array(9), new Int32Array(1_000), 1)],
    ["watch without a boolean", (id) => binding.watch(id, 1 as never)],
    ["errors without memory", (id) => binding.readErrors(id, undefined as never, new Int32Array(10))],
    ["close without a socket", () => (binding.close as () => unknown)()],
  ])("%s: a TypeError", (_name, act) => {
    const id = binding.open(settings(), none);
    try {
      expect(() => act(id)).toThrow(TypeError);
    } finally {
      binding.close(id);
    }
  });

  test.each([-1, 65_508, 10])("a datagram of %i bytes out of nine is refused", (length) => {
    const id = binding.open(settings(), none);
    const head = new Int32Array(SendHead.Count + 8);
    head.set([length, 4, 0, 0, 0, 0x7f000001, 9], SendHead.Count);
    expect(() => binding.send(id, new Uint8Array(9), head, 1)).toThrow(TypeError);
    binding.close(id);
  });

  test("a closed socket is reached by no number, also after its place is taken again", () => {
    const first = binding.open(settings(), none);
    expect(binding.close(first)).toBe(true);
    const second = binding.open(settings(), none);
    expect(second).not.toBe(first);
    for (const id of [first, -1, 2 ** 31 - 1, 0.5, Number.NaN, "1" as never]) {
      expect(binding.close(id)).toBe(false);
      expect(binding.watch(id, true)).toBeLessThan(0);
      expect(binding.receive(id, new Uint8Array(SLOT_BYTES), new Int32Array(8))).toBeLessThan(0);
      expect(binding.readErrors(id, new Uint8Array(128), new Int32Array(10))).toBeLessThan(0);
      expect(binding.send(id, new Uint8Array(0), new Int32Array(SendHead.Count), 0)).toBeLessThan(0);
    }
    expect(binding.close(second)).toBe(true);
  });

  test("two sockets share a port where both ask for it, and only there", () => {
    const words = settings();
    words[Open.ReusePort] = 1;
    const first = binding.open(words, none);
    const shared = words.slice();
    const second = binding.open(shared, none);
    const alone = words.slice();
    alone[Open.ReusePort] = 0;
    expect([first >= 0, second >= 0, shared[5] === words[5], binding.open(alone, none) < 0]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    for (const id of [first, second]) binding.close(id);
  });

  test("path MTU discovery can be set, and a value that the system does not know is its error", () => {
    const words = settings();
    words[Open.MtuDiscover] = 2;
    const id = binding.open(words, none);
    expect(id).toBeGreaterThanOrEqual(0);
    binding.close(id);
    words[Open.MtuDiscover] = 99;
    expect(binding.open(words, none)).toBe(-22);
  });

  test.each(["exits", "is terminated", "throws"])(
    "a worker that %s with sockets open takes them along",
    async (how) => {
      const before = openFiles();
      const code = `
      const { parentPort, workerData } = require("node:worker_threads");
      const binding = require(workerData.file);
      const words = new Int32Array(${Open.Count});
      words[0] = 4; words[4] = 0x7f000001; words[${Open.MtuDiscover}] = -1;
      const ids = [];
      for (let i = 0; i < 20; i++) ids.push(binding.open(words.slice(), () => {}));
      for (const id of ids.slice(0, 5)) binding.close(id);
      if (workerData.how === "throws") throw new Error("on purpose");
      parentPort.postMessage(ids.length);
      if (workerData.how === "exits") process.exit(0);`;
      const worker = new Worker(code, { eval: true, workerData: { file: PREBUILT, how } });
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      const thrown = new Promise((resolve) => worker.once("error", resolve));
      if (how === "throws") expect(await thrown).toMatchObject({ message: "on purpose" });
      else await new Promise((resolve) => worker.once("message", resolve));
      if (how === "is terminated") await worker.terminate();
      await ended;
      await until(() => openFiles() <= before, "its descriptors");
    },
  );
});
