// A service call: what a handler, a kernel-style service or an accepting loop works with.
import type { CallHandle } from "../core/call-handle.js";
import type { RxError } from "../util/errors.js";
import { AbortCode } from "../wire/abort.js";
import { CallStream } from "./call-stream.js";
import type { RpcContext } from "./rpc-context.js";

export class ServerCall extends CallStream {
  /** Called once when the call is over on the wire. */
  onEnded: ((call: ServerCall, failure: RxError | null) => void) | null = null;
  #isFinished = false;
  #isOver = false;

  constructor(handle: CallHandle, context: RpcContext, maxReplyBytes: number) {
    super(handle, context);
    this.writableBytes = maxReplyBytes;
  }

  /** The id it was charged or accepted under; null while it waits for accept(). */
  get userId(): bigint | null {
    return this.handle.userId;
  }

  /** The userStatus byte that came with the request. */
  get userStatus(): number {
    return this.handle.userStatus;
  }

  /** The peer is gone or has given up: what is written goes nowhere. */
  get isFailed(): boolean {
    return this.failure !== null;
  }

  /**
   * The service is done with the call: ends the reply if that has not been done, drops what is left of the request.
   * Kernel-style services and accepting loops call it for each call; the server base does so after the handler.
   */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    // A write that its writer did not wait for is still part of the reply.
    const { writing } = this;
    if (writing === null) this.#endReply();
    else
      void writing.then(
        () => this.#endReply(),
        () => this.#endReply(),
      );
  }

  #endReply(): void {
    if (this.#isOver) {
      this.handle.release();
      return;
    }
    this.handle.discardInput();
    if (!this.handle.isReplyEnded) this.handle.end();
    if (this.onEnded === null && !this.hasResources) this.handle.detach();
  }

  /** Ends the call with an ABORT and lets it go. Any output that was not sent yet is dropped. */
  override abort(code: number = AbortCode.RX_USER_ABORT): void {
    super.abort(code);
    this.finish();
  }

  protected override onEnd(failure: RxError | null): void {
    this.#isOver = true;
    this.releaseResources();
    if (this.#isFinished) this.handle.release();
    if (this.onEnded !== null) this.onEnded(this, failure);
  }
}
