// Waiters that do not want what they are handed any more.
import { describe, expect, test } from "vitest";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";

/** Four buffers, all taken, and three who wait; those in `gone` pass on what they are handed. */
function waiting(gone: readonly number[]): { pool: BufferPool; handed: [number, number][]; taken: number[] } {
  const handed: [number, number][] = [];
  const pool: BufferPool = new BufferPool(4, 1_500, 3, {
    takeOffer: (slot, buffer) => {
      if (gone.includes(slot)) return false;
      handed.push([slot, buffer]);
      return true;
    },
  });
  const taken = Array.from({ length: 4 }, () => pool.take(BufferClass.End));
  for (const slot of [0, 1, 2]) pool.wait(slot, BufferClass.End);
  return { pool, handed, taken };
}

describe("G: waiters for a buffer", () => {
  test("G9: what a waiter passes on goes to the next in the same step", () => {
    const { pool, handed, taken } = waiting([0, 1]);
    pool.give(taken[3] as number);
    expect(handed).toEqual([[2, taken[3]]]);
    expect([pool.used, pool.waiters.count]).toEqual([4, 0]);
  });

  test("G9: what nobody wants any more is free again, once", () => {
    const { pool, handed, taken } = waiting([0, 1, 2]);
    pool.give(taken[3] as number);
    expect([handed, pool.free, pool.waiters.count]).toEqual([[], 1, 0]);
    expect(pool.take(BufferClass.End)).toBe(taken[3]);
    expect(pool.take(BufferClass.End)).toBe(NO_BUFFER);
  });
});
