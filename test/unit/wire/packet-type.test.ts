import { describe, expect, it } from "vitest";
import { flagNames, PacketFlag, PacketType, packetTypeName } from "../../../src/wire/packet-type.js";

describe("packetTypeName()", () => {
  it.each([
    [PacketType.Data, "DATA"],
    [PacketType.Ack, "ACK"],
    [PacketType.Busy, "BUSY"],
    [PacketType.Abort, "ABORT"],
    [PacketType.AckAll, "ACKALL"],
    [PacketType.Challenge, "CHALLENGE"],
    [PacketType.Response, "RESPONSE"],
    [PacketType.Debug, "DEBUG"],
    [PacketType.Params, "PARAMS"],
    [PacketType.Version, "VERSION"],
    [0, "TYPE-0"],
    [10, "TYPE-10"],
    [11, "TYPE-11"],
    [12, "TYPE-12"],
    [14, "TYPE-14"],
    [255, "TYPE-255"],
  ])("names type %i %s", (type, name) => {
    expect(packetTypeName(type)).toBe(name);
  });
});

describe("flagNames()", () => {
  it.each([
    [PacketType.Data, 0, ""],
    [PacketType.Data, 0x2f, "ClientInitiated|RequestAck|LastPacket|MorePackets|JumboPacket"],
    [PacketType.Ack, PacketFlag.SlowStartOk, "SlowStartOk"],
    [PacketType.Abort, 0x20, "0x20"],
    [PacketType.Data, 0xd0, "0xd0"],
    [PacketType.Busy, 0xff, "ClientInitiated|RequestAck|LastPacket|MorePackets|0xf0"],
  ])("of type %i, flags %i: %s", (type, flags, names) => {
    expect(flagNames(type, flags)).toBe(names);
  });
});
