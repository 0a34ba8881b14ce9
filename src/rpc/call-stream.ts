// A call as users see it: bytes in and out with back-pressure, a signal, an end. Promises begin here.
import type { CallHandle, CallListener } from "../core/call-handle.js";
import { CallEvent, Completion } from "../core/call-object.js";
import { EventClass } from "../loop/event-cache.js";
import type { Arena } from "../memory/arena.js";
import { SharedChunk } from "../memory/shared-chunk.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { abortCodeFor, completionError, isAbortCode } from "./call-error.js";
import { CallInput } from "./call-input.js";
import { CallResources } from "./call-resources.js";
import type { FileAccess } from "./file-access.js";
import { GrowableStream } from "./growable-stream.js";
import { Intake } from "./intake.js";
import { NextTurn } from "./next-turn.js";
import type { RpcContext } from "./rpc-context.js";

const DONE: Promise<void> = Promise.resolve();

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

export abstract class CallStream implements CallListener, AsyncIterable<Uint8Array> {
  /** The core's side of the call. */
  protected readonly handle: CallHandle;
  /** Bytes that may still be written. */
  protected writableBytes = Number.MAX_SAFE_INTEGER;
  readonly #context: RpcContext;
  readonly #input: CallInput;
  #writer: Waiter | null = null;
  #writing: Promise<void> | null = null;
  #controller: AbortController | null = null;
  #failure: RxError | null = null;
  #hasEnded = false;
  #resources: CallResources | null = null;
  /** The call needs no resources any more. */
  #isReleased = false;
  #intake: Intake | null = null;
  #nextTurn: NextTurn | null = null;

  constructor(handle: CallHandle, context: RpcContext) {
    this.handle = handle;
    this.#context = context;
    this.#input = new CallInput(handle, context.events.counters);
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

  /** Memory of the call's own, cleared once when the call is over. Its views are good until then. */
  get arena(): Arena {
    return this.#resourcesOf().arena;
  }

  /** Files that the handler may open; what it leaves open is closed when the call is over. */
  get files(): FileAccess {
    return this.#resourcesOf().files;
  }

  /**
   * Everything the peer sends, taken in as it comes whatever the handler's own pace, and readable meanwhile. Beyond
   * `memory.spillThresholdBytes` it lies in a file without a name; when that cannot grow the call is aborted. Instead of the
   * other ways to read: they reject with RX_ERR_CALL_STATE from here on. It goes with the call.
   */
  buffer(): GrowableStream {
    if (this.#intake === null) {
      this.#input.take();
      this.#intake = new Intake(this.handle, this.#resourcesOf(), this.#turnOf(), (failure) => {
        this.giveUp(failure);
        this.handle.abort(abortCodeFor(failure));
      });
      this.#intake.pump();
    }
    return this.#intake.stream;
  }

  /** An empty buffer of any length, for what a handler makes faster than its peer takes it. It goes with the call. */
  makeBuffer(): GrowableStream {
    const resources = this.#resourcesOf();
    const stream = new GrowableStream((onChange) => resources.makeBuffer(onChange), this.#turnOf());
    return resources.link(stream);
  }

  /** Lets everybody else who is ready run first. */
  yield(): Promise<void> {
    return this.#turnOf().wait(EventClass.Background);
  }

  /**
   * Exactly `length` bytes, in an array of the caller's own.
   * @throws RxError RX_ERR_END_OF_DATA when the peer's data ends before, or how the call failed
   */
  read(length: number): Promise<Uint8Array> {
    return this.#input.read(length);
  }

  /**
   * Drops exactly `length` bytes, without copying them.
   * @throws as read()
   */
  skip(length: number): Promise<void> {
    return this.#input.skip(length);
  }

  /**
   * Everything the peer sends, in one array of the caller's own.
   * @param maxBytes default 16 MiB
   * @throws RxError RX_ERR_TOO_LARGE, or how the call failed
   */
  readAll(maxBytes = 16 * 1024 * 1024): Promise<Uint8Array> {
    return this.#input.readAll(maxBytes);
  }

  /** Chunks as they come. Each lives until the next iteration: copy what you keep. Ends with the peer's data. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#input.next(),
      return: () => {
        this.#input.giveBack();
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
      this.#reserveOutput(bytes.length);
      const taken = this.handle.write(bytes, 0, bytes.length);
      if (taken === bytes.length) return DONE;
      this.#writing = this.#writeOn(bytes, taken);
      return this.#writing;
    } catch (cause) {
      return Promise.reject(this.#failure ?? (cause as Error));
    }
  }

  /**
   * Queues chunk.bytes[start, end) without copying it, as far as the security class allows: each packet holds a reference to
   * the chunk until the peer has acknowledged it for good, or the call is over. Otherwise as write().
   */
  writeShared(chunk: SharedChunk, start = 0, end?: number): Promise<void> {
    try {
      if (!(chunk instanceof SharedChunk)) throw new RxOptionError("chunk", "a SharedChunk", chunk);
      const to = end ?? chunk.bytes.length;
      checkRange(start, to, chunk.bytes.length);
      this.#reserveOutput(to - start);
      this.#writing = this.#lendAll(chunk.retain(), start, to);
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
    if (this.#intake !== null) this.#intake.pump();
    if ((events & (CallEvent.Readable | CallEvent.Ended)) !== 0) this.#input.wake(this.#failure);
    if ((events & (CallEvent.Writable | CallEvent.Ended)) !== 0) this.#wakeWriter();
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
    this.#input.wake(this.#failure);
    this.#wakeWriter();
    if (this.#failure === null) return;
    this.#controller?.abort(this.#failure);
    this.#intake?.stream.fail(this.#failure);
  }

  /** Why the call failed, or null. */
  protected get failure(): RxError | null {
    return this.#failure;
  }

  /** Sets the reason that readers, writers and the signal see, before the call is ended for it. @internal */
  giveUp(failure: RxError): void {
    this.#failure ??= failure;
    this.#input.failWith(this.#failure);
  }

  #noteEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.handle.completion !== Completion.Succeeded) this.#failure ??= completionError(this.handle);
    if (this.#failure !== null) {
      this.#controller?.abort(this.#failure);
      this.#intake?.stream.fail(this.#failure);
    }
  }

  /** The call is over, and nobody uses its memory and files any more. Runs once; later calls do nothing. */
  protected releaseResources(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#resources?.release();
  }

  /** Whether there is something for releaseResources() to let go. */
  protected get hasResources(): boolean {
    return this.#resources !== null;
  }

  #resourcesOf(): CallResources {
    if (this.#resources === null) {
      this.#resources = new CallResources(this.#context);
      // Too late: everything asked of them says that the call has ended.
      if (this.#isReleased) this.#resources.release();
    }
    return this.#resources;
  }

  #turnOf(): NextTurn {
    this.#nextTurn ??= new NextTurn(this.#context.events);
    return this.#nextTurn;
  }

  #reserveOutput(bytes: number): void {
    if (this.#writer !== null) throw new RxError("RX_ERR_CALL_STATE", "another write is waiting");
    if (bytes > this.writableBytes) {
      throw new RxError(
        "RX_ERR_TOO_LARGE",
        `${bytes} bytes where ${this.writableBytes} may still be written`,
      );
    }
    this.writableBytes -= bytes;
  }

  #wakeWriter(): void {
    const writer = this.#writer;
    if (writer === null) return;
    this.#writer = null;
    if (this.#failure !== null) writer.reject(this.#failure);
    else writer.resolve();
  }

  #waitForRoom(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer = { resolve, reject };
    });
  }

  // Takes over the reference that the caller has just taken for it.
  async #lendAll(chunk: SharedChunk, start: number, end: number): Promise<void> {
    try {
      let at = start + this.handle.lend(chunk, start, end - start);
      while (at < end) {
        await this.#waitForRoom();
        at += this.handle.lend(chunk, at, end - at);
      }
    } catch (cause) {
      throw this.#failure ?? cause;
    } finally {
      chunk.release();
    }
  }

  async #writeOn(bytes: Uint8Array, start: number): Promise<void> {
    let at = start;
    while (at < bytes.length) {
      await this.#waitForRoom();
      at += this.handle.write(bytes, at, bytes.length - at);
    }
  }
}

/** @throws RxOptionError unless bytes[start, end) is a part of `length` bytes */
function checkRange(start: number, end: number, length: number): void {
  if (!Number.isInteger(start) || start < 0 || start > length) {
    throw new RxOptionError("start", `an integer from 0 to ${length}`, start);
  }
  if (!Number.isInteger(end) || end < start || end > length) {
    throw new RxOptionError("end", `an integer from ${start} to ${length}`, end);
  }
}
