import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeAbortCode } from "../../../src/wire/abort.js";
import { AckBody, AckReason, ackSize, writeAck } from "../../../src/wire/ack.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_PEER_SIZE,
  DEBUG_STATS_SIZE,
  RX_STATISTICS_SIZE,
} from "../../../src/wire/debug.js";
import { describePacket } from "../../../src/wire/describe.js";
import { HEADER_SIZE, MAX_DATAGRAM, PacketHeader, writeHeader } from "../../../src/wire/header.js";
import { jumboSegmentOffset, writeJumboHeader } from "../../../src/wire/jumbo.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { PACKET_VECTORS, vectorBytes } from "../../vectors/rx-packets.js";
import { poisoned, uint8 } from "./arbitraries.js";

const C = PacketFlag.ClientInitiated;

function packet(fields: Partial<PacketHeader>, body: ArrayLike<number> = []): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + body.length);
  writeHeader(bytes, 0, Object.assign(new PacketHeader(), { callNumber: 1 }, fields));
  bytes.set(body, HEADER_SIZE);
  return bytes;
}

function line(bytes: Uint8Array): string {
  return describePacket(bytes, 0, bytes.length);
}

// The part after the header's, whose last word is the flags or the service.
function body(fields: Partial<PacketHeader>, bytes: ArrayLike<number> = []): string {
  return line(packet(fields, bytes)).replace(/^.* service=0( flags=\S+)?( sec=\d+)? ?/, "");
}

describe("describePacket()", () => {
  it.each(Object.values(PACKET_VECTORS))("of $name", ({ hex, line: expected }) => {
    expect(line(vectorBytes(hex))).toBe(expected);
  });

  it("reads the packet at its offset, not what surrounds it", () => {
    const vector = PACKET_VECTORS.serverIdleAck;
    const inner = vectorBytes(vector.hex);
    const bytes = poisoned(inner.length + 20);
    bytes.set(inner, 9);
    expect(describePacket(bytes, 9, inner.length)).toBe(vector.line);
  });

  it("shows the fields that are seldom set", () => {
    const bytes = packet({
      type: PacketType.Challenge,
      callNumber: 0,
      seq: -1,
      userStatus: 1,
      securityIndex: 2,
      cksum: 0xbe,
      serviceId: 52,
      flags: 0x40,
    });
    expect(line(bytes)).toBe(
      "CHALLENGE s>c epoch=00000000 cid=00000000 ch=0 call=0 seq=4294967295 serial=0 service=52 " +
        "flags=0x40 status=1 sec=2 cksum=0x00be len=0",
    );
  });

  it.each([
    ["BUSY", { type: PacketType.Busy }, [], ""],
    ["BUSY with bytes after it", { type: PacketType.Busy }, [1, 2], "extra=2"],
    ["ACKALL", { type: PacketType.AckAll, flags: C }, [], ""],
    ["RESPONSE", { type: PacketType.Response, flags: C, securityIndex: 2 }, new Uint8Array(56), "len=56"],
    ["PARAMS", { type: PacketType.Params }, [1], "len=1 [type carries nothing]"],
    ["an unknown type", { type: 200 }, [], "len=0 [type carries nothing]"],
    ["ABORT cut short", { type: PacketType.Abort }, [1, 2, 3], "[short ABORT: 3 bytes]"],
    ["ABORT of code 0", { type: PacketType.Abort }, [0, 0, 0, 0], "[code 0]"],
    ["ABORT of an application", { type: PacketType.Abort }, [0, 0, 48, 57], "code=12345"],
    ["ACK cut short", { type: PacketType.Ack }, new Uint8Array(17), "[short ACK: 17 bytes]"],
    [
      "ACK without trailer",
      { type: PacketType.Ack },
      new Uint8Array(18),
      "Reason-0 first=0 previous=0 of=0 no trailer",
    ],
    [
      "VERSION without its byte",
      { type: PacketType.Version, flags: C },
      [],
      "[request without its zero byte]",
    ],
    ["VERSION keepalive", { type: PacketType.Version }, [0], "keepalive"],
    ["VERSION reply", { type: PacketType.Version }, [0x61, 0x1b, 0x22, 0, 0x7a], 'reply="a\\x1b\\""'],
    ["DEBUG request cut short", { type: PacketType.Debug, flags: C }, [0, 0, 0, 1], "[bad request: 4 bytes]"],
    [
      "DEBUG request for a peer",
      { type: PacketType.Debug, flags: C },
      [0, 0, 0, 5, 0, 0, 0, 7],
      "request=GetPeer index=7",
    ],
    [
      "DEBUG request unknown",
      { type: PacketType.Debug, flags: C },
      [0, 0, 0, 9, 0, 0, 0, 0],
      "request=Type(9) index=0",
    ],
    ["DEBUG reply of stats", { type: PacketType.Debug }, new Uint8Array(DEBUG_STATS_SIZE), "reply=Stats"],
    [
      "DEBUG reply of a connection",
      { type: PacketType.Debug },
      new Uint8Array(DEBUG_CONN_SIZE),
      "reply=Conn",
    ],
    ["DEBUG reply of a peer", { type: PacketType.Debug }, new Uint8Array(DEBUG_PEER_SIZE), "reply=Peer"],
    [
      "DEBUG reply of statistics",
      { type: PacketType.Debug },
      new Uint8Array(RX_STATISTICS_SIZE),
      "reply=RxStatistics",
    ],
    ["DEBUG error", { type: PacketType.Debug }, [255, 255, 255, 248, 255, 255, 255, 248], "reply=BadType"],
    ["DEBUG reply of no known size", { type: PacketType.Debug }, [1, 2, 3], "reply len=3"],
    ["DATA without call", { type: PacketType.Data, callNumber: 0, seq: 1 }, [], "len=0 [call 0]"],
    ["DATA without seq", { type: PacketType.Data }, [9], "len=1 [seq 0]"],
    [
      "DATA with the jumbo flag and nothing after it",
      { type: PacketType.Data, seq: 1, flags: PacketFlag.JumboPacket },
      [1],
      "len=1 [jumbogram: TooShort]",
    ],
    [
      "DATA with LAST inside, call 0, seq 0",
      { type: PacketType.Data, callNumber: 0, flags: PacketFlag.JumboPacket | PacketFlag.LastPacket },
      [],
      "len=0 [jumbogram: LastInside] [call 0] [seq 0]",
    ],
  ])("says of %s what it is", (_name, fields, bytes, expected) => {
    expect(body(fields, bytes)).toBe(expected);
  });

  it.each([
    [0, "no trailer"],
    [1, "maxMtu=4294967295"],
    [2, "maxMtu=4294967295 ifMtu=1444"],
    [3, "maxMtu=4294967295 ifMtu=1444 rwind=32"],
    [4, "maxMtu=4294967295 ifMtu=1444 rwind=32 jumboMax=4"],
  ])("shows the %i trailer words that are there", (words, expected) => {
    const ack = Object.assign(new AckBody(), {
      reason: AckReason.Ping,
      maxMtu: -1,
      ifMtu: 1444,
      rwind: 32,
      jumboMax: 4,
    });
    const bytes = new Uint8Array(ackSize(0));
    writeAck(bytes, 0, ack, new Uint8Array(0));
    const cut = bytes.subarray(0, 21 + 4 * words);
    expect(body({ type: PacketType.Ack }, cut)).toBe(`Ping first=0 previous=0 of=0 ${expected}`);
  });

  it("bounds a long acks[] and says when entries are missing", () => {
    const acks = new Uint8Array(255).fill(1);
    const bytes = new Uint8Array(ackSize(255));
    writeAck(bytes, 0, Object.assign(new AckBody(), { nAcks: 255 }), acks);
    expect(body({ type: PacketType.Ack }, bytes)).toContain(`acks=${"+".repeat(64)}...(255) maxMtu=0`);
    expect(body({ type: PacketType.Ack }, bytes.subarray(0, 20))).toContain(
      "acks=++ [nAcks 255, 2 there] no trailer",
    );
  });

  it("shows a jumbogram with its last segment", () => {
    const bytes = new Uint8Array(jumboSegmentOffset(2, 0) + 5);
    writeJumboHeader(bytes, jumboSegmentOffset(1, 0) - 4, PacketFlag.JumboPacket, 0);
    writeJumboHeader(bytes, jumboSegmentOffset(2, 0) - 4, PacketFlag.LastPacket, 0);
    const fields = { type: PacketType.Data, seq: 0xffffffff | 0, flags: PacketFlag.JumboPacket };
    expect(body(fields, bytes)).toBe("len=2837 segments=3 to seq=1 (len=5 LastPacket)");
    writeJumboHeader(bytes, jumboSegmentOffset(2, 0) - 4, 0, 0);
    expect(body(fields, bytes)).toBe("len=2837 segments=3 to seq=1 (len=5)");
  });

  it("names a known abort code", () => {
    const code = new Uint8Array(4);
    writeAbortCode(code, 0, 19270400);
    expect(body({ type: PacketType.Abort }, code)).toBe("code=19270400 RXKADINCONSISTENCY");
  });

  it.each([0, 1, 27])("says that %i bytes are no header (A1)", (length) => {
    expect(describePacket(poisoned(100), 0, length)).toBe(`[short header: ${length} of 28 bytes]`);
  });

  it("marks a range longer than any datagram (A1)", () => {
    const bytes = new Uint8Array(MAX_DATAGRAM + 1);
    writeHeader(
      bytes,
      0,
      Object.assign(new PacketHeader(), { type: PacketType.Data, callNumber: 1, seq: 1 }),
    );
    expect(line(bytes)).toMatch(/ len=65480 \[longer than a datagram: 65508\]$/);
    expect(describePacket(bytes, 0, MAX_DATAGRAM)).toMatch(/ len=65479$/);
  });

  it.each([
    [-1, 28, "[no such range]"],
    [0, -1, "[no such range]"],
    [0.5, 28, "[no such range]"],
    [0, Number.NaN, "[no such range]"],
    [0, Number.POSITIVE_INFINITY, "[no such range]"],
    [30, 28, "[range ends 18 bytes past the buffer]"],
  ])("of the range %d + %d says that it is none", (offset, length, expected) => {
    expect(describePacket(new Uint8Array(40), offset, length)).toBe(expected);
  });

  it("never throws and stays one bounded printable line on any bytes", () => {
    const garbage = fc.record({ bytes: fc.uint8Array({ maxLength: 3000 }), type: uint8, flags: uint8 });
    fc.assert(
      fc.property(garbage, fc.boolean(), ({ bytes, type, flags }, known) => {
        if (bytes.length >= HEADER_SIZE) {
          bytes[20] = known ? type % 14 : type;
          bytes[21] = flags;
        }
        const text = line(bytes);
        expect(text).toMatch(/^[\x20-\x7e]+$/);
        expect(text.length).toBeLessThan(600);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes every truncation of every vector", () => {
    for (const { hex } of Object.values(PACKET_VECTORS)) {
      const bytes = vectorBytes(hex);
      for (let length = 0; length <= bytes.length; length++) {
        expect(describePacket(bytes, 0, length)).toMatch(/^[\x20-\x7e]+$/);
      }
    }
  });
});
