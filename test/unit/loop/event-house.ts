// An event cache with the clock, the items and the counts that its tests look at.
import { EventCache, type EventClass, EventItem } from "../../../src/loop/event-cache.js";

export class Probe extends EventItem {
  readonly name: string;
  readonly #house: House;
  whenRun: (() => void) | null = null;

  constructor(house: House, name: string) {
    super();
    this.#house = house;
    this.name = name;
  }

  runEvent(): void {
    this.#house.ran.push(this.name);
    this.#house.now += this.#house.itemUs;
    this.whenRun?.();
  }
}

/** A cache with a clock that stands still but for what an item costs, and a count of what it asked for. */
export class House {
  readonly ran: string[] = [];
  readonly faults: unknown[] = [];
  readonly cache: EventCache;
  now = 3_000_000_000;
  itemUs = 0;
  clockReads = 0;
  arms = 0;

  constructor(bounds: { readonly itemsPerTurn?: number; readonly turnUs?: number } = {}) {
    this.cache = new EventCache({
      ...bounds,
      nowUs: () => {
        this.clockReads++;
        return this.now;
      },
      arm: () => {
        this.arms++;
      },
      onFault: (cause) => this.faults.push(cause),
    });
  }

  put(name: string, eventClass: EventClass, whenRun?: () => void): Probe {
    const probe = new Probe(this, name);
    if (whenRun !== undefined) probe.whenRun = whenRun;
    this.cache.put(probe, eventClass);
    return probe;
  }

  putMany(count: number, eventClass: EventClass): Probe[] {
    return Array.from({ length: count }, (_, i) => this.put(`${i}`, eventClass));
  }

  /** Drains once. @returns the names of what ran in this turn */
  turn(): string[] {
    this.ran.length = 0;
    this.cache.drain();
    return [...this.ran];
  }
}
