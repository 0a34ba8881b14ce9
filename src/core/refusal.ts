// Replies to those we keep no state for: BUSY, ABORT, VERSION, DEBUG. A fixed ring of small packets, and token buckets that
// keep refusals to strangers rare.
import { Address } from "../util/address.js";
import type { KeyedHash } from "../util/keyed-hash.js";

// Refusals of one turn (32 datagrams) twice over; more are dropped, as the network may drop them.
const REPLIES_MAX = 64;
/** The largest reply: a header and rx_statistics (28 + 284 bytes). */
const REPLY_BYTES_MAX = 320;

/** What the ring of replies takes. */
export const REPLIES_BYTES = REPLIES_MAX * REPLY_BYTES_MAX;

/** One reply waiting to be sent. */
export class Reply {
  readonly address = new Address();
  readonly bytes = new Uint8Array(REPLY_BYTES_MAX);
  length = 0;
}

/** First-in first-out ring of replies with fixed memory. */
export class ReplyRing {
  readonly #replies: Reply[] = Array.from({ length: REPLIES_MAX }, () => new Reply());
  #oldest = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A place for the next reply, to be filled at once, or null when all are taken. */
  add(): Reply | null {
    if (this.#count === REPLIES_MAX) return null;
    return this.#replies[(this.#oldest + this.#count++) % REPLIES_MAX] as Reply;
  }

  /** The oldest reply; valid until the next add(). Null when there is none. */
  shift(): Reply | null {
    if (this.#count === 0) return null;
    const reply = this.#replies[this.#oldest] as Reply;
    this.#oldest = (this.#oldest + 1) % REPLIES_MAX;
    this.#count--;
    return reply;
  }
}

const BUCKETS = 1_024;
const IPV4_PREFIX_MASK = -256; // /24
// All strangers together are told as much as so many prefixes at their full rate.
const PREFIXES_AT_FULL_RATE = 50;
const JITTER_MASK = 1_023;

/** What is limited on its own: who asks for much of one kind does not use up what his neighbours need of another. */
export const RefusalKind = { Busy: 0, Abort: 1, Version: 2 } as const;
export type RefusalKind = (typeof RefusalKind)[keyof typeof RefusalKind];

/** One token bucket per kind and /24 or /64, in a fixed table (those that hash alike share one), and one for them all. */
export class RefusalLimiter {
  readonly #perSecond: number;
  readonly #hash: KeyedHash;
  readonly #tokens = new Float64Array(BUCKETS);
  readonly #filledAt = new Float64Array(BUCKETS);
  readonly #words = new Int32Array(3);
  /** [tokens, time] of the bucket for all. */
  readonly #all = new Float64Array(2);
  #draws = 0;

  constructor(perSecond: number, hash: KeyedHash) {
    this.#perSecond = perSecond;
    this.#hash = hash;
    this.#tokens.fill(perSecond);
    this.#all[0] = perSecond * PREFIXES_AT_FULL_RATE;
  }

  /** Takes a token for `address` at time `now[0]`. @returns false when its prefix, or all together, have had enough. */
  allows(address: Address, now: Float64Array, kind: RefusalKind = RefusalKind.Busy): boolean {
    const words = this.#words;
    const isV4 = address.family === 4;
    words[0] = isV4 ? address.w3 & IPV4_PREFIX_MASK : address.w0;
    words[1] = isV4 ? 4 : address.w1;
    words[2] = kind;
    const bucket = this.#hash.hash(words, 3) & (BUCKETS - 1);
    const elapsedUs = (now[0] as number) - (this.#filledAt[bucket] as number);
    const tokens = Math.min(
      this.#perSecond,
      (this.#tokens[bucket] as number) + (elapsedUs * this.#perSecond) / 1e6,
    );
    this.#filledAt[bucket] = now[0] as number;
    this.#tokens[bucket] = tokens >= 1 ? tokens - 1 : tokens;
    return tokens >= 1 && this.#allowsOneMore(now);
  }

  // From an exact count of what is left for all, anybody could tell how many others have been refused: each refusal costs a
  // half to one and a half tokens, by a draw that only we can make.
  #allowsOneMore(now: Float64Array): boolean {
    const all = this.#all;
    const mostTokens = this.#perSecond * PREFIXES_AT_FULL_RATE;
    const elapsedUs = (now[0] as number) - (all[1] as number);
    const tokens = Math.min(mostTokens, (all[0] as number) + (elapsedUs * mostTokens) / 1e6);
    all[1] = now[0] as number;
    this.#draws = (this.#draws + 1) & 0x3fffffff;
    this.#words[0] = this.#draws;
    const cost = 0.5 + (this.#hash.hash(this.#words, 1) & JITTER_MASK) / (JITTER_MASK + 1);
    all[0] = tokens >= cost ? tokens - cost : tokens;
    return tokens >= cost;
  }
}
