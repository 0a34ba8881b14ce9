// Packet to state: the first look at a datagram, finding its connection and call, and what is answered where there is none.
// src/README.md has the table of it.
import type { Address } from "../util/address.js";
import { seqDiff } from "../util/serial.js";
import { AbortCode, readAbortCode } from "../wire/abort.js";
import { AckBody, AckReason, readAck } from "../wire/ack.js";
import {
  CHANNEL_MASK,
  CID_MASK,
  HEADER_SIZE,
  MAX_DATAGRAM,
  PacketHeader,
  readHeader,
} from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { acceptCall, endImplicitly } from "./call-accept.js";
import { type Call, CallState, CallTime, Completion } from "./call-object.js";
import { complete } from "./call-state.js";
import { connectionAborted, inputChallenge, inputResponse, repeatFinalAck } from "./conn-event.js";
import { type Connection, ConnState, Outcome } from "./conn-object.js";
import { inputDebug, inputVersion } from "./debug-reply.js";
import { inputAck, inputAckAll } from "./input-ack.js";
import { inputData } from "./input-data.js";
import type { Local } from "./local.js";
import type { Peer } from "./peer.js";
import { refuseAbort, refuseBusy } from "./refuse.js";
import type { Service } from "./service.js";
import { Stat } from "./stats.js";
import { setResendTimer } from "./timers.js";

// Datagrams from these ports come from services that answer anybody: replies to them would be reflected.
const REFLECTOR_PORTS: ReadonlySet<number> = new Set([
  0, 7, 13, 17, 19, 53, 111, 123, 137, 161, 389, 1900, 5353, 11211,
]);

// With the shortest timeout of 200 ms a refused request is offered again about every 0.8 s.
const BUSY_BACKOFF_MAX = 2;

export class Input {
  readonly #local: Local;
  readonly #services: ReadonlyMap<number, Service>;
  readonly #header = new PacketHeader();
  readonly #ack = new AckBody();

  constructor(local: Local, services: ReadonlyMap<number, Service>) {
    this.#local = local;
    this.#services = services;
  }

  /** Handles the datagram bytes[0, length). Whatever a peer sent, nothing is thrown. */
  handleDatagram(remote: Address, bytes: Uint8Array, length: number): void {
    const { stats } = this.#local;
    if (length < HEADER_SIZE) return stats.count(Stat.DropShort);
    if (length > MAX_DATAGRAM) return stats.count(Stat.DropLong);
    if (isUnanswerable(remote) || this.#local.ownAddress?.equals(remote) === true) {
      return stats.count(Stat.DropSource);
    }
    const header = this.#header;
    readHeader(bytes, 0, header);
    const { type } = header;
    if (type <= 0 || type > PacketType.Version || (type > PacketType.Debug && type < PacketType.Version)) {
      return stats.count(Stat.DropType);
    }
    stats.readByType[type] = (stats.readByType[type] as number) + 1;
    if (type === PacketType.Version) return inputVersion(this.#local, header, remote, bytes, length);
    if (type === PacketType.Debug)
      return inputDebug(this.#local, this.#services, header, remote, bytes, length);
    this.#route(header, remote, bytes, length);
  }

  #route(header: PacketHeader, remote: Address, bytes: Uint8Array, length: number): void {
    const local = this.#local;
    const isForService = (header.flags & PacketFlag.ClientInitiated) !== 0;
    if (isForService ? isFromServiceOnly(header.type) : header.type === PacketType.Response) {
      return local.stats.count(Stat.DropDirection);
    }
    const connection = local.connections.find(header.epoch, header.cid & CID_MASK, isForService);
    if (connection === null) {
      if (!isForService) return local.stats.count(Stat.DropUnknownConnection);
      return this.#inputUnknown(header, remote, bytes, length);
    }
    const peer = connection.peer as Peer;
    if (!peer.address.equals(remote)) return local.stats.count(Stat.DropOtherAddress);
    peer.noteReceived(length);
    if (header.securityIndex !== connection.securityIndex) return local.stats.count(Stat.DropSecurityIndex);
    if (header.callNumber === 0) this.#inputConnection(connection, header, bytes, length);
    else this.#inputChannel(connection, header, remote, bytes, length);
  }

  // A packet for a service connection that we do not know: only the first DATA of a call opens one.
  #inputUnknown(header: PacketHeader, remote: Address, bytes: Uint8Array, length: number): void {
    const local = this.#local;
    if (header.type !== PacketType.Data || header.callNumber === 0)
      return local.stats.count(Stat.DropUnknownConnection);
    if (header.seq !== 1) return local.stats.count(Stat.DropBadSeq);
    const call = acceptCall(local, this.#services, header, remote, null);
    if (call === null) return;
    ((call.connection as Connection).peer as Peer).noteReceived(length);
    inputData(local, call, header, bytes, length);
  }

  #inputConnection(connection: Connection, header: PacketHeader, bytes: Uint8Array, length: number): void {
    const local = this.#local;
    switch (header.type) {
      case PacketType.Abort: {
        const code = readAbortCode(bytes, HEADER_SIZE, length);
        if (code !== 0) connectionAborted(local, connection, code);
        return;
      }
      case PacketType.Challenge:
        return inputChallenge(local, connection, bytes, HEADER_SIZE, length);
      case PacketType.Response:
        return inputResponse(local, connection, header.cksum, bytes, HEADER_SIZE, length);
      default:
        return local.stats.count(Stat.DropType);
    }
  }

  #inputChannel(
    connection: Connection,
    header: PacketHeader,
    remote: Address,
    bytes: Uint8Array,
    length: number,
  ): void {
    const local = this.#local;
    const channel = header.cid & CHANNEL_MASK;
    const last = connection.callNumber(channel);
    // On a channel without a call yet every number is new, whatever side of the wrap it stands on.
    const ahead = last === 0 ? 1 : seqDiff(header.callNumber, last);
    if (ahead < 0) return local.stats.count(Stat.DropOldCall);
    if (ahead > 0) return this.#inputNextCall(connection, header, remote, bytes, length);
    const call = local.callAt(connection.callSlot(channel));
    if (call === null) return this.#inputFinished(connection, channel, header, bytes, length);
    this.#inputCall(call, header, bytes, length);
  }

  // A higher call number: for a service a new call, for a client nothing it has asked for.
  #inputNextCall(
    connection: Connection,
    header: PacketHeader,
    remote: Address,
    bytes: Uint8Array,
    length: number,
  ): void {
    const local = this.#local;
    if (!connection.isService || header.type !== PacketType.Data) {
      if (this.#asksAfterRefused(connection, header, bytes, length))
        return refuseBusy(local, header, remote, connection.peer);
      return local.stats.count(Stat.DropUnknownCall);
    }
    if (header.seq !== 1) return local.stats.count(Stat.DropBadSeq);
    if (connection.state === ConnState.Aborted) {
      return refuseAbort(local, header, remote, connection.peer, connection.abortCode);
    }
    // After an upgrade the client has to use the new id (rx-behaviour.md section 14).
    if (header.serviceId !== connection.serviceId) {
      return refuseAbort(local, header, remote, connection.peer, AbortCode.RX_PROTOCOL_ERROR);
    }
    const before = local.callAt(connection.callSlot(header.cid & CHANNEL_MASK));
    if (before !== null) {
      if (!this.#mayEnd(before, connection)) return local.stats.count(Stat.DropUnknownCall);
      endImplicitly(local, before);
    }
    const call = acceptCall(local, this.#services, header, remote, connection);
    if (call !== null) inputData(local, call, header, bytes, length);
  }

  // A client whose call was told BUSY keeps asking after it: OpenAFS's gives up after 12 s of silence, and sends the request
  // again only after 3, 10 and 23 s. BUSY is a sign of life to it. Other calls that we do not know get none: a client must
  // notice that a server has been restarted.
  #asksAfterRefused(
    connection: Connection,
    header: PacketHeader,
    bytes: Uint8Array,
    length: number,
  ): boolean {
    if (connection.refused(header.cid & CHANNEL_MASK) !== header.callNumber) return false;
    return this.#hasReason(header, bytes, length, AckReason.Ping);
  }

  #hasReason(header: PacketHeader, bytes: Uint8Array, length: number, reason: AckReason): boolean {
    if (header.type !== PacketType.Ack || !readAck(bytes, HEADER_SIZE, length, this.#ack)) return false;
    return this.#ack.reason === reason;
  }

  // A packet can only be verified once it is stored, and a running call of a secured connection is not ended on the word of
  // one that nobody has verified: it is dropped, and the client's next PING or retransmission finds the call gone or live.
  #mayEnd(before: Call, connection: Connection): boolean {
    return before.state === CallState.ServerAwaitAck || connection.securityClass?.needsChallenge !== true;
  }

  // A packet for a call that is over: the last word is said again, within the peer's budget.
  #inputFinished(
    connection: Connection,
    channel: number,
    header: PacketHeader,
    bytes: Uint8Array,
    length: number,
  ): void {
    const local = this.#local;
    local.stats.count(Stat.DropFinished);
    if (
      header.type !== PacketType.Data &&
      header.type !== PacketType.Ack &&
      header.type !== PacketType.AckAll
    )
      return;
    switch (connection.outcome(channel)) {
      case Outcome.Aborted:
        connection.aborts |= 1 << channel;
        local.scheduleConnection(connection);
        return;
      case Outcome.Succeeded:
        // The answer to our own PING asks for nothing (rx-behaviour.md section 3.1).
        if (this.#hasReason(header, bytes, length, AckReason.PingResponse)) return;
        if (!connection.isService && header.type !== PacketType.AckAll) {
          repeatFinalAck(local, connection, channel, AckReason.Duplicate, header.serial);
        }
        return;
      case Outcome.None:
        return;
    }
  }

  #inputCall(call: Call, header: PacketHeader, bytes: Uint8Array, length: number): void {
    const local = this.#local;
    if (local.blockedCalls.has(call.index)) this.#unblock(call);
    switch (header.type) {
      case PacketType.Data:
        if (header.seq === 0) return local.stats.count(Stat.DropBadSeq);
        this.#takeUpgrade(call, header);
        return inputData(local, call, header, bytes, length);
      case PacketType.Ack:
        local.stats.count(Stat.AckPacketsRead);
        if (!readAck(bytes, HEADER_SIZE, length, this.#ack)) return local.stats.count(Stat.DropBadAck);
        return inputAck(local, call, header, this.#ack, bytes);
      case PacketType.AckAll:
        return inputAckAll(local, call);
      case PacketType.Abort:
        return inputAbort(local, call, readAbortCode(bytes, HEADER_SIZE, length));
      case PacketType.Busy:
        // The call goes on: its DATA is sent again until it is taken or times out (rx-behaviour.md section 11).
        return noteBusy(local, call);
      default:
        return local.stats.count(Stat.DropType);
    }
  }

  #unblock(call: Call): void {
    this.#local.blockedCalls.remove(call.index);
    this.#local.scheduleCall(call);
  }

  // A service may answer an upgrade request under its better id; otherwise the id is fixed.
  #takeUpgrade(call: Call, header: PacketHeader): void {
    const connection = call.connection as Connection;
    if (connection.isService || !connection.wantsUpgrade) return;
    // Whatever id the answer has, the question has been answered: other calls may use the connection from here.
    connection.serviceId = header.serviceId;
    connection.wantsUpgrade = false;
    call.serviceId = header.serviceId;
    if (connection.bundle >= 0) this.#local.noteFreed(connection.bundle);
  }
}

/** No single honest host sends from there: reflectors' ports, and addresses that are nobody's or everybody's. */
function isUnanswerable(remote: Address): boolean {
  if (REFLECTOR_PORTS.has(remote.port)) return true;
  if (remote.family === 4) {
    const top = remote.w3 >>> 24;
    return top === 0 || top >= 224;
  }
  return remote.w0 >>> 24 === 0xff || (remote.w0 | remote.w1 | remote.w2 | remote.w3) === 0;
}

function isFromServiceOnly(type: number): boolean {
  return type === PacketType.Challenge || type === PacketType.Busy;
}

function inputAbort(local: Local, call: Call, code: number): void {
  if (code !== 0) complete(local, call, Completion.RemotelyAborted, code);
}

// A refusal of what the peer has acknowledged before comes from a service that has forgotten the call: it is no sign of life.
function noteBusy(local: Local, call: Call): void {
  const { tx } = call;
  local.stats.count(Stat.DropRefusal);
  if (tx.first > 1 || tx.highestAcked > 0) return;
  // The next call prefers another channel (rx-behaviour.md section 2).
  (call.connection as Connection).setRefused(call.channel, call.callNumber);
  call.times[CallTime.LastHeard] = local.clock[0] as number;
  // The peer lives and the path is good: the pause before the next try says nothing about either, and need not double.
  if (tx.backoff <= BUSY_BACKOFF_MAX) return;
  tx.backoff = BUSY_BACKOFF_MAX;
  setResendTimer(local, call);
}
