// Waiting for one's turn in the event cache: what a handler does when it lets others run.
import { type EventCache, type EventClass, EventItem } from "../loop/event-cache.js";

export class NextTurn extends EventItem {
  readonly #events: EventCache;
  #waiting: (() => void)[] = [];

  constructor(events: EventCache) {
    super();
    this.#events = events;
  }

  /** Resolves from the cache's drain, behind what is in `eventClass` already. */
  wait(eventClass: EventClass): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#events.put(this, eventClass);
    });
  }

  override runEvent(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
