// Saying no without keeping state: BUSY and ABORT built into a fixed reply from the packet that is refused.
import type { Address } from "../util/address.js";
import { writeAbortCode } from "../wire/abort.js";
import { HEADER_SIZE, PacketHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import type { Local } from "./local.js";
import type { Reply } from "./refusal.js";
import { Stat } from "./stats.js";

const scratch = new PacketHeader();

/** Answers a packet with BUSY (rx-wire.md section 9.2). */
export function refuseBusy(local: Local, header: PacketHeader, remote: Address): void {
  const reply = refusal(local, header, remote, PacketType.Busy);
  if (reply === null) return;
  reply.length = HEADER_SIZE;
  local.stats.count(Stat.BusyPacketsSent);
}

/** Answers a packet with a call ABORT (rx-wire.md section 9.3). */
export function refuseAbort(local: Local, header: PacketHeader, remote: Address, code: number): void {
  const reply = refusal(local, header, remote, PacketType.Abort);
  if (reply === null) return;
  reply.length = writeAbortCode(reply.bytes, HEADER_SIZE, code);
  local.stats.count(Stat.AbortPacketsSent);
}

// A refusal echoes what identifies the call and turns the direction round; it has no serial, as no connection counts it.
function refusal(local: Local, header: PacketHeader, remote: Address, type: PacketType): Reply | null {
  // A refusal is never refused.
  if (header.type === PacketType.Abort || header.type === PacketType.Busy) return null;
  if (
    !local.peers.isTrusted(remote) &&
    local.peers.find(remote)?.isProven !== true &&
    !local.refusals.allows(remote, local.clock)
  ) {
    local.stats.count(Stat.RefusalsWithheld);
    return null;
  }
  const reply = local.addReply(remote);
  if (reply === null) return null;
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
