import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "../../../src/util/assert.js";
import { DeadlineHeap } from "../../../src/util/deadline-heap.js";

const CAPACITY = 12;
// Few enough values for many ties; some past 2^31 microseconds, some not whole.
const time = fc.oneof(
  fc.nat({ max: 5 }),
  fc.constantFrom(0.5, 1.5, 2 ** 31, 2 ** 31 + 1, 2 ** 40, Number.POSITIVE_INFINITY),
);
const step = fc.record({
  kind: fc.constantFrom("set", "set", "advance", "remove", "pop"),
  slot: fc.nat({ max: CAPACITY - 1 }),
  time,
});

// Passes times as the owners do: in a cell, with something else before it.
class Timed {
  readonly heap: DeadlineHeap;
  readonly #cells = new Float64Array(3).fill(Number.NaN);

  constructor(capacity: number) {
    this.heap = new DeadlineHeap(capacity);
  }

  set(slot: number, key: number): void {
    this.#cells[1] = key;
    this.heap.set(slot, this.#cells, 1);
  }

  advance(slot: number, key: number): void {
    this.#cells[1] = key;
    this.heap.advance(slot, this.#cells, 1);
  }

  isDue(now: number): boolean {
    this.#cells[1] = now;
    return this.heap.isDue(this.#cells, 1);
  }

  earliest(): number {
    this.heap.peekKey(this.#cells, 1);
    expect([...this.#cells].map(Number.isNaN)).toEqual([true, false, true]);
    return this.#cells[1] as number;
  }

  pop(): number {
    const slot = this.heap.peek();
    this.heap.remove(slot);
    return slot;
  }
}

function checkTop(timed: Timed, model: ReadonlyMap<number, number>): void {
  const earliest = Math.min(Number.POSITIVE_INFINITY, ...model.values());
  const { heap } = timed;
  expect(heap.count).toBe(model.size);
  expect(timed.earliest()).toBe(earliest);
  if (model.size === 0) expect(heap.peek()).toBe(-1);
  else expect(model.get(heap.peek())).toBe(earliest);
  for (let slot = 0; slot < CAPACITY; slot++) expect(heap.has(slot)).toBe(model.has(slot));
  for (const now of [-1, 0, 1, 2, 2 ** 31, 2 ** 41])
    expect(timed.isDue(now)).toBe(model.size > 0 && earliest <= now);
}

describe("DeadlineHeap", () => {
  it("gives the slots as a sorted list gives them, whatever happened before", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const timed = new Timed(CAPACITY);
        const model = new Map<number, number>();
        for (const { kind, slot, time } of steps) {
          if (kind === "set") {
            timed.set(slot, time);
            model.set(slot, time);
          } else if (kind === "advance") {
            timed.advance(slot, time);
            if (time < (model.get(slot) ?? Number.POSITIVE_INFINITY)) model.set(slot, time);
          } else if (kind === "remove") {
            timed.heap.remove(slot);
            model.delete(slot);
          } else if (model.size > 0) {
            model.delete(timed.pop());
          }
          checkTop(timed, model);
        }
        const sorted = [...model.values()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        expect(sorted.map(() => model.get(timed.pop()))).toEqual(sorted);
        expect(timed.heap.peek()).toBe(-1);
      }),
      { numRuns: 300 },
    );
  });

  it("sorts many slots, entered in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 2 ** 50, noNaN: true }), { maxLength: 300 }), (times) => {
        const timed = new Timed(times.length);
        for (const [slot, key] of times.entries()) timed.set(slot, key);
        expect(times.map(() => times[timed.pop()])).toEqual(times.toSorted((a, b) => a - b));
      }),
    );
  });

  it("lets the last slot rise when it takes the place of one from a later branch", () => {
    const timed = new Timed(6);
    //        0              0
    //     10    2   ->    3    2
    //   11 12  3        10 12
    for (const [slot, key] of [0, 10, 2, 11, 12, 3].entries()) timed.set(slot, key);
    timed.heap.remove(3);
    expect([0, 1, 2, 3, 4].map(() => timed.pop())).toEqual([0, 2, 5, 1, 4]);
  });

  it("is due at its deadline, not before, and never when empty", () => {
    const timed = new Timed(2);
    expect(timed.isDue(Number.POSITIVE_INFINITY)).toBe(false);
    timed.set(0, 5_000_000_000);
    expect(timed.isDue(4_999_999_999.5)).toBe(false);
    expect(timed.isDue(5_000_000_000)).toBe(true);
  });

  it("set() moves a slot either way, advance() only forward", () => {
    const timed = new Timed(2);
    timed.advance(0, 10);
    timed.set(1, 20);
    timed.advance(0, 30);
    expect([timed.heap.peek(), timed.earliest()]).toEqual([0, 10]);
    timed.set(0, 30);
    expect([timed.heap.peek(), timed.earliest()]).toEqual([1, 20]);
    timed.advance(0, 15);
    expect([timed.heap.peek(), timed.earliest()]).toEqual([0, 15]);
    expect(timed.heap.count).toBe(2);
  });

  it("does not remember the deadline of a slot that was taken out", () => {
    const timed = new Timed(2);
    timed.set(0, 10);
    timed.heap.remove(0);
    timed.heap.remove(0);
    expect([timed.heap.count, timed.heap.has(0), timed.earliest()]).toEqual([
      0,
      false,
      Number.POSITIVE_INFINITY,
    ]);
    timed.advance(0, 50);
    expect([timed.heap.peek(), timed.earliest()]).toEqual([0, 50]);
  });

  it.each([-1, 2, 1.5])("refuses slot %d of 2, which it has no place for", (slot) => {
    const timed = new Timed(2);
    timed.set(0, 10);
    expect(() => timed.set(slot, 5)).toThrow(AssertionError);
    expect(() => timed.heap.remove(slot)).toThrow(AssertionError);
    expect([timed.heap.count, timed.heap.peek()]).toEqual([1, 0]);
  });
});
