import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ObjectPool, type Pooled } from "../../../src/memory/object-pool.js";
import { AssertionError } from "../../../src/util/assert.js";

class Thing implements Pooled {
  readonly index: number;
  generation = 0;
  value = 0;

  constructor(index: number) {
    this.index = index;
  }

  reset(): void {
    this.value = 0;
  }
}

function poolOf(capacity: number): { pool: ObjectPool<Thing>; made: number[] } {
  const made: number[] = [];
  const pool = new ObjectPool(capacity, (index) => {
    made.push(index);
    return new Thing(index);
  });
  return { pool, made };
}

function taken(pool: ObjectPool<Thing>): Thing {
  const thing = pool.take();
  if (thing === null) throw new Error("the pool is empty");
  return thing;
}

describe("ObjectPool", () => {
  it("makes nothing before it is asked, and no more than its capacity", () => {
    const { pool, made } = poolOf(3);
    expect([made.length, pool.all.length, pool.used, pool.available]).toEqual([0, 0, 0, 3]);
    const things = [taken(pool), taken(pool), taken(pool)];
    expect(pool.take()).toBeNull();
    expect(made).toEqual([0, 1, 2]);
    expect(pool.all).toEqual(things);
    expect([pool.used, pool.available, pool.highWater, pool.capacity]).toEqual([3, 0, 3, 3]);
    for (const thing of things) expect(pool.at(thing.index)).toBe(thing);
  });

  it("prefers a used object, reset, to a new one", () => {
    const { pool, made } = poolOf(3);
    const thing = taken(pool);
    thing.value = 7;
    pool.give(thing);
    expect(thing.value).toBe(0);
    expect(taken(pool)).toBe(thing);
    expect(made).toEqual([0]);
  });

  it("counts the lives of an object, so that a reference to a former one can be told", () => {
    const { pool } = poolOf(1);
    const lives = Array.from({ length: 3 }, () => {
      const thing = taken(pool);
      const life = thing.generation;
      pool.give(thing);
      return life;
    });
    expect(lives).toEqual([0, 1, 2]);
  });

  it("lets the count of lives wrap instead of growing past 32 bits", () => {
    const { pool } = poolOf(1);
    const thing = taken(pool);
    thing.generation = 0x7fff_ffff;
    pool.give(thing);
    expect(thing.generation).toBe(-0x8000_0000);
  });

  it("keeps the high-water mark when objects come back", () => {
    const { pool } = poolOf(4);
    const [first, second] = [taken(pool), taken(pool)];
    pool.give(first);
    pool.give(second);
    taken(pool);
    expect([pool.used, pool.available, pool.highWater]).toEqual([1, 3, 2]);
  });

  it("calls onGive once for each object, when it can be taken again", () => {
    const { pool } = poolOf(1);
    const thing = taken(pool);
    thing.value = 5;
    const seen: (number | null)[] = [];
    pool.onGive = () => seen.push(thing.value, pool.available, pool.take()?.index ?? null);
    pool.give(thing);
    expect(seen).toEqual([0, 1, 0]);
    expect(pool.used).toBe(1);
  });

  it("refuses an object that is back already, also while others are out", () => {
    const { pool } = poolOf(3);
    const [kept, thing] = [taken(pool), taken(pool)];
    pool.give(thing);
    expect(() => pool.give(thing)).toThrow(AssertionError);
    expect([pool.used, thing.generation]).toEqual([1, 1]);
    expect(taken(pool)).toBe(thing);
    expect(taken(pool)).not.toBe(thing);
    pool.give(kept);
    pool.give(thing);
    expect(pool.used).toBe(1);
  });

  it("loses no object and gives none to two users, whatever order they come back in", () => {
    const step = fc.record({ isTake: fc.boolean(), pick: fc.nat() });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(step, { maxLength: 60, size: "max" }),
        (capacity, steps) => {
          const { pool, made } = poolOf(capacity);
          const held: Thing[] = [];
          let most = 0;
          for (const { isTake, pick } of steps) {
            if (isTake) {
              const thing = pool.take();
              expect(thing === null).toBe(held.length === capacity);
              if (thing !== null) held.push(thing);
            } else if (held.length > 0) {
              pool.give(held.splice(pick % held.length, 1)[0] as Thing);
            }
            most = Math.max(most, held.length);
            expect(new Set(held).size).toBe(held.length);
            expect([pool.used, pool.available, pool.highWater]).toEqual([
              held.length,
              capacity - held.length,
              most,
            ]);
            expect(made.length).toBe(most);
          }
        },
      ),
    );
  });
});
