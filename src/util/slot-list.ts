// Doubly linked list of slot numbers with links in typed arrays: membership, removal and rotation in constant time.
import { assert } from "./assert.js";

const NONE = -1;
const OUT = -2;

/** A list over slots 0..capacity-1, each in it at most once. */
export class SlotList {
  #head = NONE;
  #tail = NONE;
  #count = 0;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(capacity: number) {
    this.#next = new Int32Array(capacity).fill(OUT);
    this.#previous = new Int32Array(capacity).fill(OUT);
  }

  get count(): number {
    return this.#count;
  }

  /** First slot, or -1. */
  get head(): number {
    return this.#head;
  }

  has(slot: number): boolean {
    return this.#next[slot] !== OUT;
  }

  /** Slot behind `slot`, or -1. */
  after(slot: number): number {
    return this.#next[slot] as number;
  }

  /** Appends `slot`; putting one that is in already is a no-op. @returns whether it was put. */
  push(slot: number): boolean {
    if (this.#next[slot] !== OUT) return false;
    this.#next[slot] = NONE;
    this.#previous[slot] = this.#tail;
    if (this.#tail === NONE) this.#head = slot;
    else this.#next[this.#tail] = slot;
    this.#tail = slot;
    this.#count++;
    return true;
  }

  /** Takes out the first slot, or -1. */
  shift(): number {
    const slot = this.#head;
    if (slot !== NONE) this.remove(slot);
    return slot;
  }

  /** Takes `slot` out if it is in. */
  remove(slot: number): void {
    const next = this.#next[slot] as number;
    if (next === OUT) return;
    const previous = this.#previous[slot] as number;
    if (previous === NONE) this.#head = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tail = previous;
    else this.#previous[next] = previous;
    this.#next[slot] = OUT;
    this.#previous[slot] = OUT;
    this.#count--;
    assert(this.#count >= 0, "slot list count went below zero");
  }

  /** Puts the first slot behind the last. */
  rotate(): void {
    const slot = this.shift();
    if (slot !== NONE) this.push(slot);
  }
}
