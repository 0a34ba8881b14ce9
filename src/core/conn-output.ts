// What a connection itself has to send: final ACKs and ABORTs of finished calls, its own ABORT, CHALLENGE and RESPONSE.

import { writeAbortCode } from "../wire/abort.js";
import { type AckBody, ackSize, writeAck } from "../wire/ack.js";
import { HEADER_SIZE, type PacketHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { ADVERTISED_JUMBO, ADVERTISED_MTU, PACKET_BYTES_MAX } from "./config.js";
import { CHANNELS, type Connection, ConnTime } from "./conn-object.js";
import type { Local } from "./local.js";
import type { Peer } from "./peer.js";
import type { SecurityContext } from "./security-class.js";
import { Stat } from "./stats.js";

const ABORT_SIZE = HEADER_SIZE + 4;
const NO_ACKS = new Uint8Array(0);
// A CHALLENGE body of any class is shorter (rx-wire.md section 9.4).
const CHALLENGE_MAX = HEADER_SIZE + 32;

/** Writes one packet of `connection` at `offset`. @returns its length, or 0 when nothing is due or allowed now. */
export function writeConnectionPacket(
  local: Local,
  connection: Connection,
  header: PacketHeader,
  ack: AckBody,
  bytes: Uint8Array,
  offset: number,
): number {
  const peer = connection.peer;
  if (peer === null) return 0;
  if (connection.owesConnAbort) return writeConnAbort(local, connection, peer, header, bytes, offset);
  for (let channel = 0; channel < CHANNELS; channel++) {
    const bit = 1 << channel;
    if ((connection.aborts & bit) !== 0)
      return writeCallAbort(local, connection, channel, header, bytes, offset);
    if ((connection.finalAcksNow & bit) !== 0) {
      return writeFinalAck(local, connection, channel, header, ack, bytes, offset);
    }
  }
  if (connection.owesChallenge) return writeChallenge(local, connection, peer, header, bytes, offset);
  if (connection.owesResponse) return writeResponse(local, connection, header, bytes, offset);
  return 0;
}

function connHeader(local: Local, connection: Connection, header: PacketHeader, type: PacketType): void {
  header.epoch = connection.epoch;
  header.cid = connection.connectionId;
  header.callNumber = 0;
  header.seq = 0;
  header.serial = connection.nextSerial(local.random);
  header.type = type;
  header.flags = connection.isService ? 0 : PacketFlag.ClientInitiated;
  header.userStatus = 0;
  header.securityIndex = connection.securityIndex;
  header.cksum = 0;
  header.serviceId = connection.serviceId;
  local.stats.sentByType[type] = (local.stats.sentByType[type] as number) + 1;
}

function writeConnAbort(
  local: Local,
  connection: Connection,
  peer: Peer,
  header: PacketHeader,
  bytes: Uint8Array,
  offset: number,
): number {
  connection.owesConnAbort = false;
  if (!peer.allows(ABORT_SIZE)) return withhold(local);
  connHeader(local, connection, header, PacketType.Abort);
  writeHeader(bytes, offset, header);
  local.stats.count(Stat.AbortPacketsSent);
  return writeAbortCode(bytes, offset + HEADER_SIZE, connection.abortCode) - offset;
}

function writeCallAbort(
  local: Local,
  connection: Connection,
  channel: number,
  header: PacketHeader,
  bytes: Uint8Array,
  offset: number,
): number {
  connection.aborts &= ~(1 << channel);
  if (!(connection.peer as Peer).allows(ABORT_SIZE)) return withhold(local);
  connHeader(local, connection, header, PacketType.Abort);
  header.cid |= channel;
  header.callNumber = connection.callNumber(channel);
  writeHeader(bytes, offset, header);
  local.stats.count(Stat.AbortPacketsSent);
  return writeAbortCode(bytes, offset + HEADER_SIZE, connection.abortCodeOf(channel)) - offset;
}

/** The client's last word on a call that succeeded: everything has come (rx-behaviour.md section 3.1). */
function writeFinalAck(
  local: Local,
  connection: Connection,
  channel: number,
  header: PacketHeader,
  ack: AckBody,
  bytes: Uint8Array,
  offset: number,
): number {
  const bit = 1 << channel;
  connection.finalAcksNow &= ~bit;
  connection.finalAcks &= ~bit;
  if (connection.finalAcks === 0)
    connection.times[connection.timeAt + ConnTime.FinalAck] = Number.POSITIVE_INFINITY;
  if (!(connection.peer as Peer).allows(HEADER_SIZE + ackSize(0))) return withhold(local);
  const lastSeq = connection.lastSeqOf(channel);
  connHeader(local, connection, header, PacketType.Ack);
  header.cid |= channel;
  header.callNumber = connection.callNumber(channel);
  header.flags |= PacketFlag.SlowStartOk;
  ack.firstPacket = lastSeq + 1;
  ack.previousPacket = lastSeq;
  ack.serial = connection.finalSerial(channel);
  ack.reason = connection.finalReason(channel);
  ack.nAcks = 0;
  ack.maxMtu = ADVERTISED_MTU;
  ack.ifMtu = PACKET_BYTES_MAX;
  ack.rwind = local.config.receiveWindowPackets;
  ack.jumboMax = Math.min(ADVERTISED_JUMBO, local.config.receiveWindowPackets);
  writeHeader(bytes, offset, header);
  local.stats.count(Stat.AckPacketsSent);
  return writeAck(bytes, offset + HEADER_SIZE, ack, NO_ACKS) - offset;
}

function writeChallenge(
  local: Local,
  connection: Connection,
  peer: Peer,
  header: PacketHeader,
  bytes: Uint8Array,
  offset: number,
): number {
  connection.owesChallenge = false;
  if (!peer.allows(CHALLENGE_MAX)) return withhold(local);
  connHeader(local, connection, header, PacketType.Challenge);
  writeHeader(bytes, offset, header);
  return (connection.security as SecurityContext).writeChallenge(bytes, offset + HEADER_SIZE) - offset;
}

function writeResponse(
  local: Local,
  connection: Connection,
  header: PacketHeader,
  bytes: Uint8Array,
  offset: number,
): number {
  connection.owesResponse = false;
  connHeader(local, connection, header, PacketType.Response);
  const end = (connection.security as SecurityContext).writeResponse(header, bytes, offset + HEADER_SIZE);
  writeHeader(bytes, offset, header);
  return end - offset;
}

function withhold(local: Local): number {
  local.stats.count(Stat.BudgetWithheld);
  return 0;
}
