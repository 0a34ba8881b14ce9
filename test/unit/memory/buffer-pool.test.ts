import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { AssertionError } from "../../../src/util/assert.js";

const BYTES = 1_500;

function takeAll(pool: BufferPool): number[] {
  return Array.from({ length: pool.free }, () => pool.take());
}

describe("BufferPool", () => {
  it("hands every buffer out once, then fails and counts the failure", () => {
    const pool = new BufferPool(5, BYTES);
    expect([pool.free, pool.used, pool.highWater, pool.failedTakes]).toEqual([5, 0, 0, 0]);
    expect(takeAll(pool).sort()).toEqual([0, 1, 2, 3, 4]);
    expect([pool.take(), pool.take()]).toEqual([NO_BUFFER, NO_BUFFER]);
    expect([pool.free, pool.used, pool.highWater, pool.failedTakes]).toEqual([0, 5, 5, 2]);
  });

  it("gives each buffer a part of the slab that no other has, before the scratch area", () => {
    const pool = new BufferPool(7, BYTES);
    const offsets = takeAll(pool).map((buffer) => pool.offsetOf(buffer));
    expect(offsets.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => n * BYTES));
    expect(pool.scratchOffset).toBe(7 * BYTES);
    expect(pool.bytes.length).toBe(pool.scratchOffset + 65_536);
    expect(pool.count).toBe(7);
    expect(pool.bufferBytes).toBe(BYTES);
  });

  it("hands a buffer out empty and linked to nothing, whatever its last user left", () => {
    const pool = new BufferPool(1, BYTES);
    const buffer = pool.take();
    pool.start[buffer] = 28;
    pool.length[buffer] = 100;
    pool.give(buffer);
    expect(pool.take()).toBe(buffer);
    expect([pool.start[buffer], pool.length[buffer], pool.next[buffer]]).toEqual([0, 0, NO_BUFFER]);
  });

  it("keeps the high-water mark when buffers come back", () => {
    const pool = new BufferPool(4, BYTES);
    const [first, second] = [pool.take(), pool.take()];
    pool.give(first);
    pool.give(second);
    pool.take();
    expect([pool.used, pool.highWater]).toEqual([1, 2]);
  });

  it("takes back a whole chain", () => {
    const pool = new BufferPool(4, BYTES);
    const [a, b, c] = [pool.take(), pool.take(), pool.take()];
    pool.next[c] = a;
    pool.next[a] = b;
    pool.give(c);
    expect(pool.free).toBe(4);
    expect(takeAll(pool).sort()).toEqual([0, 1, 2, 3]);
  });

  it("takes NO_BUFFER back without effect: the end of an empty chain", () => {
    const pool = new BufferPool(2, BYTES);
    pool.give(NO_BUFFER);
    expect(pool.free).toBe(2);
  });

  it("refuses a buffer that is not in use", () => {
    const pool = new BufferPool(3, BYTES);
    expect(() => pool.give(0)).toThrow(AssertionError);
    const [kept, buffer] = [pool.take(), pool.take()];
    pool.give(buffer);
    expect(() => pool.give(buffer)).toThrow(AssertionError);
    expect([pool.used, pool.free]).toEqual([1, 2]);
    pool.give(kept);
    expect(pool.free).toBe(3);
  });

  it("loses no buffer and gives none to two users, whatever order they come back in", () => {
    // A number takes a chain of that many buffers, or gives one of the chains back.
    const step = fc.record({ isTake: fc.boolean(), size: fc.integer({ min: 1, max: 4 }), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const pool = new BufferPool(9, BYTES);
        const chains: number[][] = [];
        for (const { isTake, size, pick } of steps) {
          if (isTake) {
            const chain = Array.from({ length: Math.min(size, pool.free) }, () => pool.take());
            for (let i = 1; i < chain.length; i++) pool.next[chain[i - 1] as number] = chain[i] as number;
            if (chain.length > 0) chains.push(chain);
          } else if (chains.length > 0) {
            const [chain] = chains.splice(pick % chains.length, 1) as [number[]];
            pool.give(chain[0] as number);
          }
          const held = chains.flat();
          expect(new Set(held).size).toBe(held.length);
          expect([pool.used, pool.free]).toEqual([held.length, 9 - held.length]);
        }
      }),
    );
  });

  it("viewOf() is the buffer's own part of the slab, made once", () => {
    const pool = new BufferPool(3, BYTES);
    const view = pool.viewOf(1);
    expect(view.length).toBe(BYTES);
    pool.bytes[BYTES] = 11;
    view[BYTES - 1] = 22;
    expect([view[0], pool.bytes[2 * BYTES - 1], pool.bytes[2 * BYTES]]).toEqual([11, 22, 0]);
    pool.give(pool.take());
    expect(pool.viewOf(1)).toBe(view);
    expect(pool.viewOf(2)).not.toBe(view);
  });

  it.each([0, 1, 48, 49, 65_536])("fillScratch() copies %i foreign bytes behind the buffers", (length) => {
    const pool = new BufferPool(2, BYTES);
    const from = Uint8Array.from({ length: length + 5 }, (_, i) => (i % 251) + 1);
    pool.fillScratch(from, 3, length);
    expect(pool.bytes.subarray(0, pool.scratchOffset).every((byte) => byte === 0)).toBe(true);
    expect(pool.bytes.slice(pool.scratchOffset, pool.scratchOffset + length)).toEqual(
      from.slice(3, 3 + length),
    );
    expect(pool.bytes.subarray(pool.scratchOffset + length).every((byte) => byte === 0)).toBe(true);
  });

  it("totalBytes counts the slab and the tables beside it", () => {
    const pool = new BufferPool(10, BYTES);
    const tables = [pool.start, pool.length, pool.next, new Int32Array(10)];
    const expected = pool.bytes.byteLength + tables.reduce((sum, table) => sum + table.byteLength, 0);
    expect(pool.totalBytes).toBe(expected);
  });
});
