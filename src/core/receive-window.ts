// The receiving half of a call: packets held between the network and the reader, in order of sequence number.
import { BufferClass } from "../memory/buffer-class.js";
import { type BufferPool, NO_BUFFER } from "../memory/buffer-pool.js";
import { assert } from "../util/assert.js";
import { ACK_MAX_SOFT } from "../wire/ack.js";
import { ADVERTISED_JUMBO } from "./config.js";

/** Where a packet falls. */
export const Placement = {
  /** Received before, in order. */
  Old: 0,
  /** Held already, behind a gap. */
  Held: 1,
  /** The packet that was waited for. */
  InOrder: 2,
  /** New, but with a gap before it. */
  Gap: 3,
  /** Further ahead than there is room. */
  Beyond: 4,
} as const;
export type Placement = (typeof Placement)[keyof typeof Placement];

/**
 *        readSeq           next                    top
 *   consumed |  in order    |   gap, and held ones   |   not seen
 *   ---------+--------------+------------------------+----------->  seq
 *
 * Packets below `next` are hard-acknowledged on reception, read or not (rx-behaviour.md section 4); what the reader has not
 * taken narrows the advertised window instead.
 */
export class ReceiveWindow {
  readonly window: number;
  next = 1;
  readSeq = 1;
  /** Highest sequence number received. */
  top = 0;
  /** Sequence number of the last packet of this direction; 0 = not seen yet. */
  lastSeq = 0;
  /** rwind in the newest ACK that was sent. */
  advertised = 0;
  /** Packets received since the newest ACK was sent. */
  unacked = 0;
  /** The reader wants no more: what comes is acknowledged and dropped. */
  isDiscarding = false;
  /** Handed over after a wait, for the packet that comes next in order. */
  granted = NO_BUFFER;
  /** [payload bytes received in order or held] */
  readonly cells = new Float64Array(1);
  readonly #pool: BufferPool;
  readonly #mask: number;
  /** Packets taken beyond the window, because so many are advertised however full it is. */
  readonly #slack: number;
  readonly #ring: Int32Array;
  readonly #cksums: Int32Array;

  constructor(pool: BufferPool, windowPackets: number) {
    this.#pool = pool;
    this.window = windowPackets;
    let places = 2;
    this.#slack = Math.min(ADVERTISED_JUMBO, windowPackets);
    while (places < windowPackets + this.#slack) places *= 2;
    this.#mask = places - 1;
    this.#ring = new Int32Array(places).fill(NO_BUFFER);
    this.#cksums = new Int32Array(places);
  }

  /** Gives every buffer back and starts again at sequence number 1. */
  reset(): void {
    const used = Math.min(this.top + 1, this.#mask + 1);
    this.releaseAll();
    this.next = 1;
    this.readSeq = 1;
    this.top = 0;
    this.lastSeq = 0;
    this.advertised = 0;
    this.unacked = 0;
    this.isDiscarding = false;
    this.cells.fill(0);
    this.#cksums.fill(0, 0, used);
  }

  /** Everything up to the last packet has been received. */
  get isComplete(): boolean {
    return this.lastSeq !== 0 && this.next > this.lastSeq;
  }

  /** The reader has taken everything there will ever be. */
  get isDrained(): boolean {
    return this.lastSeq !== 0 && this.readSeq > this.lastSeq;
  }

  get bytesReceived(): number {
    return this.cells[0] as number;
  }

  /** Buffers held, linked ones included, for those who check that none is lost. */
  get buffersHeld(): number {
    let held = this.granted === NO_BUFFER ? 0 : 1;
    for (let i = 0; i < this.#ring.length; i++) {
      for (let at = this.#ring[i] as number; at !== NO_BUFFER; at = this.#pool.next[at] as number) held++;
    }
    return held;
  }

  /**
   * The window to advertise: packets that may follow `next`. Never less than a jumbogram's worth: OpenAFS sends no part of a
   * jumbogram that its window does not hold whole, and it keeps the last window it was told for the next call on the
   * channel, so that a smaller one stops it for ever (seen with 1.8.9: 0 and 1 both do).
   */
  get room(): number {
    if (this.isComplete) return this.window;
    const room = this.window - (this.next - this.readSeq);
    const free = this.#pool.freeFor(BufferClass.Request);
    const allowed = room < free ? room : free;
    return allowed < this.#slack ? this.#slack : allowed;
  }

  /** An ACK now would invite packets beyond what is taken: `room` is never less than a jumbogram, however much is unread. */
  get wouldInviteTooMuch(): boolean {
    return this.next - this.readSeq > this.window && !this.isComplete;
  }

  classify(seq: number): Placement {
    // Sequence numbers of 2^31 and above are negative here: no call gets that far.
    if (seq < 0 || seq >= this.readSeq + this.window + this.#slack) return Placement.Beyond;
    if (seq < this.next) return Placement.Old;
    if (this.#ring[seq & this.#mask] !== NO_BUFFER) return Placement.Held;
    return seq === this.next ? Placement.InOrder : Placement.Gap;
  }

  /** Takes over `buffer` (and those linked behind it) as packet `seq`, classified InOrder or Gap. */
  place(seq: number, buffer: number, isLast: boolean, cksum: number): void {
    const ring = this.#ring;
    assert(ring[seq & this.#mask] === NO_BUFFER, "receive window place is taken");
    ring[seq & this.#mask] = buffer;
    this.#cksums[seq & this.#mask] = cksum;
    this.cells[0] = (this.cells[0] as number) + this.#chainLength(buffer);
    if (seq > this.top) this.top = seq;
    if (isLast) this.lastSeq = seq;
    while (ring[this.next & this.#mask] !== NO_BUFFER && this.next <= this.top) this.next++;
    if (this.isDiscarding) this.skipInOrder();
  }

  /** Buffer of packet `seq`, readSeq <= seq <= top, or NO_BUFFER. */
  bufferAt(seq: number): number {
    return this.#ring[seq & this.#mask] as number;
  }

  /** The cksum field that came with packet `seq`. */
  cksumAt(seq: number): number {
    return this.#cksums[seq & this.#mask] as number;
  }

  /** Buffer with the next unread bytes, its `start` and `length` telling which, or NO_BUFFER when the reader must wait. */
  peek(): number {
    for (;;) {
      if (this.readSeq >= this.next) return NO_BUFFER;
      const buffer = this.#ring[this.readSeq & this.#mask] as number;
      if ((this.#pool.length[buffer] as number) > 0) return buffer;
      this.#dropFront(buffer);
    }
  }

  /** The reader has taken the first `count` bytes of the buffer that peek() gave. */
  consume(buffer: number, count: number): void {
    const pool = this.#pool;
    const left = (pool.length[buffer] as number) - count;
    assert(left >= 0, "consumed more than the buffer holds");
    pool.start[buffer] = (pool.start[buffer] as number) + count;
    pool.length[buffer] = left;
    if (left === 0) this.#dropFront(buffer);
  }

  /** Throws away everything that has come in order. */
  skipInOrder(): void {
    while (this.readSeq < this.next) {
      const place = this.readSeq & this.#mask;
      this.#pool.give(this.#ring[place] as number);
      this.#ring[place] = NO_BUFFER;
      this.readSeq++;
    }
  }

  /** No packet will come for the buffer that was waited for. */
  dropGrant(): void {
    if (this.granted === NO_BUFFER) return;
    const buffer = this.granted;
    this.granted = NO_BUFFER;
    this.#pool.give(buffer);
  }

  /** Gives back every buffer that is held. */
  releaseAll(): void {
    this.dropGrant();
    for (let seq = this.readSeq; seq <= this.top; seq++) {
      const place = seq & this.#mask;
      const buffer = this.#ring[place] as number;
      if (buffer !== NO_BUFFER) this.#pool.give(buffer);
      this.#ring[place] = NO_BUFFER;
    }
  }

  /** Fills `acks` for an ACK whose firstPacket is `next`. @returns how many entries. */
  fillAcks(acks: Uint8Array): number {
    // With the largest window there can be one more than the byte for their number counts.
    const count = Math.min(this.top - this.next + 1, ACK_MAX_SOFT);
    if (count <= 0) return 0;
    for (let i = 0; i < count; i++) {
      acks[i] = this.#ring[(this.next + i) & this.#mask] === NO_BUFFER ? 0 : 1;
    }
    return count;
  }

  // The front buffer is empty: go on to the one linked behind it, or to the next packet.
  #dropFront(buffer: number): void {
    const pool = this.#pool;
    const next = pool.next[buffer] as number;
    pool.next[buffer] = NO_BUFFER;
    pool.give(buffer);
    this.#ring[this.readSeq & this.#mask] = next;
    if (next === NO_BUFFER) this.readSeq++;
  }

  #chainLength(buffer: number): number {
    let bytes = 0;
    for (let at = buffer; at !== NO_BUFFER; at = this.#pool.next[at] as number)
      bytes += this.#pool.length[at] as number;
    return bytes;
  }
}
