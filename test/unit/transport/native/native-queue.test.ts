// NativeUdp without sockets: batches, what waits when the system takes no more, and what the network reports.
import { constants } from "node:os";
import { describe, expect, test, vi } from "vitest";
import { PollEvent } from "../../../../src/transport/native/binding.js";
import { NativeUdp } from "../../../../src/transport/native/native-udp.js";
import type { UdpOptions } from "../../../../src/transport/udp-options.js";
import { Address } from "../../../../src/util/address.js";
import { RecordingSink } from "../recording-sink.js";
import { FakeBinding, LOCAL } from "./fake-binding.js";

const PEER = Address.from("192.0.2.1", 7_001) as Address;
const OTHER = Address.from("192.0.2.2", 7_001) as Address;
const CONNECT: UdpOptions = { connect: { host: "192.0.2.1", port: 7_001 } };
const { ECONNREFUSED, EHOSTUNREACH, EMSGSIZE } = constants.errno;

async function open(
  options: UdpOptions = {},
): Promise<{ binding: FakeBinding; udp: NativeUdp; sink: RecordingSink }> {
  const binding = new FakeBinding();
  const udp = new NativeUdp(binding, options);
  const sink = new RecordingSink();
  await udp.open(sink);
  return { binding, udp, sink };
}

const buffer = new Uint8Array(2_000);

function send(udp: NativeUdp, value: number, length: number, to = PEER): boolean {
  buffer.fill(value);
  return udp.send(buffer, 0, length, to, to.format());
}

const firstBytes = (binding: FakeBinding): (number | undefined)[] =>
  binding.sent.map(({ bytes }) => (bytes.every((byte) => byte === bytes[0]) ? bytes[0] : undefined));
const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe("NativeUdp collects", () => {
  test("what is sent until flush() leaves in one batch, in order, with its own bytes and address", async () => {
    const { binding, udp } = await open();
    for (const value of [1, 2, 3])
      expect(send(udp, value, 10 * value, value === 2 ? OTHER : PEER)).toBe(true);
    expect(binding.batches).toEqual([]);
    udp.flush();
    expect(binding.batches).toEqual([3]);
    expect(firstBytes(binding)).toEqual([1, 2, 3]);
    expect(binding.sent.map(({ bytes, to }) => [bytes.length, to])).toEqual([
      [10, "192.0.2.1:7001"],
      [20, "192.0.2.2:7001"],
      [30, "192.0.2.1:7001"],
    ]);
    udp.flush();
    expect(binding.batches).toEqual([3]);
  });

  test("without flush() it leaves when the callback has ended", async () => {
    const { binding, udp } = await open();
    send(udp, 1, 10);
    send(udp, 2, 10);
    await tick();
    expect(binding.batches).toEqual([2]);
    send(udp, 3, 10);
    await tick();
    expect(binding.batches).toEqual([2, 1]);
  });

  test("a batch has 64 datagrams at most, and room for the largest one is always left", async () => {
    const { binding, udp } = await open();
    for (let i = 0; i < 150; i++) send(udp, i, 40);
    udp.flush();
    expect(binding.batches).toEqual([64, 64, 22]);
    for (let i = 0; i < 60; i++) {
      expect(udp.room.bytes.length - udp.room.offset).toBeGreaterThan(65_507);
      udp.send(new Uint8Array(20_000).fill(i), 0, 20_000, PEER, "");
    }
    udp.flush();
    expect(binding.sent.slice(150).map(({ bytes }) => bytes[19_999])).toEqual([...Array(60).keys()]);
  });

  test("a datagram that was written into its room is not copied, and leaves as it stands by flush()", async () => {
    const { binding, udp } = await open();
    const copy = vi.spyOn(udp.room.bytes, "set");
    for (let value = 1; value <= 70; value++) {
      const { bytes, offset } = udp.room;
      bytes.fill(value, offset, offset + 100);
      udp.send(bytes, offset, 100, PEER, "");
    }
    await tick();
    expect([binding.batches, copy.mock.calls.length]).toEqual([[64], 0]);
    udp.flush();
    expect(firstBytes(binding)).toEqual(Array.from({ length: 70 }, (_, i) => i + 1));
  });

  test("closing sends what was collected", async () => {
    const { binding, udp } = await open();
    send(udp, 1, 10);
    await udp.close();
    expect([binding.sent.length, binding.isOpen]).toEqual([1, false]);
    await tick();
    expect(binding.batches).toEqual([1]);
  });
});

describe("NativeUdp when the system does not take datagrams at once", () => {
  test("what waits keeps its bytes and order, and goes out when the socket is writable", async () => {
    const { binding, udp } = await open();
    binding.takes = 1;
    for (const value of [1, 2, 3]) send(udp, value, 40);
    udp.flush();
    expect(binding.watched).toEqual([true]);
    for (const value of [4, 5]) send(udp, value, 40, OTHER);
    udp.flush();
    buffer.fill(99);
    expect(firstBytes(binding)).toEqual([1]);
    binding.takes = 3;
    binding.poll(PollEvent.Writable);
    expect(firstBytes(binding)).toEqual([1, 2, 3, 4]);
    expect(binding.watched).toEqual([true]);
    binding.takes = Number.POSITIVE_INFINITY;
    send(udp, 6, 40);
    binding.poll(PollEvent.Writable);
    expect(firstBytes(binding)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(binding.sent.map(({ to }) => to).slice(3, 5)).toEqual(["192.0.2.2:7001", "192.0.2.2:7001"]);
    expect(binding.watched).toEqual([true, false]);
    send(udp, 7, 40);
    udp.flush();
    expect(firstBytes(binding).at(-1)).toBe(7);
    expect(udp.counters).toMatchObject({ datagramsOut: 7, sendDrops: 0, sendErrors: 0 });
  });

  test("above the cap datagrams are dropped and counted, below it they are taken again", async () => {
    const { binding, udp } = await open({ sendQueueMaxBytes: 250 });
    binding.takes = 0;
    expect([1, 2].map((value) => send(udp, value, 100))).toEqual([true, true]);
    udp.flush();
    expect([send(udp, 3, 100), send(udp, 4, 50), send(udp, 5, 1)]).toEqual([false, true, false]);
    udp.flush();
    expect(udp.counters).toMatchObject({ sendDrops: 2, queueHighWater: 250, datagramsOut: 3 });
    binding.takes = Number.POSITIVE_INFINITY;
    binding.poll(PollEvent.Writable);
    expect(send(udp, 6, 100)).toBe(true);
    udp.flush();
    expect(firstBytes(binding)).toEqual([1, 2, 4, 6]);
  });

  test("a batch that meets a full socket is cut at the cap", async () => {
    const { binding, udp } = await open({ sendQueueMaxBytes: 1_000 });
    binding.takes = 2;
    for (let i = 0; i < 20; i++) send(udp, i, 100);
    udp.flush();
    expect(udp.counters).toMatchObject({ sendDrops: 8, queueHighWater: 1_000 });
  });

  test("thousands of datagrams wait and leave in order, a batch for each turn", async () => {
    const { binding, udp } = await open();
    binding.takes = 0;
    for (let i = 0; i < 5_000; i++) udp.send(Uint8Array.of(i >> 8, i & 255), 0, 2, PEER, "");
    udp.flush();
    binding.takes = Number.POSITIVE_INFINITY;
    binding.batches.length = 0;
    for (let i = 0; i < 200 && binding.watched.at(-1) === true; i++) binding.poll(PollEvent.Writable);
    expect(binding.batches.length).toBe(Math.ceil(5_000 / 64));
    expect(binding.sent.every(({ bytes }, i) => bytes[0] === i >> 8 && bytes[1] === (i & 255))).toBe(true);
    expect(binding.sent.length).toBe(5_000);
  });

  test("a sink that answers into a full socket still sees whom it is told of", async () => {
    const binding = new FakeBinding();
    const udp = new NativeUdp(binding);
    const seen: string[] = [];
    await udp.open({
      handleDatagram: (_bytes, _length, remote) => {
        for (let i = 0; i < 130; i++) send(udp, i, 10, OTHER);
        seen.push(remote.toString());
      },
      handleError: () => undefined,
    });
    binding.takes = 0;
    binding.deliver("x", PEER);
    binding.poll();
    expect(seen).toEqual(["192.0.2.1:7001"]);
  });

  test("a refused send is one datagram lost: counted, not reported, and nothing ends", async () => {
    const { binding, udp, sink } = await open();
    binding.lost = 2;
    for (const value of [1, 2, 3]) send(udp, value, 10);
    udp.flush();
    expect(udp.counters).toMatchObject({ datagramsOut: 3, sendErrors: 2 });
    expect([firstBytes(binding), sink.errors]).toEqual([[3], []]);
  });
});

describe("NativeUdp receives", () => {
  test("a batch for each turn of the loop", async () => {
    const { binding, sink } = await open();
    for (let i = 0; i < 40; i++) binding.deliver(String(i), i % 2 === 0 ? PEER : OTHER);
    binding.poll();
    expect(sink.datagrams.length).toBe(32);
    binding.poll();
    expect(sink.texts).toEqual(Array.from({ length: 40 }, (_, i) => String(i)));
    expect(sink.datagrams.slice(0, 2).map(({ remote }) => remote.toString())).toEqual([
      "192.0.2.1:7001",
      "192.0.2.2:7001",
    ]);
  });

  test("nothing of the batch in which the sink closes it", async () => {
    const binding = new FakeBinding();
    const udp = new NativeUdp(binding);
    let seen = 0;
    await udp.open({
      handleDatagram: () => {
        if (++seen === 2) void udp.close();
      },
      handleError: () => undefined,
    });
    for (let i = 0; i < 5; i++) binding.deliver("x", PEER);
    binding.poll(PollEvent.Readable | PollEvent.Writable);
    binding.poll(PollEvent.Readable | PollEvent.Error);
    expect([seen, udp.counters.datagramsIn]).toEqual([2, 2]);
  });

  test("the error of a connected socket, by receiving and by sending", async () => {
    const { binding, udp, sink } = await open(CONNECT);
    binding.receiveError = ECONNREFUSED;
    binding.poll(PollEvent.Error);
    binding.receiveError = 0;
    expect(sink.errors).toMatchObject([{ code: "ECONNREFUSED" }]);
    binding.isRefused = true;
    send(udp, 1, 10);
    udp.flush();
    expect(sink.errors.length).toBe(1);
    await tick();
    expect(sink.errors).toMatchObject([
      { code: "ECONNREFUSED" },
      { code: "ECONNREFUSED", errno: -ECONNREFUSED },
    ]);
    send(udp, 1, 10);
    await udp.close();
    await tick();
    expect(sink.errors.length).toBe(2);
  });

  test("no error of one peer as that of all, where it has many", async () => {
    const { binding, sink } = await open();
    binding.receiveError = ECONNREFUSED;
    binding.poll(PollEvent.Readable | PollEvent.Error);
    expect(sink.errors).toEqual([]);
  });

  test("that it can no longer be watched", async () => {
    const { binding, sink } = await open();
    binding.poll(-constants.errno.ENOMEM);
    expect(sink.errors).toMatchObject([{ code: "ENOMEM" }]);
  });
});

describe("NativeUdp hears of unreachable peers", () => {
  const told: string[] = [];
  const sinkOf = () => ({
    handleDatagram: () => undefined,
    handleError: () => undefined,
    handleUnreachable: (remote: Address, quote: Uint8Array, length: number) => {
      told.push(`${remote.toString()} ${[...quote.subarray(0, length)].join()}`);
    },
  });

  test.each<[string, number, number, number, boolean]>([
    ["a closed port", ECONNREFUSED, 2, 3, true],
    ["an unreachable host", EHOSTUNREACH, 2, 3, true],
    ["a closed port over IPv6", ECONNREFUSED, 3, 1, true],
    ["too big over IPv6", EMSGSIZE, 3, 2, false],
    ["under way for too long", EHOSTUNREACH, 2, 11, false],
    ["under way for too long over IPv6", EHOSTUNREACH, 3, 3, false],
    ["our own refusal", EMSGSIZE, 1, 0, false],
  ])("%s", async (_name, errno, origin, type, isTold) => {
    const binding = new FakeBinding();
    const udp = new NativeUdp(binding);
    await udp.open(sinkOf());
    told.length = 0;
    binding.errors.push({ errno, origin, type, to: PEER, quote: Uint8Array.of(7, 8) });
    binding.poll(PollEvent.Error);
    expect(told).toEqual(isTold ? ["192.0.2.1:7001 7,8"] : []);
    expect(udp.counters.networkErrors).toBe(1);
  });

  test("too big is not unreachable", async () => {
    const binding = new FakeBinding();
    const udp = new NativeUdp(binding);
    await udp.open(sinkOf());
    told.length = 0;
    binding.errors.push({ errno: EMSGSIZE, origin: 2, type: 3, to: PEER, quote: Uint8Array.of(7) });
    binding.poll(PollEvent.Error);
    expect(told).toEqual([]);
  });

  test("a sink that does not ask for them is not told", async () => {
    const { binding, udp, sink } = await open();
    binding.errors.push({ errno: ECONNREFUSED, origin: 2, type: 3, to: PEER, quote: new Uint8Array(0) });
    binding.poll(PollEvent.Error);
    expect([sink.errors, udp.counters.networkErrors]).toEqual([[], 1]);
  });
});

describe("NativeUdp opens", () => {
  test("with the address that the system gave", async () => {
    const { udp } = await open();
    expect(udp.local.equals(LOCAL)).toBe(true);
  });

  test("again after the system refused once", async () => {
    const binding = new FakeBinding();
    const udp = new NativeUdp(binding, { host: "192.0.2.9", port: 7_009 });
    binding.openError = constants.errno.EADDRNOTAVAIL;
    await expect(udp.open(new RecordingSink())).rejects.toMatchObject({
      code: "RX_ERR_SOCKET",
      message: expect.stringContaining("cannot bind UDP 192.0.2.9 port 7009: EADDRNOTAVAIL"),
    });
    binding.openError = 0;
    await udp.open(new RecordingSink());
    expect(binding.isOpen).toBe(true);
  });
});
