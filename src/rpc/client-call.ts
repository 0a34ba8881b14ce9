// A client call: request out, reply in, with a deadline and a signal.
import type { CallHandle } from "../core/call-handle.js";
import type { EventCache } from "../loop/event-cache.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { CallStream } from "./call-stream.js";

/** Options of one client call. */
export interface CallOptions {
  /** Ends the call when it aborts. */
  readonly signal?: AbortSignal;
  /** The call ends after so long, waiting for a channel included. Default 60 000; 0 = no limit but the peer's silence. */
  readonly deadlineMs?: number;
  /** A longer reply ends the call. Default 16 MiB for call(), none for streams. */
  readonly maxReplyBytes?: number;
}

const DEADLINE_MS = 60_000;
const DEADLINE_MAX_MS = 24 * 3_600_000;

export class ClientCall extends CallStream {
  #signal: AbortSignal | null = null;
  readonly #onAbort = (): void => this.#cancel();
  #settle: ((failure: RxError | null) => void) | null = null;
  #isOver = false;

  constructor(handle: CallHandle, events: EventCache, options: CallOptions = {}) {
    super(handle, events);
    const deadlineMs = integerOption("deadlineMs", options.deadlineMs, DEADLINE_MS, 0, DEADLINE_MAX_MS);
    if (deadlineMs > 0) handle.limitTime(deadlineMs * 1_000);
    if (options.maxReplyBytes !== undefined) handle.limitInput(options.maxReplyBytes);
    if (options.signal !== undefined) this.#follow(options.signal);
  }

  /** Resolves when the whole reply has come, rejects when the call fails; either may be before the reply is read. */
  get ended(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (failure: RxError | null): void => (failure === null ? resolve() : reject(failure));
      if (this.#isOver) settle(this.failure);
      else this.#settle = settle;
    });
  }

  /** Lets the call go: one that is not over is aborted. `await using` does this. */
  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.handle.isReleased) return;
    if (!this.#isOver || !this.handle.isAtEnd) {
      this.failWith(new RxError("RX_ERR_CALL_CANCELLED", "the call was closed before its reply was read"));
    }
    this.handle.release(AbortCode.RX_USER_ABORT);
    this.wakeAll();
    if (!this.#isOver && this.#settle !== null) this.#settle(this.failure);
    this.#isOver = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  protected override onEnd(failure: RxError | null): void {
    this.#isOver = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.#settle !== null) this.#settle(failure);
    // What has come of the reply is still there to be read; a failed call has nothing to read.
    if (failure !== null) this.handle.release();
  }

  #follow(signal: AbortSignal): void {
    this.#signal = signal;
    if (signal.aborted) this.#cancel();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  #cancel(): void {
    this.failWith(
      new RxError("RX_ERR_CALL_CANCELLED", "the call was cancelled by its signal", {
        cause: this.#signal?.reason,
      }),
    );
    this.handle.abort(AbortCode.RX_USER_ABORT);
  }
}

/** @throws RxOptionError naming the option that is wrong */
export function checkCallOptions(options: CallOptions): void {
  knownOptions("options", options, ["signal", "deadlineMs", "maxReplyBytes"]);
  integerOption("deadlineMs", options.deadlineMs, DEADLINE_MS, 0, DEADLINE_MAX_MS);
  integerOption("maxReplyBytes", options.maxReplyBytes, 0, 0);
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new RxOptionError("signal", "an AbortSignal", options.signal);
  }
}
