// The sending half of a call: packets from the writer until the peer has hard-acknowledged them.
import { BufferClass } from "../memory/buffer-class.js";
import { type BufferPool, NO_BUFFER } from "../memory/buffer-pool.js";
import type { SharedChunk } from "../memory/shared-chunk.js";
import { assert } from "../util/assert.js";
import { copyBytes } from "../util/bytes.js";
import { HEADER_SIZE } from "../wire/header.js";
import { JUMBO_DATA_SIZE } from "../wire/jumbo.js";
import { type ChunkRetirer, LentPayloads } from "./lent-payloads.js";
import type { SecurityClass } from "./security-class.js";

/** Packets a peer takes until its ACKs say otherwise. */
const PEER_WINDOW_INITIAL = 32;

/** What has happened to a queued packet. */
export const TransmitFlag = { Sent: 1, SoftAcked: 2, Lost: 4, Resent: 8, Empty: 16, Lent: 32 } as const;

/** Index of each time in `cells`. */
export const TransmitCell = {
  /** When the packet was sent that was delivered latest in order of sending (RACK.xmit_ts of RFC 8985). */
  RackSentAt: 0,
} as const;

/**
 *          first             next              top
 *   hard-acked |  in flight    |  sealed, unsent  |  `filling`
 *   -----------+---------------+------------------+----------->  seq
 */
export class TransmitWindow {
  /** Packets that may be queued. */
  readonly queueMax: number;
  first = 1;
  next = 1;
  top = 1;
  /** Sequence number of the last packet of this direction; 0 = the writer has not ended. */
  lastSeq = 0;
  /** Sent, not acknowledged in any way, not found lost. */
  inFlight = 0;
  /** Found lost and not yet sent again. */
  lost = 0;
  /** Highest sequence number that was ever soft- or hard-acknowledged. */
  highestAcked = 0;
  /** Packets the peer allows from `first`. */
  peerWindow = 0;
  /** Expiries of the retransmission timer in a row. */
  backoff = 0;
  /** Grows when resending proves to have been needless (RFC 8985 section 6.2, step 4). */
  reorderSteps = 1;
  /** Last previousPacket that was taken from an ACK. */
  previousPacket = 0;
  readonly serials: Int32Array;
  readonly cksums: Int32Array;
  readonly flags: Uint8Array;
  readonly sentAt: Float64Array;
  readonly buffers: Int32Array;
  readonly cells = new Float64Array(1);
  readonly mask: number;
  /** Payload bytes per packet and the room before it that the security class needs. */
  dataBytes = 0;
  headRoom = 0;
  /** The peer has had no buffer for what it was sent: one packet at a time, until it says otherwise. */
  isHeldBack = false;
  /** Class of this call's buffers for sending. */
  bufferClass: BufferClass = BufferClass.Reply;
  /** Handed over after a wait, for the writer. */
  granted = NO_BUFFER;
  /** What the writer has left is a packet's worth to lend, which needs room in the queue alone. */
  lendsNext = false;
  /** A whole packet's worth of a shared chunk need not be copied: the security class leaves payloads as they are. */
  #mayLend = false;
  #filling = NO_BUFFER;
  #lent: LentPayloads | null = null;
  readonly #pool: BufferPool;
  readonly #retirer: ChunkRetirer;

  constructor(pool: BufferPool, queueMax: number, retirer: ChunkRetirer) {
    this.#pool = pool;
    this.#retirer = retirer;
    this.queueMax = queueMax;
    let places = 2;
    // One more than the queue: the empty last packet needs no buffer, but a place.
    while (places < queueMax + 1) places *= 2;
    this.mask = places - 1;
    this.serials = new Int32Array(places);
    this.cksums = new Int32Array(places);
    this.flags = new Uint8Array(places);
    this.sentAt = new Float64Array(places);
    this.buffers = new Int32Array(places).fill(NO_BUFFER);
  }

  /** Sets what a packet may hold: a jumbogram's segment at most, less what the peer and the security class leave. */
  prepare(
    securityClass: SecurityClass | null,
    packetBytes: number,
    bufferClass: BufferClass = BufferClass.Reply,
  ): void {
    this.bufferClass = bufferClass;
    const payload = Math.min(JUMBO_DATA_SIZE, packetBytes - HEADER_SIZE);
    this.headRoom = securityClass === null ? 0 : securityClass.headerBytes;
    this.dataBytes = payload - this.headRoom - (securityClass === null ? 0 : securityClass.trailerBytes);
    this.#mayLend = this.dataBytes === payload;
    this.peerWindow = PEER_WINDOW_INITIAL;
  }

  /** Gives every buffer back and starts again at sequence number 1. */
  reset(): void {
    // A short call has used few places; clearing them all would be most of the work of taking a call back.
    const used = Math.min(this.top + 1, this.mask + 1);
    this.releaseAll();
    this.first = 1;
    this.next = 1;
    this.top = 1;
    this.lastSeq = 0;
    this.inFlight = 0;
    this.lost = 0;
    this.highestAcked = 0;
    this.peerWindow = 0;
    this.backoff = 0;
    this.reorderSteps = 1;
    this.previousPacket = 0;
    this.serials.fill(0, 0, used);
    this.cksums.fill(0, 0, used);
    this.flags.fill(0, 0, used);
    this.sentAt.fill(0, 0, used);
    this.cells.fill(0);
    this.dataBytes = 0;
    this.headRoom = 0;
    this.isHeldBack = false;
    this.bufferClass = BufferClass.Reply;
    this.lendsNext = false;
    this.#mayLend = false;
  }

  /** Some sent packet is not hard-acknowledged, or some queued one not sent. */
  get hasWork(): boolean {
    return this.first < this.top || this.#filling !== NO_BUFFER;
  }

  /** The writer has ended and the peer has hard-acknowledged everything. */
  get isAcknowledged(): boolean {
    return this.lastSeq !== 0 && this.first > this.lastSeq;
  }

  /** Buffers held, for those who check that none is lost. */
  get buffersHeld(): number {
    let held = (this.#filling === NO_BUFFER ? 0 : 1) + (this.granted === NO_BUFFER ? 0 : 1);
    for (let i = 0; i < this.buffers.length; i++) if (this.buffers[i] !== NO_BUFFER) held++;
    return held;
  }

  /**
   * The peer has said once of every packet that it has it. Soft ACKs may be taken back and the last packet may have been
   * sent again since, to ask for the hard ACK; so this is less than `isAcknowledged`.
   */
  get wasDelivered(): boolean {
    if (this.lastSeq === 0 || this.highestAcked < this.lastSeq) return false;
    for (let seq = this.first; seq < this.lastSeq; seq++) {
      if (((this.flags[seq & this.mask] as number) & TransmitFlag.SoftAcked) === 0) return false;
    }
    return true;
  }

  /** Every packet up to the last has been sent at least once. */
  get isAllSent(): boolean {
    return this.lastSeq !== 0 && this.next > this.lastSeq;
  }

  /** Whether `seq` is the newest of all that has been written. */
  isNewest(seq: number): boolean {
    return seq + 1 >= this.top && this.#filling === NO_BUFFER;
  }

  /** Whether write() would take at least one byte. */
  get isWritable(): boolean {
    if (this.lastSeq !== 0) return false;
    const filling = this.#filling;
    if (filling !== NO_BUFFER && (this.#pool.length[filling] as number) < this.dataBytes) return true;
    if (this.#queued >= this.queueMax) return false;
    return this.lendsNext || this.granted !== NO_BUFFER || this.#pool.freeFor(this.bufferClass) > 0;
  }

  /** Whether write() could use a buffer that is handed to it. */
  get couldUseBuffer(): boolean {
    return this.lastSeq === 0 && this.granted === NO_BUFFER && this.#queued < this.queueMax;
  }

  /** Whether a buffer, and nothing else, is what write() lacks. */
  get wantsBuffer(): boolean {
    return this.couldUseBuffer && !this.lendsNext && this.#pool.freeFor(this.bufferClass) === 0;
  }

  get #queued(): number {
    return this.top - this.first + (this.#filling === NO_BUFFER ? 0 : 1);
  }

  /** Copies bytes in. @returns how many were taken: fewer than `length` when the queue or the pool is full. */
  write(from: Uint8Array, offset: number, length: number): number {
    assert(this.lastSeq === 0, "write after the last packet");
    const pool = this.#pool;
    let taken = 0;
    this.lendsNext = false;
    while (taken < length) {
      if (this.#filling === NO_BUFFER || (pool.length[this.#filling] as number) === this.dataBytes) {
        if (this.#queued >= this.queueMax) break;
        const buffer = this.#takeBuffer();
        if (buffer === NO_BUFFER) break;
        this.seal();
        pool.start[buffer] = this.headRoom;
        this.#filling = buffer;
      }
      const filling = this.#filling;
      const used = pool.length[filling] as number;
      const part = Math.min(length - taken, this.dataBytes - used);
      copyBytes(pool.bytes, pool.offsetOf(filling) + this.headRoom + used, from, offset + taken, part);
      pool.length[filling] = used + part;
      taken += part;
    }
    return taken;
  }

  /**
   * Queues chunk.bytes[offset, offset + length) without copying it, but for what fills up a packet that has been begun and
   * what is less than a packet at the end. @returns how many bytes were taken: fewer than `length` as for write()
   */
  lend(chunk: SharedChunk, offset: number, length: number): number {
    if (!this.#mayLend) return this.write(chunk.bytes, offset, length);
    const filling = this.#filling;
    const begun = filling === NO_BUFFER ? 0 : this.dataBytes - (this.#pool.length[filling] as number);
    let taken = begun === 0 ? 0 : this.write(chunk.bytes, offset, Math.min(begun, length));
    while (length - taken >= this.dataBytes && this.#queued < this.queueMax) {
      this.seal();
      const place = this.top & this.mask;
      this.#lent ??= new LentPayloads(this.mask + 1, this.#retirer);
      this.#lent.lend(place, chunk, offset + taken, this.dataBytes);
      this.flags[place] = TransmitFlag.Lent;
      this.#append();
      taken += this.dataBytes;
    }
    const left = length - taken;
    this.lendsNext = left >= this.dataBytes;
    return left < this.dataBytes ? taken + this.write(chunk.bytes, offset + taken, left) : taken;
  }

  /** Payloads that lie in shared chunks; only for packets with TransmitFlag.Lent. */
  get lent(): LentPayloads {
    assert(this.#lent !== null, "a payload is lent by nobody");
    return this.#lent;
  }

  /** Whether packet `seq` still has its payload. A shared chunk is gone when a user has released it once too often. */
  hasPayload(seq: number): boolean {
    const place = seq & this.mask;
    return ((this.flags[place] as number) & TransmitFlag.Lent) === 0 || this.lent.isThere(place);
  }

  /** Bytes of packet `seq`'s payload, as far as it has been protected. */
  payloadBytes(seq: number): number {
    const place = seq & this.mask;
    const buffer = this.buffers[place] as number;
    if (buffer !== NO_BUFFER) return this.#pool.length[buffer] as number;
    return ((this.flags[place] as number) & TransmitFlag.Lent) === 0 ? 0 : this.lent.lengthAt(place);
  }

  /** The writer ends. Needs no buffer: a last packet without data is sent without one. */
  end(): void {
    assert(this.lastSeq === 0, "ended twice");
    this.#dropGrant();
    if (this.#filling === NO_BUFFER) {
      this.flags[this.top & this.mask] = TransmitFlag.Empty;
      this.#append();
    } else {
      this.seal();
    }
    this.lastSeq = this.top - 1;
  }

  /** Turns what is being filled into a packet. @returns whether there was anything. */
  seal(): boolean {
    const filling = this.#filling;
    if (filling === NO_BUFFER) return false;
    this.#filling = NO_BUFFER;
    this.buffers[this.top & this.mask] = filling;
    this.flags[this.top & this.mask] = 0;
    this.#append();
    return true;
  }

  /** The packet to send now with `cwnd` in force: the lowest lost one, else the next new one; 0 = none. */
  sendable(cwnd: number): number {
    if (this.inFlight >= (this.isHeldBack ? 1 : cwnd)) return 0;
    if (this.lost > 0) return this.firstLost();
    if (this.next >= this.first + this.peerWindow) return 0;
    if (this.next < this.top) return this.next;
    return this.#filling === NO_BUFFER ? 0 : this.top;
  }

  /** Packet `seq` goes out under `serial` at time `now[0]`. */
  markSent(seq: number, serial: number, now: Float64Array): void {
    const place = seq & this.mask;
    const flags = this.flags[place] as number;
    if ((flags & TransmitFlag.Lost) !== 0) this.lost--;
    const isResent = (flags & TransmitFlag.Sent) !== 0;
    if (!isResent || (flags & (TransmitFlag.Lost | TransmitFlag.SoftAcked)) !== 0) this.inFlight++;
    this.flags[place] =
      (flags & (TransmitFlag.Empty | TransmitFlag.Lent)) |
      TransmitFlag.Sent |
      (isResent ? TransmitFlag.Resent : 0);
    this.serials[place] = serial;
    this.sentAt[place] = now[0] as number;
    if (seq === this.next) this.next++;
  }

  /** Marks a packet in flight as lost. */
  markLost(seq: number): void {
    const place = seq & this.mask;
    const flags = this.flags[place] as number;
    if ((flags & (TransmitFlag.Lost | TransmitFlag.SoftAcked)) !== 0) return;
    this.flags[place] = flags | TransmitFlag.Lost;
    this.inFlight--;
    this.lost++;
  }

  /** Marks a packet as received by the peer for now. @returns whether that is news. */
  markSoftAcked(seq: number): boolean {
    const place = seq & this.mask;
    const flags = this.flags[place] as number;
    if ((flags & TransmitFlag.SoftAcked) !== 0) return false;
    if ((flags & TransmitFlag.Lost) !== 0) this.lost--;
    else this.inFlight--;
    this.flags[place] = (flags & ~TransmitFlag.Lost) | TransmitFlag.SoftAcked;
    return true;
  }

  /**
   * The peer took a soft ACK back. The packet is in flight again, not lost at once: whether it is lost is judged by its time
   * of sending, so that a peer that gives and takes back gets each packet once a round trip and no more.
   */
  revokeSoftAck(seq: number): void {
    const place = seq & this.mask;
    const flags = this.flags[place] as number;
    if ((flags & TransmitFlag.SoftAcked) === 0) return;
    this.flags[place] = flags & ~TransmitFlag.SoftAcked;
    this.inFlight++;
  }

  /**
   * What a tail loss probe sends: the next new packet, else the highest that is not acknowledged, else, where the peer has
   * soft-acknowledged all there will ever be, the last one, which asks for the hard ACK; 0 = nothing.
   */
  probe(): number {
    if (!this.isHeldBack && this.next < this.top && this.next < this.first + this.peerWindow)
      return this.next;
    for (let seq = this.next - 1; seq >= this.first; seq--) {
      if (((this.flags[seq & this.mask] as number) & TransmitFlag.SoftAcked) === 0) return seq;
    }
    return this.isAllSent && this.first < this.next ? this.lastSeq : 0;
  }

  /** Frees packet `first`, which the peer has for good. @returns whether its delivery is news. */
  releaseFirst(): boolean {
    const isNews = this.markSoftAcked(this.first);
    this.#free(this.first);
    this.first++;
    return isNews;
  }

  /** Gives back every buffer that is held. */
  releaseAll(): void {
    for (let seq = this.first; seq < this.top; seq++) this.#free(seq);
    this.first = this.top;
    const filling = this.#filling;
    this.#filling = NO_BUFFER;
    if (filling !== NO_BUFFER) this.#pool.give(filling);
    this.#dropGrant();
  }

  #takeBuffer(): number {
    const { granted } = this;
    if (granted === NO_BUFFER) return this.#pool.take(this.bufferClass);
    this.granted = NO_BUFFER;
    return granted;
  }

  #dropGrant(): void {
    const { granted } = this;
    this.granted = NO_BUFFER;
    if (granted !== NO_BUFFER) this.#pool.give(granted);
  }

  #append(): void {
    assert(this.top - this.first < this.queueMax + 1, "transmit queue overrun");
    this.top++;
  }

  #free(seq: number): void {
    const place = seq & this.mask;
    const buffer = this.buffers[place] as number;
    this.buffers[place] = NO_BUFFER;
    if (buffer !== NO_BUFFER) this.#pool.give(buffer);
    else if (((this.flags[place] as number) & TransmitFlag.Lent) !== 0) this.lent.release(place);
    // The packet that comes to stand here is asked for its payload before it is sealed.
    this.flags[place] = 0;
  }

  /** The lowest lost packet, or 0. */
  firstLost(): number {
    for (let seq = this.first; seq < this.next; seq++) {
      if (((this.flags[seq & this.mask] as number) & TransmitFlag.Lost) !== 0) return seq;
    }
    return 0;
  }
}
