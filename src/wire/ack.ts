// The body of an ACK: fixed part, soft acknowledgements, trailer. What it means to a call is core's business.
import { assert } from "../util/assert.js";
import { getInt32, getUint16, putInt32, putUint16 } from "../util/bytes.js";

/** Bytes before acks[]. */
export const ACK_FIXED_SIZE = 18;
/** nAcks is one byte. */
export const ACK_MAX_SOFT = 255;

const ACK_PAD_SIZE = 3;
const TRAILER_WORDS = 4;

/** Why an ACK was sent (OpenAFS `rx_packet.h`, Linux `protocol.h`). */
export const AckReason = {
  /** RequestAck was set on the packet. */
  Requested: 1,
  Duplicate: 2,
  OutOfSequence: 3,
  ExceedsWindow: 4,
  NoSpace: 5,
  /** Asks for a PingResponse; the header carries RequestAck. */
  Ping: 6,
  PingResponse: 7,
  Delay: 8,
  Idle: 9,
} as const;

export type AckReason = (typeof AckReason)[keyof typeof AckReason];

const REASON_NAMES: readonly string[] = [
  "Reason-0",
  "Requested",
  "Duplicate",
  "OutOfSequence",
  "ExceedsWindow",
  "NoSpace",
  "Ping",
  "PingResponse",
  "Delay",
  "Idle",
];

/** @returns the name of a reason byte, `Reason-n` for one that has none. */
export function ackReasonName(reason: number): string {
  return REASON_NAMES[reason] ?? `Reason-${reason}`;
}

/**
 * An ACK's fields as they stand on the wire; nothing is judged here. 32-bit fields are signed, so a trailer word of 2^31
 * or more reads negative: take trailer words through `clampTrailerWord`.
 */
export class AckBody {
  bufferSpace = 0;
  maxSkew = 0;
  /** The first packet that is not hard-acknowledged. */
  firstPacket = 0;
  /** Not to be relied on: some peers put a serial here, or leave it unset. */
  previousPacket = 0;
  /** Serial of the packet that provoked this ACK, 0 for none. */
  serial = 0;
  reason = 0;
  /** Entries in acks[]. When reading: those that are really there, whatever the peer claimed. */
  nAcks = 0;
  /** When reading: index of acks[0] in the bytes that were read. Bit 0 of each entry counts. */
  acksOffset = 0;
  /** When reading: how many of the four trailer words are there. The absent ones read 0. */
  trailerWords = 0;
  maxMtu = 0;
  ifMtu = 0;
  /** Receive window, in packets. */
  rwind = 0;
  /** Most segments per datagram; 0 from a Linux peer that probes the path. */
  jumboMax = 0;
}

/**
 * Reads the ACK body in bytes[offset, end). Bytes after the trailer (MTU probe padding) are ignored.
 *
 * @returns false, with `out` unchanged, when the fixed part is not there
 */
export function readAck(bytes: Uint8Array, offset: number, end: number, out: AckBody): boolean {
  const present = end - offset - ACK_FIXED_SIZE;
  if (present < 0) return false;
  out.bufferSpace = getUint16(bytes, offset);
  out.maxSkew = getUint16(bytes, offset + 2);
  out.firstPacket = getInt32(bytes, offset + 4);
  out.previousPacket = getInt32(bytes, offset + 8);
  out.serial = getInt32(bytes, offset + 12);
  out.reason = bytes[offset + 16] as number;
  const claimed = bytes[offset + 17] as number;
  out.nAcks = claimed < present ? claimed : present;
  out.acksOffset = offset + ACK_FIXED_SIZE;
  const trailer = out.acksOffset + out.nAcks + ACK_PAD_SIZE;
  const words = countTrailerWords(end - trailer);
  out.trailerWords = words;
  out.maxMtu = words > 0 ? getInt32(bytes, trailer) : 0;
  out.ifMtu = words > 1 ? getInt32(bytes, trailer + 4) : 0;
  out.rwind = words > 2 ? getInt32(bytes, trailer + 8) : 0;
  out.jumboMax = words > 3 ? getInt32(bytes, trailer + 12) : 0;
  return true;
}

function countTrailerWords(bytesLeft: number): number {
  if (bytesLeft < 4) return 0;
  const words = bytesLeft >> 2;
  return words < TRAILER_WORDS ? words : TRAILER_WORDS;
}

/** A trailer word read as the unsigned number it is, clamped to [min, max], both below 2^31. */
export function clampTrailerWord(word: number, min: number, max: number): number {
  // Negative means 2^31 or more.
  if (word < 0 || word > max) return max;
  return word < min ? min : word;
}

/** Size in bytes of the body that `writeAck` makes. */
export function ackSize(nAcks: number): number {
  return ACK_FIXED_SIZE + nAcks + ACK_PAD_SIZE + 4 * TRAILER_WORDS;
}

/**
 * Writes an ACK body with `body.nAcks` entries of `acks` and all four trailer words. Every byte is written, the pads too:
 * pads left as found have sent other peers' data before (CVE-2015-7762, CVE-2015-7763).
 *
 * @returns the offset after the body
 */
export function writeAck(bytes: Uint8Array, offset: number, body: AckBody, acks: Uint8Array): number {
  const nAcks = body.nAcks;
  assert(nAcks >= 0 && nAcks <= ACK_MAX_SOFT, "nAcks fits its byte");
  assert(nAcks <= acks.length, "acks[] holds nAcks entries");
  assert(offset + ackSize(nAcks) <= bytes.length, "the ACK fits the buffer");
  putUint16(bytes, offset, body.bufferSpace);
  putUint16(bytes, offset + 2, body.maxSkew);
  putInt32(bytes, offset + 4, body.firstPacket);
  putInt32(bytes, offset + 8, body.previousPacket);
  putInt32(bytes, offset + 12, body.serial);
  bytes[offset + 16] = body.reason;
  bytes[offset + 17] = nAcks;
  let at = offset + ACK_FIXED_SIZE;
  for (let i = 0; i < nAcks; i++) bytes[at++] = acks[i] as number;
  for (let i = 0; i < ACK_PAD_SIZE; i++) bytes[at++] = 0;
  putInt32(bytes, at, body.maxMtu);
  putInt32(bytes, at + 4, body.ifMtu);
  putInt32(bytes, at + 8, body.rwind);
  putInt32(bytes, at + 12, body.jumboMax);
  return at + 4 * TRAILER_WORDS;
}
