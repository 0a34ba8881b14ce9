// What a call has besides its packets: an arena, growable buffers, files. Each is made when it is first asked for, and all go
// with the call, once.
import { Arena } from "../memory/arena.js";
import { ByteBudget } from "../memory/byte-budget.js";
import { GrowableBuffer } from "../memory/growable-buffer.js";
import type { FileAccess, FileScope } from "./file-access.js";
import type { GrowableStream } from "./growable-stream.js";
import type { RpcContext } from "./rpc-context.js";

export class CallResources {
  readonly #context: RpcContext;
  readonly #arena: Arena;
  readonly #disk: ByteBudget;
  #files: FileScope | null = null;
  #isReleased = false;

  constructor(context: RpcContext) {
    const { limits, work, disk } = context.memory;
    this.#context = context;
    this.#arena = new Arena(new ByteBudget(limits.arenaBytesMax, work));
    this.#disk = new ByteBudget(limits.spillBytesPerCallMax, disk);
  }

  get arena(): Arena {
    return this.#arena;
  }

  get files(): FileAccess {
    if (this.#files === null) {
      this.#files = this.#context.files.scope();
      // Refuses everything from here, as it would had it been made in time.
      if (this.#isReleased) this.#files.release();
    }
    return this.#files;
  }

  /** For a GrowableStream, which link() lets go with the call. */
  makeBuffer(onChange: () => void): GrowableBuffer {
    const { limits, work, spill } = this.#context.memory;
    return new GrowableBuffer({
      memory: work,
      disk: this.#disk,
      thresholdBytes: limits.spillThresholdBytes,
      spill,
      onChange,
    });
  }

  /** @throws RxError RX_ERR_CALL_ENDED */
  link(stream: GrowableStream): GrowableStream {
    return this.#arena.link(stream);
  }

  /** The call is over. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#files?.release();
    try {
      this.#arena.clear();
    } catch (cause) {
      this.#context.reportFault(cause, "what a call's arena released");
    }
  }
}
