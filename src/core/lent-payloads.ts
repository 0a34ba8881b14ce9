// Payloads of packets that are not copied: they lie in shared chunks, which are held until the peer has the packet for good.
import type { SharedChunk } from "../memory/shared-chunk.js";
import { assert } from "../util/assert.js";

/** Lets the last reference to a chunk go later, from the event cache: what it disposes of is a user's code. */
export interface ChunkRetirer {
  retireChunk(chunk: SharedChunk): void;
}

/** By the places of a transmit window's ring. Made for a call when it first lends something. */
export class LentPayloads {
  readonly #retirer: ChunkRetirer;
  readonly #chunks: (SharedChunk | null)[];
  readonly #offsets: Float64Array;
  readonly #lengths: Int32Array;

  constructor(places: number, retirer: ChunkRetirer) {
    this.#retirer = retirer;
    this.#chunks = new Array<SharedChunk | null>(places).fill(null);
    this.#offsets = new Float64Array(places);
    this.#lengths = new Int32Array(places);
  }

  /** Takes a reference for the packet at `place`. */
  lend(place: number, chunk: SharedChunk, offset: number, length: number): void {
    assert(this.#chunks[place] === null, "a packet is lent two payloads");
    this.#chunks[place] = chunk.retain();
    this.#offsets[place] = offset;
    this.#lengths[place] = length;
  }

  /** False when a user has released the chunk once too often: its bytes may be another's by now. */
  isThere(place: number): boolean {
    return !(this.#chunks[place] as SharedChunk).isDisposed;
  }

  bytesAt(place: number): Uint8Array {
    return (this.#chunks[place] as SharedChunk).bytes;
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
    if (chunk.references === 1) this.#retirer.retireChunk(chunk);
    else if (!chunk.isDisposed) chunk.release();
  }
}
