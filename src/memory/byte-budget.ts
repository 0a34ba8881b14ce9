// How many bytes may be held, of memory or of disk, by one holder and by all together. It counts; it holds nothing.
import { assert } from "../util/assert.js";

/**
 * An account of bytes. A child takes from its parents as well, so that one call stays under its own limit and all calls
 * together under the limit of the house.
 */
export class ByteBudget {
  readonly maxBytes: number;
  readonly #parent: ByteBudget | null;
  #used = 0;
  #highWater = 0;
  #failedTakes = 0;

  /**
   * @param maxBytes the limit, 0 or more; Infinity leaves it to the parents
   * @param parent whatever is taken here is taken there too
   */
  constructor(maxBytes: number, parent: ByteBudget | null = null) {
    assert(maxBytes >= 0, "the limit of a byte budget is negative or no number");
    this.maxBytes = maxBytes;
    this.#parent = parent;
  }

  /** Bytes taken and not given back. */
  get used(): number {
    return this.#used;
  }

  /** The most that was ever in use at once. */
  get highWater(): number {
    return this.#highWater;
  }

  /** How often take() was refused, be it by this limit or by that of a parent. */
  get failedTakes(): number {
    return this.#failedTakes;
  }

  /**
   * All of `bytes` or nothing, here and from every parent.
   *
   * @param bytes a whole number, 0 or more
   * @returns false if that would pass a limit; nothing is changed then but the counts of refusals
   */
  take(bytes: number): boolean {
    assert(
      Number.isSafeInteger(bytes) && bytes >= 0,
      "a byte budget is asked for something that is no number of bytes",
    );
    if (this.#used + bytes > this.maxBytes || (this.#parent !== null && !this.#parent.take(bytes))) {
      this.#failedTakes++;
      return false;
    }
    this.#used += bytes;
    if (this.#used > this.#highWater) this.#highWater = this.#used;
    return true;
  }

  /** Gives `bytes` back, here and to every parent; they must have been taken here. */
  give(bytes: number): void {
    assert(
      Number.isSafeInteger(bytes) && bytes >= 0,
      "a byte budget is given something that is no number of bytes",
    );
    assert(bytes <= this.#used, "more given back to a byte budget than was taken from it");
    this.#used -= bytes;
    if (this.#parent !== null) this.#parent.give(bytes);
  }
}
