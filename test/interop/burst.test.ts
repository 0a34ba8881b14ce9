// 320 first packets that stand in the socket before the loop wakes: a backlog of 32 takes them all, turn by turn.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import {
  RxSocket as Rx,
  type RxSocket,
  type ServerCall,
  type SocketStats,
  service,
} from "../../src/index.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../src/wire/packet-type.js";
import { eventually } from "../eventually.js";
import { startServer } from "./support.js";

const SERVICE_ID = 7;
const CALLS = 320;
const BACKLOG = 32;
const CHANNELS = 4;

describe(`${CALLS} first packets at once, backlog ${BACKLOG}`, () => {
  test("server base", async () => {
    await using server = await startServer(
      [service({ id: SERVICE_ID, backlog: BACKLOG, call: () => reply() })],
      {
        backlog: BACKLOG,
      },
    );
    await expectAllAnswered(server.port, () => server.stats()[0] as SocketStats);
    // The sender acknowledges nothing: there is no end to wait for.
    await server.close();
  });

  test("server base, handlers that wait", async () => {
    const wait = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return reply();
    };
    await using server = await startServer([
      service({ id: SERVICE_ID, backlog: BACKLOG, concurrency: CALLS, call: wait }),
    ]);
    await expectAllAnswered(server.port, () => server.stats()[0] as SocketStats);
    // The sender acknowledges nothing: there is no end to wait for.
    await server.close();
  });

  test("kernel style, charging in onNewCall", async () => {
    await using socket = await Rx.bind();
    let nextId = 0n;
    const listener = socket.service({
      id: SERVICE_ID,
      onNewCall: (call) => {
        listener.chargeAccept(nextId++);
        answer(call);
      },
      onDiscardCall: () => undefined,
    });
    listener.listen(BACKLOG);
    for (let i = 0; i < BACKLOG; i++) listener.chargeAccept(nextId++);
    await expectAllAnswered(socket.port, () => socket.stats());
    expect(nextId).toBe(BigInt(BACKLOG + CALLS));
  });

  test("user style, accepting in a loop", async () => {
    await using socket = await Rx.bind();
    const accepted = acceptAll(socket);
    await expectAllAnswered(socket.port, () => socket.stats());
    await socket.close();
    expect(await accepted).toBe(CALLS);
  });
});

describe("first packets at once, few handlers", () => {
  test("no more handlers run at once than `concurrency`, over several turns", async () => {
    await using server = await startServer([
      service({
        id: SERVICE_ID,
        backlog: BACKLOG,
        concurrency: 4,
        call: (call) =>
          new Promise((resolve) => call.signal.addEventListener("abort", () => resolve(undefined))),
      }),
    ]);
    const sender = createSocket("udp4");
    sender.connect(server.port, "127.0.0.1");
    await once(sender, "connect");
    sendFirstPackets(sender);
    const stats = () => server.stats()[0] as SocketStats;
    await eventually(() => expect(stats().transport.datagramsIn).toBeGreaterThanOrEqual(CALLS));
    expect(stats().services).toMatchObject([{ accepted: 4, busy: CALLS - 4 }]);
    expect(server.running).toBe(4);
    await server.close();
    sender.close();
    expect(server.running).toBe(0);
  });
});

async function acceptAll(socket: RxSocket): Promise<number> {
  const listener = socket.service({ id: SERVICE_ID });
  listener.listen(BACKLOG);
  let nextId = 0n;
  for await (const incoming of listener) answer(incoming.accept(nextId++));
  return Number(nextId);
}

function answer(call: ServerCall): void {
  void call.write(reply());
  call.finish();
}

function reply(): Uint8Array {
  return Uint8Array.of(42);
}

/** Sends the packets without letting the loop turn, then looks at every answer. */
async function expectAllAnswered(port: number, stats: () => SocketStats): Promise<void> {
  const sender = createSocket("udp4");
  try {
    // Connected, so that each send reaches the other socket before it returns.
    sender.connect(port, "127.0.0.1");
    await once(sender, "connect");
    sender.setRecvBufferSize(4 * 1024 * 1024);
    const answered = new Set<string>();
    const others: number[] = [];
    sender.on("message", (message) => collect(message, answered, others));
    sendFirstPackets(sender);
    expect(sender.getSendQueueCount()).toBe(0);
    expect(stats().transport.datagramsIn).toBe(0);
    await eventually(() => expect(answered.size).toBe(CALLS));
    expect(others).toEqual([]);
    expect(stats().counters).toMatchObject({ BusyPacketsSent: 0, AbortPacketsSent: 0, CallsAccepted: CALLS });
    expect(stats().services).toMatchObject([{ accepted: CALLS, busy: 0, aborted: 0, dropped: 0 }]);
  } finally {
    sender.close();
  }
}

function sendFirstPackets(sender: Socket): void {
  const header = new PacketHeader();
  for (let i = 0; i < CALLS; i++) {
    header.epoch = 0x9000_0000 | 0;
    header.cid = (0x1000 + (i - (i % CHANNELS))) | (i % CHANNELS);
    header.callNumber = 1;
    header.seq = 1;
    header.serial = i + 1;
    header.type = PacketType.Data;
    header.flags = PacketFlag.ClientInitiated | PacketFlag.LastPacket;
    header.serviceId = SERVICE_ID;
    const packet = new Uint8Array(HEADER_SIZE + 4);
    writeHeader(packet, 0, header);
    sender.send(packet);
  }
}

/** Notes which call a reply belongs to; packets that refuse a call are kept by their type. */
function collect(message: Uint8Array, answered: Set<string>, others: number[]): void {
  const header = new PacketHeader();
  readHeader(message, 0, header);
  if (header.type === PacketType.Busy || header.type === PacketType.Abort) others.push(header.type);
  if (header.type === PacketType.Data && message[HEADER_SIZE] === 42)
    answered.add(`${header.cid}/${header.callNumber}`);
}
