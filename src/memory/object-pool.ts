// Objects that go round: made when first needed, up to a limit, and used again for ever after.
import { assert } from "../util/assert.js";

/** What a pool keeps. `reset()` puts every field back to what the constructor set. */
export interface Pooled {
  /** Place in the pool's table, 0..capacity-1, for life. */
  readonly index: number;
  /** Counts the lives of the object, so that a stale reference can be told. */
  generation: number;
  reset(): void;
}

/** At most `capacity` objects of one class. take() prefers a used object to a new one. */
export class ObjectPool<T extends Pooled> {
  readonly capacity: number;
  /** Every object made so far, by its index. */
  readonly all: T[];
  readonly #make: (index: number) => T;
  readonly #free: Int32Array;
  /** 1 for each object that is out. */
  readonly #isTaken: Uint8Array;
  #freeCount = 0;
  #highWater = 0;
  /** Called with an object that has come back, after its reset. */
  onGive: (() => void) | null = null;

  constructor(capacity: number, make: (index: number) => T) {
    this.capacity = capacity;
    this.all = [];
    this.#make = make;
    this.#free = new Int32Array(capacity);
    this.#isTaken = new Uint8Array(capacity);
  }

  /** Objects taken and not given back. */
  get used(): number {
    return this.all.length - this.#freeCount;
  }

  get highWater(): number {
    return this.#highWater;
  }

  /** How many more can be taken. */
  get available(): number {
    return this.capacity - this.used;
  }

  /** The object at `index`, which must have been made. */
  at(index: number): T {
    return this.all[index] as T;
  }

  /** An object in its reset state, or null when `capacity` are in use. */
  take(): T | null {
    let taken: T;
    if (this.#freeCount > 0) {
      taken = this.all[this.#free[--this.#freeCount] as number] as T;
    } else if (this.all.length < this.capacity) {
      taken = this.#make(this.all.length);
      this.all.push(taken);
    } else {
      return null;
    }
    this.#isTaken[taken.index] = 1;
    if (this.used > this.#highWater) this.#highWater = this.used;
    return taken;
  }

  /** Takes an object back and resets it. References to its last life are stale from here. */
  give(object: T): void {
    assert(this.#isTaken[object.index] === 1, "object given back twice");
    this.#isTaken[object.index] = 0;
    object.generation = (object.generation + 1) | 0;
    object.reset();
    this.#free[this.#freeCount++] = object.index;
    if (this.onGive !== null) this.onGive();
  }
}
