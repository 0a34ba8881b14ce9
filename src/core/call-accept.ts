// A first packet for which there is no call: takes peer, connection and call from the rings, or says no. Nothing here
// allocates, waits or throws.
import type { Address } from "../util/address.js";
import { assert } from "../util/assert.js";
import { seqDiff } from "../util/serial.js";
import { AbortCode } from "../wire/abort.js";
import { CHANNEL_MASK, CID_MASK, type PacketHeader } from "../wire/header.js";
import { hasBufferForNewCall } from "./call-buffers.js";
import { type Call, CallEvent, CallState, CallTime } from "./call-object.js";
import { abortCall, completeReply, enterRecvRequest, notify } from "./call-state.js";
import { challenge, secureConnection } from "./conn-event.js";
import { type Connection, ConnState, ConnTime } from "./conn-object.js";
import { evictStranger } from "./conn-reap.js";
import type { Local } from "./local.js";
import type { Peer } from "./peer.js";
import { proposePing } from "./propose-ack.js";
import { refuseAbort, refuseBusy } from "./refuse.js";
import { closedCode, type Service, ServiceState } from "./service.js";
import { Stat } from "./stats.js";

// A few at a time: more than one of them stood there only because its connection lives again.
const EXPIRE_MAX = 8;
// A PING and its echo take a round trip; a client that is told BUSY comes again in about the same time.
const PROOF_US = 500_000;

/**
 * Brings the call of a DATA packet with seq 1 to life.
 *
 * @param connection the packet's live connection, or null for a new one
 * @returns the call, or null: refused or dropped
 */
export function acceptCall(
  local: Local,
  services: ReadonlyMap<number, Service>,
  header: PacketHeader,
  remote: Address,
  connection: Connection | null,
): Call | null {
  const service = serviceFor(services, header, connection);
  if (service === undefined) {
    refuseAbort(
      local,
      header,
      remote,
      connection?.peer ?? null,
      local.isDraining ? AbortCode.RX_RESTARTING : AbortCode.RX_INVALID_OPERATION,
    );
    return null;
  }
  if (connection === null && local.securityClass(header.securityIndex) === null) {
    refuseAbort(local, header, remote, null, AbortCode.RX_INVALID_OPERATION);
    return null;
  }
  if (local.isDraining || service.state !== ServiceState.Listening) {
    refuseAbort(local, header, remote, connection?.peer ?? null, closedCode(local));
    return null;
  }
  // Without a buffer for its request the call could not begin; BUSY is possible only now.
  const hasBuffer = hasBufferForNewCall(local);
  if (!hasBuffer) local.stats.count(Stat.BuffersRefused);
  if (service.backlog.calls === 0 || !hasBuffer) {
    refuse(local, service, header, remote, connection);
    return null;
  }
  const live = connection ?? openConnection(local, service, header, remote);
  if (live === null) return null;
  const peer = live.peer as Peer;
  if (peer.activeCalls >= service.callsPerPeerMax || !hasRoomForCall(local, peer.isProven)) {
    refuse(local, service, header, remote, live);
    return null;
  }
  return takeCall(local, service, header, live);
}

// A new connection that asks for the better service gets it, for its whole life (rx-behaviour.md section 14).
function serviceFor(
  services: ReadonlyMap<number, Service>,
  header: PacketHeader,
  connection: Connection | null,
): Service | undefined {
  const service = services.get(connection === null ? header.serviceId : connection.serviceId);
  if (connection !== null || service === undefined || service.upgradeTo === 0 || header.userStatus !== 1)
    return service;
  return services.get(service.upgradeTo) ?? service;
}

/** The service's policy for a call that finds the rings empty, or its peer's share used up. */
function refuse(
  local: Local,
  service: Service,
  header: PacketHeader,
  remote: Address,
  connection: Connection | null,
): void {
  const { policy } = service;
  switch (policy.kind) {
    case "busy":
      service.counters.busy++;
      connection?.setRefused(header.cid & CHANNEL_MASK, header.callNumber);
      refuseBusy(local, header, remote, connection?.peer ?? null);
      return;
    case "abort":
      service.counters.aborted++;
      refuseAbort(local, header, remote, connection?.peer ?? null, policy.code);
      return;
    case "drop":
      service.counters.dropped++;
      local.stats.count(Stat.DropPolicy);
      return;
  }
}

// 0 is the channel without a call yet: any number is new there.
function isOldCall(callNumber: number, lastNumber: number): boolean {
  return lastNumber !== 0 && seqDiff(callNumber, lastNumber) <= 0;
}

// All that can refuse stands before anything is taken from the rings.
function openConnection(
  local: Local,
  service: Service,
  header: PacketHeader,
  remote: Address,
): Connection | null {
  const connectionId = header.cid & CID_MASK;
  const hash = local.connections.hashOf(header.epoch, connectionId, true);
  // Before the search, so that what it finds stays.
  if (local.tombstones.isFull) local.tombstones.expire(local.clock, EXPIRE_MAX);
  const tombstone = local.tombstones.find(hash, header.epoch, connectionId, remote);
  if (
    tombstone >= 0 &&
    isOldCall(header.callNumber, local.tombstones.callNumber(tombstone, header.cid & CHANNEL_MASK))
  ) {
    // This call was run before the connection was reaped.
    local.stats.count(Stat.DropOldCall);
    return null;
  }
  if (local.tombstones.isFull) {
    local.stats.count(Stat.DropTombstones);
    refuse(local, service, header, remote, null);
    return null;
  }
  const known = local.peers.find(remote);
  if (!local.peers.admits(remote, known) && !makeRoomForStranger(local, remote, known)) {
    local.stats.count(Stat.DropStrangerLimit);
    return null;
  }
  const isProven = known === null ? local.peers.isTrusted(remote) : known.isProven;
  if ((known !== null && known.activeCalls >= service.callsPerPeerMax) || !hasRoomForCall(local, isProven)) {
    refuse(local, service, header, remote, null);
    return null;
  }
  const connection = service.backlog.takeConnection();
  let peer = known;
  if (peer === null) {
    peer = service.backlog.takePeer();
    local.peers.enter(peer, remote);
  }
  local.peers.use(peer);
  fillConnection(local, service, header, connection, peer);
  if (tombstone >= 0) local.tombstones.revive(tombstone, connection);
  return connection;
}

// Strangers leave most of the calls to those who have proved their address. When they have taken their part, the oldest of
// their calls gives way to the next one, once it has had time to bring a proof.
function hasRoomForCall(local: Local, isProven: boolean): boolean {
  const { strangerCalls, config } = local;
  if (isProven || strangerCalls.count < config.strangerCallsMax) return true;
  const oldest = local.calls.at(strangerCalls.head);
  if ((oldest.times[CallTime.Begun] as number) + PROOF_US > (local.clock[0] as number)) return false;
  abortCall(local, oldest, AbortCode.RX_CALL_DEAD);
  return true;
}

// The stranger that has been without a call for longest gives way, unless it is the host's own limit that is reached.
function makeRoomForStranger(local: Local, remote: Address, known: Peer | null): boolean {
  return local.peers.hostHasRoom(remote) && evictStranger(local) && local.peers.admits(remote, known);
}

function fillConnection(
  local: Local,
  service: Service,
  header: PacketHeader,
  connection: Connection,
  peer: Peer,
): void {
  connection.isService = true;
  connection.epoch = header.epoch;
  connection.connectionId = header.cid & CID_MASK;
  connection.serviceId = service.serviceId;
  connection.securityIndex = header.securityIndex;
  connection.peer = peer;
  // An echo of one of our serials proves the address: they must not be guessed. Small enough to stay far from the wrap.
  connection.serial = local.random.int32() & 0x3fffffff;
  connection.times[connection.timeAt + ConnTime.LastUse] = local.clock[0] as number;
  local.connections.enter(connection);
  secureConnection(local, connection);
}

function takeCall(local: Local, service: Service, header: PacketHeader, connection: Connection): Call {
  const call = service.backlog.takeCall();
  call.connection = connection;
  call.channel = header.cid & CHANNEL_MASK;
  call.callNumber = header.callNumber;
  call.serviceId = connection.serviceId;
  call.receiveMaxBytes = service.requestMaxBytes;
  call.tx.prepare(connection.securityClass, (connection.peer as Peer).packetBytes);
  enterRecvRequest(local, call);
  service.noteTaken(call);
  local.stats.count(Stat.CallsAccepted);
  assert(connection.state !== ConnState.Aborted, "a call is accepted on an aborted connection");
  if (connection.state === ConnState.Unsecured) challenge(local, connection);
  if (connection.state === ConnState.Secure) notify(local, call, CallEvent.NewCall);
  const peer = connection.peer as Peer;
  if (peer.wantsRtt(local.clock)) proposePing(local, call);
  return call;
}

/**
 * A higher call number on a channel ends the call before it: it succeeded if only the last ACK was missing, otherwise it
 * is aborted (rx-behaviour.md section 2.1).
 */
export function endImplicitly(local: Local, call: Call): void {
  if (call.state === CallState.ServerAwaitAck) completeReply(local, call);
  else abortCall(local, call, AbortCode.RX_CALL_DEAD);
}
