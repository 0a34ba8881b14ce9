// The bytes of one call: allocated in order, charged to a budget, gone all at once when the call ends. What holds bytes
// elsewhere (shared chunks, buffers) can be linked and goes with them.
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption } from "../util/options.js";
import type { ByteBudget } from "./byte-budget.js";
import type { SharedChunk } from "./shared-chunk.js";

/** Something that is let go together with an arena. */
export interface Releasable {
  release(): void;
}

const LENGTH_MAX = 2 ** 31 - 1;
const DEFAULT_BLOCK_BYTES = 4096;
const BLOCK_BYTES_MIN = 64;
// Where every allocation starts: the largest element of a typed array, so that any of them can be laid over it.
const ALIGNMENT = 8;
// ENOMEM, as rxgen's callers know it.
const ABORT_NO_MEMORY = 12;

/**
 * Memory of one call. It only grows until `clear()`: single allocations are never given back.
 *
 *     block 1 [ a a a | b b | c c c c | . . ]    small ones share blocks of `blockBytes`
 *     block 2 [ e e e e e e e e ]                more than a quarter of a block: one of its own
 *     block 3 [ f f | . . . . . . . . . . . ]    the next allocation goes here
 *
 * Not before the first allocation is anything charged. No block is ever used by two arenas: a view that somebody keeps too
 * long holds bytes of its own call, and never another's. (Taking the memory away from such views was tried: with a read of a
 * file under way, Node 20 then writes into freed memory.)
 */
export class Arena {
  readonly #budget: ByteBudget;
  readonly #blockBytes: number;
  readonly #links: Releasable[] = [];
  // The block that small allocations come from, and how much of it is in use.
  #current: ArrayBuffer | null = null;
  #currentUsed = 0;
  #bytes = 0;
  #isCleared = false;

  /**
   * @param budget is charged for whole blocks, and gets all of it back from `clear()`
   * @param blockBytes size of the blocks that small allocations share, a multiple of 8 from 64; default 4096
   * @throws RxOptionError
   */
  constructor(budget: ByteBudget, blockBytes?: number) {
    this.#budget = budget;
    this.#blockBytes = integerOption(
      "blockBytes",
      blockBytes,
      DEFAULT_BLOCK_BYTES,
      BLOCK_BYTES_MIN,
      LENGTH_MAX,
    );
    if (this.#blockBytes % ALIGNMENT !== 0)
      throw new RxOptionError("blockBytes", `a multiple of ${ALIGNMENT}`, blockBytes);
  }

  /** Bytes charged to the budget now: whole blocks, not what was asked for. 0 after `clear()`. */
  get bytes(): number {
    return this.#bytes;
  }

  get isCleared(): boolean {
    return this.#isCleared;
  }

  /**
   * Zero-filled memory that starts at a multiple of 8 of its ArrayBuffer. It is the call's until `clear()`; who keeps the
   * view for longer holds memory that no limit counts. Its `buffer` is the whole block and so shared with other allocations
   * of the call.
   *
   * @param length bytes, 0 to 2^31-1; 0 costs nothing
   * @throws RxOptionError
   * @throws RxError RX_ERR_MEMORY with abort code 12 when the budget or the system has no block for it; nothing is changed then
   * @throws RxError RX_ERR_CALL_ENDED after `clear()`
   */
  alloc(length: number): Uint8Array<ArrayBuffer> {
    if (!Number.isInteger(length) || length < 0 || length > LENGTH_MAX)
      throw new RxOptionError("length", `an integer from 0 to ${LENGTH_MAX}`, length);
    if (this.#isCleared) throw ended("alloc");
    if (length === 0) return new Uint8Array(0);
    if (length > this.#blockBytes / 4) return new Uint8Array(this.#addBlock(length));

    let block = this.#current;
    // Rounded up here and not after the allocation: behind the last one there may be no room to round into.
    let start = Math.ceil(this.#currentUsed / ALIGNMENT) * ALIGNMENT;
    if (block === null || start + length > this.#blockBytes) {
      block = this.#addBlock(this.#blockBytes);
      start = 0;
      this.#current = block;
    }
    this.#currentUsed = start + length;
    return new Uint8Array(block, start, length);
  }

  /**
   * A copy of `bytes` that lives as long as the arena. Limits and errors are those of `alloc()`.
   *
   * @param bytes borrowed until this returns
   */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    if (!(bytes instanceof Uint8Array)) throw new RxOptionError("bytes", "a Uint8Array", bytes);
    const copied = this.alloc(bytes.length);
    copied.set(bytes);
    return copied;
  }

  /**
   * Has `clear()` release `thing`. The arena takes over one reference that the caller holds: the caller does not release
   * it any more. A thing linked twice is released twice.
   *
   * @returns `thing`
   * @throws RxOptionError
   * @throws RxError RX_ERR_CALL_ENDED after `clear()`; `thing` has been released then (what that threw is the `cause`)
   */
  link<T extends Releasable>(thing: T): T {
    if (!isReleasable(thing)) throw new RxOptionError("thing", "an object with release()", thing);
    if (this.#isCleared) {
      // Nobody else would: the caller has handed its reference over.
      let cause: unknown;
      try {
        thing.release();
      } catch (error) {
        cause = error;
      }
      throw ended("link", cause);
    }
    this.#links.push(thing);
    return thing;
  }

  /**
   * Links a reference of the arena's own to `chunk`. The caller keeps its reference and releases it as before.
   *
   * @returns `chunk`
   * @throws RxError RX_ERR_CALL_STATE when the chunk is disposed of, RX_ERR_CALL_ENDED after `clear()`; no reference is taken then
   */
  linkShared(chunk: SharedChunk): SharedChunk {
    if (this.#isCleared) throw ended("linkShared");
    return this.link(chunk.retain());
  }

  /**
   * Takes one link to `thing` back, the latest, and with it the reference: the caller releases it from here on.
   * Looks from the latest link to the first.
   *
   * @returns false if there is none, or it has been released; nothing is changed then
   */
  unlink(thing: Releasable): boolean {
    const at = this.#links.lastIndexOf(thing);
    if (at < 0) return false;
    this.#links.splice(at, 1);
    return true;
  }

  /**
   * Ends the arena: releases what is linked, the latest first and each exactly once, then gives the memory back to the
   * budget.
   * Again, or from within a `release()`: does nothing.
   *
   * @throws the first error that a `release()` threw, after all the rest has been done
   */
  clear(): void {
    if (this.#isCleared) return;
    this.#isCleared = true;
    const errors: unknown[] = [];
    // Popped one by one: a release() may unlink what has not had its turn yet.
    for (let thing = this.#links.pop(); thing !== undefined; thing = this.#links.pop()) {
      try {
        thing.release();
      } catch (error) {
        errors.push(error);
      }
    }
    this.#current = null;
    const bytes = this.#bytes;
    this.#bytes = 0;
    this.#budget.give(bytes);
    if (errors.length > 0) throw errors[0];
  }

  #addBlock(bytes: number): ArrayBuffer {
    if (!this.#budget.take(bytes)) throw this.#refusal(bytes);
    let block: ArrayBuffer;
    try {
      block = new ArrayBuffer(bytes);
    } catch (cause) {
      this.#budget.give(bytes);
      const message = `${bytes} bytes asked, the system has no memory left`;
      throw new RxError("RX_ERR_MEMORY", message, { abortCode: ABORT_NO_MEMORY, cause });
    }
    this.#bytes += bytes;
    return block;
  }

  #refusal(asked: number): RxError {
    const { used, maxBytes } = this.#budget;
    const above = used + asked > maxBytes ? "" : "; the limit for all calls together is reached";
    const message = `${asked} bytes asked, ${used} of at most ${maxBytes} in use${above}`;
    return new RxError("RX_ERR_MEMORY", message, { abortCode: ABORT_NO_MEMORY });
  }
}

function isReleasable(thing: unknown): boolean {
  return (
    typeof thing === "object" && thing !== null && "release" in thing && typeof thing.release === "function"
  );
}

function ended(operation: string, cause?: unknown): RxError {
  return new RxError("RX_ERR_CALL_ENDED", `${operation}: the arena went with its call`, { cause });
}
