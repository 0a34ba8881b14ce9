// What outlives a service connection: the last call number of each channel, so that a late copy of an old request is not
// run a second time. Kept for a while, in the order in which they expire.
import type { Address } from "../util/address.js";
import { assert } from "../util/assert.js";
import { HashIndex } from "../util/hash-index.js";
import { CHANNELS, type Connection } from "./conn-object.js";

// epoch, connection id, four address words, port, family, four call numbers
const WORDS = 12;
const CALL_NUMBERS = 8;

export class Tombstones {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #expires: Float64Array;
  readonly #hashes: Int32Array;
  readonly #live: Uint8Array;
  readonly #index: HashIndex;
  #oldest = 0;
  #count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#words = new Int32Array(capacity * WORDS);
    this.#expires = new Float64Array(capacity);
    this.#hashes = new Int32Array(capacity);
    this.#live = new Uint8Array(capacity);
    this.#index = new HashIndex(capacity);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.capacity;
  }

  /** Remembers a service connection that is about to be reaped until `now[0] + lifeUs`. */
  remember(connection: Connection, address: Address, now: Float64Array, lifeUs: number): void {
    assert(this.#count < this.capacity, "tombstone table is full");
    const place = (this.#oldest + this.#count++) % this.capacity;
    const at = place * WORDS;
    const words = this.#words;
    words[at] = connection.epoch;
    words[at + 1] = connection.connectionId;
    words[at + 2] = address.w0;
    words[at + 3] = address.w1;
    words[at + 4] = address.w2;
    words[at + 5] = address.w3;
    words[at + 6] = address.port;
    words[at + 7] = address.family;
    for (let channel = 0; channel < CHANNELS; channel++) {
      words[at + CALL_NUMBERS + channel] = connection.callNumber(channel);
    }
    this.#expires[place] = (now[0] as number) + lifeUs;
    this.#hashes[place] = connection.hash;
    this.#live[place] = 1;
    this.#index.insert(connection.hash, place);
  }

  /** Place of a former connection with this identity, or -1. `hash` is what the connection table keys it by. */
  find(hash: number, epoch: number, connectionId: number, address: Address): number {
    const index = this.#index;
    for (let at = index.first(hash); at >= 0; at = index.next(at, hash)) {
      const place = index.slotAt(at);
      if (this.#matches(place * WORDS, epoch, connectionId, address)) return place;
    }
    return -1;
  }

  /** Number of the last call on `channel` of the connection at `place`. */
  callNumber(place: number, channel: number): number {
    return this.#words[place * WORDS + CALL_NUMBERS + channel] as number;
  }

  /** The connection at `place` lives again: it takes its call numbers over, and is forgotten here. */
  revive(place: number, connection: Connection): void {
    for (let channel = 0; channel < CHANNELS; channel++) {
      connection.setCallNumber(channel, this.callNumber(place, channel));
    }
    this.#forget(place);
  }

  /** Drops what has expired at `now[0]`, at most `most` of them. */
  expire(now: Float64Array, most: number): void {
    for (let i = 0; i < most && this.#count > 0; i++) {
      const place = this.#oldest;
      if (this.#live[place] === 1) {
        if ((this.#expires[place] as number) > (now[0] as number)) return;
        this.#forget(place);
      }
      this.#oldest = (place + 1) % this.capacity;
      this.#count--;
    }
  }

  #forget(place: number): void {
    this.#live[place] = 0;
    this.#index.remove(this.#hashes[place] as number, place);
  }

  #matches(at: number, epoch: number, connectionId: number, address: Address): boolean {
    const words = this.#words;
    return (
      words[at] === epoch &&
      words[at + 1] === connectionId &&
      words[at + 2] === address.w0 &&
      words[at + 3] === address.w1 &&
      words[at + 4] === address.w2 &&
      words[at + 5] === address.w3 &&
      words[at + 6] === address.port &&
      words[at + 7] === address.family
    );
  }
}
