// DATA packets: one segment or a jumbogram of several, copied from the call's buffers into the caller's memory.
import { NO_BUFFER } from "../memory/buffer-pool.js";
import { HEADER_SIZE, PacketHeader, writeHeader } from "../wire/header.js";
import { JUMBO_DATA_SIZE, JUMBO_HEADER_SIZE, writeJumboHeader } from "../wire/jumbo.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { type Call, CallState, CallTime, connectionOf, peerOf } from "./call-object.js";
import { enterAwaitAck, enterAwaitReply } from "./call-state.js";
import type { Local } from "./local.js";
import { type Peer, PeerCell } from "./peer.js";
import type { SecurityContext } from "./security-class.js";
import { Stat } from "./stats.js";
import { setResendTimer } from "./timers.js";
import { TransmitFlag } from "./transmit-window.js";

// Windows of so many packets are told of at once (rx-behaviour.md section 6).
const SMALL_WINDOW = 4;
const RTT_SAMPLES_WANTED = 3;
// Below this, copying byte by byte beats a call into the runtime.
const LOOP_COPY_MAX = 32;

/** Sets the header fields that all packets of a call share. */
export function fillCallHeader(header: PacketHeader, call: Call, type: PacketType): void {
  const connection = connectionOf(call);
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

export class DataOutput {
  readonly #local: Local;
  readonly #header = new PacketHeader();

  constructor(local: Local) {
    this.#local = local;
  }

  /**
   * Writes packet `seq` at `offset`, and those that may follow it in the same datagram.
   * @returns the length, or 0 when the peer's budget does not allow it
   */
  write(call: Call, seq: number, bytes: Uint8Array, offset: number): number {
    const { tx } = call;
    const connection = connectionOf(call);
    const peer = peerOf(call);
    if (seq === tx.top) tx.seal();
    if (!peer.allows(HEADER_SIZE + this.#payloadOf(call, seq))) return 0;
    const header = this.#header;
    fillCallHeader(header, call, PacketType.Data);
    header.userStatus = seq === 1 && connection.wantsUpgrade ? 1 : 0;
    const wasSent = ((tx.flags[seq & tx.mask] as number) & TransmitFlag.Sent) !== 0;
    // Only one has been weighed against a stranger's budget.
    const most = wasSent || !peer.isProven ? 1 : peer.segments;
    const serial = connection.nextSerial(this.#local.random);

    let at = offset + HEADER_SIZE;
    let last = seq;
    let length = this.#place(call, seq, wasSent, bytes, at);
    tx.markSent(seq, serial, this.#local.clock);
    this.#setFlags(call, seq, wasSent, length, most > 1);
    header.seq = seq;
    header.serial = serial;
    header.cksum = tx.cksums[seq & tx.mask] as number;
    const firstFlags = header.flags;
    const firstCksum = header.cksum;
    while ((header.flags & PacketFlag.JumboPacket) !== 0) {
      at += JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE;
      last++;
      if (last === tx.top) tx.seal();
      header.seq = last;
      length = this.#place(call, last, false, bytes, at);
      tx.markSent(last, connection.followingSerial(), this.#local.clock);
      this.#setFlags(call, last, false, length, last - seq + 1 < most);
      writeJumboHeader(bytes, at - JUMBO_HEADER_SIZE, header.flags, tx.cksums[last & tx.mask] as number);
    }
    header.seq = seq;
    header.flags = firstFlags;
    header.cksum = firstCksum;
    writeHeader(bytes, offset, header);
    this.#noteSent(call, peer, wasSent, last - seq + 1);
    return at + length - offset;
  }

  // The most that packet `seq` can be on the wire.
  #payloadOf(call: Call, seq: number): number {
    const { securityClass } = connectionOf(call);
    const overhead = securityClass === null ? 0 : securityClass.headerBytes + securityClass.trailerBytes;
    return call.tx.payloadBytes(seq) + overhead;
  }

  // Sets the flags of packet `seq`; JumboPacket says that the next one follows in the same datagram.
  #setFlags(call: Call, seq: number, wasSent: boolean, length: number, mayGrow: boolean): void {
    const { tx } = call;
    const header = this.#header;
    header.flags = call.isService ? 0 : PacketFlag.ClientInitiated;
    if (seq === tx.lastSeq) header.flags |= PacketFlag.LastPacket;
    else if (mayGrow && length === JUMBO_DATA_SIZE && this.#mayFollow(call))
      header.flags |= PacketFlag.JumboPacket;
    // Never on the last packet of a reply: OpenAFS's client could answer with soft ACKs and then leave the hard ACK out.
    else if (wasSent || wantsAck(call, seq)) header.flags |= PacketFlag.RequestAck;
  }

  // Whether the next new packet may go out now. Lost ones go first, and on their own.
  #mayFollow(call: Call): boolean {
    const { tx } = call;
    return tx.sendable(call.congestion.cwnd) === tx.next && tx.hasPayload(tx.next);
  }

  /** Protects the payload of `seq` if that has not been done, and copies it to `at`. @returns its length */
  #place(call: Call, seq: number, wasSent: boolean, bytes: Uint8Array, at: number): number {
    const { tx } = call;
    const place = seq & tx.mask;
    const buffer = tx.buffers[place] as number;
    if (buffer === NO_BUFFER) {
      const isLent = ((tx.flags[place] as number) & TransmitFlag.Lent) !== 0;
      return isLent
        ? this.#placeLent(call, seq, wasSent, bytes, at)
        : this.#placeEmpty(call, seq, wasSent, bytes, at);
    }
    if (!wasSent) {
      this.#header.seq = seq;
      tx.cksums[place] = this.#protect(connectionOf(call).security as SecurityContext, buffer);
    }
    const length = this.#local.buffers.length[buffer] as number;
    this.#copy(buffer, length, bytes, at);
    return length;
  }

  // The last packet when nothing was left for it. It has no buffer, so it is protected where it goes out, each time.
  #placeEmpty(call: Call, seq: number, wasSent: boolean, bytes: Uint8Array, at: number): number {
    const { tx } = call;
    const { range } = this.#local;
    const header = this.#header;
    range.offset = at + tx.headRoom;
    range.length = 0;
    header.seq = seq;
    header.cksum = 0;
    (connectionOf(call).security as SecurityContext).protectData(header, bytes, range);
    if (!wasSent) tx.cksums[seq & tx.mask] = header.cksum;
    return range.length;
  }

  // The class leaves the payload as it is, or it would not have been lent; it may still want a cksum.
  #placeLent(call: Call, seq: number, wasSent: boolean, bytes: Uint8Array, at: number): number {
    const { tx } = call;
    const place = seq & tx.mask;
    const source = tx.lent.bytesAt(place);
    const { range } = this.#local;
    range.offset = tx.lent.offsetAt(place);
    range.length = tx.lent.lengthAt(place);
    if (!wasSent) {
      this.#header.seq = seq;
      this.#header.cksum = 0;
      (connectionOf(call).security as SecurityContext).protectData(this.#header, source, range);
      tx.cksums[place] = this.#header.cksum;
    }
    bytes.set(source.subarray(range.offset, range.offset + range.length), at);
    return range.length;
  }

  // Protects a payload once, where it lies in its buffer. @returns the header's cksum
  #protect(security: SecurityContext, buffer: number): number {
    const { buffers: pool, range } = this.#local;
    const base = pool.offsetOf(buffer);
    range.offset = base + (pool.start[buffer] as number);
    range.length = pool.length[buffer] as number;
    this.#header.cksum = 0;
    security.protectData(this.#header, pool.bytes, range);
    pool.start[buffer] = range.offset - base;
    pool.length[buffer] = range.length;
    return this.#header.cksum;
  }

  // Copies the whole buffer and not just the payload: that needs no view, and what is behind the payload is not sent or
  // written over by the next segment.
  #copy(buffer: number, length: number, bytes: Uint8Array, at: number): void {
    const pool = this.#local.buffers;
    const start = pool.start[buffer] as number;
    if (length <= LOOP_COPY_MAX || start > 0) {
      const from = pool.offsetOf(buffer) + start;
      for (let i = 0; i < length; i++) bytes[at + i] = pool.bytes[from + i] as number;
    } else {
      bytes.set(pool.viewOf(buffer), at);
    }
  }

  #noteSent(call: Call, peer: Peer, wasSent: boolean, packets: number): void {
    const { stats, clock } = this.#local;
    const stat = wasSent ? Stat.DataPacketsResent : Stat.DataPacketsSent;
    stats.cells[stat] = (stats.cells[stat] as number) + packets;
    stats.sentByType[PacketType.Data] = (stats.sentByType[PacketType.Data] as number) + packets;
    if (wasSent) peer.cells[PeerCell.PacketsResent] = (peer.cells[PeerCell.PacketsResent] as number) + 1;
    call.times[CallTime.LastSent] = clock[0] as number;
    if (call.tx.isAllSent) {
      if (call.state === CallState.ServerSendReply) enterAwaitAck(call);
      else if (call.state === CallState.ClientSendRequest) enterAwaitReply(call);
    }
    setResendTimer(this.#local, call);
  }
}

// Whether an ACK of packet `seq`, just sent, is wanted soon: the sender knows little yet, or will fall silent after it.
// A window that is merely full needs none: the peer's reading opens it.
function wantsAck(call: Call, seq: number): boolean {
  const { tx } = call;
  return (
    call.congestion.cwnd <= SMALL_WINDOW ||
    tx.peerWindow <= SMALL_WINDOW ||
    peerOf(call).rtt.samples < RTT_SAMPLES_WANTED ||
    (tx.lost === 0 && tx.isNewest(seq))
  );
}

/**
 * Whether to wait until a whole datagram fits into the window: a peer that reads by small steps would otherwise be sent
 * small datagrams for ever. Only while enough is in flight that an ACK is sure to come.
 */
export function shouldGather(call: Call): boolean {
  const { tx } = call;
  const { segments } = peerOf(call);
  if (segments === 1 || tx.inFlight < 2 * segments) return false;
  const room = Math.min(tx.first + tx.peerWindow - tx.next, call.congestion.cwnd - tx.inFlight);
  return room < segments && tx.top - tx.next > room;
}
