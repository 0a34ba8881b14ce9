import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "../../../src/util/assert.js";
import {
  ACK_FIXED_SIZE,
  ACK_MAX_SOFT,
  AckBody,
  AckReason,
  ackReasonName,
  ackSize,
  clampTrailerWord,
  readAck,
  writeAck,
} from "../../../src/wire/ack.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PACKET_VECTORS, vectorBytes } from "../../vectors/rx-packets.js";
import { int32, poisoned, uint8, uint16, written } from "./arbitraries.js";

const anyFields = fc.record({
  bufferSpace: uint16,
  maxSkew: uint16,
  firstPacket: int32,
  previousPacket: int32,
  serial: int32,
  reason: uint8,
  maxMtu: int32,
  ifMtu: int32,
  rwind: int32,
  jumboMax: int32,
});
const anySoftAcks = fc.uint8Array({ max: 1, maxLength: ACK_MAX_SOFT });

function body(fields: Partial<AckBody>): AckBody {
  return Object.assign(new AckBody(), fields);
}

function writtenAck(fields: Partial<AckBody>, acks: Uint8Array): Uint8Array {
  const ack = body({ ...fields, nAcks: acks.length });
  return written(ackSize(acks.length), (bytes, offset) => writeAck(bytes, offset, ack, acks));
}

function softAcks(bytes: Uint8Array, ack: AckBody): number[] {
  return [...bytes.subarray(ack.acksOffset, ack.acksOffset + ack.nAcks)];
}

describe("ACK", () => {
  it("reads back what it wrote, with nothing left of the buffer's earlier bytes (B16)", () => {
    fc.assert(
      fc.property(anyFields, anySoftAcks, (fields, acks) => {
        const bytes = writtenAck(fields, acks);
        const out = new AckBody();
        expect(readAck(bytes, 0, bytes.length, out)).toBe(true);
        expect(out).toEqual(body({ ...fields, nAcks: acks.length, acksOffset: 18, trailerWords: 4 }));
        expect(softAcks(bytes, out)).toEqual([...acks]);
      }),
    );
  });

  it.each([0, 1, 16, 32, 254, 255])("writes three zero pad bytes after %i acks (B16)", (count) => {
    const bytes = writtenAck({ maxMtu: -1 }, new Uint8Array(count).fill(1));
    const pad = ACK_FIXED_SIZE + count;
    expect([...bytes.subarray(pad, pad + 4)]).toEqual([0, 0, 0, 0xff]);
    expect(bytes.length).toBe(37 + count);
  });

  it.each([PACKET_VECTORS.serverIdleAck, PACKET_VECTORS.clientGapAck])("writes back: $name", (vector) => {
    const bytes = vectorBytes(vector.hex);
    const ack = new AckBody();
    expect(readAck(bytes, HEADER_SIZE, bytes.length, ack)).toBe(true);
    const acks = bytes.slice(ack.acksOffset, ack.acksOffset + ack.nAcks);
    expect(writtenAck(ack, acks)).toEqual(bytes.subarray(HEADER_SIZE));
  });

  it("reads the fields of an ACK with a gap", () => {
    const bytes = vectorBytes(PACKET_VECTORS.clientGapAck.hex);
    const ack = new AckBody();
    readAck(bytes, HEADER_SIZE, bytes.length, ack);
    expect({ ...ack }).toEqual({
      bufferSpace: 0,
      maxSkew: 0,
      firstPacket: 5,
      previousPacket: 8,
      serial: 0x2a,
      reason: AckReason.OutOfSequence,
      nAcks: 4,
      acksOffset: 46,
      trailerWords: 4,
      maxMtu: 65160,
      ifMtu: 1444,
      rwind: 255,
      jumboMax: 0,
    });
    expect(softAcks(bytes, ack)).toEqual([0, 1, 1, 1]);
  });

  it("writes at the very end of a buffer", () => {
    const bytes = poisoned(ackSize(2) + 3);
    expect(writeAck(bytes, 3, body({ nAcks: 2 }), Uint8Array.of(1, 0))).toBe(bytes.length);
  });
});

describe("readAck() of what a peer cut short or made up", () => {
  it.each([-1, 0, 1, 17])("refuses %i bytes and leaves the body alone", (length) => {
    const out = body({ reason: 77 });
    expect(readAck(poisoned(64), 4, 4 + length, out)).toBe(false);
    expect(out).toEqual(body({ reason: 77 }));
  });

  // bytes after acks[] -> trailer words; 3 pad bytes come first (B12)
  it.each([
    [0, 0],
    [1, 0],
    [3, 0],
    [6, 0],
    [7, 1],
    [10, 1],
    [11, 2],
    [14, 2],
    [15, 3],
    [18, 3],
    [19, 4],
    [20, 4],
    [4096, 4],
  ])("takes %i bytes after acks[] as %i trailer words (A12, B12)", (after, words) => {
    const full = writtenAck({ maxMtu: 5692, ifMtu: 1444, rwind: 32, jumboMax: 4 }, Uint8Array.of(1, 0));
    const bytes = poisoned(ACK_FIXED_SIZE + 2 + 4096);
    bytes.set(full);
    const out = body({ maxMtu: 9, ifMtu: 9, rwind: 9, jumboMax: 9 });
    expect(readAck(bytes, 0, ACK_FIXED_SIZE + 2 + after, out)).toBe(true);
    expect(out.nAcks).toBe(2);
    expect(out.trailerWords).toBe(words);
    expect([out.maxMtu, out.ifMtu, out.rwind, out.jumboMax]).toEqual(
      [5692, 1444, 32, 4].map((word, i) => (i < words ? word : 0)),
    );
  });

  // claimed, present -> read (B6)
  it.each([
    [1, 0, 0],
    [255, 0, 0],
    [255, 1, 1],
    [255, 254, 254],
    [255, 255, 255],
    [4, 255, 4],
    [0, 255, 0],
  ])("claiming %i acks with %i bytes there reads %i (B6)", (claimed, present, nAcks) => {
    const bytes = new Uint8Array(ACK_FIXED_SIZE + 300);
    bytes[17] = claimed;
    const out = new AckBody();
    expect(readAck(bytes, 0, ACK_FIXED_SIZE + present, out)).toBe(true);
    expect(out.nAcks).toBe(nAcks);
    if (claimed > present) expect(out.trailerWords).toBe(0);
  });

  it("never points outside the packet", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(30), (bytes, offset) => {
        const out = new AckBody();
        if (!readAck(bytes, offset, bytes.length, out)) {
          expect(bytes.length - offset).toBeLessThan(ACK_FIXED_SIZE);
          return;
        }
        const after = out.acksOffset + out.nAcks;
        expect(after).toBeLessThanOrEqual(bytes.length);
        if (out.trailerWords > 0) expect(after + 3 + 4 * out.trailerWords).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

describe("clampTrailerWord()", () => {
  // MTU words (B8) and window words (B9)
  it.each([
    [0, 548, 1444, 548],
    [27, 548, 1444, 548],
    [547, 548, 1444, 548],
    [548, 548, 1444, 548],
    [1444, 548, 1444, 1444],
    [1445, 548, 1444, 1444],
    [0x7fffffff, 548, 1444, 1444],
    [0x80000000 | 0, 548, 1444, 1444],
    [-1, 548, 1444, 1444],
    [0, 1, 255, 1],
    [255, 1, 255, 255],
    [256, 1, 255, 255],
    [-1, 1, 255, 255],
  ])("takes %i in [%i, %i] as %i (B8, B9)", (word, min, max, expected) => {
    expect(clampTrailerWord(word, min, max)).toBe(expected);
  });
});

describe("writeAck() refuses mistakes of ours", () => {
  it.each([
    ["more acks than its count can say", 256, 256, 400],
    ["a negative count", -1, 8, 400],
    ["more acks than it was given", 5, 4, 400],
    ["a buffer too small by one", 4, 4, ackSize(4) - 1],
  ])("%s", (_name, nAcks, given, size) => {
    const bytes = poisoned(size);
    expect(() => writeAck(bytes, 0, body({ nAcks }), new Uint8Array(given))).toThrow(AssertionError);
    expect(bytes).toEqual(poisoned(size));
  });
});

describe("ackReasonName()", () => {
  it("names each reason by its key", () => {
    for (const [name, reason] of Object.entries(AckReason)) expect(ackReasonName(reason)).toBe(name);
    expect(Object.values(AckReason)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([0, 10, 255])("numbers reason %i", (reason) => {
    expect(ackReasonName(reason)).toBe(`Reason-${reason}`);
  });
});
