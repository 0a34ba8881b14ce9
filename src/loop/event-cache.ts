// The only ready queue of the house. What wants attention is put here, once, by whoever learns of it; notifiers and
// handlers run only from drain(). (Source of the idea: HAProxy's file-descriptor event cache.)
import { AssertionError, assert } from "../util/assert.js";

/** Priority classes, first to run first. */
export const EventClass = { NewCall: 0, Control: 1, Data: 2, Background: 3 } as const;
export type EventClass = (typeof EventClass)[keyof typeof EventClass];

const CLASS_COUNT = 4;
const OUT = -1;

/** Something that can want attention. The links and the class belong to the cache. */
export abstract class EventItem {
  eventClass: number = OUT;
  nextEvent: EventItem | null = null;
  previousEvent: EventItem | null = null;

  /** Runs what the item wants; called by the cache after the item has been taken out. */
  abstract runEvent(): void;
}

export interface EventCacheOptions {
  /** Reads the monotonic clock, in microseconds. */
  readonly nowUs: () => number;
  /** A drain is wanted soon. Called for the first item and by a drain that leaves some; once only until the next drain. */
  readonly arm: () => void;
  /** Receives what an item threw; broken invariants of ours are thrown on instead. */
  readonly onFault: (cause: unknown) => void;
  /** Items a turn may run besides new calls. Default 64: a few hundred microseconds of small handlers. */
  readonly itemsPerTurn?: number;
  /** Time after which a turn stops taking items, in microseconds. Default 1 000. */
  readonly turnUs?: number;
}

/** Plain counters, read when somebody asks. */
export interface EventCacheCounters {
  learned: number;
  merged: number;
  run: number;
  turns: number;
  faults: number;
}

// How many items run between two looks at the clock.
const CLOCK_STRIDE = 8;

export class EventCache {
  readonly counters: EventCacheCounters = { learned: 0, merged: 0, run: 0, turns: 0, faults: 0 };
  readonly #nowUs: () => number;
  readonly #arm: () => void;
  readonly #onFault: (cause: unknown) => void;
  readonly #itemsPerTurn: number;
  readonly #turnUs: number;
  readonly #heads: (EventItem | null)[] = new Array<EventItem | null>(CLASS_COUNT).fill(null);
  readonly #tails: (EventItem | null)[] = new Array<EventItem | null>(CLASS_COUNT).fill(null);
  #count = 0;
  #isDraining = false;
  /** A turn has begun and not ended. */
  #isInTurn = false;
  /** New calls that waited when the turn began and have not run. */
  #newCallsLeft = 0;
  /** Other items that have run in this turn, and when it takes no more. */
  #ran = 0;
  #endUs = 0;
  /** A drain has been asked for and has not begun. */
  #isArmed = false;

  constructor(options: EventCacheOptions) {
    this.#nowUs = options.nowUs;
    this.#arm = options.arm;
    this.#onFault = options.onFault;
    this.#itemsPerTurn = options.itemsPerTurn ?? 64;
    this.#turnUs = options.turnUs ?? 1_000;
  }

  get count(): number {
    return this.#count;
  }

  /** Puts `item` in. One that is in already stays once, in the more urgent of the two classes. */
  put(item: EventItem, eventClass: EventClass): void {
    if (item.eventClass !== OUT) {
      this.counters.merged++;
      if (item.eventClass <= eventClass) return;
      this.#unlink(item);
    } else {
      this.counters.learned++;
    }
    const tail = this.#tails[eventClass] as EventItem | null;
    item.eventClass = eventClass;
    item.previousEvent = tail;
    item.nextEvent = null;
    if (tail === null) this.#heads[eventClass] = item;
    else tail.nextEvent = item;
    this.#tails[eventClass] = item;
    this.#count++;
    if (!this.#isInTurn) this.#armOnce();
  }

  /** Takes `item` out if it is in. */
  withdraw(item: EventItem): void {
    if (item.eventClass !== OUT) this.#unlink(item);
  }

  /**
   * One turn: every new call that waits now, then items by class, up to `itemsPerTurn` or `turnUs`; what arrives meanwhile
   * runs within these bounds. The rest waits for the next turn.
   */
  drain(): void {
    while (this.drainStep(Number.POSITIVE_INFINITY));
  }

  /**
   * At most `most` items of a turn, so that the caller can let what they have begun come to its end, and send it, before it
   * goes on: the peer works on the first reply while the second is made. Nothing new is read before the turn is over.
   *
   * @returns whether the turn goes on
   */
  drainStep(most: number): boolean {
    assert(!this.#isDraining, "event cache drained from within its own drain");
    if (!this.#isInTurn) this.#beginTurn();
    this.#isDraining = true;
    let goesOn = false;
    try {
      goesOn = this.#runSome(most);
    } finally {
      this.#isDraining = false;
      if (!goesOn) this.#endTurn();
    }
    return goesOn;
  }

  #beginTurn(): void {
    this.#isInTurn = true;
    this.#isArmed = false;
    this.counters.turns++;
    this.#ran = 0;
    this.#endUs = this.#nowUs() + this.#turnUs;
    // Only as many as wait at the start: new calls that bring new calls would keep everything else waiting.
    this.#newCallsLeft = 0;
    let item = this.#heads[EventClass.NewCall] as EventItem | null;
    for (; item !== null; item = item.nextEvent) this.#newCallsLeft++;
  }

  #endTurn(): void {
    this.#isInTurn = false;
    if (this.#count > 0) this.#armOnce();
  }

  #runSome(most: number): boolean {
    for (let ran = 0; ran < most; ran++) if (!this.#runNext()) return false;
    return this.#newCallsLeft > 0 || this.#count > 0;
  }

  // Runs one item. @returns false when the turn is over
  #runNext(): boolean {
    if (this.#newCallsLeft > 0) {
      this.#newCallsLeft--;
      if (this.#heads[EventClass.NewCall] !== null) this.#runFirst(EventClass.NewCall);
      return true;
    }
    const eventClass = this.#firstClass();
    if (eventClass === OUT || this.#ran >= this.#itemsPerTurn) return false;
    if (this.#ran > 0 && this.#ran % CLOCK_STRIDE === 0 && this.#nowUs() >= this.#endUs) return false;
    this.#ran++;
    this.#runFirst(eventClass);
    return true;
  }

  #armOnce(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#arm();
  }

  #firstClass(): number {
    for (let c = 0; c < CLASS_COUNT; c++) if (this.#heads[c] !== null) return c;
    return OUT;
  }

  #runFirst(eventClass: number): void {
    const item = this.#heads[eventClass] as EventItem;
    this.#unlink(item);
    this.counters.run++;
    try {
      item.runEvent();
    } catch (cause) {
      if (cause instanceof AssertionError) throw cause;
      this.counters.faults++;
      this.#onFault(cause);
    }
  }

  #unlink(item: EventItem): void {
    const { previousEvent: previous, nextEvent: next, eventClass } = item;
    if (previous === null) this.#heads[eventClass] = next;
    else previous.nextEvent = next;
    if (next === null) this.#tails[eventClass] = previous;
    else next.previousEvent = previous;
    item.eventClass = OUT;
    item.previousEvent = null;
    item.nextEvent = null;
    this.#count--;
  }
}
