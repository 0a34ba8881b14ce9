import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "../../../src/util/assert.js";
import { Ring } from "../../../src/util/ring.js";

const sizes = Array.from({ length: 32 }, (_, i) => i + 1);

function itemsOf(ring: Ring<number>): number[] {
  return Array.from({ length: ring.count }, (_, i) => ring.at(i));
}

describe("Ring", () => {
  it("does what an array of bounded length does", () => {
    const step = fc.record({ kind: fc.constantFrom("push", "push", "shift", "removeAt"), pick: fc.nat() });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(step, { maxLength: 60, size: "max" }),
        (capacity, steps) => {
          const ring = new Ring<number>(capacity);
          const model: number[] = [];
          for (const [item, { kind, pick }] of steps.entries()) {
            if (kind === "push" && model.length < capacity) {
              ring.push(item);
              model.push(item);
            } else if (kind === "shift" && model.length > 0) {
              expect(ring.shift()).toBe(model.shift());
            } else if (kind === "removeAt" && model.length > 0) {
              const i = pick % model.length;
              expect(ring.removeAt(i)).toBe(model.splice(i, 1)[0]);
            }
            expect(itemsOf(ring)).toEqual(model);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each(sizes)("of %i holds as many, wherever its oldest stands, and refuses one more", (capacity) => {
    const ring = new Ring<number>(capacity);
    expect(ring.capacity).toBe(capacity);
    for (let turn = 0; turn <= capacity; turn++) {
      for (let i = 0; i < capacity; i++) ring.push(turn * 100 + i);
      expect(ring.count).toBe(capacity);
      expect(() => ring.push(-1)).toThrow(new AssertionError("ring is full"));
      for (let i = 0; i < capacity; i++) expect(ring.shift()).toBe(turn * 100 + i);
      expect(() => ring.shift()).toThrow(new AssertionError("ring is empty"));
      // Moves the oldest place on by one.
      ring.push(0);
      ring.shift();
    }
  });

  it("refuses a place before the oldest or behind the newest, even one that held something", () => {
    const ring = new Ring<number>(4);
    ring.push(1);
    ring.push(2);
    ring.shift();
    for (const i of [-1, 1, 3, 4]) {
      expect(() => ring.at(i)).toThrow(AssertionError);
      expect(() => ring.removeAt(i)).toThrow(AssertionError);
    }
    expect(itemsOf(ring)).toEqual([2]);
  });

  it("hands an item that is undefined back like any other", () => {
    const ring = new Ring<number | undefined>(2);
    ring.push(undefined);
    expect(ring.count).toBe(1);
    expect(ring.shift()).toBeUndefined();
    expect(ring.count).toBe(0);
  });
});
