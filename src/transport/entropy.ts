// Random numbers from the system, drawn a block at a time.
import { randomFillSync } from "node:crypto";
import type { RandomSource } from "../core/random-source.js";

// One call into the system costs about 1 us however little it brings; a block of 1,024 words makes that 1 ns a word.
const BLOCK_WORDS = 1024;

/** The cryptographic source of the machine. Each word is used once and wiped. */
export class SystemEntropy implements RandomSource {
  readonly #block = new Int32Array(BLOCK_WORDS);
  #next = BLOCK_WORDS;

  int32(): number {
    if (this.#next === BLOCK_WORDS) {
      randomFillSync(this.#block);
      this.#next = 0;
    }
    const at = this.#next++;
    const word = this.#block[at] as number;
    this.#block[at] = 0;
    return word;
  }

  /** The same bits as an unsigned number, 0 to 2^32 - 1. */
  uint32(): number {
    return this.int32() >>> 0;
  }
}
