// The blocks of a pcapng file, into the caller's buffer (draft-ietf-opsawg-pcapng, sections 3.1, 4.1, 4.2 and 4.3).
// Datagrams are shown as IP packets without a link header; IP and UDP headers are made up here.
import type { Address } from "../util/address.js";
import { getUint16, putInt32, putUint16 } from "../util/bytes.js";

/** Which way a datagram went, as epb_flags has it. */
export const Direction = { Inbound: 1, Outbound: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

// Numbers of the container may be in either byte order, told by the magic in the first block. Ours are big-endian
// throughout, as the packets are.
const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const LINKTYPE_RAW = 101;
const OPTION_END = 0;
const OPTION_IF_NAME = 2;
const OPTION_EPB_FLAGS = 2;

const SECTION_BYTES = 28;
const INTERFACE_NAME = "udp";
const INTERFACE_BYTES = 32;

// 28 before the packet; after it 8 for the flags, 4 for the end of options, 4 for the length again, and padding.
const PACKET_BEFORE_BYTES = 28;
const PACKET_AFTER_BYTES = 16;

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;
const PROTOCOL_UDP = 17;
const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x4000;

/** Bytes that the two blocks at the start of a file take. */
export const FILE_HEADER_BYTES = SECTION_BYTES + INTERFACE_BYTES;

/** Most bytes that the block of a datagram of this length takes. */
export function packetBlockMaxBytes(length: number): number {
  return PACKET_BEFORE_BYTES + IPV6_BYTES + UDP_BYTES + length + 3 + PACKET_AFTER_BYTES;
}

/** Writes a section header and the one interface. Times are microseconds, which is the default. @returns the end */
export function writeFileHeader(out: Uint8Array, offset: number): number {
  let at = offset;
  putInt32(out, at, SECTION_HEADER);
  putInt32(out, at + 4, SECTION_BYTES);
  putInt32(out, at + 8, BYTE_ORDER_MAGIC);
  putUint16(out, at + 12, 1);
  putUint16(out, at + 14, 0);
  // The length of the section is not known: -1.
  putInt32(out, at + 16, -1);
  putInt32(out, at + 20, -1);
  putInt32(out, at + 24, SECTION_BYTES);
  at += SECTION_BYTES;
  putInt32(out, at, INTERFACE_DESCRIPTION);
  putInt32(out, at + 4, INTERFACE_BYTES);
  putUint16(out, at + 8, LINKTYPE_RAW);
  putUint16(out, at + 10, 0);
  // No limit on the length of a packet.
  putInt32(out, at + 12, 0);
  putUint16(out, at + 16, OPTION_IF_NAME);
  putUint16(out, at + 18, INTERFACE_NAME.length);
  for (let i = 0; i < 4; i++) out[at + 20 + i] = i < INTERFACE_NAME.length ? INTERFACE_NAME.charCodeAt(i) : 0;
  putInt32(out, at + 24, OPTION_END);
  putInt32(out, at + 28, INTERFACE_BYTES);
  return at + INTERFACE_BYTES;
}

/** Writes one datagram. `out` has packetBlockMaxBytes(length) free at `offset`. @returns the end */
export function writePacket(
  out: Uint8Array,
  offset: number,
  epochUs: number,
  direction: Direction,
  from: Address,
  to: Address,
  bytes: Uint8Array,
  bytesOffset: number,
  length: number,
): number {
  const family = direction === Direction.Inbound ? from.family : to.family;
  const headerBytes = (family === 4 ? IPV4_BYTES : IPV6_BYTES) + UDP_BYTES;
  const packetBytes = headerBytes + length;
  const padded = (packetBytes + 3) & ~3;
  const blockBytes = PACKET_BEFORE_BYTES + padded + PACKET_AFTER_BYTES;
  putInt32(out, offset, ENHANCED_PACKET);
  putInt32(out, offset + 4, blockBytes);
  putInt32(out, offset + 8, 0);
  putInt32(out, offset + 12, Math.floor(epochUs / 0x1_0000_0000));
  putInt32(out, offset + 16, epochUs | 0);
  putInt32(out, offset + 20, packetBytes);
  putInt32(out, offset + 24, packetBytes);
  const packet = offset + PACKET_BEFORE_BYTES;
  out.set(bytes.subarray(bytesOffset, bytesOffset + length), packet + headerBytes);
  if (family === 4) writeIpv4(out, packet, from, to, length);
  else writeIpv6(out, packet, from, to, length);
  let at = packet + packetBytes;
  while (at < packet + padded) out[at++] = 0;
  putUint16(out, at, OPTION_EPB_FLAGS);
  putUint16(out, at + 2, 4);
  putInt32(out, at + 4, direction);
  putInt32(out, at + 8, OPTION_END);
  putInt32(out, at + 12, blockBytes);
  return offset + blockBytes;
}

// RFC 791 §3.1. The end whose family is the other's (a wildcard) is shown as 0.0.0.0.
function writeIpv4(out: Uint8Array, at: number, from: Address, to: Address, length: number): void {
  const udp = at + IPV4_BYTES;
  putUint16(out, at, 0x4500);
  putUint16(out, at + 2, IPV4_BYTES + UDP_BYTES + length);
  putUint16(out, at + 4, 0);
  putUint16(out, at + 6, DONT_FRAGMENT);
  putUint16(out, at + 8, (HOP_LIMIT << 8) | PROTOCOL_UDP);
  putUint16(out, at + 10, 0);
  putInt32(out, at + 12, from.family === 4 ? from.w3 : 0);
  putInt32(out, at + 16, to.family === 4 ? to.w3 : 0);
  putUint16(out, at + 10, ~fold(sum16(out, at, IPV4_BYTES)));
  writeUdp(out, udp, from.port, to.port, length, sum16(out, at + 12, 8));
}

// RFC 8200 §3.
function writeIpv6(out: Uint8Array, at: number, from: Address, to: Address, length: number): void {
  putInt32(out, at, 0x60000000);
  putUint16(out, at + 4, UDP_BYTES + length);
  putUint16(out, at + 6, (PROTOCOL_UDP << 8) | HOP_LIMIT);
  writeIpv6Address(out, at + 8, from);
  writeIpv6Address(out, at + 24, to);
  writeUdp(out, at + IPV6_BYTES, from.port, to.port, length, sum16(out, at + 8, 32));
}

function writeIpv6Address(out: Uint8Array, at: number, address: Address): void {
  const is6 = address.family === 6;
  putInt32(out, at, is6 ? address.w0 : 0);
  putInt32(out, at + 4, is6 ? address.w1 : 0);
  putInt32(out, at + 8, is6 ? address.w2 : 0);
  putInt32(out, at + 12, is6 ? address.w3 : 0);
}

// RFC 768; the checksum also covers the addresses, protocol and length. A sum of 0 is sent as 0xffff.
function writeUdp(
  out: Uint8Array,
  at: number,
  fromPort: number,
  toPort: number,
  length: number,
  addressSum: number,
): void {
  const udpBytes = UDP_BYTES + length;
  putUint16(out, at, fromPort);
  putUint16(out, at + 2, toPort);
  putUint16(out, at + 4, udpBytes);
  putUint16(out, at + 6, 0);
  const sum = fold(addressSum + PROTOCOL_UDP + udpBytes + sum16(out, at, udpBytes));
  putUint16(out, at + 6, sum === 0xffff ? 0xffff : ~sum);
}

// RFC 1071: 16-bit words added up; a last odd byte counts as the high half of a word.
function sum16(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  const even = offset + (length & ~1);
  for (let at = offset; at < even; at += 2) sum += getUint16(bytes, at);
  return (length & 1) === 0 ? sum : sum + ((bytes[even] as number) << 8);
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}
