// The pool and its queues against a plain model: lists of numbers, and the rules of the design said once more.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BUFFER_CLASS_COUNT, type BufferClass } from "../../../src/memory/buffer-class.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";

const SLOTS = 8;
const BYTES = 4;

/** What a waiter does with an offer. */
type Answer = "take" | "pass" | "take two" | "take another" | "take and give";

interface Step {
  readonly kind: "take" | "wait" | "cancel" | "time out" | "give" | "close";
  readonly slot: number;
  readonly bufferClass: BufferClass;
  readonly size: number;
  readonly pick: number;
  readonly answer: Answer;
}

function same(what: string, got: unknown, expected: unknown): void {
  if (got !== expected) throw new Error(`${what}: expected ${String(expected)}, got ${String(got)}`);
}

/** How often something happened in all schedules: a model that nothing happens to proves nothing. */
const seen = {
  handedOver: 0,
  passedOn: 0,
  moved: 0,
  left: 0,
  closedWaiting: 0,
  servedByChain: 0,
  gaveWithin: 0,
};

/** The real pool, driven side by side with what it should be. */
class Schedule {
  readonly pool: BufferPool;
  readonly count: number;
  readonly #kept: readonly number[];
  /** Buffers in use, by number. */
  readonly #held: number[] = [];
  /** The waiting slots of each class, longest wait first. */
  readonly #queues: number[][] = Array.from({ length: BUFFER_CLASS_COUNT }, () => []);
  readonly #answers: Answer[] = new Array<Answer>(SLOTS).fill("take");
  #free: number;
  #highWater = 0;
  #failedTakes = 0;
  #handedOver = 0;
  #passedOn = 0;
  #waitersHighWater = 0;
  /** Slots that the model says will be offered a buffer in this step, and those that were. */
  #expected: number[] = [];
  #offered: number[] = [];

  constructor(count: number) {
    this.count = count;
    this.#free = count;
    this.#kept = Array.from(
      { length: BUFFER_CLASS_COUNT },
      (_, c) => c * Math.max(1, Math.floor(count / 32)),
    );
    this.pool = new BufferPool(count, BYTES, SLOTS, {
      takeOffer: (slot, buffer) => this.#answer(slot, buffer),
    });
  }

  run(step: Step): void {
    this.#expected = [];
    this.#offered = [];
    switch (step.kind) {
      case "take":
        this.#take(step.bufferClass);
        break;
      case "wait":
        if (this.#take(step.bufferClass) === NO_BUFFER) this.#wait(step);
        break;
      case "cancel":
      case "time out":
        this.#leave(step.slot);
        break;
      case "give":
        this.#give(step.pick, step.size);
        break;
      case "close":
        this.close();
        break;
    }
    this.#check();
  }

  /** All who wait leave, and all buffers come back. */
  close(): void {
    if (this.#waiting > 0) seen.closedWaiting++;
    for (let slot = 0; slot < SLOTS; slot++) this.#leave(slot);
    while (this.#held.length > 0) this.#give(0, 1);
    same("free when all is closed", this.pool.free, this.count);
    same("waiters when all is closed", this.pool.waiters.count, 0);
    this.#check();
  }

  get #waiting(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.length, 0);
  }

  #take(bufferClass: BufferClass): number {
    const isThere = this.#modelTakes(bufferClass);
    const buffer = this.pool.take(bufferClass);
    same("take() finds a buffer", buffer !== NO_BUFFER, isThere);
    if (buffer !== NO_BUFFER) this.#hold(buffer);
    return buffer;
  }

  #hold(buffer: number): void {
    if (buffer < 0 || buffer >= this.count) throw new Error(`there is no buffer ${buffer}`);
    if (this.#held.includes(buffer)) throw new Error(`buffer ${buffer} has two users`);
    this.#held.push(buffer);
  }

  #wait(step: Step): void {
    const { slot, bufferClass } = step;
    const before = this.#queues.findIndex((queue) => queue.includes(slot));
    if (before < 0 || before > bufferClass) {
      if (before > bufferClass) {
        seen.moved++;
        this.#forget(slot);
      }
      (this.#queues[bufferClass] as number[]).push(slot);
    }
    this.#answers[slot] = step.answer;
    this.#waitersHighWater = Math.max(this.#waitersHighWater, this.#waiting);
    this.pool.wait(slot, bufferClass);
  }

  #leave(slot: number): void {
    if (this.#forget(slot)) seen.left++;
    this.pool.waiters.remove(slot);
  }

  #forget(slot: number): boolean {
    for (const queue of this.#queues) {
      const at = queue.indexOf(slot);
      if (at < 0) continue;
      queue.splice(at, 1);
      return true;
    }
    return false;
  }

  #give(pick: number, size: number): void {
    const chain = Array.from({ length: Math.min(size, this.#held.length) }, () => this.#drop(pick));
    if (chain.length === 0) return;
    for (let i = 1; i < chain.length; i++) this.pool.next[chain[i - 1] as number] = chain[i] as number;
    this.#modelGives(chain.length);
    if (chain.length > 1 && this.#expected.length > 1) seen.servedByChain++;
    this.pool.give(chain[0] as number);
  }

  #drop(pick: number): number {
    const [buffer] = this.#held.splice(pick % this.#held.length, 1);
    return buffer as number;
  }

  #modelTakes(bufferClass: BufferClass): boolean {
    if (this.#free <= (this.#kept[bufferClass] as number)) {
      this.#failedTakes++;
      return false;
    }
    this.#free--;
    this.#highWater = Math.max(this.#highWater, this.count - this.#free);
    return true;
  }

  // What ought to follow, worked out before it happens: offers in order, as many as there are waiters now at most.
  #modelGives(buffers: number): void {
    this.#free += buffers;
    let holders = this.#held.length;
    for (let offers = this.#waiting; offers > 0 && this.#waiting > 0; offers--) {
      const bufferClass = this.#queues.findIndex((queue) => queue.length > 0) as BufferClass;
      if (this.#free <= (this.#kept[bufferClass] as number)) return;
      this.#modelTakes(bufferClass);
      const slot = (this.#queues[bufferClass] as number[]).shift() as number;
      this.#expected.push(slot);
      const answer = this.#answers[slot] as Answer;
      if (answer === "take two" || answer === "take another") {
        if (this.#modelTakes(0)) holders++;
      }
      if (answer === "take and give" && holders > 0) {
        holders--;
        this.#free++;
      }
      if (answer === "pass" || answer === "take another") {
        this.#free++;
        this.#passedOn++;
      } else {
        holders++;
        this.#handedOver++;
      }
    }
  }

  // Called by the pool.
  #answer(slot: number, buffer: number): boolean {
    this.#offered.push(slot);
    if (this.#held.includes(buffer)) throw new Error(`buffer ${buffer} is offered though it is in use`);
    const answer = this.#answers[slot] as Answer;
    if (answer === "take two" || answer === "take another") {
      const another = this.pool.take();
      if (another === buffer) throw new Error(`buffer ${buffer} is offered and taken at once`);
      if (another !== NO_BUFFER) this.#hold(another);
    }
    if (answer === "take and give" && this.#held.length > 0) {
      seen.gaveWithin++;
      this.pool.give(this.#drop(0));
    }
    if (answer === "pass" || answer === "take another") {
      seen.passedOn++;
      return false;
    }
    seen.handedOver++;
    this.#hold(buffer);
    return true;
  }

  #check(): void {
    const { pool } = this;
    const { waiters } = pool;
    same("offers in order", this.#offered.join(), this.#expected.join());
    if (pool.used > this.count) throw new Error("more in use than there are");
    same("free and held buffers", pool.free + this.#held.length, this.count);
    same("free buffers", pool.free, this.#free);
    same("used", pool.used, this.#held.length);
    same("waiters", waiters.count, this.#waiting);
    for (const [c, queue] of this.#queues.entries()) {
      for (const slot of queue) if (!waiters.has(slot)) throw new Error(`slot ${slot} has lost its place`);
      if (queue.length === 0) continue;
      same(`free for class ${c}, where somebody waits`, pool.freeFor(c as BufferClass), 0);
    }
    same("high water", pool.highWater, this.#highWater);
    same("failed takes", pool.failedTakes, this.#failedTakes);
    same("handed over", waiters.handedOver, this.#handedOver);
    same("passed on", waiters.passedOn, this.#passedOn);
    same("most waiters", waiters.highWater, this.#waitersHighWater);
  }
}

const kind = fc.oneof(
  { weight: 4, arbitrary: fc.constant("take" as const) },
  { weight: 8, arbitrary: fc.constant("wait" as const) },
  { weight: 1, arbitrary: fc.constantFrom("cancel" as const, "time out" as const) },
  { weight: 6, arbitrary: fc.constant("give" as const) },
);
const answer = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Answer>("take") },
  { weight: 2, arbitrary: fc.constant<Answer>("pass") },
  { weight: 2, arbitrary: fc.constantFrom<Answer>("take two", "take another", "take and give") },
);
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof({ weight: 60, arbitrary: kind }, { weight: 1, arbitrary: fc.constant("close" as const) }),
  slot: fc.nat({ max: SLOTS - 1 }),
  bufferClass: fc.nat({ max: BUFFER_CLASS_COUNT - 1 }) as fc.Arbitrary<BufferClass>,
  size: fc.integer({ min: 1, max: 4 }),
  pick: fc.nat({ max: 99 }),
  answer,
});

describe("BufferPool and its queues, against a model", () => {
  it("keeps limit, order and counts, and loses neither a buffer nor a wake-up, in any schedule", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(31, 64, 70)),
        fc.array(step, { minLength: 10, maxLength: 100, size: "max" }),
        (count, steps) => {
          const schedule = new Schedule(count);
          // A large pool begins with few free buffers, so that the schedule is not over before anybody waits.
          for (let i = count; i > 9; i--) schedule.run({ ...TAKE, pick: i });
          for (const each of steps) schedule.run(each);
          schedule.close();
        },
      ),
      { numRuns: 10_000, seed: 1 },
    );
    // Far below what these schedules do.
    for (const [what, times] of Object.entries(seen)) expect([what, times > 300]).toEqual([what, true]);
  });
});

const TAKE: Step = { kind: "take", slot: 0, bufferClass: 0, size: 1, pick: 0, answer: "take" };
