// Payloads of packets that are not copied: they lie in shared chunks, which are held until the peer has the packet for good.
import type { SharedChunk } from "../memory/shared-chunk.js";
import { assert } from "../util/assert.js";

const NO_BYTES = new Uint8Array(0);

/** Lets the last reference to a chunk go later, from the event cache: what it disposes of is a user's code. */
export interface ChunkRetirer {
  retireChunk(chunk: SharedChunk): void;
}

/** By the places of a transmit window's ring. Made for a call when it first lends something. */
export class LentPayloads {
  readonly #retirer: ChunkRetirer;
  readonly #chunks: (SharedChunk | null)[];
  readonly #bytes: Uint8Array[];
  readonly #offsets: Float64Array;
  readonly #lengths: Int32Array;

  constructor(places: number, retirer: ChunkRetirer) {
    this.#retirer = retirer;
    this.#chunks = new Array<SharedChunk | null>(places).fill(null);
    this.#bytes = new Array<Uint8Array>(places).fill(NO_BYTES);
    this.#offsets = new Float64Array(places);
    this.#lengths = new Int32Array(places);
  }

  /** Takes a reference for the packet at `place`. */
  lend(place: number, chunk: SharedChunk, offset: number, length: number): void {
    assert(this.#chunks[place] === null, "a packet is lent two payloads");
    this.#chunks[place] = chunk.retain();
    this.#bytes[place] = chunk.bytes;
    this.#offsets[place] = offset;
    this.#lengths[place] = length;
  }

  bytesAt(place: number): Uint8Array {
    return this.#bytes[place] as Uint8Array;
  }

  offsetAt(place: number): number {
    return this.#offsets[place] as number;
  }

  lengthAt(place: number): number {
    return this.#lengths[place] as number;
  }

  /** The peer has the packet, or the call is over. */
  release(place: number): void {
    const chunk = this.#chunks[place] as SharedChunk | null;
    if (chunk === null) return;
    this.#chunks[place] = null;
    this.#bytes[place] = NO_BYTES;
    if (chunk.references === 1) this.#retirer.retireChunk(chunk);
    // A user who has released it too often has been told so by an error; it is gone.
    else if (!chunk.isDisposed) chunk.release();
  }
}
