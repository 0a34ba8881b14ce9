// VERSION and DEBUG: what rxdebug asks (rx-wire.md sections 10 and 11). Stateless, one reply of fixed cost for each question.
import type { Address } from "../util/address.js";
import {
  DebugCallMode,
  DebugCallOther,
  DebugCallState,
  DebugConn,
  DebugConnFlag,
  DebugConnType,
  DebugPeer,
  DebugRequest,
  DebugRequestType,
  DebugStats,
  RX_STATISTICS_COUNT,
  RxStatistic,
  readDebugRequest,
  writeDebugConn,
  writeDebugConnEnd,
  writeDebugError,
  writeDebugPeer,
  writeDebugPeerEnd,
  writeDebugStats,
  writeRxStatistics,
} from "../wire/debug.js";
import { HEADER_SIZE, type PacketHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { isVersionRequest, VERSION_REPLY_SIZE, writeVersionReply } from "../wire/version.js";
import { type Call, CallState } from "./call-object.js";
import { ADVERTISED_JUMBO, PACKET_BYTES_MAX } from "./config.js";
import { CHANNELS, type Connection } from "./conn-object.js";
import type { Local } from "./local.js";
import { type Peer, PeerCell } from "./peer.js";
import { RefusalKind, type Reply } from "./refusal.js";
import type { Service } from "./service.js";
import { Stat } from "./stats.js";

// With its header this is three times the 29 bytes of the question.
const VERSION_STRANGER_SIZE = 59;
// Connections looked at to find the n-th interesting one: a question costs no more, however large the table is.
const WALK_MAX = 4_096;

const request = new DebugRequest();
const statsBody = new DebugStats();
const connBody = new DebugConn();
const peerBody = new DebugPeer();
const statistics = new Int32Array(RX_STATISTICS_COUNT);

/** Answers a VERSION request; a keepalive, which lacks ClientInitiated, is dropped. */
export function inputVersion(
  local: Local,
  header: PacketHeader,
  remote: Address,
  bytes: Uint8Array,
  end: number,
): void {
  if (!isVersionRequest(header.flags, bytes, HEADER_SIZE, end)) return local.stats.count(Stat.DropVersion);
  const isTrusted = local.peers.isTrusted(remote);
  if (!isTrusted && !local.refusals.allows(remote, local.clock, RefusalKind.Version))
    return local.stats.count(Stat.RefusalsWithheld);
  const reply = startReply(local, header, remote);
  if (reply === null) return;
  const size = isTrusted ? VERSION_REPLY_SIZE : VERSION_STRANGER_SIZE;
  reply.length = writeVersionReply(reply.bytes, HEADER_SIZE, local.config.versionText, size);
}

/** Answers a DEBUG request from a trusted address; the answers are too long for strangers, and none of their business. */
export function inputDebug(
  local: Local,
  services: ReadonlyMap<number, Service>,
  header: PacketHeader,
  remote: Address,
  bytes: Uint8Array,
  end: number,
): void {
  if (!local.peers.isTrusted(remote) || !readDebugRequest(header.flags, bytes, HEADER_SIZE, end, request)) {
    return local.stats.count(Stat.DropDebug);
  }
  const reply = startReply(local, header, remote);
  if (reply !== null) reply.length = writeAnswer(local, services, reply.bytes);
}

function startReply(local: Local, header: PacketHeader, remote: Address): Reply | null {
  const reply = local.addReply(remote);
  if (reply === null) return null;
  // What says which question is answered is echoed; the rest is ours, and empty.
  header.flags &= PacketFlag.LastPacket;
  header.userStatus = 0;
  header.cksum = 0;
  writeHeader(reply.bytes, 0, header);
  local.stats.sentByType[header.type] = (local.stats.sentByType[header.type] as number) + 1;
  return reply;
}

function writeAnswer(local: Local, services: ReadonlyMap<number, Service>, bytes: Uint8Array): number {
  switch (request.type) {
    case DebugRequestType.GetStats:
      return writeStats(local, services, bytes);
    case DebugRequestType.GetConn:
      return writeConn(local, nthInteresting(local, request.index), bytes);
    case DebugRequestType.GetAllConn:
      return writeConn(local, local.connections.known.at(request.index), bytes);
    case DebugRequestType.RxStats:
      fillStatistics(local);
      return writeRxStatistics(bytes, HEADER_SIZE, statistics);
    case DebugRequestType.GetPeer:
      return writePeer(local, local.peers.known.at(request.index), bytes);
    default:
      return writeDebugError(bytes, HEADER_SIZE);
  }
}

function writeStats(local: Local, services: ReadonlyMap<number, Service>, bytes: Uint8Array): number {
  let spare = 0;
  let waiting = 0;
  for (const service of services.values()) {
    spare += service.backlog.calls;
    waiting += service.waiting;
  }
  statsBody.freePackets = local.buffers.free;
  statsBody.callsExecuted = local.stats.value(Stat.CallsAccepted);
  statsBody.waiting = waiting;
  statsBody.idleThreads = spare;
  statsBody.packets = local.buffers.count;
  return writeDebugStats(bytes, HEADER_SIZE, statsBody);
}

function nthInteresting(local: Local, n: number): number {
  const { known, pool } = local.connections;
  let seen = 0;
  for (let i = 0; i < known.count && i < WALK_MAX; i++) {
    const slot = known.at(i);
    if (pool.at(slot).active > 0 && seen++ === n) return slot;
  }
  return -1;
}

function writeConn(local: Local, slot: number, bytes: Uint8Array): number {
  if (slot < 0) return writeDebugConnEnd(bytes, HEADER_SIZE);
  const connection = local.connections.pool.at(slot);
  const peer = connection.peer as Peer;
  connBody.reset();
  connBody.host = peer.address.family === 4 ? peer.address.w3 : 0;
  connBody.port = peer.address.port;
  connBody.cid = connection.connectionId;
  connBody.serial = connection.serial;
  connBody.epoch = connection.epoch;
  connBody.error = connection.abortCode;
  connBody.type = connection.isService ? DebugConnType.Server : DebugConnType.Client;
  connBody.securityIndex = connection.securityIndex;
  connBody.natMtu = PACKET_BYTES_MAX;
  if (connection.active >= CHANNELS) connBody.flags |= DebugConnFlag.MakeCallWaiting;
  for (let channel = 0; channel < CHANNELS; channel++) describeChannel(local, connection, channel);
  return writeDebugConn(bytes, HEADER_SIZE, connBody);
}

function describeChannel(local: Local, connection: Connection, channel: number): void {
  connBody.callNumber[channel] = connection.callNumber(channel);
  const call = local.callAt(connection.callSlot(channel));
  if (call === null) {
    connBody.callState[channel] =
      connection.callNumber(channel) === 0 ? DebugCallState.NotInit : DebugCallState.Dally;
    connBody.callMode[channel] =
      connection.callNumber(channel) === 0 ? DebugCallMode.None : DebugCallMode.Eof;
    return;
  }
  connBody.callState[channel] = debugState(call);
  connBody.callMode[channel] = isReceiving(call.state) ? DebugCallMode.Receiving : DebugCallMode.Sending;
  const inReceive = call.rx.next > call.rx.readSeq ? DebugCallOther.InReceiveQueue : 0;
  connBody.callOther[channel] = inReceive | (call.tx.hasWork ? DebugCallOther.InTransmitQueue : 0);
}

function debugState(call: Call): number {
  if (call.isWaiting) return DebugCallState.PreCall;
  return call.state === CallState.ServerAwaitAck ? DebugCallState.Hold : DebugCallState.Active;
}

function isReceiving(state: CallState): boolean {
  return (
    state === CallState.ServerRecvRequest ||
    state === CallState.ClientRecvReply ||
    state === CallState.ClientAwaitReply
  );
}

function writePeer(local: Local, slot: number, bytes: Uint8Array): number {
  if (slot < 0) return writeDebugPeerEnd(bytes, HEADER_SIZE);
  const peer = local.peers.pool.at(slot);
  peerBody.reset();
  peerBody.host = peer.address.family === 4 ? peer.address.w3 : 0;
  peerBody.port = peer.address.port;
  peerBody.ifMtu = peer.packetBytes;
  peerBody.refCount = peer.connections;
  peerBody.rtt = Math.trunc((peer.rtt.srttUs * 8) / 1_000);
  peerBody.rttDev = Math.trunc((peer.rtt.rttvarUs * 4) / 1_000);
  peerBody.sent = peer.cells[PeerCell.PacketsSent] as number;
  peerBody.resent = peer.cells[PeerCell.PacketsResent] as number;
  peerBody.natMtu = peer.packetBytes;
  peerBody.maxMtu = peer.packetBytes;
  peerBody.mtu = peer.packetBytes;
  peerBody.maxDgramPackets = peer.jumboMax;
  peerBody.ifDgramPackets = ADVERTISED_JUMBO;
  peerBody.bytesSent = peer.cells[PeerCell.BytesOut] as number;
  peerBody.bytesReceived = peer.cells[PeerCell.BytesIn] as number;
  return writeDebugPeer(bytes, HEADER_SIZE, peerBody);
}

function fillStatistics(local: Local): void {
  const { stats } = local;
  statistics.fill(0);
  const set = (index: number, value: number): void => {
    statistics[index] = value;
  };
  set(RxStatistic.BogusPacketOnRead, stats.value(Stat.DropShort) + stats.value(Stat.DropType));
  set(RxStatistic.ReceivePktAllocFailures, stats.value(Stat.DropNoBuffer));
  for (let type: number = PacketType.Data; type <= PacketType.Version; type++) {
    set(RxStatistic.PacketsRead + type - 1, stats.readByType[type] as number);
    set(RxStatistic.PacketsSent + type - 1, stats.sentByType[type] as number);
  }
  set(RxStatistic.DataPacketsRead, stats.value(Stat.DataPacketsRead));
  set(RxStatistic.AckPacketsRead, stats.value(Stat.AckPacketsRead));
  set(RxStatistic.DupPacketsRead, stats.value(Stat.DuplicatePacketsRead));
  set(
    RxStatistic.SpuriousPacketsRead,
    stats.value(Stat.DropUnknownConnection) + stats.value(Stat.DropUnknownCall),
  );
  set(RxStatistic.AckPacketsSent, stats.value(Stat.AckPacketsSent));
  set(RxStatistic.PingPacketsSent, stats.value(Stat.PingPacketsSent));
  set(RxStatistic.AbortPacketsSent, stats.value(Stat.AbortPacketsSent));
  set(RxStatistic.BusyPacketsSent, stats.value(Stat.BusyPacketsSent));
  set(RxStatistic.Busies, stats.value(Stat.BusyPacketsSent));
  set(RxStatistic.DataPacketsSent, stats.value(Stat.DataPacketsSent));
  set(RxStatistic.DataPacketsReSent, stats.value(Stat.DataPacketsResent));
  setRtt(local, set);
  countConnections(local, set);
  set(RxStatistic.PeerStructs, local.peers.known.count);
  set(RxStatistic.CallStructs, local.calls.all.length);
  set(RxStatistic.FreeCallStructs, local.calls.all.length - local.calls.used);
}

function setRtt(local: Local, set: (index: number, value: number) => void): void {
  const { stats } = local;
  const samples = stats.value(Stat.RttSamples);
  setTime(set, RxStatistic.TotalRttSec, stats.value(Stat.RttTotalUs));
  if (samples === 0) set(RxStatistic.MinRttSec, 9_999_999);
  else setTime(set, RxStatistic.MinRttSec, stats.value(Stat.RttMinUs));
  setTime(set, RxStatistic.MaxRttSec, stats.value(Stat.RttMaxUs));
  set(RxStatistic.RttSamples, samples);
}

function setTime(set: (index: number, value: number) => void, index: number, timeUs: number): void {
  set(index, Math.trunc(timeUs / 1e6));
  set(index + 1, timeUs % 1e6);
}

function countConnections(local: Local, set: (index: number, value: number) => void): void {
  const { known } = local.connections;
  set(RxStatistic.ServerConns, known.count - local.clientConnections);
  set(RxStatistic.ClientConns, local.clientConnections);
}
