// The last references to shared chunks are let go from the event cache and not where the last ACK is read: what a chunk
// disposes of is a user's code.
import { type EventCache, EventClass, EventItem } from "../loop/event-cache.js";
import type { SharedChunk } from "../memory/shared-chunk.js";
import type { ChunkRetirer } from "./lent-payloads.js";

export class RetiredChunks extends EventItem implements ChunkRetirer {
  readonly #events: EventCache;
  #head: SharedChunk | null = null;
  #tail: SharedChunk | null = null;

  constructor(events: EventCache) {
    super();
    this.#events = events;
  }

  /** Takes over one reference. */
  retireChunk(chunk: SharedChunk): void {
    // In the list already: then somebody has released it once too often, and its last reference is the list's.
    if (chunk.isRetired) return;
    chunk.isRetired = true;
    if (this.#tail === null) this.#head = chunk;
    else this.#tail.nextRetired = chunk;
    this.#tail = chunk;
    this.#events.put(this, EventClass.Control);
  }

  override runEvent(): void {
    const chunk = this.#head;
    if (chunk === null) return;
    this.#head = chunk.nextRetired;
    if (this.#head === null) this.#tail = null;
    else this.#events.put(this, EventClass.Control);
    chunk.nextRetired = null;
    chunk.isRetired = false;
    // What it throws is reported by the cache; the next one has its turn all the same.
    if (!chunk.isDisposed) chunk.release();
  }
}
