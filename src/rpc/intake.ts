// Takes in what the peer sends as it comes, into a growable buffer, whatever the pace of the handler that reads it.
import type { CallHandle } from "../core/call-handle.js";
import type { GrowableBuffer } from "../memory/growable-buffer.js";
import type { RxError } from "../util/errors.js";
import type { CallResources } from "./call-resources.js";
import { GrowableStream } from "./growable-stream.js";
import type { NextTurn } from "./next-turn.js";

export class Intake {
  readonly stream: GrowableStream;
  readonly #handle: CallHandle;
  readonly #onFailure: (failure: RxError) => void;
  #buffer!: GrowableBuffer;
  #isPumping = false;
  #hasFailed = false;

  /** @param onFailure is told once when the buffer cannot take in more: the call cannot go on */
  constructor(
    handle: CallHandle,
    resources: CallResources,
    turn: NextTurn,
    onFailure: (failure: RxError) => void,
  ) {
    this.#handle = handle;
    this.#onFailure = onFailure;
    this.stream = new GrowableStream((onChange) => {
      this.#buffer = resources.makeBuffer(() => {
        this.pump();
        onChange();
      });
      return this.#buffer;
    }, turn);
    resources.link(this.stream);
  }

  /** Moves what has come. What the buffer has no room for stays in its packets, and the peer's window with it. */
  pump(): void {
    if (this.#isPumping || this.#buffer.isEnded) return;
    this.#isPumping = true;
    while (this.#moveSome());
    this.#isPumping = false;
    this.#noteFailure();
  }

  #moveSome(): boolean {
    const handle = this.#handle;
    if (handle.hasInput) {
      const room = this.#buffer.reserve(1);
      if (room === null) return false;
      this.#buffer.commit(handle.readInto(room, 0, room.length));
      return true;
    }
    if (handle.isAtEnd) this.#buffer.end();
    return false;
  }

  #noteFailure(): void {
    const { failure } = this.#buffer;
    if (failure === null || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#onFailure(failure);
  }
}
