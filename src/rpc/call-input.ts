// The reading half of a call: exact lengths, chunks, everything; at most a few reads in a row before others have their turn.
import type { CallHandle } from "../core/call-handle.js";
import type { EventCacheCounters } from "../loop/event-cache.js";
import { joinBytes } from "../util/bytes.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { completionError } from "./call-error.js";
import { readLengthError } from "./read-length.js";

/** Reads that may be answered at once in one turn of the loop; more go through the event cache, or one call would starve the rest. */
const DIRECT_READS_PER_TURN = 8;

const DONE: Promise<void> = Promise.resolve();

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

export class CallInput {
  readonly #handle: CallHandle;
  readonly #counters: EventCacheCounters;
  #reader: Waiter | null = null;
  #borrowed = 0;
  #turn = -1;
  #directReads = 0;
  /** Why the call failed, or null. */
  #failure: RxError | null = null;
  #isTaken = false;

  /** @param counters tell one turn of the loop from the next */
  constructor(handle: CallHandle, counters: EventCacheCounters) {
    this.#handle = handle;
    this.#counters = counters;
  }

  /** Everything goes elsewhere from here: reading is refused. */
  take(): void {
    this.giveBack();
    this.#isTaken = true;
  }

  /** The call is about to end for this reason. */
  failWith(failure: RxError): void {
    this.#failure = failure;
  }

  /** There is something to read, or the call is over. */
  wake(failure: RxError | null): void {
    this.#failure = failure;
    const reader = this.#reader;
    if (reader === null) return;
    this.#reader = null;
    if (failure !== null) reader.reject(failure);
    else reader.resolve();
  }

  read(length: number): Promise<Uint8Array> {
    const wrong = readLengthError(length);
    if (wrong !== null) return Promise.reject(wrong);
    if (this.#isTaken) return Promise.reject(takenByBuffer());
    const bytes = new Uint8Array(length);
    if (!this.#mayReadNow()) return this.#readOn(bytes, 0);
    const got = this.#take(bytes, 0);
    return got === length ? Promise.resolve(bytes) : this.#readOn(bytes, got);
  }

  skip(length: number): Promise<void> {
    if (!Number.isSafeInteger(length) || length < 0) {
      return Promise.reject(new RxOptionError("length", "an integer of 0 or more", length));
    }
    if (this.#isTaken) return Promise.reject(takenByBuffer());
    if (!this.#mayReadNow()) return this.#skipOn(length, length);
    this.giveBack();
    const left = length - this.#handle.skip(length);
    return left === 0 ? DONE : this.#skipOn(left, length);
  }

  async readAll(maxBytes: number): Promise<Uint8Array> {
    const wrong = readLengthError(maxBytes, "maxBytes");
    if (wrong !== null) throw wrong;
    const parts: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      const { value: chunk } = await this.next();
      if (chunk === undefined) break;
      total += chunk.length;
      if (total > maxBytes) throw new RxError("RX_ERR_TOO_LARGE", `more than ${maxBytes} bytes came`);
      parts.push(chunk.slice());
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : joinBytes(parts);
  }

  /** The next chunk, lent until the one after it or giveBack(). */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isTaken) throw takenByBuffer();
    for (;;) {
      this.giveBack();
      if (this.#mayReadNow()) {
        const chunk = this.#handle.borrow();
        if (chunk !== null) {
          this.#borrowed = chunk.length;
          return { value: chunk, done: false };
        }
        if (this.#handle.isAtEnd && this.#failure === null) return { value: undefined, done: true };
        if (this.#handle.isEnded) throw this.#failure ?? completionError(this.#handle);
      } else {
        this.#handle.defer();
      }
      await this.#waitForInput();
    }
  }

  /** The chunk that was lent has been used. */
  giveBack(): void {
    if (this.#borrowed === 0) return;
    const length = this.#borrowed;
    this.#borrowed = 0;
    this.#handle.consume(length);
  }

  #waitForInput(): Promise<void> {
    if (this.#reader !== null) throw new RxError("RX_ERR_CALL_STATE", "another read is waiting");
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #mayReadNow(): boolean {
    const { turns } = this.#counters;
    if (this.#turn !== turns) {
      this.#turn = turns;
      this.#directReads = 0;
    }
    return ++this.#directReads <= DIRECT_READS_PER_TURN;
  }

  #take(bytes: Uint8Array, offset: number): number {
    this.giveBack();
    return this.#handle.readInto(bytes, offset, bytes.length - offset);
  }

  async #readOn(bytes: Uint8Array, start: number): Promise<Uint8Array> {
    let got = start;
    for (;;) {
      if (this.#mayReadNow()) {
        got += this.#take(bytes, got);
        if (got === bytes.length) return bytes;
        this.#refuseMore(got, bytes.length);
      } else {
        this.#handle.defer();
      }
      await this.#waitForInput();
    }
  }

  async #skipOn(leftAtFirst: number, length: number): Promise<void> {
    let left = leftAtFirst;
    for (;;) {
      if (this.#mayReadNow()) {
        this.giveBack();
        left -= this.#handle.skip(left);
        if (left === 0) return;
        this.#refuseMore(length - left, length);
      } else {
        this.#handle.defer();
      }
      await this.#waitForInput();
    }
  }

  // There will be no more: says why. Otherwise returns, and the reader waits.
  #refuseMore(got: number, wanted: number): void {
    if (this.#handle.isAtEnd && this.#failure === null) {
      throw new RxError("RX_ERR_END_OF_DATA", `the data ended after ${got} of ${wanted} bytes`);
    }
    if (this.#handle.isEnded) throw this.#failure ?? completionError(this.#handle);
  }
}

function takenByBuffer(): RxError {
  return new RxError("RX_ERR_CALL_STATE", "the call's data goes to its buffer(): read from that");
}
