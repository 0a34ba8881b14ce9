// The part of a growable buffer that goes through a file: the blocks that wait to be written, where the others are in
// the file, and the one write and the one read on their way. What is spilled and what is read when is the buffer's decision.
import { assert } from "../util/assert.js";
import { RxError } from "../util/errors.js";
import type { Block } from "./block-store.js";
import type { ByteBudget } from "./byte-budget.js";
import { Chain, type Chained } from "./chain.js";
import type { SpillFile, SpillSpace } from "./spill-file.js";

// Codes of the AFS volume package (afs/errors.h), which clients show as "disk full", "over quota" and "I/O error".
const VDISKFULL = 108;
const VOVERQUOTA = 109;
const VIO = 112;

/** What the region tells its buffer, never from within a call that the buffer makes. `cause` is null on success. */
export interface SpillRegionUser {
  /** The file has been opened or emptied: write() can go on. */
  onReady(cause: Error | null): void;
  /** `block` is the buffer's again; its data is in the file. */
  onWritten(block: Block, cause: Error | null): void;
  /** `block` is the buffer's again and holds the oldest data of the file. */
  onRead(block: Block, cause: Error | null): void;
}

// A place for one block in the file.
interface Slot extends Chained<Slot> {
  readonly position: number;
  length: number;
}

/**
 * ```
 *   read() <- [ unread: in the file ] [being written][waiting] <- push()
 * ```
 *
 * Places of the file that have been read are written again, so that it is as long as the most it ever held at once and
 * not as long as all that went through it. The disk is charged for whole blocks.
 */
export class SpillRegion {
  readonly #space: SpillSpace;
  readonly #disk: ByteBudget;
  readonly #blockBytes: number;
  readonly #user: SpillRegionUser;
  readonly #waiting = new Chain<Block>();
  readonly #unread = new Chain<Slot>();
  readonly #freeSlots = new Chain<Slot>();
  #file: SpillFile | null = null;
  #isOpening = false;
  #isTruncating = false;
  #isWriting = false;
  #isReading = false;
  #isReleased = false;
  #fileBytes = 0;

  constructor(space: SpillSpace, disk: ByteBudget, blockBytes: number, user: SpillRegionUser) {
    this.#space = space;
    this.#disk = disk;
    this.#blockBytes = blockBytes;
    this.#user = user;
  }

  /** Length of the file, which is what the disk budget is charged. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Blocks in the file that no read has been asked for. */
  get unreadBlocks(): number {
    return this.#unread.count;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** Blocks of memory that are lent to the file. */
  get blocksInFlight(): number {
    return (this.#isWriting ? 1 : 0) + (this.#isReading ? 1 : 0);
  }

  /** Blocks that are not in the file yet, the one being written included. */
  get waitingBlocks(): number {
    return this.#waiting.count;
  }

  /** True when no data is in the file or on its way to or from it. */
  get isFileEmpty(): boolean {
    return this.#unread.count === 0 && !this.#isWriting && !this.#isReading;
  }

  /** Takes a block with data behind all others. */
  push(block: Block): void {
    this.#waiting.push(block);
  }

  /** Moves the blocks that wait behind those of `to`; nothing must be in the file. */
  moveWaiting(to: Chain<Block>): void {
    assert(this.isFileEmpty, "blocks pass those that are in the file");
    to.append(this.#waiting);
  }

  /**
   * Begins to write the oldest block that waits, or to get a file for it, unless that is under way. A block is lent to
   * the file until onWritten().
   *
   * @returns false when the disk budget has no room for it; nothing is begun then
   */
  write(): boolean {
    const block = this.#waiting.head;
    if (block === null || this.#isWriting || this.#isTruncating) return true;
    const file = this.#file;
    if (file === null) {
      this.#open();
      return true;
    }
    const slot = this.#freeSlots.shift() ?? this.#makeSlot();
    if (slot === null) return false;
    slot.length = block.end - block.start;
    this.#isWriting = true;
    file.write(block.bytes.subarray(block.start, block.end), slot.position, (cause) => {
      this.#isWriting = false;
      this.#waiting.shift();
      this.#unread.push(slot);
      this.#user.onWritten(block, cause);
    });
    return true;
  }

  /** Begins to read the oldest data of the file into `block`, which is lent until onRead(). */
  read(block: Block): void {
    const slot = this.#unread.shift();
    assert(
      this.#file !== null && slot !== null && !this.#isReading,
      "the spill file is not ready for a read",
    );
    this.#isReading = true;
    block.start = 0;
    block.end = slot.length;
    this.#file.read(block.bytes.subarray(0, slot.length), slot.position, (cause) => {
      this.#isReading = false;
      this.#freeSlots.push(slot);
      this.#user.onRead(block, cause);
    });
  }

  /** Forgets the oldest data of the file: the buffer still has it in memory. */
  skip(): void {
    const slot = this.#unread.shift();
    assert(slot !== null, "the spill file has nothing to skip");
    this.#freeSlots.push(slot);
  }

  /** Cuts an empty region's file to nothing, which gives its charge back when it is done. */
  truncate(): void {
    assert(this.isFileEmpty, "a spill file is emptied while it is in use");
    if (this.#file === null || this.#isTruncating) return;
    this.#isTruncating = true;
    this.#freeSlots.clear();
    this.#file.truncate((cause) => {
      this.#isTruncating = false;
      if (this.#isReleased) return;
      this.#giveDisk();
      this.#user.onReady(cause);
    });
  }

  /** Closes the file and gives its charge back. What is in flight still lands. Nothing is asked of it afterwards. */
  release(): void {
    this.#isReleased = true;
    this.#waiting.clear();
    if (this.#file !== null) this.#file.close();
    this.#file = null;
    this.#giveDisk();
  }

  #open(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    this.#space.open((cause, file) => this.#handleOpened(cause, file));
  }

  #handleOpened(cause: Error | null, file: SpillFile | null): void {
    this.#isOpening = false;
    if (this.#isReleased) {
      if (file !== null) file.close();
      return;
    }
    assert(
      (cause === null) !== (file === null),
      "a spill space gave both a file and a reason for none, or neither",
    );
    this.#file = file;
    this.#user.onReady(cause);
  }

  #makeSlot(): Slot | null {
    if (!this.#disk.take(this.#blockBytes)) return null;
    const position = this.#fileBytes;
    this.#fileBytes += this.#blockBytes;
    return { position, length: 0, next: null };
  }

  #giveDisk(): void {
    this.#disk.give(this.#fileBytes);
    this.#fileBytes = 0;
  }
}

/** The failure of a buffer whose spill file failed with `cause`. */
export function spillFailure(cause: Error): RxError {
  switch (systemCode(cause)) {
    case "ENOSPC":
      return new RxError("RX_ERR_SPILL_FULL", "the disk of the spill file is full", {
        abortCode: VDISKFULL,
        cause,
      });
    case "EDQUOT":
      return new RxError("RX_ERR_SPILL_FULL", "the system's disk quota is used up", {
        abortCode: VOVERQUOTA,
        cause,
      });
    default:
      return new RxError("RX_ERR_FILE", "the spill file failed", { abortCode: VIO, cause });
  }
}

/** The failure of a buffer that would pass its disk budget. */
export function quotaFailure(fileBytes: number): RxError {
  const message = `the spill file cannot grow past ${fileBytes} bytes: the quota is used up`;
  return new RxError("RX_ERR_SPILL_FULL", message, { abortCode: VOVERQUOTA });
}

// The name the operating system gave the error, be it on the error itself or on the one that it wraps.
function systemCode(cause: Error): unknown {
  const own = (cause as { code?: unknown }).code;
  const isWrapper = cause instanceof RxError && cause.cause instanceof Error;
  return isWrapper ? (cause.cause as { code?: unknown }).code : own;
}
