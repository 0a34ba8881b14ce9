// What the driver does with a transport that collects datagrams, and with the news that one of them did not get there.
import { describe, expect, test } from "vitest";
import { TRANSMIT_ROOM } from "../../../src/core/output.js";
import { nullSecurity } from "../../../src/security/null.js";
import { Driver } from "../../../src/transport/driver.js";
import { NodeLoop } from "../../../src/transport/loop.js";
import { Prng } from "../../../src/transport/prng.js";
import { type DatagramTransport, newTransportCounters } from "../../../src/transport/transport.js";
import { Address } from "../../../src/util/address.js";
import { AckBody, AckReason, writeAck } from "../../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../../src/wire/header.js";
import { PacketType } from "../../../src/wire/packet-type.js";

const PEER = Address.from("192.0.2.1", 7_001) as Address;
const OTHER = Address.from("192.0.2.2", 7_001) as Address;
const SAME_HOST = Address.from("192.0.2.1", 7_002) as Address;

interface Rig {
  readonly driver: Driver;
  /** What was sent, and "flush" where it was asked to leave. */
  readonly log: string[];
  readonly sent: Uint8Array[];
}

function makeRig(room?: { bytes: Uint8Array; offset: number }): Rig {
  const log: string[] = [];
  const sent: Uint8Array[] = [];
  const transport: DatagramTransport = {
    local: Address.from("127.0.0.1", 7009) as Address,
    counters: newTransportCounters(),
    ...(room === undefined ? {} : { room }),
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send: (bytes, offset, length, remote) => {
      sent.push(Uint8Array.from(bytes.subarray(offset, offset + length)));
      log.push(room === undefined ? remote.toString() : `${bytes === room.bytes} ${offset}`);
      if (room !== undefined) room.offset += length;
      return true;
    },
    flush: () => void log.push("flush"),
  };
  const driver = new Driver({
    transport,
    loop: new NodeLoop(),
    random: new Prng(1),
    security: [nullSecurity],
    onFault: (cause) => {
      throw cause;
    },
    onError: (cause) => {
      throw cause;
    },
  });
  return { driver, log, sent };
}

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

function begin(driver: Driver, remote: Address): { readonly isEnded: boolean } {
  const bundle = driver.endpoint.openBundle({
    remote,
    serviceId: 147,
    securityIndex: 0,
    connectionsMax: 1,
    wantsUpgrade: false,
  });
  driver.advance();
  const handle = driver.endpoint.beginCall(bundle, { handleCallEvents: () => undefined });
  handle.end();
  return handle;
}

describe("Driver with a transport that collects", () => {
  test("asks for what it has sent to leave, once for each step", async () => {
    const { driver, log } = makeRig();
    begin(driver, PEER);
    begin(driver, OTHER);
    await tick();
    expect(log).toEqual(["192.0.2.1:7001", "192.0.2.2:7001", "flush"]);
    await driver.close();
    expect(log.at(-1)).toBe("flush");
  });

  test("writes each datagram where the transport wants it", async () => {
    const room = { bytes: new Uint8Array(2 * TRANSMIT_ROOM), offset: 100 };
    const { driver, log, sent } = makeRig(room);
    begin(driver, PEER);
    begin(driver, OTHER);
    await tick();
    const first = sent[0] as Uint8Array;
    expect(log).toEqual(["true 100", `true ${100 + first.length}`, "flush"]);
    expect(first).toEqual(Uint8Array.from(room.bytes.subarray(100, 100 + first.length)));
    await driver.close();
  });
});

describe("Driver with many datagrams in one callback", () => {
  /** The ACK with reason PING that a server sends for the packet `quote` of a call. */
  function pingFor(quote: Uint8Array, serial: number): Uint8Array {
    const header = new PacketHeader();
    readHeader(quote, 0, header);
    header.flags = 0;
    header.type = PacketType.Ack;
    header.serial = serial;
    header.seq = 0;
    const body = new AckBody();
    body.reason = AckReason.Ping;
    body.firstPacket = 1;
    const bytes = new Uint8Array(100);
    writeHeader(bytes, 0, header);
    return bytes.subarray(0, writeAck(bytes, HEADER_SIZE, body, new Uint8Array(8)));
  }

  const answers = (sent: readonly Uint8Array[]): number[] =>
    sent
      .filter((bytes) => bytes[20] === PacketType.Ack && bytes[HEADER_SIZE + 16] === AckReason.PingResponse)
      .map((bytes) => new DataView(bytes.buffer).getUint32(HEADER_SIZE + 12));

  test("answers each of them before it looks at the next", async () => {
    const { driver, sent } = makeRig();
    begin(driver, PEER);
    await tick();
    const request = sent[0] as Uint8Array;
    for (const serial of [11, 12, 13]) {
      const ping = pingFor(request, serial);
      driver.handleDatagram(ping, ping.length, PEER);
    }
    await tick();
    expect(answers(sent)).toEqual([11, 12, 13]);
    await driver.close();
  });
});

describe("Driver told of an unreachable peer", () => {
  async function staged(): Promise<Rig & { call: { isEnded: boolean }; other: { isEnded: boolean } }> {
    const rig = makeRig();
    const call = begin(rig.driver, PEER);
    const other = begin(rig.driver, OTHER);
    await tick();
    return { ...rig, call, other };
  }

  test("ends the calls to it, and no others, when a packet of ours is quoted", async () => {
    const { driver, sent, call, other } = await staged();
    driver.handleUnreachable(PEER, sent[0] as Uint8Array, (sent[0] as Uint8Array).length);
    expect([call.isEnded, other.isEnded]).toEqual([true, false]);
    await driver.close();
  });

  test.each<[string, (header: PacketHeader) => void]>([
    ["another epoch", (header) => void (header.epoch ^= 1)],
    ["another connection", (header) => void (header.cid ^= 4)],
    ["a packet of a service", (header) => void (header.flags = 0)],
  ])("believes no quote with %s", async (_name, forge) => {
    const { driver, sent, call } = await staged();
    const header = new PacketHeader();
    readHeader(sent[0] as Uint8Array, 0, header);
    forge(header);
    const quote = new Uint8Array(HEADER_SIZE);
    writeHeader(quote, 0, header);
    driver.handleUnreachable(PEER, quote, quote.length);
    expect(call.isEnded).toBe(false);
    await driver.close();
  });

  test("believes no quote that is about somebody else, too short, or late", async () => {
    const { driver, sent, call, other } = await staged();
    const quote = sent[0] as Uint8Array;
    driver.handleUnreachable(OTHER, quote, quote.length);
    driver.handleUnreachable(SAME_HOST, quote, quote.length);
    driver.handleUnreachable(PEER, quote, HEADER_SIZE - 1);
    driver.handleUnreachable(PEER, new Uint8Array(HEADER_SIZE), HEADER_SIZE);
    expect([call.isEnded, other.isEnded]).toEqual([false, false]);
    await driver.close();
    driver.handleUnreachable(PEER, quote, quote.length);
    expect(call.isEnded).toBe(false);
  });
});
