// Packet types and header flags of Rx, with the short names that traces, tools and failing tests print.

/** The packet types that peers send. Types 0, 9-12 and 14-255 carry nothing: 9 is reserved, the others have no name. */
export const PacketType = {
  Data: 1,
  Ack: 2,
  Busy: 3,
  Abort: 4,
  AckAll: 5,
  Challenge: 6,
  Response: 7,
  Debug: 8,
  Params: 9,
  Version: 13,
} as const;

export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/**
 * Header flags. Bit 0x20 has two meanings: SlowStartOk on an ACK, JumboPacket on DATA.
 * Bits 0x10, 0x40 and 0x80 are free; we send them as 0 and ignore them.
 */
export const PacketFlag = {
  /** The sender is the client of the connection; on every packet that a client sends, on none that a server sends. */
  ClientInitiated: 0x01,
  RequestAck: 0x02,
  /** The last DATA of this direction of the call. */
  LastPacket: 0x04,
  MorePackets: 0x08,
  SlowStartOk: 0x20,
  JumboPacket: 0x20,
} as const;

export type PacketFlag = (typeof PacketFlag)[keyof typeof PacketFlag];

const TYPE_NAMES: readonly string[] = [
  "TYPE-0",
  "DATA",
  "ACK",
  "BUSY",
  "ABORT",
  "ACKALL",
  "CHALLENGE",
  "RESPONSE",
  "DEBUG",
  "PARAMS",
  "TYPE-10",
  "TYPE-11",
  "TYPE-12",
  "VERSION",
];

/** @returns the protocol's name of a type byte, `TYPE-n` for one that has none. */
export function packetTypeName(type: number): string {
  return TYPE_NAMES[type] ?? `TYPE-${type}`;
}

/** @returns the names of the set flags joined by `|`, free bits in hex, and the empty string for none. */
export function flagNames(type: number, flags: number): string {
  const names: string[] = [];
  if (flags & PacketFlag.ClientInitiated) names.push("ClientInitiated");
  if (flags & PacketFlag.RequestAck) names.push("RequestAck");
  if (flags & PacketFlag.LastPacket) names.push("LastPacket");
  if (flags & PacketFlag.MorePackets) names.push("MorePackets");
  let free = flags & 0xd0;
  if (flags & 0x20) {
    if (type === PacketType.Data) names.push("JumboPacket");
    else if (type === PacketType.Ack) names.push("SlowStartOk");
    else free |= 0x20;
  }
  if (free !== 0) names.push(`0x${free.toString(16)}`);
  return names.join("|");
}
