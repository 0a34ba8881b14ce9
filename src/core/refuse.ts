// Saying no without keeping state: BUSY and ABORT built into a fixed reply from the packet that is refused.
import type { Address } from "../util/address.js";
import { ABORT_SIZE, writeAbortCode } from "../wire/abort.js";
import { HEADER_SIZE, PacketHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import type { Local } from "./local.js";
import type { Peer } from "./peer.js";
import { RefusalKind, type Reply } from "./refusal.js";
import { Stat } from "./stats.js";

const scratch = new PacketHeader();

/**
 * Answers a packet with BUSY (rx-wire.md section 9.2).
 * @param peer whose budget the packet has been counted to, or null
 */
export function refuseBusy(local: Local, header: PacketHeader, remote: Address, peer: Peer | null): void {
  const reply = refusal(local, header, remote, peer, PacketType.Busy, HEADER_SIZE);
  if (reply === null) return;
  local.stats.count(Stat.BusyPacketsSent);
}

/**
 * Answers a packet with a call ABORT (rx-wire.md section 9.3).
 * @param peer whose budget the packet has been counted to, or null
 */
export function refuseAbort(
  local: Local,
  header: PacketHeader,
  remote: Address,
  peer: Peer | null,
  code: number,
): void {
  const reply = refusal(local, header, remote, peer, PacketType.Abort, HEADER_SIZE + ABORT_SIZE);
  if (reply === null) return;
  writeAbortCode(reply.bytes, HEADER_SIZE, code);
  local.stats.count(Stat.AbortPacketsSent);
}

// A refusal echoes what identifies the call and turns the direction round; it has no serial, as no connection counts it.
function refusal(
  local: Local,
  header: PacketHeader,
  remote: Address,
  peer: Peer | null,
  type: PacketType,
  length: number,
): Reply | null {
  // A refusal is never refused.
  if (header.type === PacketType.Abort || header.type === PacketType.Busy) return null;
  if (!mayRefuse(local, remote, peer, type, length)) {
    local.stats.count(Stat.RefusalsWithheld);
    return null;
  }
  const reply = local.addReply(remote);
  if (reply === null) return null;
  peer?.noteSent(length);
  reply.length = length;
  scratch.epoch = header.epoch;
  scratch.cid = header.cid;
  scratch.callNumber = header.callNumber;
  scratch.type = type;
  scratch.flags = (header.flags & PacketFlag.ClientInitiated) ^ PacketFlag.ClientInitiated;
  scratch.securityIndex = header.securityIndex;
  scratch.serviceId = header.serviceId;
  writeHeader(reply.bytes, 0, scratch);
  local.stats.sentByType[type] = (local.stats.sentByType[type] as number) + 1;
  return reply;
}

// What a stranger has sent on a connection of its own has been counted, and may have bought other packets already. Any other
// refusal is hardly longer than the packet that it answers.
function mayRefuse(
  local: Local,
  remote: Address,
  peer: Peer | null,
  type: PacketType,
  length: number,
): boolean {
  if (local.peers.isTrusted(remote) || (peer ?? local.peers.find(remote))?.isProven === true) return true;
  if (peer !== null && !peer.allows(length)) return false;
  const kind = type === PacketType.Busy ? RefusalKind.Busy : RefusalKind.Abort;
  return local.refusals.allows(remote, local.clock, kind);
}
