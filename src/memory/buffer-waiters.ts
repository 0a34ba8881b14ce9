// Those who found no buffer: one queue for each class, first come first served. A waiter is a slot number; what it is, its
// owner knows.
import { assert } from "../util/assert.js";
import { SlotList } from "../util/slot-list.js";
import { BUFFER_CLASS_COUNT, type BufferClass } from "./buffer-class.js";

const OUT = -1;

/** Hands buffers over to those who have waited. */
export interface BufferTaker {
  /**
   * `slot` has left the queue and is offered `buffer`. Takes a note and returns; runs no user code, and lets nobody wait.
   *
   * @returns whether it is taken over; false passes it on to the next waiter
   */
  takeOffer(slot: number, buffer: number): boolean;
}

export class BufferWaiters {
  readonly #taker: BufferTaker | null;
  readonly #queues: SlotList[] = [];
  /** Class that each slot waits in, or OUT. */
  readonly #classes: Int8Array;
  #count = 0;
  #highWater = 0;
  #handedOver = 0;
  #passedOn = 0;

  constructor(slots: number, taker: BufferTaker | null) {
    this.#taker = taker;
    this.#classes = new Int8Array(slots).fill(OUT);
    for (let c = 0; c < BUFFER_CLASS_COUNT; c++) this.#queues.push(new SlotList(slots));
  }

  /** Slots that wait. */
  get count(): number {
    return this.#count;
  }

  get highWater(): number {
    return this.#highWater;
  }

  /** Buffers that went from one user to a waiter in one step. */
  get handedOver(): number {
    return this.#handedOver;
  }

  /** Offers that a waiter did not want any more. */
  get passedOn(): number {
    return this.#passedOn;
  }

  has(slot: number): boolean {
    return this.#classes[slot] !== OUT;
  }

  /** For the pool, which knows that there is nothing to take. */
  add(slot: number, bufferClass: BufferClass): void {
    const before = this.#classes[slot] as number;
    if (before !== OUT) {
      if (before <= bufferClass) return;
      this.remove(slot);
    }
    this.#classes[slot] = bufferClass;
    this.#queue(bufferClass).push(slot);
    if (++this.#count > this.#highWater) this.#highWater = this.#count;
  }

  /** `slot` waits no longer; those behind it move up. */
  remove(slot: number): void {
    const bufferClass = this.#classes[slot] as number;
    if (bufferClass === OUT) return;
    this.#queue(bufferClass).remove(slot);
    this.#classes[slot] = OUT;
    this.#count--;
  }

  /** The most critical class that somebody waits in; somebody must. */
  get firstClass(): BufferClass {
    let c = 0;
    while (this.#queue(c).count === 0) c++;
    return c as BufferClass;
  }

  /** Takes whoever has waited longest in this class out and offers `buffer`. @returns whether it was taken over */
  offerFirst(bufferClass: BufferClass, buffer: number): boolean {
    const slot = this.#queue(bufferClass).head;
    assert(slot >= 0 && this.#taker !== null, "a buffer is offered where nobody waits");
    this.remove(slot);
    const isTaken = this.#taker.takeOffer(slot, buffer);
    if (isTaken) this.#handedOver++;
    else this.#passedOn++;
    return isTaken;
  }

  #queue(bufferClass: number): SlotList {
    return this.#queues[bufferClass] as SlotList;
  }
}
