// A queue of bytes of any length between one writer and one reader: in memory as long as it is short, through a
// temporary file when it is long. The idea is H2O's h2o_buffer_t (reserve and consume, spilling past a threshold).
import { assert } from "../util/assert.js";
import type { RxError } from "../util/errors.js";
import { BlockQueue } from "./block-queue.js";
import { type Block, hasData, rewind } from "./block-store.js";
import type { ByteBudget } from "./byte-budget.js";
import type { SpillSpace } from "./spill-file.js";

const BLOCK_BYTES = 65_536;

export interface GrowableBufferOptions {
  /** Charged for every block of memory. */
  readonly memory: ByteBudget;
  /** Charged for the length of the file, in whole blocks. */
  readonly disk: ByteBudget;
  /** More than this in memory moves to the file. Two blocks are always kept in memory. */
  readonly thresholdBytes: number;
  /** Size of a block, at least 1; default 64 KiB. */
  readonly blockBytes?: number;
  /**
   * Where files come from. With null the threshold and the memory budget are the limit, and a writer at the limit waits
   * for the reader: whoever writes all before reading any must give a space.
   */
  readonly spill: SpillSpace | null;
  /**
   * Look again at peek(), reserve() and `failure`. Called when a file operation has landed, when the buffer has failed,
   * and when one side has done what the other was refused for: then from within a call of that side. The buffer is in
   * order each time, and everything may be called from here.
   */
  readonly onChange: () => void;
}

/**
 * Whenever reserve() gives null and there is no failure, a file operation is on its way or the reader has data it can
 * consume now; whenever peek() gives null with unread bytes and no failure, a file operation is on its way.
 */
export class GrowableBuffer {
  readonly #blocks: BlockQueue;
  readonly #onChange: () => void;
  /** Room of the tail that reserve() has lent. */
  #reservedBytes = 0;
  #totalBytes = 0;
  #consumedBytes = 0;
  #isEnded = false;
  #isWriterWaiting = false;
  #isReaderWaiting = false;
  #failure: RxError | null = null;

  constructor(options: GrowableBufferOptions) {
    const { memory, disk, thresholdBytes, blockBytes = BLOCK_BYTES, spill, onChange } = options;
    assert(Number.isSafeInteger(blockBytes) && blockBytes > 0, "blockBytes must be a positive integer");
    assert(thresholdBytes >= 0, "thresholdBytes must not be negative");
    this.#onChange = onChange;
    this.#blocks = new BlockQueue(
      { memory, disk, thresholdBytes, blockBytes, spill },
      {
        onLand: () => this.#change(),
        onFail: (failure) => {
          this.#failure = failure;
          this.#change();
        },
      },
    );
  }

  /** Unread bytes, wherever they are; 0 after a failure and after clear(). */
  get length(): number {
    return this.#blocks.isReleased ? 0 : this.#totalBytes - this.#consumedBytes;
  }

  /** Bytes ever written. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Memory charged now, in bytes: two blocks at least from the first byte on, until the end is read. */
  get memoryBytes(): number {
    return this.#blocks.memoryBytes;
  }

  /** Length of the file now, in bytes: what the disk budget is charged. */
  get fileBytes(): number {
    return this.#blocks.fileBytes;
  }

  /** True while data goes through the file. */
  get isSpilled(): boolean {
    return this.#blocks.isSpilled;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** True when all was written and all was consumed: a buffer that failed or was cleared before never gets there. */
  get isAtEnd(): boolean {
    return this.#isEnded && this.#consumedBytes === this.#totalBytes;
  }

  /**
   * Why the buffer has failed, or null. RX_ERR_MEMORY (12): the budget refused the first blocks; RX_ERR_SPILL_FULL: the
   * disk is full (108) or a quota used up (109); RX_ERR_FILE (112): another error of the file. Its data is lost then,
   * and every byte has been given back.
   */
  get failure(): RxError | null {
    return this.#failure;
  }

  /**
   * Room for at least `length` bytes at the end, to be filled from its start and then told to commit(). It is lent
   * until the next call of commit(), reserve(), write(), end() or clear().
   *
   * @param length from 1 to the size of a block
   * @returns null when there is none now, and onChange() follows; or when the buffer has failed or was cleared
   */
  reserve(length: number): Uint8Array | null {
    const { blockBytes, isReleased, tail } = this.#blocks;
    assert(length > 0 && length <= blockBytes, "reserve() asks for less than a byte or more than a block");
    if (isReleased) return null;
    assert(!this.#isEnded, "reserve() after end()");
    this.#reservedBytes = 0;
    if (tail !== null) {
      if (!hasData(tail)) rewind(tail);
      if (blockBytes - tail.end >= length) return this.#lend(tail);
    }
    const next = this.#blocks.nextTail();
    if (next !== null) return this.#lend(next);
    this.#isWriterWaiting = true;
    return null;
  }

  /** Adds the first `length` bytes of what reserve() lent. Without effect when the buffer has failed or was cleared since. */
  commit(length: number): void {
    const { blockBytes, isReleased, tail } = this.#blocks;
    if (isReleased) return;
    assert(length >= 0 && length <= this.#reservedBytes, "commit() of more than reserve() lent");
    this.#reservedBytes = 0;
    if (length === 0 || tail === null) return;
    tail.end += length;
    this.#totalBytes += length;
    if (tail.end === blockBytes) this.#blocks.sealTail();
    this.#tellReader();
  }

  /**
   * Copies in as much of `from[offset .. offset + length)` as there is room for now.
   *
   * @returns how many bytes that were; when fewer than `length`, onChange() follows or the buffer has failed
   */
  write(from: Uint8Array, offset: number, length: number): number {
    let written = 0;
    while (written < length) {
      const room = this.reserve(1);
      if (room === null) break;
      const part = Math.min(room.length, length - written);
      room.set(from.subarray(offset + written, offset + written + part));
      this.commit(part);
      written += part;
    }
    return written;
  }

  /** Says that no more is written. Idempotent. */
  end(): void {
    if (this.#isEnded || this.#blocks.isReleased) return;
    this.#isEnded = true;
    this.#reservedBytes = 0;
    if (this.isAtEnd) this.#blocks.release();
    else this.#blocks.end();
    this.#tellReader();
  }

  /**
   * The next unread bytes, as many as lie together; lent until they are consumed or the buffer is cleared.
   *
   * @returns null when none is here now: the buffer is empty or at its end, has failed or was cleared, or the bytes are on
   *   their way from the file; onChange() follows when there are some again
   */
  peek(): Uint8Array | null {
    const head = this.#blocks.head;
    if (hasData(head)) return head.bytes.subarray(head.start, head.end);
    this.#isReaderWaiting = true;
    return null;
  }

  /** Drops the first `length` bytes of what peek() lent. Without effect when the buffer has failed or was cleared since. */
  consume(length: number): void {
    const { head, isReleased } = this.#blocks;
    if (isReleased || length === 0) return;
    const isLent = head !== null && length > 0 && length <= head.end - head.start;
    assert(isLent, "consume() of more than peek() lent");
    head.start += length;
    this.#consumedBytes += length;
    if (hasData(head)) return;
    if (this.isAtEnd) {
      this.#blocks.release();
      return;
    }
    this.#blocks.dropHead();
    if (this.#isWriterWaiting) this.#change();
  }

  /**
   * Drops all data and gives every byte back to both budgets; what is lent to a file operation follows when that lands,
   * and onChange() is not called any more. Safe at any moment, and idempotent.
   */
  clear(): void {
    this.#blocks.release();
  }

  #lend(tail: Block): Uint8Array {
    this.#reservedBytes = tail.bytes.length - tail.end;
    return tail.bytes.subarray(tail.end);
  }

  #tellReader(): void {
    if (this.#isReaderWaiting && (this.isAtEnd || hasData(this.#blocks.head))) this.#change();
  }

  // The last step of whatever comes here: the user may do anything from within.
  #change(): void {
    this.#isWriterWaiting = false;
    this.#isReaderWaiting = false;
    this.#onChange();
  }
}
