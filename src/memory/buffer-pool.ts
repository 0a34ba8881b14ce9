// The one account of packet memory: a slab cut into equal buffers at birth. Taking one can fail; nothing grows.
import { assert } from "../util/assert.js";
import { copyBytes } from "../util/bytes.js";

/** No buffer: what take() gives when all are in use. */
export const NO_BUFFER = -1;

// Room for the largest datagram that must be cut up before its parts can be stored.
const SCRATCH_BYTES = 65_536;

/**
 * Buffers are numbers, 0..count-1; buffer `b` owns `bytes[offsetOf(b) .. offsetOf(b) + bufferBytes)`. `start` and
 * `length` say which part of it holds data and `next` links buffers that hold one long packet together.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly count: number;
  /** The slab: all buffers, then a scratch area of 64 KiB. */
  readonly bytes: Uint8Array;
  readonly start: Int32Array;
  readonly length: Int32Array;
  readonly next: Int32Array;
  readonly #free: Int32Array;
  readonly #views: (Uint8Array | undefined)[];
  #freeCount: number;
  #highWater = 0;
  #failedTakes = 0;

  /**
   * @param count buffers in all
   * @param bufferBytes size of each, at least 1 500: one packet
   */
  constructor(count: number, bufferBytes: number) {
    this.count = count;
    this.bufferBytes = bufferBytes;
    this.bytes = new Uint8Array(count * bufferBytes + SCRATCH_BYTES);
    this.start = new Int32Array(count);
    this.length = new Int32Array(count);
    this.next = new Int32Array(count);
    this.#free = new Int32Array(count);
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

  /** An empty buffer, or NO_BUFFER. Its bytes are whatever its last user left: write before you read. */
  take(): number {
    if (this.#freeCount === 0) {
      this.#failedTakes++;
      return NO_BUFFER;
    }
    const buffer = this.#free[--this.#freeCount] as number;
    this.start[buffer] = 0;
    this.length[buffer] = 0;
    this.next[buffer] = NO_BUFFER;
    const used = this.count - this.#freeCount;
    if (used > this.#highWater) this.#highWater = used;
    return buffer;
  }

  /** Gives back `buffer` and all that are linked behind it. */
  give(buffer: number): void {
    let at = buffer;
    while (at !== NO_BUFFER) {
      const next = this.next[at] as number;
      assert(next !== at, "buffer given back twice");
      this.next[at] = at;
      this.#free[this.#freeCount++] = at;
      at = next;
    }
  }

  /** Copies `length` bytes from anywhere in foreign memory into the scratch area. */
  fillScratch(from: Uint8Array, offset: number, length: number): void {
    copyBytes(this.bytes, this.scratchOffset, from, offset, length);
  }
}
