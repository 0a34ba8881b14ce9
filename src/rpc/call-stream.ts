// A call as users see it: bytes in and out with back-pressure, a signal, an end. Promises begin here.
import type { CallHandle, CallListener } from "../core/call-handle.js";
import { CallEvent, Completion } from "../core/call-object.js";
import type { EventCache } from "../loop/event-cache.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { completionError, isAbortCode } from "./call-error.js";

/** Reads that may be answered at once in one turn of the loop; more go through the event cache, or one call would starve the rest. */
const DIRECT_READS_PER_TURN = 8;

const DONE: Promise<void> = Promise.resolve();

/** Somebody waiting for an event of the call. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

export abstract class CallStream implements CallListener, AsyncIterable<Uint8Array> {
  /** The core's side of the call. */
  protected readonly handle: CallHandle;
  /** Bytes that may still be written. */
  protected writableBytes = Number.MAX_SAFE_INTEGER;
  readonly #events: EventCache;
  #reader: Waiter | null = null;
  #writer: Waiter | null = null;
  #writing: Promise<void> | null = null;
  #borrowed = 0;
  #turn = -1;
  #directReads = 0;
  #controller: AbortController | null = null;
  #failure: RxError | null = null;
  #hasEnded = false;

  constructor(handle: CallHandle, events: EventCache) {
    this.handle = handle;
    this.#events = events;
    handle.listener = this;
  }

  /** The peer as `address:port`. */
  get remote(): string {
    return this.handle.remote;
  }

  get serviceId(): number {
    return this.handle.serviceId;
  }

  /** Smoothed round trip to the peer in microseconds; 0 = not measured yet. */
  get rttUs(): number {
    return this.handle.rttUs;
  }

  /** The call is over on the wire: by success, an ABORT, silence or a deadline. */
  get isEnded(): boolean {
    return this.handle.isEnded;
  }

  /** Aborts when the call fails: the peer's ABORT, its silence, the deadline. Its reason is an RxError. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#failure !== null) this.#controller.abort(this.#failure);
    }
    return this.#controller.signal;
  }

  /**
   * Exactly `length` bytes, in an array of the caller's own.
   * @throws RxError RX_ERR_END_OF_DATA when the peer's data ends before, or how the call failed
   */
  read(length: number): Promise<Uint8Array> {
    if (!Number.isInteger(length) || length < 0) {
      return Promise.reject(new RxOptionError("length", "an integer of 0 or more", length));
    }
    const bytes = new Uint8Array(length);
    if (this.#mayReadNow()) {
      const got = this.#take(bytes, 0);
      if (got === length) return Promise.resolve(bytes);
      return this.#readOn(bytes, got);
    }
    return this.#readOn(bytes, 0);
  }

  /**
   * Drops exactly `length` bytes, without copying them.
   * @throws as read()
   */
  skip(length: number): Promise<void> {
    if (!Number.isSafeInteger(length) || length < 0) {
      return Promise.reject(new RxOptionError("length", "an integer of 0 or more", length));
    }
    if (!this.#mayReadNow()) return this.#skipOn(length, length);
    this.#giveBack();
    const left = length - this.handle.skip(length);
    return left === 0 ? DONE : this.#skipOn(left, length);
  }

  /**
   * Everything the peer sends, in one array of the caller's own.
   * @param maxBytes default 16 MiB
   * @throws RxError RX_ERR_TOO_LARGE, or how the call failed
   */
  async readAll(maxBytes = 16 * 1024 * 1024): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of this) {
      total += chunk.length;
      if (total > maxBytes) throw new RxError("RX_ERR_TOO_LARGE", `more than ${maxBytes} bytes came`);
      parts.push(chunk.slice());
    }
    if (parts.length === 1) return parts[0] as Uint8Array;
    const all = new Uint8Array(total);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Chunks as they come. Each lives until the next iteration: copy what you keep. Ends with the peer's data. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#nextChunk(),
      return: () => {
        this.#giveBack();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  /**
   * Queues bytes for the peer; resolves when all have been taken over, so that `await` follows the peer's pace.
   * @throws RxError RX_ERR_CALL_ENDED, RX_ERR_CALL_STATE, RX_ERR_TOO_LARGE, or how the call failed
   */
  write(bytes: Uint8Array): Promise<void> {
    try {
      if (!(bytes instanceof Uint8Array)) throw new RxOptionError("bytes", "a Uint8Array", bytes);
      if (this.#writer !== null) throw new RxError("RX_ERR_CALL_STATE", "another write is waiting");
      if (bytes.length > this.writableBytes) {
        throw new RxError(
          "RX_ERR_TOO_LARGE",
          `${bytes.length} bytes where ${this.writableBytes} may still be written`,
        );
      }
      this.writableBytes -= bytes.length;
      const taken = this.handle.write(bytes, 0, bytes.length);
      if (taken === bytes.length) return DONE;
      this.#writing = this.#writeOn(bytes, taken);
      return this.#writing;
    } catch (cause) {
      return Promise.reject(this.#failure ?? (cause as Error));
    }
  }

  /** Ends this side's data, after `bytes` if they are given. @throws as write() */
  async end(bytes?: Uint8Array): Promise<void> {
    if (bytes !== undefined) await this.write(bytes);
    if (this.#writer !== null) {
      throw new RxError("RX_ERR_CALL_STATE", "a write is waiting: await it before the data ends");
    }
    this.handle.end();
  }

  /**
   * Ends the call with an ABORT.
   * @param code a 32-bit integer other than 0; default RX_USER_ABORT
   */
  abort(code = -6): void {
    if (!isAbortCode(code)) throw new RxOptionError("code", "a 32-bit integer other than 0", code);
    this.handle.abort(code);
  }

  /** Called by the core from the event cache. */
  handleCallEvents(_handle: CallHandle, events: number): void {
    if ((events & CallEvent.Ended) !== 0) this.#noteEnd();
    if ((events & (CallEvent.Readable | CallEvent.Ended)) !== 0) this.#wake(this.#reader, "reader");
    if ((events & (CallEvent.Writable | CallEvent.Ended)) !== 0) this.#wake(this.#writer, "writer");
    if ((events & CallEvent.Ended) !== 0) this.onEnd(this.#failure);
  }

  /** The call is over; `failure` is null when it succeeded. Runs once. */
  protected abstract onEnd(failure: RxError | null): void;

  /** The newest write that had to wait for the peer; settled or not. */
  protected get writing(): Promise<void> | null {
    return this.#writer === null ? null : this.#writing;
  }

  /** Tells whoever waits on this call that it is over, with the reason given to failWith(). */
  protected wakeAll(): void {
    this.#wake(this.#reader, "reader");
    this.#wake(this.#writer, "writer");
    if (this.#failure !== null) this.#controller?.abort(this.#failure);
  }

  /** Why the call failed, or null. */
  protected get failure(): RxError | null {
    return this.#failure;
  }

  /** Sets the reason that readers, writers and the signal see, before the call is ended for it. */
  protected failWith(failure: RxError): void {
    this.#failure ??= failure;
  }

  #noteEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.handle.completion !== Completion.Succeeded) this.#failure ??= completionError(this.handle);
    if (this.#failure !== null) this.#controller?.abort(this.#failure);
  }

  #wake(waiter: Waiter | null, role: "reader" | "writer"): void {
    if (waiter === null) return;
    if (role === "reader") this.#reader = null;
    else this.#writer = null;
    if (this.#failure !== null) waiter.reject(this.#failure);
    else waiter.resolve();
  }

  #waitForInput(): Promise<void> {
    if (this.#reader !== null) throw new RxError("RX_ERR_CALL_STATE", "another read is waiting");
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #waitForRoom(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer = { resolve, reject };
    });
  }

  #mayReadNow(): boolean {
    const { turns } = this.#events.counters;
    if (this.#turn !== turns) {
      this.#turn = turns;
      this.#directReads = 0;
    }
    return ++this.#directReads <= DIRECT_READS_PER_TURN;
  }

  #take(bytes: Uint8Array, offset: number): number {
    this.#giveBack();
    return this.handle.readInto(bytes, offset, bytes.length - offset);
  }

  async #readOn(bytes: Uint8Array, start: number): Promise<Uint8Array> {
    let got = start;
    for (;;) {
      if (this.#mayReadNow()) {
        got += this.#take(bytes, got);
        if (got === bytes.length) return bytes;
        this.#refuseMore(got, bytes.length);
      } else {
        this.handle.defer();
      }
      await this.#waitForInput();
    }
  }

  async #skipOn(leftAtFirst: number, length: number): Promise<void> {
    let left = leftAtFirst;
    for (;;) {
      if (this.#mayReadNow()) {
        this.#giveBack();
        left -= this.handle.skip(left);
        if (left === 0) return;
        this.#refuseMore(length - left, length);
      } else {
        this.handle.defer();
      }
      await this.#waitForInput();
    }
  }

  // There will be no more: says why. Otherwise returns, and the reader waits.
  #refuseMore(got: number, wanted: number): void {
    if (this.handle.isAtEnd && this.#failure === null) {
      throw new RxError("RX_ERR_END_OF_DATA", `the data ended after ${got} of ${wanted} bytes`);
    }
    if (this.handle.isEnded) throw this.#failure ?? completionError(this.handle);
  }

  async #nextChunk(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      this.#giveBack();
      if (this.#mayReadNow()) {
        const chunk = this.handle.borrow();
        if (chunk !== null) {
          this.#borrowed = chunk.length;
          return { value: chunk, done: false };
        }
        if (this.handle.isAtEnd && this.#failure === null) return { value: undefined, done: true };
        if (this.handle.isEnded) throw this.#failure ?? completionError(this.handle);
      } else {
        this.handle.defer();
      }
      await this.#waitForInput();
    }
  }

  #giveBack(): void {
    if (this.#borrowed === 0) return;
    const length = this.#borrowed;
    this.#borrowed = 0;
    this.handle.consume(length);
  }

  async #writeOn(bytes: Uint8Array, start: number): Promise<void> {
    let at = start;
    while (at < bytes.length) {
      await this.#waitForRoom();
      at += this.handle.write(bytes, at, bytes.length - at);
    }
  }
}
