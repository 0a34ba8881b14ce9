// Binary heap of deadlines, indexed by slot, so that a deadline can be moved or taken out without a search.
import { assert } from "./assert.js";

const OUT = -1;

/**
 * Slots 0..capacity-1, each in the heap at most once, ordered by a time. Times pass through Float64Array cells and not
 * through arguments: a number of 2^31 or more that crosses a call is boxed.
 */
export class DeadlineHeap {
  #count = 0;
  /** Deadline of each slot; Infinity for one that is not in the heap. */
  readonly #keys: Float64Array;
  readonly #position: Int32Array;
  readonly #heap: Int32Array;

  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity).fill(Number.POSITIVE_INFINITY);
    this.#position = new Int32Array(capacity).fill(OUT);
    this.#heap = new Int32Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  has(slot: number): boolean {
    return this.#position[slot] !== OUT;
  }

  /** The slot with the earliest deadline, or -1. */
  peek(): number {
    return this.#count === 0 ? -1 : (this.#heap[0] as number);
  }

  /** Writes the earliest deadline, or Infinity, to `to[at]`. */
  peekKey(to: Float64Array, at: number): void {
    to[at] = this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#keys[this.#heap[0] as number] as number);
  }

  /** Whether the earliest deadline is at or before `from[at]`. */
  isDue(from: Float64Array, at: number): boolean {
    return this.#count > 0 && (this.#keys[this.#heap[0] as number] as number) <= (from[at] as number);
  }

  /** Makes sure that `slot` comes up no later than `from[at]`: enters it or moves it forward, never back. */
  advance(slot: number, from: Float64Array, at: number): void {
    if ((from[at] as number) < (this.#keys[slot] as number)) this.set(slot, from, at);
  }

  /** Enters `slot` with the deadline `from[at]`, or moves it there. */
  set(slot: number, from: Float64Array, at: number): void {
    const before = this.#keys[slot];
    assert(before !== undefined, "slot is outside the deadline heap");
    this.#keys[slot] = from[at] as number;
    let position = this.#position[slot] as number;
    if (position === OUT) {
      position = this.#count++;
      this.#heap[position] = slot;
      this.#position[slot] = position;
      this.#siftUp(position);
    } else if ((from[at] as number) < before) {
      this.#siftUp(position);
    } else {
      this.#siftDown(position);
    }
  }

  /** Takes `slot` out if it is in. */
  remove(slot: number): void {
    const position = this.#position[slot];
    if (position === OUT) return;
    assert(position !== undefined, "slot is outside the deadline heap");
    this.#position[slot] = OUT;
    this.#keys[slot] = Number.POSITIVE_INFINITY;
    const last = this.#heap[--this.#count] as number;
    if (last === slot) return;
    this.#heap[position] = last;
    this.#position[last] = position;
    this.#siftUp(position);
    this.#siftDown(this.#position[last]);
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    const keys = this.#keys;
    const slot = heap[from] as number;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent] as number;
      if ((keys[other] as number) <= (keys[slot] as number)) break;
      heap[at] = other;
      this.#position[other] = at;
      at = parent;
    }
    heap[at] = slot;
    this.#position[slot] = at;
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const keys = this.#keys;
    const count = this.#count;
    const slot = heap[from] as number;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      const right = child + 1;
      if (
        right < count &&
        (keys[heap[right] as number] as number) < (keys[heap[child] as number] as number)
      ) {
        child = right;
      }
      const other = heap[child] as number;
      if ((keys[other] as number) >= (keys[slot] as number)) break;
      heap[at] = other;
      this.#position[other] = at;
      at = child;
    }
    heap[at] = slot;
    this.#position[slot] = at;
  }
}
