// State to packets: what each call and connection has to send, written into the caller's memory one datagram at a time.

import { Address } from "../util/address.js";
import { AbortCode } from "../wire/abort.js";
import { AckBody, AckReason, writeAck } from "../wire/ack.js";
import { HEADER_SIZE, PacketHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { type Call, CallState, CallTime, connectionOf, Deadline, peerOf } from "./call-object.js";
import { abortCall } from "./call-state.js";
import { ADVERTISED_JUMBO, ADVERTISED_MTU, PACKET_BYTES_MAX } from "./config.js";
import type { Connection } from "./conn-object.js";
import { writeConnectionPacket } from "./conn-output.js";
import type { Local } from "./local.js";
import { DataOutput, fillCallHeader, shouldGather } from "./output-data.js";
import { type Peer, PeerCell } from "./peer.js";
import { Stat } from "./stats.js";
import { clearDeadline } from "./timers.js";

/** Room a caller must leave behind `Transmit.offset`: the largest packet we send and the slack of a whole-buffer copy. */
export const TRANSMIT_ROOM = 66_000;
// Packets one slot may send before the next has its turn.
const BURST = 8;

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
  readonly #data: DataOutput;
  #burst = 0;

  constructor(local: Local) {
    this.#local = local;
    this.#data = new DataOutput(local);
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
        : writeConnectionPacket(
            local,
            this.#connectionAt(slot),
            this.#header,
            this.#ack,
            out.bytes,
            out.offset,
          );
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
    const local = this.#local;
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
    if (seq === 0) return 0;
    if (!call.tx.hasPayload(seq)) {
      abortCall(local, call, AbortCode.RX_USER_ABORT);
      return 0;
    }
    const length = this.#data.write(call, seq, out.bytes, out.offset);
    return length === 0 ? this.#block(call) : length;
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
    if (call.owesResend) {
      call.owesResend = false;
      const lost = tx.firstLost();
      if (lost !== 0) return lost;
    }
    const seq = tx.sendable(call.congestion.cwnd);
    return seq === tx.next && shouldGather(call) ? 0 : seq;
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
    const header = this.#header;
    fillCallHeader(header, call, PacketType.Ack);
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
    call.pings.note(serial, local.clock);
    peerOf(call).cells[PeerCell.RttAt] = local.clock[0] as number;
  }
}
