// Verifying received DATA: once per packet, in memory of our own, before anything of it is used.

import { NO_BUFFER } from "../memory/buffer-pool.js";
import { PacketHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { type Call, connectionOf } from "./call-object.js";
import { ConnState } from "./conn-object.js";
import type { Local } from "./local.js";
import type { SecurityContext } from "./security-class.js";

/**
 * Verifies the packet in `buffer` as the call's security class asks. While a service connection is still being secured
 * nothing can be verified: such packets are held, and `verifyHeld` looks at them later.
 *
 * @returns 0, or the class's abort code
 */
export function verifyPacket(local: Local, call: Call, header: PacketHeader, buffer: number): number {
  const connection = connectionOf(call);
  if (connection.securityClass?.needsChallenge !== true || connection.state !== ConnState.Secure) return 0;
  const pool = local.buffers;
  const security = connection.security as SecurityContext;
  if (pool.next[buffer] !== NO_BUFFER) return verifyLong(local, security, header, buffer);
  const range = local.range;
  const base = pool.offsetOf(buffer);
  range.offset = base + (pool.start[buffer] as number);
  range.length = pool.length[buffer] as number;
  const verdict = security.verifyData(header, pool.bytes, range);
  if (verdict === 0) {
    pool.start[buffer] = range.offset - base;
    pool.length[buffer] = range.length;
  }
  return verdict;
}

// A packet longer than one buffer is put together in the scratch area, and what the class leaves of it goes back.
function verifyLong(local: Local, security: SecurityContext, header: PacketHeader, first: number): number {
  const pool = local.buffers;
  const range = local.range;
  range.offset = pool.scratchOffset;
  range.length = 0;
  for (let at = first; at !== NO_BUFFER; at = pool.next[at] as number) {
    const from = pool.offsetOf(at) + (pool.start[at] as number);
    pool.bytes.copyWithin(range.offset + range.length, from, from + (pool.length[at] as number));
    range.length += pool.length[at] as number;
  }
  const verdict = security.verifyData(header, pool.bytes, range);
  if (verdict !== 0) return verdict;
  let from = range.offset;
  const end = range.offset + range.length;
  for (let at = first; at !== NO_BUFFER; at = pool.next[at] as number) {
    const part = Math.min(end - from, pool.bufferBytes);
    pool.bytes.copyWithin(pool.offsetOf(at), from, from + part);
    pool.start[at] = 0;
    pool.length[at] = part;
    from += part;
  }
  return 0;
}

/** Verifies what a call has received before its connection was secure. @returns 0, or the first abort code. */
export function verifyHeld(local: Local, call: Call): number {
  const connection = connectionOf(call);
  const { rx } = call;
  const header = new PacketHeader();
  header.epoch = connection.epoch;
  header.cid = connection.connectionId | call.channel;
  header.callNumber = call.callNumber;
  header.type = PacketType.Data;
  header.flags = PacketFlag.ClientInitiated;
  header.securityIndex = connection.securityIndex;
  header.serviceId = connection.serviceId;
  for (let seq = rx.readSeq; seq <= rx.top; seq++) {
    const buffer = rx.bufferAt(seq);
    if (buffer === NO_BUFFER) continue;
    header.seq = seq;
    header.cksum = rx.cksumAt(seq);
    const verdict = verifyPacket(local, call, header, buffer);
    if (verdict !== 0) return verdict;
  }
  return 0;
}
