// HalfSipHash-1-3 over 32-bit words: a keyed hash, so that a peer that chooses its ids cannot choose its bucket.
// Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012), and its 32-bit variant.

/** The hash of up to a few words under a secret key. The key must come from a random source that peers cannot guess. */
export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;

  constructor(key0: number, key1: number) {
    this.#k0 = key0 | 0;
    this.#k1 = key1 | 0;
  }

  /** Hash of the first `count` words, as a signed 32-bit number. */
  hash(words: Int32Array, count: number): number {
    const k0 = this.#k0;
    const k1 = this.#k1;
    let v0 = k0;
    let v1 = k1;
    let v2 = 0x6c796765 ^ k0;
    let v3 = 0x74656462 ^ k1;
    // One round for each word and one for the length word, then three to finish.
    const rounds = count + 4;
    for (let i = 0; i < rounds; i++) {
      let m = 0;
      if (i < count) m = words[i] as number;
      else if (i === count) m = count << 26;
      else if (i === count + 1) v2 ^= 0xff;
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    return v1 ^ v3;
  }
}
