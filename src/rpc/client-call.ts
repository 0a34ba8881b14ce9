// A client call: request out, reply in, with a deadline and a signal.
import type { CallHandle } from "../core/call-handle.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { CallStream } from "./call-stream.js";
import type { RpcContext } from "./rpc-context.js";

/** Options of one client call. */
export interface CallOptions {
  /** Ends the call when it aborts. */
  readonly signal?: AbortSignal;
  /** The call ends after so long, waiting for a channel included. Default 60 000; 0 = no limit but the peer's silence. */
  readonly deadlineMs?: number;
  /** A longer reply ends the call with RX_ERR_TOO_LARGE. In bytes; default 16 MiB for call(), none for streams. */
  readonly maxReplyBytes?: number;
}

const DEADLINE_MS = 60_000;
const DEADLINE_MAX_MS = 24 * 3_600_000;

export class ClientCall extends CallStream {
  #signal: AbortSignal | null = null;
  readonly #onAbort = (): void => this.#cancel();
  #ended: Promise<void> | null = null;
  #settle: ((failure: RxError | null) => void) | null = null;
  /** How the call ended for `ended`, once it is over. */
  #outcome: RxError | null = null;
  #isOver = false;

  /** @internal */
  constructor(handle: CallHandle, context: RpcContext, options: CallOptions = {}) {
    super(handle, context);
    const deadlineMs = integerOption("deadlineMs", options.deadlineMs, DEADLINE_MS, 0, DEADLINE_MAX_MS);
    if (deadlineMs > 0) handle.limitTime(deadlineMs * 1_000);
    if (options.maxReplyBytes !== undefined) handle.limitInput(options.maxReplyBytes);
    if (options.signal !== undefined) this.#follow(options.signal);
  }

  /**
   * Resolves when the whole reply has come, rejects when the call fails; either may be before the reply is read.
   * Every read gives the same promise.
   */
  get ended(): Promise<void> {
    this.#ended ??= new Promise((resolve, reject) => {
      this.#settle = (failure) => (failure === null ? resolve() : reject(failure));
      if (this.#isOver) this.#settle(this.#outcome);
    });
    return this.#ended;
  }

  /** Lets the call go: one that is not over is aborted. `await using` does this. */
  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.handle.isReleased) return;
    if (!this.#isOver || !this.handle.isAtEnd) {
      this.giveUp(new RxError("RX_ERR_CALL_CANCELLED", "the call was closed before its reply was read"));
    }
    this.handle.release(AbortCode.RX_USER_ABORT);
    this.releaseResources();
    this.wakeAll();
    this.#enterOver(this.failure);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  protected override onEnd(failure: RxError | null): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#enterOver(failure);
    // What has come of the reply is still there to be read; a failed call has nothing to read.
    if (failure === null) return;
    this.releaseResources();
    this.handle.release();
  }

  #enterOver(failure: RxError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outcome = failure;
    this.#settle?.(failure);
  }

  #follow(signal: AbortSignal): void {
    this.#signal = signal;
    if (signal.aborted) this.#cancel();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  #cancel(): void {
    this.giveUp(
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
