// The memory of one growable buffer: equal blocks, charged to a budget, going round within the buffer.
import type { ByteBudget } from "./byte-budget.js";
import { Chain, type Chained } from "./chain.js";

/** A stretch of memory with data in `bytes[start .. end)`. */
export interface Block extends Chained<Block> {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

export function hasData(block: Block | null): block is Block {
  return block !== null && block.start < block.end;
}

/** Empties a block. */
export function rewind(block: Block): void {
  block.start = 0;
  block.end = 0;
}

/** Blocks may be charged before they are made. A new block is zero-filled, a used one holds what its buffer left in it. */
export class BlockStore {
  readonly blockBytes: number;
  readonly #memory: ByteBudget;
  readonly #spare = new Chain<Block>();
  #chargedBlocks = 0;
  #madeBlocks = 0;

  constructor(memory: ByteBudget, blockBytes: number) {
    this.#memory = memory;
    this.blockBytes = blockBytes;
  }

  get chargedBlocks(): number {
    return this.#chargedBlocks;
  }

  /** Blocks that take() gives without charging. */
  get freeBlocks(): number {
    return this.#spare.count + this.#chargedBlocks - this.#madeBlocks;
  }

  /** Charges for `blocks` more blocks, all or none. */
  charge(blocks: number): boolean {
    if (!this.#memory.take(blocks * this.blockBytes)) return false;
    this.#chargedBlocks += blocks;
    return true;
  }

  /** An empty block that is charged already, or null when all are in use. */
  takeFree(): Block | null {
    const spare = this.#spare.shift();
    if (spare !== null) return spare;
    if (this.#madeBlocks === this.#chargedBlocks) return null;
    this.#madeBlocks++;
    return { bytes: new Uint8Array(this.blockBytes), start: 0, end: 0, next: null };
  }

  /** An empty block, free or newly charged as long as `blocksMax` are not passed; or null. */
  take(blocksMax: number): Block | null {
    const block = this.takeFree();
    if (block !== null) return block;
    return this.#chargedBlocks < blocksMax && this.charge(1) ? this.takeFree() : null;
  }

  /** Takes a block back. It stays charged until trim(). */
  give(block: Block): void {
    rewind(block);
    this.#spare.push(block);
  }

  /** Gives free blocks back to the budget until no more than `blocksKept` are charged. */
  trim(blocksKept: number): void {
    while (this.#chargedBlocks > blocksKept && this.freeBlocks > 0) {
      if (this.#spare.shift() !== null) this.#madeBlocks--;
      this.#uncharge(1);
    }
  }

  /** Gives everything back to the budget but `lentBlocks`, for each of which forget() follows. */
  release(lentBlocks: number): void {
    this.#spare.clear();
    this.#madeBlocks = lentBlocks;
    this.#uncharge(this.#chargedBlocks - lentBlocks);
  }

  /** One block that was lent at release() has come back. */
  forget(): void {
    this.#madeBlocks--;
    this.#uncharge(1);
  }

  #uncharge(blocks: number): void {
    this.#chargedBlocks -= blocks;
    this.#memory.give(blocks * this.blockBytes);
  }
}
