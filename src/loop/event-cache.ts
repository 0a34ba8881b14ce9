// The only ready queue of the house. What wants attention is put here, once, by whoever learns of it; notifiers and
// handlers run only from drain(). (Source of the idea: HAProxy's file-descriptor event cache.)
import { AssertionError, assert } from "../util/assert.js";

/** Priority classes, first to run first. */
export const EventClass = { NewCall: 0, Control: 1, Data: 2, Background: 3 } as const;
export type EventClass = (typeof EventClass)[keyof typeof EventClass];

const CLASS_COUNT = 4;
const OUT = -1;

/** After so many turns an item goes before every item that has waited for less, whatever its class. */
export const PATIENCE_TURNS = 8;
// How many items run between two looks at the clock, and so the fewest that a turn runs.
const CLOCK_STRIDE = 8;
// Turns are told apart by 30 bits: a larger number in a field is a heap object.
const TURN_MASK = 0x3fffffff;

/**
 * The number of turns that an item waits at most while never more than `items` are in the cache: its patience, and then its
 * place in a queue that moves on by eight a turn or more. New calls wait for no more than one.
 */
export function turnsWaitedMax(items: number): number {
  return PATIENCE_TURNS + Math.ceil(items / CLOCK_STRIDE);
}

/** Something that can want attention. The links and the class belong to the cache. */
export abstract class EventItem {
  eventClass: number = OUT;
  nextEvent: EventItem | null = null;
  previousEvent: EventItem | null = null;
  /** The turn in which it came into its class. */
  putInTurn = 0;

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
  /** Whether `arm` is called only when no drain is on its way. Default true; false shows in benchmarks what that saves. */
  readonly armsOnce?: boolean;
}

/** Plain counters, read when somebody asks. */
export interface EventCacheCounters {
  /** Items put in. */
  learned: number;
  /** Items put in that were in already. */
  merged: number;
  run: number;
  /** Items that a turn left for the next, summed over the turns. */
  left: number;
  turns: number;
  /** The most turns that an item has waited before the one that ran it. */
  waitedMax: number;
  faults: number;
}

export class EventCache {
  readonly counters: EventCacheCounters = {
    learned: 0,
    merged: 0,
    run: 0,
    left: 0,
    turns: 0,
    waitedMax: 0,
    faults: 0,
  };
  readonly #nowUs: () => number;
  readonly #arm: () => void;
  readonly #onFault: (cause: unknown) => void;
  readonly #itemsPerTurn: number;
  readonly #turnUs: number;
  readonly #armsOnce: boolean;
  readonly #heads: (EventItem | null)[] = new Array<EventItem | null>(CLASS_COUNT).fill(null);
  readonly #tails: (EventItem | null)[] = new Array<EventItem | null>(CLASS_COUNT).fill(null);
  /** Nothing in the cache has waited for too long. */
  #isPatient = true;
  #count = 0;
  #turn = 0;
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
    this.#armsOnce = options.armsOnce ?? true;
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
    item.putInTurn = this.#turn;
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
   * runs within these bounds. The rest waits for the next turn, and what has waited for PATIENCE_TURNS goes first.
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
    if (!this.#isInTurn && this.#count === 0) {
      // Everything has been withdrawn since: no turn, but the next item has to ask for one.
      this.#isArmed = false;
      return false;
    }
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
    this.#turn = (this.#turn + 1) & TURN_MASK;
    this.#ran = 0;
    this.#endUs = this.#nowUs() + this.#turnUs;
    // Only as many as wait at the start: new calls that bring new calls would keep everything else waiting.
    this.#newCallsLeft = 0;
    let item = this.#heads[EventClass.NewCall] as EventItem | null;
    for (; item !== null; item = item.nextEvent) this.#newCallsLeft++;
    // Nothing grows older within a turn, and behind the first of a class stand younger ones.
    this.#isPatient = true;
    for (let c = 0; c < CLASS_COUNT; c++) {
      const head = this.#heads[c] as EventItem | null;
      if (head !== null && this.#waited(head) >= PATIENCE_TURNS) this.#isPatient = false;
    }
  }

  #endTurn(): void {
    this.#isInTurn = false;
    this.counters.left += this.#count;
    if (this.#count > 0) this.#armOnce();
  }

  #runSome(most: number): boolean {
    for (let ran = 0; ran < most; ran++) if (!this.#runNext()) return false;
    return this.#count > 0;
  }

  // Runs one item. @returns false when the turn is over
  #runNext(): boolean {
    if (this.#newCallsLeft > 0) {
      this.#newCallsLeft--;
      if (this.#heads[EventClass.NewCall] !== null) this.#runFirst(EventClass.NewCall);
      return true;
    }
    const eventClass = this.#isPatient ? this.#firstClass() : this.#nextClass();
    if (eventClass === OUT || this.#ran >= this.#itemsPerTurn) return false;
    if (this.#ran > 0 && this.#ran % CLOCK_STRIDE === 0 && this.#nowUs() >= this.#endUs) return false;
    this.#ran++;
    this.#runFirst(eventClass);
    return true;
  }

  #waited(item: EventItem): number {
    return (this.#turn - item.putInTurn) & TURN_MASK;
  }

  #armOnce(): void {
    if (this.#isArmed && this.#armsOnce) return;
    this.#isArmed = true;
    this.#arm();
  }

  #firstClass(): number {
    for (let c = 0; c < CLASS_COUNT; c++) if (this.#heads[c] !== null) return c;
    return OUT;
  }

  // The class whose first item has been waiting for longest, if that is too long; else the most urgent one.
  #nextClass(): number {
    let next = OUT;
    let longest = 0;
    for (let c = CLASS_COUNT - 1; c >= 0; c--) {
      const head = this.#heads[c] as EventItem | null;
      if (head === null) continue;
      const waited = this.#waited(head);
      if (waited >= PATIENCE_TURNS && waited >= longest) longest = waited;
      else if (longest >= PATIENCE_TURNS) continue;
      next = c;
    }
    return next;
  }

  #runFirst(eventClass: number): void {
    const item = this.#heads[eventClass] as EventItem;
    const waited = this.#waited(item);
    if (waited > this.counters.waitedMax) this.counters.waitedMax = waited;
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
    item.putInTurn = 0;
    item.previousEvent = null;
    item.nextEvent = null;
    this.#count--;
  }
}
