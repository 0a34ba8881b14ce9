// The one account of packet memory: a slab cut into equal buffers at birth. Taking one can fail; nothing grows. Who fails may
// wait in buffer-waiters.ts. (Source of the idea: HAProxy's dynamic buffers.)
import { assert } from "../util/assert.js";
import { copyBytes } from "../util/bytes.js";
import { BUFFER_CLASS_COUNT, BufferClass } from "./buffer-class.js";
import { type BufferTaker, BufferWaiters } from "./buffer-waiters.js";

/** No buffer: what take() gives when all are in use. */
export const NO_BUFFER = -1;

// Room for the largest datagram that must be cut up before its parts can be stored.
const SCRATCH_BYTES = 65_536;

/**
 * Buffers are numbers, 0..count-1; buffer `b` owns `bytes[offsetOf(b) .. offsetOf(b) + bufferBytes)`. `start` and
 * `length` say which part of it holds data and `next` links buffers that hold one long packet together.
 *
 * A class of takers may take while more than its `keptFrom()` are free: what is left is for those above it. So whenever a
 * taker of some class has to wait, a newcomer of the same class or of a lower one fails as well, and order is kept without
 * looking at the queue.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly count: number;
  /** The slab: all buffers, then a scratch area of 64 KiB. */
  readonly bytes: Uint8Array;
  readonly start: Int32Array;
  readonly length: Int32Array;
  readonly next: Int32Array;
  readonly waiters: BufferWaiters;
  readonly #free: Int32Array;
  readonly #kept: Int32Array;
  readonly #views: (Uint8Array | undefined)[];
  #freeCount: number;
  #highWater = 0;
  #failedTakes = 0;
  #isOffering = false;

  /**
   * @param count buffers in all
   * @param bufferBytes size of each, at least 1 500: one packet
   * @param waitersMax who may wait for one, as slots 0..waitersMax-1; default 0
   * @param taker is offered buffers for those slots
   */
  constructor(count: number, bufferBytes: number, waitersMax = 0, taker: BufferTaker | null = null) {
    this.count = count;
    this.bufferBytes = bufferBytes;
    this.bytes = new Uint8Array(count * bufferBytes + SCRATCH_BYTES);
    this.start = new Int32Array(count);
    this.length = new Int32Array(count);
    this.next = new Int32Array(count);
    this.waiters = new BufferWaiters(waitersMax, taker);
    this.#free = new Int32Array(count);
    this.#kept = new Int32Array(BUFFER_CLASS_COUNT);
    for (let c = 0; c < BUFFER_CLASS_COUNT; c++) this.#kept[c] = c * keptPerClass(count);
    for (let i = 0; i < count; i++) this.#free[i] = count - 1 - i;
    this.#views = new Array<Uint8Array | undefined>(count).fill(undefined);
    this.#freeCount = count;
    // The owner field of a free buffer: `next` points at the buffer itself.
    for (let i = 0; i < count; i++) this.next[i] = i;
  }

  get free(): number {
    return this.#freeCount;
  }

  get used(): number {
    return this.count - this.#freeCount;
  }

  get highWater(): number {
    return this.#highWater;
  }

  get failedTakes(): number {
    return this.#failedTakes;
  }

  /** Bytes this pool holds, for ever. */
  get totalBytes(): number {
    return this.bytes.byteLength + 4 * 4 * this.count;
  }

  get scratchOffset(): number {
    return this.count * this.bufferBytes;
  }

  offsetOf(buffer: number): number {
    return buffer * this.bufferBytes;
  }

  /** The whole of a buffer as one array, made once: copying from it needs no new view. */
  viewOf(buffer: number): Uint8Array {
    const view = this.#views[buffer];
    if (view !== undefined) return view;
    const made = this.bytes.subarray(this.offsetOf(buffer), this.offsetOf(buffer) + this.bufferBytes);
    this.#views[buffer] = made;
    return made;
  }

  /** Free buffers that takers of this class leave to those above them. */
  keptFrom(bufferClass: BufferClass): number {
    return this.#kept[bufferClass] as number;
  }

  /** How many take() would give to this class now. */
  freeFor(bufferClass: BufferClass): number {
    const free = this.#freeCount - (this.#kept[bufferClass] as number);
    return free > 0 ? free : 0;
  }

  /** An empty buffer, or NO_BUFFER. Its bytes are whatever its last user left: write before you read. */
  take(bufferClass: BufferClass = BufferClass.End): number {
    if (this.#freeCount <= (this.#kept[bufferClass] as number)) {
      this.#failedTakes++;
      return NO_BUFFER;
    }
    return this.#takeFree();
  }

  /**
   * Lets `slot` wait for a buffer that take() has just refused. One that waits already keeps its place, unless its need has
   * become more critical.
   */
  wait(slot: number, bufferClass: BufferClass): void {
    assert(this.freeFor(bufferClass) === 0, "waits for a buffer though one is free");
    this.waiters.add(slot, bufferClass);
  }

  /**
   * Gives back `buffer` and all that are linked behind it. Who waits for one is offered it in this very step: at most as many
   * offers as there are waiters now, so that those who pass theirs on cannot keep it going.
   */
  give(buffer: number): void {
    let at = buffer;
    while (at !== NO_BUFFER) {
      const next = this.next[at] as number;
      assert(next !== at, "buffer given back twice");
      this.next[at] = at;
      this.#free[this.#freeCount++] = at;
      at = next;
    }
    // One that is passed on from within an offer is seen by the loop that made the offer.
    if (this.waiters.count > 0 && !this.#isOffering) this.#offerFree();
  }

  /** Copies `length` bytes from anywhere in foreign memory into the scratch area. */
  fillScratch(from: Uint8Array, offset: number, length: number): void {
    copyBytes(this.bytes, this.scratchOffset, from, offset, length);
  }

  #takeFree(): number {
    const buffer = this.#free[--this.#freeCount] as number;
    this.start[buffer] = 0;
    this.length[buffer] = 0;
    this.next[buffer] = NO_BUFFER;
    const used = this.count - this.#freeCount;
    if (used > this.#highWater) this.#highWater = used;
    return buffer;
  }

  #offerFree(): void {
    const { waiters } = this;
    this.#isOffering = true;
    for (let offers = waiters.count; offers > 0 && waiters.count > 0; offers--) {
      const bufferClass = waiters.firstClass;
      if (this.#freeCount <= (this.#kept[bufferClass] as number)) break;
      const buffer = this.#takeFree();
      if (!waiters.offerFirst(bufferClass, buffer)) {
        this.next[buffer] = buffer;
        this.#free[this.#freeCount++] = buffer;
      }
    }
    this.#isOffering = false;
  }
}

/** Of `count` buffers, those that a request in progress leaves to what is more critical. */
export function buffersKept(count: number): number {
  return BufferClass.Request * keptPerClass(count);
}

/** Buffers that each class leaves to the next one above it: one of 32, at least one, at most 32. */
function keptPerClass(count: number): number {
  return Math.min(Math.max(count >> 5, 1), 32);
}
