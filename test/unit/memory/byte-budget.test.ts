import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { AssertionError } from "../../../src/util/assert.js";

describe("ByteBudget", () => {
  it("gives up to its limit and refuses the byte above", () => {
    const budget = new ByteBudget(10);
    expect([budget.take(10), budget.take(1), budget.take(0)]).toEqual([true, false, true]);
    expect([budget.maxBytes, budget.used, budget.highWater, budget.failedTakes]).toEqual([10, 10, 10, 1]);
  });

  it("changes nothing when it refuses", () => {
    const budget = new ByteBudget(10);
    budget.take(4);
    expect(budget.take(7)).toBe(false);
    expect([budget.used, budget.highWater]).toEqual([4, 4]);
  });

  it("keeps the most that was in use after it came back", () => {
    const budget = new ByteBudget(10);
    budget.take(6);
    budget.take(3);
    budget.give(5);
    budget.take(1);
    expect([budget.used, budget.highWater]).toEqual([5, 9]);
  });

  it("takes from every parent, and nothing from any when one refuses", () => {
    const house = new ByteBudget(10);
    const socket = new ByteBudget(100, house);
    const call = new ByteBudget(100, socket);
    expect(call.take(8)).toBe(true);
    expect([house.used, socket.used, call.used]).toEqual([8, 8, 8]);
    expect(call.take(3)).toBe(false);
    expect([house.used, socket.used, call.used]).toEqual([8, 8, 8]);
    expect([house.failedTakes, socket.failedTakes, call.failedTakes]).toEqual([1, 1, 1]);
  });

  it("does not ask its parent for what it refuses itself", () => {
    const house = new ByteBudget(100);
    const call = new ByteBudget(5, house);
    expect(call.take(6)).toBe(false);
    expect([house.used, house.failedTakes, call.failedTakes]).toEqual([0, 0, 1]);
  });

  it("lets a sibling have what was given back", () => {
    const house = new ByteBudget(10);
    const first = new ByteBudget(10, house);
    const second = new ByteBudget(10, house);
    first.take(10);
    expect(second.take(1)).toBe(false);
    first.give(4);
    expect([second.take(4), second.take(1)]).toEqual([true, false]);
  });

  it("counts past 2^31 and, without a limit of its own, as far as its parents go", () => {
    const house = new ByteBudget(2 ** 40);
    const call = new ByteBudget(Number.POSITIVE_INFINITY, house);
    expect([call.take(2 ** 39), call.take(2 ** 39), call.take(1)]).toEqual([true, true, false]);
    expect(call.used).toBe(2 ** 40);
  });

  it("finds fault with more given back than was taken", () => {
    const house = new ByteBudget(10);
    const first = new ByteBudget(10, house);
    const second = new ByteBudget(10, house);
    first.take(5);
    expect(() => second.give(1)).toThrow(AssertionError);
    expect(() => first.give(6)).toThrow(AssertionError);
    expect([house.used, first.used]).toEqual([5, 5]);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])("finds fault with %d bytes", (bytes) => {
    const budget = new ByteBudget(10);
    budget.take(10);
    expect(() => budget.take(bytes)).toThrow(AssertionError);
    expect(() => budget.give(bytes)).toThrow(AssertionError);
    expect([budget.used, budget.failedTakes]).toEqual([10, 0]);
  });

  it.each([-1, Number.NaN])("finds fault with a limit of %d", (maxBytes) => {
    expect(() => new ByteBudget(maxBytes)).toThrow(AssertionError);
  });

  it("never passes a limit, and holds what its children hold", () => {
    const step = fc.record({ child: fc.nat(2), bytes: fc.nat(12), isTake: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const house = new ByteBudget(20);
        const children = [8, 15, 100].map((maxBytes) => new ByteBudget(maxBytes, house));
        const held = [0, 0, 0];
        for (const { child, bytes, isTake } of steps) {
          const budget = children[child] as ByteBudget;
          const before = held[child] as number;
          if (!isTake) {
            const given = Math.min(bytes, before);
            budget.give(given);
            held[child] = before - given;
          } else if (budget.take(bytes)) {
            held[child] = before + bytes;
          } else {
            expect(before + bytes > budget.maxBytes || house.used + bytes > 20).toBe(true);
          }
          expect(children.map((each) => each.used)).toEqual(held);
          expect(house.used).toBe(held.reduce((sum, each) => sum + each, 0));
          for (const each of [house, ...children]) expect(each.used).toBeLessThanOrEqual(each.maxBytes);
        }
      }),
    );
  });
});
