// Datagrams on their way to one system call, and those that wait because the system takes no more.
import { TRANSMIT_ROOM } from "../../core/output.js";
import { Address } from "../../util/address.js";
import type { SendRoom } from "../transport.js";
import { readAddress, writeAddress } from "./address-words.js";
import { Entry, SEND_MAX, SendHead } from "./binding.js";

// Sixty-four packets of Ethernet's size, and room for the largest one behind them.
const FILL_MAX_BYTES = SEND_MAX * 1_500;
// Below this a loop copies faster than a view is made.
const LOOP_COPY_MAX = 64;

/** One batch. Whoever writes a datagram into `bytes` at `offset` before putting it saves the copy. */
export class SendBatch implements SendRoom {
  readonly bytes = Buffer.from(new ArrayBuffer(FILL_MAX_BYTES + TRANSMIT_ROOM));
  offset = 0;
  count = 0;
  /** SendHead, then an entry for each datagram. */
  readonly head = new Int32Array(SendHead.Count + SEND_MAX * Entry.Count);

  /** Nothing more may be put: the largest datagram might not fit. */
  get isFull(): boolean {
    return this.count === SEND_MAX || this.offset > FILL_MAX_BYTES;
  }

  /** Adds a datagram of at most DATAGRAM_MAX_BYTES. */
  put(bytes: Uint8Array, offset: number, length: number, remote: Address): void {
    const at = this.offset;
    if (bytes !== this.bytes || offset !== at) {
      if (length <= LOOP_COPY_MAX) {
        for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[offset + i] as number;
      } else {
        this.bytes.set(bytes.subarray(offset, offset + length), at);
      }
    }
    const entry = SendHead.Count + this.count * Entry.Count;
    this.head[entry + Entry.Length] = length;
    writeAddress(this.head, entry + Entry.Address, remote);
    this.offset = at + length;
    this.count++;
  }

  clear(): void {
    this.offset = 0;
    this.count = 0;
  }
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly remote: Address;
}

/** Datagrams in memory of their own, in order, up to a number of bytes. */
export class SendQueue {
  readonly #maxBytes: number;
  readonly #items: Waiting[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#items.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Copies the datagrams of `batch` from number `first` on. @returns how many found no room */
  take(batch: SendBatch, first: number): number {
    let dropped = 0;
    let offset = 0;
    for (let i = 0; i < batch.count; i++) {
      const entry = SendHead.Count + i * Entry.Count;
      const end = offset + (batch.head[entry + Entry.Length] as number);
      if (i >= first && !this.#put(batch, entry + Entry.Address, offset, end)) dropped++;
      offset = end;
    }
    return dropped;
  }

  /** Puts as many of the first ones into `batch` as it takes; they stay here. */
  fill(batch: SendBatch): void {
    for (let i = this.#head; i < this.#items.length && !batch.isFull; i++) {
      const { bytes, remote } = this.#items[i] as Waiting;
      batch.put(bytes, 0, bytes.length, remote);
    }
  }

  /** Forgets the first `count`. */
  drop(count: number): void {
    for (let i = 0; i < count; i++) this.#bytes -= (this.#items[this.#head + i] as Waiting).bytes.length;
    this.#head += count;
    // Moved only when most of it is gone, so that each datagram is moved about once.
    if (this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
    this.#bytes = 0;
  }

  #put(batch: SendBatch, addressAt: number, offset: number, end: number): boolean {
    if (this.#bytes + end - offset > this.#maxBytes) return false;
    const remote = new Address();
    readAddress(batch.head, addressAt, remote);
    this.#items.push({ bytes: new Uint8Array(batch.bytes.subarray(offset, end)), remote });
    this.#bytes += end - offset;
    return true;
  }
}
