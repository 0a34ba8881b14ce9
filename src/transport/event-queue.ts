// The future of a simulated network: events by time and, within one time, in the order they were put in.

/** What the queue orders. `order` is the queue's to set. */
export interface TimedEvent {
  atUs: number;
  order: number;
}

/** A binary heap that grows; for simulations only, the library's own queues are bounded. */
export class EventQueue<E extends TimedEvent> {
  readonly #heap: E[] = [];
  #nextOrder = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The time of the first event, Infinity when there is none. */
  get nextAtUs(): number {
    return this.#heap[0]?.atUs ?? Number.POSITIVE_INFINITY;
  }

  push(event: E): void {
    event.order = this.#nextOrder++;
    let at = this.#heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent] as E;
      if (!isBefore(event, above)) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = event;
  }

  /** @returns the first event, which is out of the queue then */
  pop(): E | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#siftDown(last);
    return first;
  }

  #siftDown(event: E): void {
    const heap = this.#heap;
    const size = heap.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1] as E, heap[child] as E)) child++;
      const below = heap[child] as E;
      if (!isBefore(below, event)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
