// The common client call: one array of bytes out, one back, one promise. Streams are in client-call.ts.
import type { CallHandle, CallListener } from "../core/call-handle.js";
import { CallEvent, Completion } from "../core/call-object.js";
import { joinBytes } from "../util/bytes.js";
import { RxError } from "../util/errors.js";
import { AbortCode } from "../wire/abort.js";
import { completionError } from "./call-error.js";

const NOTHING = new Uint8Array(0);

export class UnaryCall implements CallListener {
  readonly #handle: CallHandle;
  readonly #request: Uint8Array;
  readonly #resolve: (reply: Uint8Array) => void;
  readonly #reject: (cause: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | null;
  #sent = 0;
  #reply: Uint8Array | null = null;
  /** Parts of a reply that came in several packets. */
  #parts: Uint8Array[] | null = null;
  /** Why the call is ended on this side, where the code of its ABORT does not say. */
  #failure: RxError | null = null;
  #isSettled = false;

  constructor(
    handle: CallHandle,
    request: Uint8Array,
    signal: AbortSignal | undefined,
    resolve: (reply: Uint8Array) => void,
    reject: (cause: unknown) => void,
  ) {
    this.#handle = handle;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    this.#onAbort = signal === undefined ? null : () => this.#cancel();
    handle.listener = this;
    this.#send();
    if (signal !== undefined && this.#onAbort !== null)
      signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & CallEvent.Readable) !== 0) this.#collect();
    if ((events & CallEvent.Writable) !== 0 && !handle.isEnded) this.#send();
    if ((events & CallEvent.Ended) !== 0) this.#finish();
  }

  /** Names the reason for which the call is about to be ended. */
  giveUp(failure: RxError): void {
    this.#failure ??= failure;
  }

  #send(): void {
    const request = this.#request;
    this.#sent += this.#handle.write(request, this.#sent, request.length - this.#sent);
    if (this.#sent === request.length) this.#handle.end();
  }

  #collect(): void {
    for (;;) {
      const chunk = this.#handle.borrow();
      if (chunk === null) return;
      const copy = chunk.slice();
      this.#handle.consume(copy.length);
      if (this.#reply === null) this.#reply = copy;
      else if (this.#parts === null) this.#parts = [this.#reply, copy];
      else this.#parts.push(copy);
    }
  }

  #finish(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#onAbort !== null) this.#signal?.removeEventListener("abort", this.#onAbort);
    const handle = this.#handle;
    if (handle.completion === Completion.Succeeded) {
      this.#collect();
      handle.release();
      this.#resolve(this.#parts === null ? (this.#reply ?? NOTHING) : joinBytes(this.#parts));
    } else {
      const failure = this.#failure ?? completionError(handle);
      handle.release();
      this.#reject(failure);
    }
  }

  #cancel(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#handle.release(AbortCode.RX_USER_ABORT);
    this.#reject(
      new RxError("RX_ERR_CALL_CANCELLED", "the call was cancelled by its signal", {
        cause: this.#signal?.reason,
      }),
    );
  }
}
