// Open-addressed index from a hash to small numbers (slots of a table elsewhere). It never grows.
import { assert } from "./assert.js";

const EMPTY = -1;

/**
 * At most `capacity` entries in a table of at least twice as many cells, linear probing, deletion by shifting back:
 * look-ups stay short for ever, without tombstones. Several entries may share a hash; the caller compares:
 *
 *     for (let at = index.first(hash); at >= 0; at = index.next(at, hash)) {
 *       if (matches(index.slotAt(at))) ...
 *     }
 */
export class HashIndex {
  readonly capacity: number;
  #count = 0;
  readonly #mask: number;
  readonly #hashes: Int32Array;
  readonly #slots: Int32Array;

  constructor(capacity: number) {
    let cells = 4;
    while (cells < capacity * 2) cells *= 2;
    this.capacity = capacity;
    this.#mask = cells - 1;
    this.#hashes = new Int32Array(cells);
    this.#slots = new Int32Array(cells).fill(EMPTY);
  }

  get count(): number {
    return this.#count;
  }

  /** Cell of the first entry with this hash, or -1. */
  first(hash: number): number {
    return this.#probe(hash & this.#mask, hash);
  }

  /** Cell of the next entry with the same hash after cell `at`, or -1. */
  next(at: number, hash: number): number {
    return this.#probe((at + 1) & this.#mask, hash);
  }

  slotAt(at: number): number {
    return this.#slots[at] as number;
  }

  insert(hash: number, slot: number): void {
    assert(this.#count < this.capacity, "hash index is full");
    let at = hash & this.#mask;
    while (this.#slots[at] !== EMPTY) at = (at + 1) & this.#mask;
    this.#hashes[at] = hash;
    this.#slots[at] = slot;
    this.#count++;
  }

  /** Takes out the entry with this hash and slot; it must be there. */
  remove(hash: number, slot: number): void {
    let at = this.first(hash);
    while (at >= 0 && this.#slots[at] !== slot) at = this.next(at, hash);
    assert(at >= 0, "entry to remove is not in the hash index");
    this.#shiftBack(at);
    this.#count--;
  }

  #probe(from: number, hash: number): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = this.#mask;
    let at = from;
    while (slots[at] !== EMPTY) {
      if (hashes[at] === hash) return at;
      at = (at + 1) & mask;
    }
    return -1;
  }

  // Closes the gap at `hole`: every entry of the run behind it that may stand nearer to its home moves up.
  #shiftBack(hole: number): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = this.#mask;
    let gap = hole;
    let at = (hole + 1) & mask;
    while (slots[at] !== EMPTY) {
      const home = (hashes[at] as number) & mask;
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        slots[gap] = slots[at] as number;
        hashes[gap] = hashes[at] as number;
        gap = at;
      }
      at = (at + 1) & mask;
    }
    slots[gap] = EMPTY;
  }
}
