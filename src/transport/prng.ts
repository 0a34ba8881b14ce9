// Reproducible random numbers for simulated networks and injected faults. Not for secrets: see entropy.ts.
import type { RandomSource } from "../core/random-source.js";

// Rounds that a freshly seeded state needs until the seed has reached every bit (the author's figure for sfc32).
const WARM_UP_ROUNDS = 12;

/** sfc32, the small fast counting generator of PractRand (128 bits of state, period at least 2^32). */
export class Prng implements RandomSource {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** @param seed any number up to 2^53; one seed gives one sequence, on every machine */
  constructor(seed: number) {
    this.#a = 0;
    this.#b = seed | 0;
    this.#c = Math.floor(seed / 0x1_0000_0000) | 0;
    this.#counter = 1;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.int32();
  }

  int32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number in [0, limit); `limit` up to 2^32. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with this probability. Draws nothing for 0, so that a fault that is off leaves the sequence alone. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** A generator of its own, so that what one part draws does not move another's sequence. */
  fork(): Prng {
    return new Prng(this.uint32() + this.below(0x20_0000) * 0x1_0000_0000);
  }
}
