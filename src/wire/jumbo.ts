// Jumbograms: several DATA packets of one call in one datagram.
//
//   header | 1412 bytes | sub-header | 1412 bytes | sub-header | ... | last segment, 0..1412 bytes
//   flags of segment 0    flags of segment 1         JumboPacket is set on every segment but the last
import { getUint16, putUint16 } from "../util/bytes.js";
import { PacketFlag } from "./packet-type.js";

/** Payload of every segment but the last. */
export const JUMBO_DATA_SIZE = 1412;
export const JUMBO_HEADER_SIZE = 4;
/** The most full segments that one UDP datagram holds (Linux `RXRPC_MAX_NR_JUMBO`). */
export const JUMBO_SEGMENTS_MAX = 46;

const PITCH = JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE;

/** What is wrong with a jumbogram. Such a datagram is refused whole, before any segment of it is used. */
export const JumboError = {
  /** JumboPacket is set and the full segment or the sub-header after it is not there. */
  TooShort: -1,
  /** A segment says that it is the last of the call and that another follows. */
  LastInside: -2,
  /** More than JUMBO_SEGMENTS_MAX segments. */
  TooMany: -3,
} as const;

export type JumboError = (typeof JumboError)[keyof typeof JumboError];

const ERROR_NAMES: readonly string[] = ["none", "TooShort", "LastInside", "TooMany"];

/** @returns the name of a JumboError */
export function jumboErrorName(error: number): string {
  return ERROR_NAMES[-error] ?? String(error);
}

/**
 * Walks the sub-headers of the DATA payload in bytes[offset, end).
 *
 * @param flags of segment 0, from the packet's header
 * @returns the number of segments, 1 for a plain packet, or a JumboError, all of which are negative
 */
export function countJumboSegments(bytes: Uint8Array, offset: number, end: number, flags: number): number {
  let segments = 1;
  let at = offset;
  let segmentFlags = flags;
  while ((segmentFlags & PacketFlag.JumboPacket) !== 0) {
    if ((segmentFlags & PacketFlag.LastPacket) !== 0) return JumboError.LastInside;
    if (segments === JUMBO_SEGMENTS_MAX) return JumboError.TooMany;
    if (end - at < PITCH) return JumboError.TooShort;
    at += PITCH;
    segmentFlags = bytes[at - JUMBO_HEADER_SIZE] as number;
    segments++;
  }
  return segments;
}

/** Where the data of segment `i` begins. It is JUMBO_DATA_SIZE long; the last segment goes to the end of the datagram. */
export function jumboSegmentOffset(i: number, payloadOffset: number): number {
  return payloadOffset + i * PITCH;
}

/** Flags in the sub-header of segment `i`, from 1; those of segment 0 stand in the packet's header. */
export function jumboSegmentFlags(bytes: Uint8Array, i: number, payloadOffset: number): number {
  return bytes[payloadOffset + i * PITCH - JUMBO_HEADER_SIZE] as number;
}

/** The cksum field in the sub-header of segment `i`, from 1; that of segment 0 stands in the packet's header. */
export function jumboSegmentCksum(bytes: Uint8Array, i: number, payloadOffset: number): number {
  return getUint16(bytes, payloadOffset + i * PITCH - 2);
}

/** Writes a sub-header at `offset`, its pad byte included. @returns the offset after it, where the segment's data begins */
export function writeJumboHeader(bytes: Uint8Array, offset: number, flags: number, cksum: number): number {
  bytes[offset] = flags;
  bytes[offset + 1] = 0;
  putUint16(bytes, offset + 2, cksum);
  return offset + JUMBO_HEADER_SIZE;
}
