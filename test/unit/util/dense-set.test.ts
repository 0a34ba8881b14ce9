import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DenseSet } from "../../../src/util/dense-set.js";

const CAPACITY = 7;

function members(set: DenseSet): number[] {
  return Array.from({ length: set.count }, (_, n) => set.at(n)).sort((a, b) => a - b);
}

describe("DenseSet", () => {
  it("does what a set does, with every member to be found by its place", () => {
    const step = fc.record({ isAdd: fc.boolean(), slot: fc.nat({ max: CAPACITY - 1 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const set = new DenseSet(CAPACITY);
        const model = new Set<number>();
        for (const { isAdd, slot } of steps) {
          if (isAdd) {
            set.add(slot);
            model.add(slot);
          } else {
            set.remove(slot);
            model.delete(slot);
          }
          expect(members(set)).toEqual([...model].sort((a, b) => a - b));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("has no member before its first place or behind its last", () => {
    const set = new DenseSet(3);
    expect([set.count, set.at(0)]).toEqual([0, -1]);
    set.add(2);
    set.add(0);
    set.remove(2);
    expect([set.at(-1), set.at(0), set.at(1), set.at(3)]).toEqual([-1, 0, -1, -1]);
  });

  it("can be emptied by a walk from the back, and from the front while the last moves up", () => {
    const set = new DenseSet(CAPACITY);
    for (let slot = 0; slot < CAPACITY; slot++) set.add(slot);
    for (let n = set.count - 1; n >= 0; n--) if (set.at(n) % 2 === 0) set.remove(set.at(n));
    expect(members(set)).toEqual([1, 3, 5]);
    while (set.count > 0) set.remove(set.at(0));
    expect(members(set)).toEqual([]);
  });
});
