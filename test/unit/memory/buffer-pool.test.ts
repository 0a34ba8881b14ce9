import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { BufferPool, buffersKept, NO_BUFFER } from "../../../src/memory/buffer-pool.js";
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

  it("refuses every buffer of a new pool, which has none in use, and is as before", () => {
    const pool = new BufferPool(3, BYTES);
    for (const buffer of [0, 1, 2]) {
      expect(() => pool.give(buffer)).toThrow(AssertionError);
      expect([pool.free, pool.next[buffer]]).toEqual([3, buffer]);
    }
  });

  it("refuses a buffer that is not in use any more", () => {
    const pool = new BufferPool(3, BYTES);
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

const { End, Reply, OwnRequest, Request, NewCall } = BufferClass;
const CLASSES = [End, Reply, OwnRequest, Request, NewCall] as const;

/** A pool whose waiters' offers are written down; `answer` says what becomes of each. */
function makeOffering(count: number): Offering {
  const offering: Offering = {
    offers: [],
    answer: () => true,
    pool: new BufferPool(count, BYTES, 16, {
      takeOffer: (slot, buffer) => {
        offering.offers.push([slot, buffer]);
        return offering.answer(slot, buffer);
      },
    }),
  };
  return offering;
}

interface Offering {
  readonly pool: BufferPool;
  readonly offers: [slot: number, buffer: number][];
  answer: (slot: number, buffer: number) => boolean;
}

/** Links buffers into one chain. @returns the first */
function link(pool: BufferPool, buffers: readonly number[]): number {
  for (let i = 1; i < buffers.length; i++) pool.next[buffers[i - 1] as number] = buffers[i] as number;
  return buffers[0] as number;
}

describe("BufferPool, what each class leaves to those above it", () => {
  it.each([
    [1, 1],
    [31, 1],
    [63, 1],
    [64, 2],
    [1_023, 31],
    [1_024, 32],
    [4_096, 32],
  ])("of %i buffers each class keeps back %i more than the one above it", (count, step) => {
    const pool = new BufferPool(count, 1);
    expect(CLASSES.map((c) => pool.keptFrom(c))).toEqual([0, step, 2 * step, 3 * step, 4 * step]);
    expect(buffersKept(count)).toBe(pool.keptFrom(Request));
  });

  it("take() fails for a class at what it leaves, while those above it go on; freeFor() says how many there are", () => {
    const pool = new BufferPool(6, BYTES);
    for (let c = NewCall as number; c >= End; c--) {
      const bufferClass = c as BufferClass;
      expect(pool.freeFor(bufferClass)).toBe(c === NewCall ? 2 : 1);
      while (pool.freeFor(bufferClass) > 0) expect(pool.take(bufferClass)).not.toBe(NO_BUFFER);
      expect([pool.free, pool.take(bufferClass)]).toEqual([c, NO_BUFFER]);
    }
    expect(pool.failedTakes).toBe(5);
    expect(CLASSES.map((c) => pool.freeFor(c))).toEqual([0, 0, 0, 0, 0]);
  });

  it("who does not say what for may have the last buffer", () => {
    const pool = new BufferPool(1, BYTES);
    expect([pool.take(NewCall), pool.take()]).toEqual([NO_BUFFER, 0]);
  });
});

describe("BufferPool, waiters", () => {
  it("a buffer that is given back goes to a waiter in the same step, empty and linked to nothing", () => {
    const { pool, offers } = makeOffering(2);
    const [first] = takeAll(pool) as [number];
    pool.start[first] = 28;
    pool.length[first] = 100;
    pool.wait(3, End);
    pool.give(first);
    expect(offers).toEqual([[3, first]]);
    expect([pool.start[first], pool.length[first], pool.next[first]]).toEqual([0, 0, NO_BUFFER]);
    expect([pool.free, pool.waiters.count, pool.waiters.handedOver]).toEqual([0, 0, 1]);
  });

  it("refuses one that waits though there is a buffer for its class, and takes one for whose class there is none", () => {
    const { pool } = makeOffering(8);
    while (pool.freeFor(Request) > 0) pool.take(Request);
    expect(() => pool.wait(1, OwnRequest)).toThrow(AssertionError);
    expect(() => pool.wait(1, End)).toThrow(AssertionError);
    expect(pool.waiters.count).toBe(0);
    pool.wait(1, Request);
    pool.wait(2, NewCall);
    expect(pool.waiters.count).toBe(2);
  });

  it("one buffer is offered once: a second waiter has to wait for the second", () => {
    const { pool, offers } = makeOffering(2);
    const [a, b] = takeAll(pool) as [number, number];
    for (const slot of [1, 2]) pool.wait(slot, End);
    pool.give(a);
    expect(offers).toEqual([[1, a]]);
    pool.give(b);
    expect(offers).toEqual([
      [1, a],
      [2, b],
    ]);
  });

  it("a chain serves as many waiters as it has buffers, and the rest is free", () => {
    const { pool, offers } = makeOffering(4);
    const taken = takeAll(pool);
    for (const slot of [1, 2, 3]) pool.wait(slot, End);
    pool.give(link(pool, taken.slice(0, 2)));
    expect([offers.map(([slot]) => slot), pool.free]).toEqual([[1, 2], 0]);
    pool.give(link(pool, taken.slice(2)));
    expect([offers.map(([slot]) => slot), pool.free]).toEqual([[1, 2, 3], 1]);
    expect(new Set(offers.map(([, buffer]) => buffer)).size).toBe(3);
  });

  it("what a waiter passes on is offered to the next one, and is free when nobody wants it", () => {
    const offering = makeOffering(1);
    const { pool, offers } = offering;
    const buffer = pool.take();
    for (const slot of [1, 2, 3]) pool.wait(slot, End);
    offering.answer = (slot) => slot === 2;
    pool.give(buffer);
    expect(offers).toEqual([
      [1, buffer],
      [2, buffer],
    ]);
    expect([pool.free, pool.waiters.count]).toEqual([0, 1]);
    offering.answer = () => false;
    pool.give(buffer);
    expect([offers.length, pool.free, pool.waiters.count, pool.take()]).toEqual([3, 1, 0, buffer]);
    expect([pool.waiters.handedOver, pool.waiters.passedOn]).toEqual([1, 2]);
  });

  it.each([1, 2, 7, 16])("%i waiters that all pass on are offered one buffer exactly once each", (n) => {
    const offering = makeOffering(1);
    const { pool, offers } = offering;
    const buffer = pool.take();
    const slots = Array.from({ length: n }, (_, slot) => slot);
    for (const slot of slots) pool.wait(slot, End);
    offering.answer = () => false;
    pool.give(buffer);
    expect(offers).toEqual(slots.map((slot) => [slot, buffer]));
    expect([pool.waiters.count, pool.waiters.passedOn, pool.free, pool.highWater]).toEqual([0, n, 1, 1]);
  });

  it("what all of a class pass on goes to the next class, as far as it may be used there", () => {
    const offering = makeOffering(8);
    const { pool, offers } = offering;
    const taken = takeAll(pool);
    for (const [slot, bufferClass] of [Request, Reply, End, NewCall, OwnRequest, Reply].entries()) {
      pool.wait(slot, bufferClass);
    }
    offering.answer = () => false;
    pool.give(link(pool, taken.slice(0, 4)));
    // Four are free: one more than requests leave to others, and none for a new call.
    expect([offers.map(([slot]) => slot), pool.free, pool.waiters.count]).toEqual([[2, 1, 5, 4, 0], 4, 1]);
  });

  it("waiters that pass on and come back at once do not keep it going", () => {
    const offering = makeOffering(3);
    const { pool, offers } = offering;
    const [first] = takeAll(pool) as [number];
    for (const slot of [1, 2, 3]) pool.wait(slot, End);
    offering.answer = (slot) => {
      if (offers.length > 50) throw new Error("offers without end");
      pool.wait(slot, End);
      return false;
    };
    pool.give(first);
    expect([offers.map(([slot]) => slot), pool.free, pool.waiters.count]).toEqual([[1, 2, 3], 1, 3]);
  });

  it("a buffer that is given back during an offer is offered by the same loop, not by another inside it", () => {
    const offering = makeOffering(2);
    const { pool, offers } = offering;
    const [a, b] = takeAll(pool) as [number, number];
    for (const slot of [1, 2]) pool.wait(slot, End);
    let depth = 0;
    let deepest = 0;
    offering.answer = (slot) => {
      deepest = Math.max(deepest, ++depth);
      if (slot === 1) pool.give(b);
      depth--;
      return true;
    };
    pool.give(a);
    expect([offers, deepest, pool.free]).toEqual([
      [
        [1, a],
        [2, b],
      ],
      1,
      0,
    ]);
  });

  it("a waiter that takes a second buffer during its offer leaves that much less to the next", () => {
    const offering = makeOffering(4);
    const { pool, offers } = offering;
    const taken = takeAll(pool);
    for (const slot of [1, 2, 3]) pool.wait(slot, End);
    offering.answer = (slot) => slot !== 1 || pool.take(End) !== NO_BUFFER;
    pool.give(link(pool, taken.slice(0, 3)));
    expect([offers.map(([slot]) => slot), pool.free, pool.waiters.count]).toEqual([[1, 2], 0, 1]);
  });

  it("a waiter that leaves while another is made its offer is not looked for: the buffer is free", () => {
    const offering = makeOffering(3);
    const { pool, offers } = offering;
    const taken = takeAll(pool);
    for (const slot of [1, 2]) pool.wait(slot, End);
    offering.answer = () => {
      pool.waiters.remove(2);
      return true;
    };
    pool.give(link(pool, taken.slice(0, 2)));
    expect([offers.map(([slot]) => slot), pool.free, pool.waiters.count]).toEqual([[1], 1, 0]);
    pool.give(taken[2] as number);
    expect([offers.length, pool.free]).toEqual([1, 2]);
  });

  it("a waiter is offered nothing of what its class leaves to those above it", () => {
    const { pool, offers } = makeOffering(8);
    const taken = takeAll(pool);
    pool.wait(1, Request);
    pool.wait(2, OwnRequest);
    for (let i = 0; i < 2; i++) pool.give(taken[i] as number);
    expect([offers.length, pool.free]).toEqual([0, 2]);
    pool.give(taken[2] as number);
    expect([offers.map(([slot]) => slot), pool.free]).toEqual([[2], 2]);
    for (let i = 3; i < 4; i++) pool.give(taken[i] as number);
    expect([offers.length, pool.free]).toEqual([1, 3]);
    pool.give(taken[4] as number);
    expect([offers.map(([slot]) => slot), pool.free]).toEqual([[2, 1], 3]);
  });

  it("newcomers of a waiter's class and of lower ones do not overtake it", () => {
    const { pool } = makeOffering(8);
    while (pool.freeFor(OwnRequest) > 0) pool.take(OwnRequest);
    pool.wait(1, OwnRequest);
    expect([OwnRequest, Request, NewCall].map((c) => pool.take(c))).toEqual([-1, -1, -1]);
    expect(pool.take(Reply)).not.toBe(NO_BUFFER);
  });

  it("without waiters nothing is offered", () => {
    const { pool, offers } = makeOffering(2);
    pool.wait(0, NewCall);
    pool.waiters.remove(0);
    pool.give(pool.take());
    expect([offers.length, pool.free]).toEqual([0, 2]);
  });
});
