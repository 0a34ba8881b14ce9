// The 28-byte header that begins every Rx packet.
import { getInt32, getUint16, putInt32, putUint16 } from "../util/bytes.js";

export const HEADER_SIZE = 28;
/** `cid & CHANNEL_MASK` is the channel, `cid & CID_MASK` the connection id. */
export const CHANNEL_MASK = 3;
export const CID_MASK = -4;
/** The most that a UDP datagram over IPv4 carries, in bytes. */
export const MAX_DATAGRAM = 65507;

/** Where each field begins. The order of the last two follows OpenAFS `rx_packet.c`; older prose has them reversed. */
export const HeaderOffset = {
  Epoch: 0,
  Cid: 4,
  CallNumber: 8,
  Seq: 12,
  Serial: 16,
  Type: 20,
  Flags: 21,
  UserStatus: 22,
  SecurityIndex: 23,
  Cksum: 24,
  ServiceId: 26,
} as const;

/** The header's fields. The 32-bit ones are signed, so that the engine keeps them unboxed; show them with `>>> 0`. */
export class PacketHeader {
  epoch = 0;
  /** Connection id with the channel in the low 2 bits. */
  cid = 0;
  /** 0 marks a packet for the whole connection. */
  callNumber = 0;
  /** 1 and up on DATA, 0 on every other type. */
  seq = 0;
  serial = 0;
  type = 0;
  flags = 0;
  userStatus = 0;
  securityIndex = 0;
  cksum = 0;
  serviceId = 0;
}

/** Reads the header at `offset` into `out`. The caller has checked that HEADER_SIZE bytes are there. */
export function readHeader(bytes: Uint8Array, offset: number, out: PacketHeader): void {
  out.epoch = getInt32(bytes, offset + HeaderOffset.Epoch);
  out.cid = getInt32(bytes, offset + HeaderOffset.Cid);
  out.callNumber = getInt32(bytes, offset + HeaderOffset.CallNumber);
  out.seq = getInt32(bytes, offset + HeaderOffset.Seq);
  out.serial = getInt32(bytes, offset + HeaderOffset.Serial);
  out.type = bytes[offset + HeaderOffset.Type] as number;
  out.flags = bytes[offset + HeaderOffset.Flags] as number;
  out.userStatus = bytes[offset + HeaderOffset.UserStatus] as number;
  out.securityIndex = bytes[offset + HeaderOffset.SecurityIndex] as number;
  out.cksum = getUint16(bytes, offset + HeaderOffset.Cksum);
  out.serviceId = getUint16(bytes, offset + HeaderOffset.ServiceId);
}

/** Writes all 28 bytes of the header at `offset`. */
export function writeHeader(bytes: Uint8Array, offset: number, header: PacketHeader): void {
  putInt32(bytes, offset + HeaderOffset.Epoch, header.epoch);
  putInt32(bytes, offset + HeaderOffset.Cid, header.cid);
  putInt32(bytes, offset + HeaderOffset.CallNumber, header.callNumber);
  putInt32(bytes, offset + HeaderOffset.Seq, header.seq);
  putInt32(bytes, offset + HeaderOffset.Serial, header.serial);
  bytes[offset + HeaderOffset.Type] = header.type;
  bytes[offset + HeaderOffset.Flags] = header.flags;
  bytes[offset + HeaderOffset.UserStatus] = header.userStatus;
  bytes[offset + HeaderOffset.SecurityIndex] = header.securityIndex;
  putUint16(bytes, offset + HeaderOffset.Cksum, header.cksum);
  putUint16(bytes, offset + HeaderOffset.ServiceId, header.serviceId);
}
