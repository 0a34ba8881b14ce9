import { describe, expect, test } from "vitest";
import { type UdpOptions, UdpTransport } from "../../../src/transport/udp.js";
import { Address } from "../../../src/util/address.js";
import { FakeSocket, fakeDgram } from "./fake-dgram.js";
import { RecordingSink } from "./recording-sink.js";

const PEER = Address.from("192.0.2.1", 7001) as Address;

async function open(
  socket: FakeSocket,
  options: UdpOptions = {},
): Promise<{ transport: UdpTransport; sink: RecordingSink }> {
  const transport = new UdpTransport({ ...options, dgram: fakeDgram(socket) });
  const sink = new RecordingSink();
  await transport.open(sink);
  return { transport, sink };
}

function send(transport: UdpTransport, buffer: Uint8Array, value: number, length: number): boolean {
  buffer.fill(value);
  return transport.send(buffer, 0, length, PEER, "192.0.2.1");
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe("UdpTransport when the system does not take datagrams at once", () => {
  test("what waits keeps its bytes, although the caller and later sends reuse theirs", async () => {
    const socket = new FakeSocket();
    const { transport } = await open(socket);
    const buffer = new Uint8Array(100);
    expect(send(transport, buffer, 1, 40)).toBe(true);
    socket.isStuck = true;
    for (let value = 2; value <= 5; value++) expect(send(transport, buffer, value, 40)).toBe(true);
    buffer.fill(99);
    socket.drain();
    expect(send(transport, buffer, 6, 40)).toBe(true);
    socket.isStuck = true;
    expect(send(transport, buffer, 7, 40)).toBe(true);
    expect(send(transport, buffer, 8, 40)).toBe(true);
    socket.drain();
    expect(socket.sent.map((datagram) => datagram.bytes)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((value) => new Uint8Array(40).fill(value)),
    );
  });

  test("above the cap datagrams are dropped and counted, below it they are taken again", async () => {
    const socket = new FakeSocket();
    const { transport } = await open(socket, { sendQueueMaxBytes: 250 });
    const buffer = new Uint8Array(100);
    socket.isStuck = true;
    expect([1, 2, 3, 4].map((value) => send(transport, buffer, value, 100))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(send(transport, buffer, 5, 50)).toBe(true);
    expect(transport.counters).toMatchObject({
      sendDrops: 2,
      queueHighWater: 250,
      datagramsOut: 3,
      bytesOut: 250,
    });
    socket.drain();
    expect(send(transport, buffer, 6, 100)).toBe(true);
    expect(transport.counters.sendDrops).toBe(2);
  });

  test("a refused send is one datagram lost: counted, not reported, and nothing ends", async () => {
    const socket = new FakeSocket();
    const { transport, sink } = await open(socket);
    socket.failSends = Object.assign(new Error("EPERM"), { code: "EPERM" });
    const buffer = new Uint8Array(10);
    // The first refusal is seen within 16 sends, and from then on each is counted.
    for (let i = 0; i < 16; i++) send(transport, buffer, i, 10);
    await nextTick();
    const seen = transport.counters.sendErrors;
    expect(seen).toBeGreaterThanOrEqual(1);
    for (let i = 0; i < 100; i++) send(transport, buffer, i, 10);
    await nextTick();
    expect(transport.counters.sendErrors).toBe(seen + 100);
    socket.failSends = undefined;
    expect(send(transport, buffer, 1, 10)).toBe(true);
    expect(sink.errors).toEqual([]);
  });

  test("most sends have no callback while nothing fails", async () => {
    const socket = new FakeSocket();
    const { transport } = await open(socket);
    const buffer = new Uint8Array(10);
    for (let i = 0; i < 160; i++) send(transport, buffer, i, 10);
    expect(socket.isWatched.filter((is) => is).length).toBe(10);
  });

  test("a connected socket reports ECONNREFUSED of a send, and watches sends with nothing heard between", async () => {
    const socket = new FakeSocket();
    const { transport, sink } = await open(socket, { connect: { host: "192.0.2.1", port: 7001 } });
    const buffer = new Uint8Array(10);
    send(transport, buffer, 1, 10);
    socket.emit("message", Buffer.from("x"), { address: "192.0.2.1", port: 7001, family: "IPv4", size: 1 });
    send(transport, buffer, 2, 10);
    send(transport, buffer, 3, 10);
    expect(socket.isWatched).toEqual([true, false, true]);
    socket.failSends = Object.assign(new Error("send ECONNREFUSED"), { code: "ECONNREFUSED" });
    send(transport, buffer, 4, 10);
    await nextTick();
    expect(sink.errors).toEqual([socket.failSends]);
    expect(sink.datagrams[0]?.remote.equals(PEER)).toBe(true);
  });

  test("a send that throws is one datagram lost", async () => {
    const socket = new FakeSocket();
    const { transport } = await open(socket);
    socket.throwOnSend = true;
    expect(send(transport, new Uint8Array(10), 1, 10)).toBe(false);
    expect(transport.counters).toMatchObject({ sendErrors: 1, datagramsOut: 0 });
  });

  test("an error of the socket goes to the sink, and to no one after close", async () => {
    const socket = new FakeSocket();
    const { transport, sink } = await open(socket);
    const error = new Error("recvmsg EIO");
    socket.emit("error", error);
    expect(sink.errors).toEqual([error]);
    await transport.close();
    socket.emit("error", new Error("late"));
    socket.emit("message", Buffer.from("late"), { address: "192.0.2.1", port: 1, family: "IPv4", size: 4 });
    expect(sink.errors.length).toBe(1);
    expect(sink.datagrams).toEqual([]);
    expect(socket.closes).toBe(1);
  });

  test("a sender whose address cannot be read is ignored", async () => {
    const socket = new FakeSocket();
    const { transport, sink } = await open(socket);
    socket.emit("message", Buffer.from("x"), { address: "garbage", port: 1, family: "IPv4", size: 1 });
    expect(sink.datagrams).toEqual([]);
    expect(transport.counters.datagramsIn).toBe(0);
  });
});

describe("UdpTransport socket buffers", () => {
  test("are 4 MiB where that is granted", async () => {
    const { transport } = await open(new FakeSocket());
    expect(transport.granted).toEqual({ recvBufferBytes: 4 * 1024 * 1024, sendBufferBytes: 4 * 1024 * 1024 });
  });

  test("are the largest half of it that is granted", async () => {
    const socket = new FakeSocket();
    socket.bufferMax = 1_500_000;
    const { transport } = await open(socket);
    expect(transport.granted).toEqual({ recvBufferBytes: 1024 * 1024, sendBufferBytes: 1024 * 1024 });
  });

  test("do not fail the open when none is granted", async () => {
    const socket = new FakeSocket();
    socket.bufferMax = 0;
    const { transport } = await open(socket);
    expect(transport.granted).toEqual({ recvBufferBytes: 0, sendBufferBytes: 0 });
    expect(send(transport, new Uint8Array(4), 1, 4)).toBe(true);
  });
});
