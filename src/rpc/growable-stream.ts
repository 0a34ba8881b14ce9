// A growable buffer as a handler sees it: promises over memory/growable-buffer.ts. One writer, one reader, at the same time.
import { EventClass } from "../loop/event-cache.js";
import type { GrowableBuffer } from "../memory/growable-buffer.js";
import { RxError, RxOptionError } from "../util/errors.js";
import type { NextTurn } from "./next-turn.js";
import { readLengthError } from "./read-length.js";

/** Chunks that are handed out directly before the loop has a turn: the rest of the house would wait for the reader of a long buffer. */
const DIRECT_CHUNKS = 8;
// A block of the buffer.
const RESERVE_MAX = 65_536;

/**
 * Bytes of any length, first in first out. What is more than `memory.spillThresholdBytes` lies in a file without a name.
 *
 * Every operation rejects with RX_ERR_SPILL_FULL (abort code 108, disk full, or 109, quota), RX_ERR_MEMORY (12) or RX_ERR_FILE
 * (112) when the buffer could not grow, and with the failure of the call when that has ended it.
 */
export class GrowableStream implements AsyncIterable<Uint8Array> {
  readonly #buffer: GrowableBuffer;
  readonly #turn: NextTurn;
  #reader: (() => void) | null = null;
  #writer: (() => void) | null = null;
  #borrowed = 0;
  #direct = 0;
  #failure: RxError | null = null;
  #isReleased = false;

  /** @param make is given what the buffer has to call when something has moved */
  constructor(make: (onChange: () => void) => GrowableBuffer, turn: NextTurn) {
    this.#turn = turn;
    this.#buffer = make(() => this.handleChange());
  }

  /** Bytes written and not read. */
  get length(): number {
    return this.#buffer.length;
  }

  /** Bytes ever written. */
  get totalBytes(): number {
    return this.#buffer.totalBytes;
  }

  /** No more is written. */
  get isEnded(): boolean {
    return this.#buffer.isEnded;
  }

  /** Whether it has moved to a file. */
  get isSpilled(): boolean {
    return this.#buffer.isSpilled;
  }

  get memoryBytes(): number {
    return this.#buffer.memoryBytes;
  }

  get fileBytes(): number {
    return this.#buffer.fileBytes;
  }

  /** Why it cannot be used any more, or null. */
  get failure(): RxError | null {
    return this.#failure ?? this.#buffer.failure;
  }

  /**
   * Room for at least `length` bytes, 1 to 65 536, at the end: fill it from its start and tell commit() how much. It is lent
   * until the next commit(), reserve(), write() or end().
   */
  async reserve(length: number): Promise<Uint8Array> {
    if (!Number.isInteger(length) || length < 1 || length > RESERVE_MAX) {
      throw new RxOptionError("length", `an integer from 1 to ${RESERVE_MAX}`, length);
    }
    for (;;) {
      this.#checkWritable();
      const room = this.#buffer.reserve(length);
      if (room !== null) return room;
      await this.#waitToWrite();
    }
  }

  /** The first `length` bytes of what reserve() lent have been filled. */
  commit(length: number): void {
    this.#checkWritable();
    this.#buffer.commit(length);
  }

  /** Copies `bytes` in; resolves when all are in, so that `await` follows the pace of the disk. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!(bytes instanceof Uint8Array)) throw new RxOptionError("bytes", "a Uint8Array", bytes);
    for (let at = 0; at < bytes.length; ) {
      this.#checkWritable();
      const taken = this.#buffer.write(bytes, at, bytes.length - at);
      at += taken;
      if (at < bytes.length) await this.#waitToWrite();
    }
  }

  /** Says that no more is written. */
  end(): void {
    this.#buffer.end();
  }

  /** Exactly `length` bytes, in an array of the caller's own. @throws RxError RX_ERR_END_OF_DATA when there are fewer */
  async read(length: number): Promise<Uint8Array> {
    const wrong = readLengthError(length);
    if (wrong !== null) throw wrong;
    const bytes = new Uint8Array(length);
    for (let got = 0; got < length; ) {
      const chunk = await this.#nextChunk();
      if (chunk === null) {
        throw new RxError("RX_ERR_END_OF_DATA", `the data ended after ${got} of ${length} bytes`);
      }
      const part = Math.min(chunk.length, length - got);
      bytes.set(chunk.subarray(0, part), got);
      this.#borrowed = part;
      got += part;
    }
    this.#giveBack();
    return bytes;
  }

  /** Chunks as they are there, up to the end. Each lives until the next iteration: copy what you keep. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        const chunk = await this.#nextChunk();
        return chunk === null ? { value: undefined, done: true } : { value: chunk, done: false };
      },
      return: () => {
        this.#giveBack();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  /** Gives memory and file back before the call ends. Whoever waits is told RX_ERR_CALL_ENDED. */
  release(): void {
    this.fail(new RxError("RX_ERR_CALL_ENDED", "the buffer has been released"));
  }

  /** The call is over for this reason, or the buffer is not wanted any more. */
  fail(failure: RxError): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#failure = this.#buffer.failure ?? failure;
    this.#buffer.clear();
    this.handleChange();
  }

  /** Something has moved: whoever waits looks again. */
  handleChange(): void {
    const reader = this.#reader;
    const writer = this.#writer;
    this.#reader = null;
    this.#writer = null;
    if (reader !== null) reader();
    if (writer !== null) writer();
  }

  /** The next chunk, lent until the one after it; null at the end. */
  async #nextChunk(): Promise<Uint8Array | null> {
    this.#giveBack();
    for (;;) {
      const { failure } = this;
      if (failure !== null) throw failure;
      if (this.#direct === DIRECT_CHUNKS) {
        this.#direct = 0;
        await this.#turn.wait(EventClass.Data);
        continue;
      }
      const chunk = this.#buffer.peek();
      if (chunk !== null) {
        this.#direct++;
        this.#borrowed = chunk.length;
        return chunk;
      }
      if (this.#buffer.isAtEnd) return null;
      await this.#waitToRead();
    }
  }

  #giveBack(): void {
    const length = this.#borrowed;
    this.#borrowed = 0;
    if (length > 0 && this.failure === null) this.#buffer.consume(length);
  }

  #waitToRead(): Promise<void> {
    if (this.#reader !== null) throw new RxError("RX_ERR_CALL_STATE", "another read is waiting");
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  #waitToWrite(): Promise<void> {
    if (this.failure !== null) throw this.failure;
    if (this.#writer !== null) throw new RxError("RX_ERR_CALL_STATE", "another write is waiting");
    return new Promise((resolve) => {
      this.#writer = resolve;
    });
  }

  #checkWritable(): void {
    if (this.failure !== null) throw this.failure;
    if (this.#buffer.isEnded)
      throw new RxError("RX_ERR_CALL_STATE", "the data of this buffer has ended already");
  }
}
