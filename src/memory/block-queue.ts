// The blocks of one growable buffer in their order, and the decision which of them are in memory and which go through
// the file. It knows nothing of reserve and consume: one side fills the tail, the other drops the head.
import { assert } from "../util/assert.js";
import { RxError } from "../util/errors.js";
import { type Block, BlockStore, hasData } from "./block-store.js";
import type { ByteBudget } from "./byte-budget.js";
import { Chain } from "./chain.js";
import type { SpillSpace } from "./spill-file.js";
import { quotaFailure, SpillRegion, spillFailure } from "./spill-region.js";

const ENOMEM = 12;

// A spilled buffer goes on with one block for the reader and one for the writer. Both are charged before the first byte
// is taken, so that memory can refuse a buffer only at its start and never half-way.
const SPILLING_BLOCKS_MIN = 2;

// Once spilled: the block being read and one read ahead, and the blocks that wait to be written with the one being filled.
const READ_BLOCKS = 2;
const WRITE_BLOCKS = 4;
const SPILLED_BLOCKS = READ_BLOCKS + WRITE_BLOCKS;

export interface BlockQueueOptions {
  readonly memory: ByteBudget;
  readonly disk: ByteBudget;
  readonly thresholdBytes: number;
  readonly blockBytes: number;
  readonly spill: SpillSpace | null;
}

/** What the queue tells its buffer, each time with everything in order, so that the buffer may do anything. */
export interface BlockQueueUser {
  /** A file operation has landed. */
  onLand(): void;
  /** The queue has failed and has given everything back. Also from within nextTail(), seal(), dropHead() and end(). */
  onFail(failure: RxError): void;
}

/**
 * ```
 *   reader <- [being read][read ahead] [in the file][waiting to be written] [being filled] <- writer
 *             '------- #front -------' '------------- #region ------------' '-- #tail --'
 * ```
 *
 * While nothing is spilled, all blocks are in `#front`, the tail included, and pass straight through.
 */
export class BlockQueue {
  readonly #store: BlockStore;
  readonly #disk: ByteBudget;
  readonly #spill: SpillSpace | null;
  readonly #user: BlockQueueUser;
  /** Blocks kept for good once the first is taken, and blocks held at most while nothing is spilled. */
  readonly #keptBlocks: number;
  readonly #unspilledBlocks: number;
  readonly #front = new Chain<Block>();
  #region: SpillRegion | null = null;
  #tail: Block | null = null;
  #isSpilled = false;
  #isEnded = false;
  #isReleased = false;

  constructor(options: BlockQueueOptions, user: BlockQueueUser) {
    this.#store = new BlockStore(options.memory, options.blockBytes);
    this.#disk = options.disk;
    this.#spill = options.spill;
    this.#user = user;
    this.#keptBlocks = options.spill === null ? 1 : SPILLING_BLOCKS_MIN;
    this.#unspilledBlocks = Math.max(
      this.#keptBlocks,
      Math.floor(options.thresholdBytes / options.blockBytes),
    );
  }

  get blockBytes(): number {
    return this.#store.blockBytes;
  }

  get memoryBytes(): number {
    return this.#store.chargedBlocks * this.#store.blockBytes;
  }

  get fileBytes(): number {
    return this.#region === null ? 0 : this.#region.fileBytes;
  }

  get isSpilled(): boolean {
    return this.#isSpilled;
  }

  /** True once everything was given back: after release() and after a failure. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** The oldest block, if it is in memory and can be read. It may be the tail, and it may be empty then. */
  get head(): Block | null {
    return this.#front.head;
  }

  /** The block being filled, or null. */
  get tail(): Block | null {
    return this.#tail;
  }

  /** An empty block as the new tail, or null: the queue has failed, something lands, or the head must be dropped first. */
  nextTail(): Block | null {
    return this.#isSpilled ? this.#nextSpilledTail() : this.#nextUnspilledTail();
  }

  /** Says that the tail is full: once spilled, it can be written at once. */
  sealTail(): void {
    if (!this.#isSpilled) return;
    this.#closeTail();
    this.#pump();
  }

  /** Drops the head, which has been read, unless it is the tail: that one stays, and is filled again. */
  dropHead(): void {
    if (this.#front.head !== this.#tail) {
      const head = this.#front.shift();
      assert(head !== null, "a queue without blocks has no head to drop");
      this.#store.give(head);
    }
    this.#pump();
  }

  /** Says that there is no further tail. */
  end(): void {
    this.#isEnded = true;
    this.#closeTail();
    // What is left fits in memory, and nothing comes that could need a file.
    if (!this.#isSpilled) this.#dropRegion();
    this.#pump();
  }

  /** Gives everything back but what is lent to a file operation; that follows when it lands. Tells nothing any more. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#isSpilled = false;
    this.#tail = null;
    const lentBlocks = this.#region === null ? 0 : this.#region.blocksInFlight;
    if (this.#region !== null) this.#region.release();
    this.#front.clear();
    this.#store.release(lentBlocks);
  }

  #nextUnspilledTail(): Block | null {
    if (this.#store.chargedBlocks === 0 && !this.#store.charge(this.#keptBlocks)) {
      const message = `no memory for the first ${this.#keptBlocks * this.blockBytes} bytes of a buffer`;
      this.#fail(new RxError("RX_ERR_MEMORY", message, { abortCode: ENOMEM }));
      return null;
    }
    const block = this.#store.take(this.#unspilledBlocks);
    if (block !== null) {
      this.#tail = block;
      this.#front.push(block);
      return block;
    }
    if (this.#spill === null) {
      assert(hasData(this.#front.head), "a full queue has nothing to read");
      return null;
    }
    this.#beginSpill(this.#spill);
    return this.#nextSpilledTail();
  }

  // The old tail is written even if it has some room left: it had too little, and its memory is needed.
  #nextSpilledTail(): Block | null {
    this.#closeTail();
    this.#pump();
    if (this.#isReleased) return null;
    const region = this.#region;
    assert(this.#isSpilled && region !== null, "a spill ended for the sake of the writer");
    if (region.waitingBlocks >= WRITE_BLOCKS) return null;
    const block = this.#store.take(SPILLED_BLOCKS);
    assert(block !== null || region.waitingBlocks > 0, "a spilled queue has no block for its writer");
    this.#tail = block;
    return block;
  }

  #closeTail(): void {
    const tail = this.#tail;
    this.#tail = null;
    if (tail === null || !this.#isSpilled || this.#region === null) return;
    // Empty: it was lent to the writer, and the end came.
    if (hasData(tail)) this.#region.push(tail);
    else this.#store.give(tail);
  }

  #beginSpill(space: SpillSpace): void {
    this.#region ??= new SpillRegion(space, this.#disk, this.blockBytes, {
      onReady: (cause) => this.#land(cause),
      onWritten: (block, cause) => this.#handleWritten(block, cause),
      onRead: (block, cause) => this.#handleRead(block, cause),
    });
    // The block being read stays: it may be lent. The next one stays if there are others, for it would be read back at once.
    const head = this.#front.shift();
    const second = this.#front.count > 1 ? this.#front.shift() : null;
    assert(head !== null && this.#front.count > 0, "a queue spills with nothing to write");
    for (let block = this.#front.shift(); block !== null; block = this.#front.shift())
      this.#region.push(block);
    this.#front.push(head);
    if (second !== null) this.#front.push(second);
    this.#tail = null;
    this.#isSpilled = true;
  }

  // Starts what can be started, then gives back the blocks that nothing needs. May fail the queue.
  #pump(): void {
    const region = this.#region;
    if (this.#isSpilled && region !== null) {
      if (this.#hasCaughtUp(region)) {
        this.#endSpill(region);
      } else {
        this.#readAhead(region);
        if (!region.write()) this.#fail(quotaFailure(region.fileBytes));
      }
    }
    if (this.#isReleased) return;
    const kept = this.#isSpilled ? SPILLED_BLOCKS : this.#isEnded ? 0 : this.#keptBlocks;
    this.#store.trim(kept);
  }

  // The reader has all that went to the file, and needs what waits or nothing does.
  #hasCaughtUp(region: SpillRegion): boolean {
    return region.isFileEmpty && (this.#front.count === 0 || region.waitingBlocks === 0);
  }

  #endSpill(region: SpillRegion): void {
    this.#isSpilled = false;
    region.moveWaiting(this.#front);
    if (this.#tail !== null) this.#front.push(this.#tail);
    if (this.#isEnded) this.#dropRegion();
    else region.truncate();
  }

  #dropRegion(): void {
    if (this.#region !== null) this.#region.release();
    this.#region = null;
  }

  #readAhead(region: SpillRegion): void {
    if (region.isReading || region.unreadBlocks === 0 || this.#front.count >= READ_BLOCKS) return;
    const isNeeded = this.#front.count === 0;
    // Reading ahead must not take the last free block of a writer that has none: it may be the reader's own writer.
    const isWriterServed = this.#isEnded || this.#tail !== null || region.waitingBlocks > 0;
    const mayTakeFree = isWriterServed || this.#store.freeBlocks > 1;
    if (!mayTakeFree && !this.#store.charge(1)) return;
    const block = this.#store.take(SPILLED_BLOCKS);
    assert(block !== null || !isNeeded, "a spilled queue has no block for its reader");
    if (block !== null) region.read(block);
  }

  #handleWritten(block: Block, cause: Error | null): void {
    if (this.#isReleased) {
      this.#store.forget();
      return;
    }
    const region = this.#region;
    assert(region !== null, "a write landed for a queue without a file");
    // A reader that waits for just these bytes need not wait for the file to give them back.
    if (this.#front.count === 0 && !region.isReading) {
      assert(
        region.unreadBlocks === 1,
        "a reader without a block has not asked for the oldest one in the file",
      );
      region.skip();
      this.#front.push(block);
    } else {
      this.#store.give(block);
    }
    this.#land(cause);
  }

  #handleRead(block: Block, cause: Error | null): void {
    if (this.#isReleased) {
      this.#store.forget();
      return;
    }
    this.#front.push(block);
    this.#land(cause);
  }

  // A file operation has ended.
  #land(cause: Error | null): void {
    if (cause !== null) this.#fail(spillFailure(cause));
    else this.#pump();
    // A failure has told already.
    if (!this.#isReleased) this.#user.onLand();
  }

  #fail(failure: RxError): void {
    this.release();
    this.#user.onFail(failure);
  }
}
