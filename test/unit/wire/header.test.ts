import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { getInt32 } from "../../../src/util/bytes.js";
import {
  CHANNEL_MASK,
  CID_MASK,
  HEADER_SIZE,
  HeaderOffset,
  PacketHeader,
  readHeader,
  writeHeader,
} from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { PACKET_VECTORS, vectorBytes } from "../../vectors/rx-packets.js";
import { int32, uint8, uint16, written } from "./arbitraries.js";

const anyHeader = fc
  .record({
    epoch: int32,
    cid: int32,
    callNumber: int32,
    seq: int32,
    serial: int32,
    type: uint8,
    flags: uint8,
    userStatus: uint8,
    securityIndex: uint8,
    cksum: uint16,
    serviceId: uint16,
  })
  .map((fields) => Object.assign(new PacketHeader(), fields));

function writtenHeader(header: PacketHeader): Uint8Array {
  return written(HEADER_SIZE, (bytes, offset) => {
    writeHeader(bytes, offset, header);
    return offset + HEADER_SIZE;
  });
}

describe("header", () => {
  it("reads back what it wrote, and writes each of its 28 bytes", () => {
    fc.assert(
      fc.property(anyHeader, (header) => {
        const out = new PacketHeader();
        readHeader(writtenHeader(header), 0, out);
        expect(out).toEqual(header);
      }),
    );
  });

  it("writes back the bytes it read, unknown bits included", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: HEADER_SIZE, maxLength: HEADER_SIZE }), (bytes) => {
        const header = new PacketHeader();
        readHeader(bytes, 0, header);
        expect(writtenHeader(header)).toEqual(bytes);
      }),
    );
  });

  it("starts all zero", () => {
    expect(Object.values(new PacketHeader())).toEqual(new Array(11).fill(0));
  });

  it("reads the request of rxperf", () => {
    const bytes = vectorBytes(PACKET_VECTORS.rxperfRequest.hex);
    const header = new PacketHeader();
    readHeader(bytes, 0, header);
    expect({ ...header }).toEqual({
      epoch: 0xb9a1c2d3 | 0,
      cid: 0x5e8f1a2c,
      callNumber: 1,
      seq: 1,
      serial: 1,
      type: PacketType.Data,
      flags: PacketFlag.ClientInitiated | PacketFlag.LastPacket,
      userStatus: 0,
      securityIndex: 0,
      cksum: 0,
      serviceId: 147,
    });
    expect(writtenHeader(header)).toEqual(bytes.subarray(0, HEADER_SIZE));
  });

  it("keeps 32-bit fields signed", () => {
    const header = new PacketHeader();
    readHeader(new Uint8Array(HEADER_SIZE).fill(0xff), 0, header);
    expect([header.epoch, header.cid, header.callNumber, header.seq, header.serial]).toEqual([
      -1, -1, -1, -1, -1,
    ]);
    expect([header.cksum, header.serviceId, header.type]).toEqual([0xffff, 0xffff, 0xff]);
  });

  it("puts cksum at 24 and serviceId at 26", () => {
    const header = Object.assign(new PacketHeader(), { cksum: 0x1234, serviceId: 0x5678 });
    expect(getInt32(writtenHeader(header), HeaderOffset.Cksum)).toBe(0x12345678);
  });

  it("splits a cid into connection id and channel", () => {
    const cid = 0xfffffffe | 0;
    expect(cid & CHANNEL_MASK).toBe(2);
    expect((cid & CID_MASK) >>> 0).toBe(0xfffffffc);
  });
});
