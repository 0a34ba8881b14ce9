// Fixed first-in first-out ring with a count, so that every one of its places can be used.
import { assert } from "./assert.js";

/**
 *      oldest            next free
 *        v                   v
 *   [ ][a][b][c][d][e][f][g][ ][ ]      count = 7, capacity = 10
 *
 * Full and empty are told apart by the count, not by leaving one place free (a ring of 32 holds 32).
 */
export class Ring<T> {
  readonly capacity: number;
  #count = 0;
  #oldest = 0;
  readonly #places: (T | undefined)[];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#places = new Array<T | undefined>(capacity).fill(undefined);
  }

  get count(): number {
    return this.#count;
  }

  push(item: T): void {
    assert(this.#count < this.capacity, "ring is full");
    this.#places[this.#place(this.#count)] = item;
    this.#count++;
  }

  /** The oldest item; the ring must not be empty. */
  shift(): T {
    assert(this.#count > 0, "ring is empty");
    const item = this.#places[this.#oldest] as T;
    this.#places[this.#oldest] = undefined;
    this.#oldest = this.#place(1);
    this.#count--;
    return item;
  }

  /** Item `i` places behind the oldest, 0 <= i < count. */
  at(i: number): T {
    assert(i >= 0 && i < this.#count, "ring index out of range");
    return this.#places[this.#place(i)] as T;
  }

  /** Takes out item `i` and closes the gap; the order of the others is kept. */
  removeAt(i: number): T {
    const item = this.at(i);
    for (let k = i; k + 1 < this.#count; k++) {
      this.#places[this.#place(k)] = this.#places[this.#place(k + 1)];
    }
    this.#places[this.#place(this.#count - 1)] = undefined;
    this.#count--;
    return item;
  }

  #place(offset: number): number {
    const place = this.#oldest + offset;
    return place >= this.capacity ? place - this.capacity : place;
  }
}
