import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlotList } from "../../../src/util/slot-list.js";

const CAPACITY = 6;

function walk(list: SlotList): number[] {
  const slots: number[] = [];
  for (let slot = list.head; slot >= 0; slot = list.after(slot)) {
    slots.push(slot);
    if (slots.length > CAPACITY) throw new Error("the walk does not end");
  }
  return slots;
}

const step = fc.record({
  kind: fc.constantFrom("push", "push", "remove", "shift", "rotate"),
  slot: fc.nat({ max: CAPACITY - 1 }),
});

describe("SlotList", () => {
  it("does what an array without repeats does", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const list = new SlotList(CAPACITY);
        let model: number[] = [];
        for (const { kind, slot } of steps) {
          const isIn = model.includes(slot);
          if (kind === "push") {
            expect(list.push(slot)).toBe(!isIn);
            if (!isIn) model.push(slot);
          } else if (kind === "remove") {
            list.remove(slot);
            model = model.filter((other) => other !== slot);
          } else if (kind === "shift") {
            expect(list.shift()).toBe(model.shift() ?? -1);
          } else {
            list.rotate();
            model.push(...model.splice(0, 1));
          }
          expect(walk(list)).toEqual(model);
          expect(list.count).toBe(model.length);
          for (let each = 0; each < CAPACITY; each++) expect(list.has(each)).toBe(model.includes(each));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is empty at birth", () => {
    const list = new SlotList(3);
    expect([list.head, list.count, list.shift(), list.has(0)]).toEqual([-1, 0, -1, false]);
    list.rotate();
    expect([list.head, list.count]).toEqual([-1, 0]);
  });

  it("takes every slot of its capacity, the first and the last included", () => {
    const list = new SlotList(CAPACITY);
    for (let slot = CAPACITY - 1; slot >= 0; slot--) expect(list.push(slot)).toBe(true);
    expect(walk(list)).toEqual([5, 4, 3, 2, 1, 0]);
  });

  it("leaves a slot where it is when it is pushed again", () => {
    const list = new SlotList(3);
    for (const slot of [2, 0, 1, 2]) list.push(slot);
    expect(walk(list)).toEqual([2, 0, 1]);
  });
});
