// A set of slot numbers whose n-th member is found at once, for walks that must not depend on the table's size.

const OUT = -1;

/** Members of 0..capacity-1 in no particular order. Removing one moves the last into its place. */
export class DenseSet {
  #count = 0;
  readonly #members: Int32Array;
  readonly #position: Int32Array;

  constructor(capacity: number) {
    this.#members = new Int32Array(capacity);
    this.#position = new Int32Array(capacity).fill(OUT);
  }

  get count(): number {
    return this.#count;
  }

  /** Member `n`, 0 <= n < count, or -1. */
  at(n: number): number {
    return n >= 0 && n < this.#count ? (this.#members[n] as number) : -1;
  }

  add(slot: number): void {
    if (this.#position[slot] !== OUT) return;
    this.#position[slot] = this.#count;
    this.#members[this.#count++] = slot;
  }

  remove(slot: number): void {
    const position = this.#position[slot] as number;
    if (position === OUT) return;
    const last = this.#members[--this.#count] as number;
    this.#members[position] = last;
    this.#position[last] = position;
    this.#position[slot] = OUT;
  }
}
