// Bytes that several owners share: counted references and one callback at the end. One file sent to many is held once.
import { RxError, RxOptionError } from "../util/errors.js";
import { functionOption } from "../util/options.js";

const NO_BYTES = new Uint8Array(0);

/**
 * Bytes with a count of references. The maker holds the first one. Whoever keeps the chunk calls `retain()` and later
 * `release()`, once each; at zero `dispose` gets the bytes back, exactly once.
 *
 * What is lent to a call for sending is held by the library until the peer has acknowledged all of it: nobody may
 * change the bytes while anybody else holds a reference.
 */
export class SharedChunk {
  #bytes: Uint8Array;
  #dispose: ((bytes: Uint8Array) => void) | null;
  #references = 1;

  /**
   * Link of the core's list of chunks whose last reference is let go from the event cache, so that `dispose`, which is
   * a user's function, never runs inside the packet handler. Nobody else touches it.
   *
   * @internal
   */
  nextRetired: SharedChunk | null = null;
  /**
   * Whether the chunk is in that list. The list owns one reference; a chunk is unlinked before it is released.
   *
   * @internal
   */
  isRetired = false;

  /**
   * @param bytes borrowed from the maker, not copied; the chunk's until `dispose`
   * @param dispose gets `bytes` when the last reference goes; where it is absent the bytes are left to the collector
   * @throws RxOptionError
   */
  constructor(bytes: Uint8Array, dispose?: (bytes: Uint8Array) => void) {
    if (!(bytes instanceof Uint8Array)) throw new RxOptionError("bytes", "a Uint8Array", bytes);
    this.#bytes = bytes;
    this.#dispose = functionOption("dispose", dispose) ?? null;
  }

  /**
   * The shared bytes; empty once the chunk is disposed of, because from then on they may hold something else.
   * A subarray that somebody took earlier is not emptied: who keeps one keeps a reference.
   */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** References held now, at least 1; 0 once the chunk is disposed of. */
  get references(): number {
    return this.#references;
  }

  get isDisposed(): boolean {
    return this.#references === 0;
  }

  /**
   * Takes one more reference.
   *
   * @throws RxError RX_ERR_CALL_STATE when the chunk is disposed of, also from within `dispose`
   */
  retain(): this {
    if (this.#references === 0) throw disposed("retain");
    this.#references++;
    return this;
  }

  /**
   * Lets one reference go. With the last one `dispose` runs, within this call; before that no foreign code does.
   *
   * @throws RxError RX_ERR_CALL_STATE when the chunk is disposed of: somebody released a reference twice
   * @throws what `dispose` throws; the chunk is disposed of all the same
   */
  release(): void {
    if (this.#references === 0) throw disposed("release");
    this.#references--;
    if (this.#references > 0) return;
    const bytes = this.#bytes;
    const dispose = this.#dispose;
    // All that this object will ever say is set before foreign code runs.
    this.#bytes = NO_BYTES;
    this.#dispose = null;
    if (dispose !== null) dispose(bytes);
  }
}

function disposed(operation: string): RxError {
  return new RxError("RX_ERR_CALL_STATE", `${operation}: the shared chunk has no references left`);
}
