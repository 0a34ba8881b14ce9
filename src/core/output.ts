// State to packets: what each call and connection has to send, written into the caller's memory one datagram at a time.
import { AckBody, AckReason, writeAck } from "../wire/ack.js";
import { HEADER_SIZE, PacketHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { Address } from "../util/address.js";
import { NO_BUFFER } from "../memory/buffer-pool.js";
import { type Call, CallState, CallTime, Deadline, connectionOf, peerOf } from "./call-object.js";
import { enterAwaitAck, enterAwaitReply } from "./call-state.js";
import { ADVERTISED_JUMBO, ADVERTISED_MTU, PACKET_BYTES_MAX } from "./config.js";
import type { Connection } from "./conn-object.js";
import { writeConnectionPacket } from "./conn-output.js";
import type { Local } from "./local.js";
import { type Peer, PeerCell } from "./peer.js";
import { PayloadRange, type SecurityContext } from "./security-class.js";
import { Stat } from "./stats.js";
import { clearDeadline, setResendTimer } from "./timers.js";
import { TransmitFlag } from "./transmit-window.js";

/** Room a caller must leave behind `Transmit.offset`: the largest packet we send and the slack of a whole-buffer copy. */
export const TRANSMIT_ROOM = 66_000;
// Packets one slot may send before the next has its turn.
const BURST = 8;
// Below this, copying byte by byte beats a call into the runtime.
const LOOP_COPY_MAX = 32;

/** One datagram to be sent. The caller sets `bytes` and `offset`; pollTransmit() writes there and sets the rest. */
export class Transmit {
  bytes: Uint8Array;
  offset = 0;
  length = 0;
  /** Where to; valid until the next pollTransmit(). */
  remote = new Address();
  /** The peer it goes to, by its place in the table, or -1; with `generation` a key for what the caller keeps per peer. */
  peerIndex = -1;
  peerGeneration = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

const ACKS_MAX = 256;

/** The packet writer of one endpoint, with the scratch objects it works in. */
export class Output {
  readonly #local: Local;
  readonly #header = new PacketHeader();
  readonly #ack = new AckBody();
  readonly #acks = new Uint8Array(ACKS_MAX);
  readonly #range = new PayloadRange();
  #burst = 0;

  constructor(local: Local) {
    this.#local = local;
  }

  /** Fills `out` with the next datagram. @returns false when there is none. */
  pollTransmit(out: Transmit): boolean {
    const local = this.#local;
    if (local.replies.count > 0) return this.#pollReply(out);
    for (;;) {
      const slot = local.transmitHead;
      if (slot < 0) return false;
      const isCall = slot < local.config.callsMax;
      const length = isCall
        ? this.#writeCallPacket(local.calls.at(slot), out)
        : writeConnectionPacket(local, this.#connectionAt(slot), this.#header, this.#ack, out.bytes, out.offset);
      if (length > 0) {
        const peer = isCall ? peerOf(local.calls.at(slot)) : (this.#connectionAt(slot).peer as Peer);
        this.#finish(out, length, peer);
        if (++this.#burst >= BURST) {
          this.#burst = 0;
          local.rotateTransmit();
        }
        return true;
      }
      this.#burst = 0;
      if (isCall) local.unscheduleCall(local.calls.at(slot));
      else local.unscheduleConnection(this.#connectionAt(slot));
    }
  }

  #connectionAt(slot: number): Connection {
    return this.#local.connections.pool.at(slot - this.#local.config.callsMax);
  }

  #pollReply(out: Transmit): boolean {
    const reply = this.#local.replies.shift();
    if (reply === null) return false;
    for (let i = 0; i < reply.length; i++) out.bytes[out.offset + i] = reply.bytes[i] as number;
    out.length = reply.length;
    out.remote = reply.address;
    out.peerIndex = -1;
    return true;
  }

  #finish(out: Transmit, length: number, peer: Peer): void {
    out.length = length;
    out.remote = peer.address;
    out.peerIndex = peer.index;
    out.peerGeneration = peer.generation;
    peer.noteSent(length);
  }

  /** @returns the length written, or 0 when the call has nothing to send now. */
  #writeCallPacket(call: Call, out: Transmit): number {
    if (!call.isLive || call.connection === null) return 0;
    // From a stranger a PING first: it says what an ACK says, and invites the proof that all else waits for.
    if (call.ackReason !== 0 && !(call.owesPing && !peerOf(call).isProven)) {
      const reason = call.ackReason as AckReason;
      const length = this.#writeAckPacket(call, reason, call.ackSerial, out);
      if (length > 0) call.ackReason = 0;
      return length;
    }
    if (call.owesPing) {
      const length = this.#writeAckPacket(call, AckReason.Ping, 0, out);
      if (length > 0) call.owesPing = false;
      return length;
    }
    const seq = this.#nextData(call);
    return seq === 0 ? 0 : this.#writeData(call, seq, out);
  }

  #nextData(call: Call): number {
    const state = call.state;
    if (
      state !== CallState.ServerSendReply &&
      state !== CallState.ServerAwaitAck &&
      state !== CallState.ClientSendRequest &&
      state !== CallState.ClientAwaitReply
    ) {
      return 0;
    }
    const tx = call.tx;
    if (call.owesProbe) {
      call.owesProbe = false;
      const probe = tx.probe();
      if (probe !== 0) return probe;
    }
    return tx.sendable(call.congestion.cwnd);
  }

  #writeData(call: Call, seq: number, out: Transmit): number {
    const local = this.#local;
    const tx = call.tx;
    const connection = connectionOf(call);
    const peer = peerOf(call);
    if (seq === tx.top) tx.seal();
    const place = seq & tx.mask;
    const buffer = tx.buffers[place] as number;
    const payload = buffer === NO_BUFFER ? 0 : (local.buffers.length[buffer] as number);
    const securityClass = connection.securityClass;
    const overhead = securityClass === null ? 0 : securityClass.headerBytes + securityClass.trailerBytes;
    if (!peer.allows(HEADER_SIZE + payload + overhead)) return this.#block(call);

    const wasSent = ((tx.flags[place] as number) & TransmitFlag.Sent) !== 0;
    const isLast = seq === tx.lastSeq;
    const header = this.#header;
    this.#callHeader(call, PacketType.Data);
    header.seq = seq;
    header.userStatus = seq === 1 && connection.wantsUpgrade ? 1 : 0;
    let length = payload;
    if (!wasSent) {
      length = this.#protect(connection.security as SecurityContext, tx.cksums, place, buffer, payload);
    }
    header.cksum = tx.cksums[place] as number;
    header.flags = call.isService ? 0 : PacketFlag.ClientInitiated;
    if (isLast) header.flags |= PacketFlag.LastPacket;
    else if (wasSent || this.#isEndOfBurst(call, seq)) header.flags |= PacketFlag.RequestAck;
    header.serial = connection.nextSerial(local.random);
    if (buffer !== NO_BUFFER) this.#copyPayload(buffer, length, out);
    writeHeader(out.bytes, out.offset, header);
    tx.markSent(seq, header.serial, local.clock);
    this.#noteDataSent(call, peer, wasSent);
    return HEADER_SIZE + length;
  }

  // Protects a payload once, where it lies in its buffer. @returns its length afterwards.
  #protect(security: SecurityContext, cksums: Int32Array, place: number, buffer: number, payload: number): number {
    if (buffer === NO_BUFFER) {
      cksums[place] = 0;
      return 0;
    }
    const pool = this.#local.buffers;
    const range = this.#range;
    const base = pool.offsetOf(buffer);
    range.offset = base + (pool.start[buffer] as number);
    range.length = payload;
    this.#header.cksum = 0;
    security.protectData(this.#header, pool.bytes, range);
    pool.start[buffer] = range.offset - base;
    pool.length[buffer] = range.length;
    cksums[place] = this.#header.cksum;
    return range.length;
  }

  // Copies the whole buffer and not just the payload: that needs no view, and what is behind the payload is not sent.
  #copyPayload(buffer: number, length: number, out: Transmit): void {
    const pool = this.#local.buffers;
    const start = pool.start[buffer] as number;
    const to = out.offset + HEADER_SIZE;
    if (length <= LOOP_COPY_MAX || start > to) {
      const from = pool.offsetOf(buffer) + start;
      for (let i = 0; i < length; i++) out.bytes[to + i] = pool.bytes[from + i] as number;
    } else {
      out.bytes.set(pool.viewOf(buffer), to - start);
    }
  }

  // Nothing can follow this packet now: ask for an ACK, so that the pause is short.
  #isEndOfBurst(call: Call, seq: number): boolean {
    const tx = call.tx;
    return (
      tx.inFlight + 1 >= call.congestion.cwnd || seq + 1 >= tx.first + tx.peerWindow || (tx.lost === 0 && seq + 1 >= tx.top)
    );
  }

  #noteDataSent(call: Call, peer: Peer, wasSent: boolean): void {
    const local = this.#local;
    local.stats.count(wasSent ? Stat.DataPacketsResent : Stat.DataPacketsSent);
    local.stats.sentByType[PacketType.Data] = (local.stats.sentByType[PacketType.Data] as number) + 1;
    if (wasSent) peer.cells[PeerCell.PacketsResent] = (peer.cells[PeerCell.PacketsResent] as number) + 1;
    call.times[CallTime.LastSent] = local.clock[0] as number;
    if (call.tx.isAllSent) {
      if (call.state === CallState.ServerSendReply) enterAwaitAck(call);
      else if (call.state === CallState.ClientSendRequest) enterAwaitReply(call);
    }
    setResendTimer(local, call);
  }

  #block(call: Call): number {
    // Goes on when the peer has sent more, or has proved its address; a PING invites the proof.
    this.#local.blockedCalls.push(call.index);
    this.#local.stats.count(Stat.BudgetWithheld);
    return 0;
  }

  #writeAckPacket(call: Call, reason: AckReason, serial: number, out: Transmit): number {
    const local = this.#local;
    const connection = connectionOf(call);
    const peer = peerOf(call);
    const rx = call.rx;
    const body = this.#ack;
    const count = rx.fillAcks(this.#acks);
    if (!peer.allows(HEADER_SIZE + count + 37)) return this.#block(call);
    body.firstPacket = rx.next;
    body.previousPacket = rx.top;
    body.serial = serial;
    body.reason = reason;
    body.nAcks = count;
    body.maxMtu = ADVERTISED_MTU;
    body.ifMtu = PACKET_BYTES_MAX;
    body.rwind = rx.room;
    body.jumboMax = Math.min(ADVERTISED_JUMBO, local.config.receiveWindowPackets);
    this.#callHeader(call, PacketType.Ack);
    const header = this.#header;
    header.flags = PacketFlag.SlowStartOk | (call.isService ? 0 : PacketFlag.ClientInitiated);
    if (reason === AckReason.Ping) header.flags |= PacketFlag.RequestAck;
    header.serial = connection.nextSerial(local.random);
    writeHeader(out.bytes, out.offset, header);
    const end = writeAck(out.bytes, out.offset + HEADER_SIZE, body, this.#acks);
    this.#noteAckSent(call, reason, header.serial);
    return end - out.offset;
  }

  #noteAckSent(call: Call, reason: AckReason, serial: number): void {
    const local = this.#local;
    const rx = call.rx;
    rx.advertised = rx.room;
    rx.unacked = 0;
    clearDeadline(call, Deadline.Ack);
    call.times[CallTime.LastSent] = local.clock[0] as number;
    local.stats.count(Stat.AckPacketsSent);
    local.stats.sentByType[PacketType.Ack] = (local.stats.sentByType[PacketType.Ack] as number) + 1;
    if (reason !== AckReason.Ping) return;
    local.stats.count(Stat.PingPacketsSent);
    call.pingSerial = serial;
    call.times[CallTime.PingSentAt] = local.clock[0] as number;
    peerOf(call).cells[PeerCell.RttAt] = local.clock[0] as number;
  }

  #callHeader(call: Call, type: PacketType): void {
    const connection = connectionOf(call);
    const header = this.#header;
    header.epoch = connection.epoch;
    header.cid = connection.connectionId | call.channel;
    header.callNumber = call.callNumber;
    header.seq = 0;
    header.type = type;
    header.userStatus = 0;
    header.securityIndex = connection.securityIndex;
    header.cksum = 0;
    header.serviceId = connection.serviceId;
  }
}
