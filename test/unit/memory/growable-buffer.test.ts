import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { GrowableBuffer } from "../../../src/memory/growable-buffer.js";
import { AssertionError } from "../../../src/util/assert.js";
import { Bench, BLOCK, byteAt, spilledBench } from "./growable-bench.js";

describe("GrowableBuffer in memory", () => {
  it("holds nothing before the first byte, and is empty but not at its end", () => {
    const { buffer, memory } = new Bench();
    expect([buffer.length, buffer.totalBytes, buffer.memoryBytes, buffer.fileBytes, memory.used]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect([buffer.peek(), buffer.isEnded, buffer.isAtEnd, buffer.isSpilled, buffer.failure]).toEqual([
      null,
      false,
      false,
      false,
      null,
    ]);
  });

  it("gives the bytes in the order they came, across blocks, without a file", () => {
    const bench = new Bench({ thresholdBlocks: 4 });
    expect(bench.write(3 * BLOCK + 5)).toBe(3 * BLOCK + 5);
    expect([bench.buffer.length, bench.buffer.totalBytes]).toEqual([3 * BLOCK + 5, 3 * BLOCK + 5]);
    bench.takeAll();
    expect([bench.read, bench.buffer.length, bench.buffer.totalBytes]).toEqual([
      3 * BLOCK + 5,
      0,
      3 * BLOCK + 5,
    ]);
    expect(bench.spill.asked).toEqual([]);
  });

  it("lends room that others cannot see before it is committed", () => {
    const bench = new Bench();
    const room = bench.buffer.reserve(3) as Uint8Array;
    room.fill(9);
    expect([room.length, bench.buffer.length, bench.buffer.peek()]).toEqual([BLOCK, 0, null]);
    bench.buffer.commit(2);
    expect(bench.buffer.peek()).toEqual(Uint8Array.of(9, 9));
    bench.buffer.commit(0);
    expect(bench.buffer.length).toBe(2);
  });

  it("gives contiguous room even if the last block has some left", () => {
    const bench = new Bench();
    bench.write(5);
    expect(bench.reserve(4, 4)).toBe(true);
    expect(bench.buffer.peek()?.length).toBe(5);
    bench.takeAll();
    expect(bench.read).toBe(9);
  });

  it("shows room for what is newly made as zeros", () => {
    const bench = new Bench();
    expect(bench.buffer.reserve(1)).toEqual(new Uint8Array(BLOCK));
  });

  it("uses its last block again when the reader keeps pace", () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i++) {
      bench.write(BLOCK - 1);
      bench.takeAll();
    }
    expect([bench.read, bench.buffer.memoryBytes]).toEqual([50 * (BLOCK - 1), 2 * BLOCK]);
  });

  it("does not move room that is lent while the reader empties its block", () => {
    const bench = new Bench();
    bench.write(3);
    const room = bench.buffer.reserve(2) as Uint8Array;
    bench.take();
    room[0] = byteAt(3);
    bench.buffer.commit(1);
    bench.written++;
    expect(bench.take()).toBe(1);
  });

  it("gives blocks back as they are read, but for two", () => {
    const bench = new Bench({ thresholdBlocks: 10 });
    bench.write(7 * BLOCK);
    expect(bench.buffer.memoryBytes).toBe(7 * BLOCK);
    for (const blocksLeft of [6, 5, 4, 3, 2, 2]) {
      bench.take();
      bench.check();
      expect(bench.buffer.memoryBytes).toBe(blocksLeft * BLOCK);
    }
  });

  it("is at its end when all was written and all was read, and then holds nothing", () => {
    const bench = new Bench();
    bench.write(BLOCK + 1);
    bench.buffer.end();
    bench.buffer.end();
    expect([bench.buffer.isEnded, bench.buffer.isAtEnd]).toEqual([true, false]);
    bench.take();
    expect([bench.buffer.isAtEnd, bench.memory.used]).toEqual([false, BLOCK]);
    bench.take();
    expect([bench.buffer.isAtEnd, bench.buffer.peek()]).toEqual([true, null]);
    bench.expectNothingHeld();
  });

  it("holds nothing at its end even if a new block was lent and not filled", () => {
    const bench = new Bench();
    bench.write(BLOCK);
    bench.buffer.reserve(1);
    bench.buffer.end();
    bench.take();
    expect(bench.buffer.isAtEnd).toBe(true);
    bench.expectNothingHeld();
  });

  it("is at its end at once when nothing is unread, even with room lent", () => {
    const bench = new Bench();
    bench.write(1);
    bench.take();
    bench.buffer.reserve(1);
    bench.buffer.end();
    expect(bench.buffer.isAtEnd).toBe(true);
    bench.expectNothingHeld();
  });

  it("tells a reader that found nothing of new bytes and of the end, and nobody else", () => {
    const bench = new Bench();
    bench.write(1);
    bench.write(1);
    expect(bench.changes).toBe(0);
    bench.take();
    expect(bench.buffer.peek()).toBeNull();
    bench.write(1);
    bench.write(1);
    expect(bench.changes).toBe(1);
    bench.take();
    expect(bench.buffer.peek()).toBeNull();
    bench.buffer.end();
    expect([bench.changes, bench.buffer.isAtEnd]).toEqual([2, true]);
  });

  it("finds fault with a writer that goes on after the end or commits too much, and a reader that takes too much", () => {
    const bench = new Bench();
    expect(() => bench.buffer.reserve(BLOCK + 1)).toThrow(AssertionError);
    expect(() => bench.buffer.reserve(0)).toThrow(AssertionError);
    expect(() => bench.buffer.consume(1)).toThrow(AssertionError);
    const room = bench.buffer.reserve(1) as Uint8Array;
    expect(() => bench.buffer.commit(room.length + 1)).toThrow(AssertionError);
    bench.buffer.commit(3);
    expect(() => bench.buffer.commit(1)).toThrow(AssertionError);
    expect(() => bench.buffer.consume(4)).toThrow(AssertionError);
    bench.buffer.reserve(1);
    bench.buffer.end();
    expect(() => bench.buffer.commit(1)).toThrow(AssertionError);
    expect(() => bench.buffer.reserve(1)).toThrow(AssertionError);
  });

  it("lends no more than is left of a block, at either end", () => {
    const bench = new Bench();
    bench.write(5);
    bench.take(2);
    expect(() => bench.buffer.consume(4)).toThrow(AssertionError);
    expect(() => bench.buffer.consume(-1)).toThrow(AssertionError);
    expect(bench.buffer.reserve(1)?.length).toBe(BLOCK - 5);
    expect(() => bench.buffer.commit(BLOCK - 4)).toThrow(AssertionError);
    expect(() => bench.buffer.commit(-1)).toThrow(AssertionError);
    expect([bench.buffer.length, bench.take(), bench.buffer.totalBytes]).toEqual([3, 3, 5]);
  });

  it("lets a reader who found nothing consume nothing", () => {
    const { buffer } = new Bench();
    buffer.consume(0);
    expect(buffer.length).toBe(0);
  });

  it.each([{ blockBytes: 0 }, { blockBytes: 1.5 }, { thresholdBytes: -1 }])(
    "finds fault with %j",
    (wrong) => {
      const memory = new ByteBudget(1_000);
      const right = { memory, disk: memory, thresholdBytes: 10, spill: null, onChange: () => undefined };
      expect(() => new GrowableBuffer({ ...right, ...wrong })).toThrow(AssertionError);
    },
  );

  it("has blocks of 64 KiB unless told otherwise", () => {
    const memory = new ByteBudget(1_000_000);
    const buffer = new GrowableBuffer({
      memory,
      disk: memory,
      thresholdBytes: 1_000_000,
      spill: null,
      onChange: () => undefined,
    });
    expect(buffer.reserve(65_536)?.length).toBe(65_536);
  });

  it("does not come to its end by an end() after it was cleared, though nothing is unread", () => {
    const { buffer } = new Bench();
    buffer.clear();
    buffer.end();
    expect([buffer.isEnded, buffer.isAtEnd]).toEqual([false, false]);
  });
});

describe("GrowableBuffer without a spill space", () => {
  it("refuses at the threshold and tells the writer when the reader has made room", () => {
    const bench = new Bench({ thresholdBlocks: 3, hasSpill: false });
    expect(bench.write(5 * BLOCK)).toBe(3 * BLOCK);
    bench.take(BLOCK - 1);
    expect([bench.changes, bench.write(1)]).toEqual([0, 0]);
    bench.take();
    expect(bench.changes).toBe(1);
    expect(bench.write(2 * BLOCK)).toBe(BLOCK);
    expect(bench.buffer.failure).toBeNull();
  });

  it("takes back what it lent before when it has to refuse", () => {
    const bench = new Bench({ thresholdBlocks: 1, hasSpill: false });
    bench.write(1);
    bench.buffer.reserve(1);
    expect(bench.buffer.reserve(BLOCK)).toBeNull();
    expect(() => bench.buffer.commit(1)).toThrow(AssertionError);
    expect(bench.reserve(BLOCK - 1, 1)).toBe(true);
  });

  it("refuses where the memory budget does, and needs only one block", () => {
    const bench = new Bench({ thresholdBlocks: 10, memoryBlocks: 1, hasSpill: false });
    expect(bench.write(2 * BLOCK)).toBe(BLOCK);
    bench.take();
    expect([bench.changes, bench.write(BLOCK)]).toEqual([1, BLOCK]);
    bench.takeAll();
    expect(bench.read).toBe(2 * BLOCK);
  });
});

describe("GrowableBuffer at the memory budget", () => {
  it.each([
    { hasSpill: true, memoryBlocks: 1 },
    { hasSpill: false, memoryBlocks: 0 },
  ])("fails with RX_ERR_MEMORY when not even the first blocks are there: %j", (setup) => {
    const bench = new Bench(setup);
    expect(bench.write(1)).toBe(0);
    expect(bench.buffer.failure).toMatchObject({ code: "RX_ERR_MEMORY", abortCode: 12 });
    const neededBytes = setup.hasSpill ? 2 * BLOCK : BLOCK;
    expect(bench.buffer.failure?.message).toMatch(`no memory for the first ${neededBytes} bytes`);
    bench.buffer.end();
    expect(bench.buffer.isAtEnd).toBe(false);
    expect([bench.changes, bench.buffer.reserve(1), bench.buffer.peek()]).toEqual([1, null, null]);
    bench.expectNothingHeld();
  });

  it("spills below the threshold when the budget gives no more, and carries any length in two blocks", () => {
    const bench = new Bench({ thresholdBlocks: 100, memoryBlocks: 2 });
    bench.writeAll(40 * BLOCK);
    bench.check();
    expect([bench.buffer.isSpilled, bench.buffer.failure, bench.memory.used]).toEqual([
      true,
      null,
      2 * BLOCK,
    ]);
    bench.buffer.end();
    bench.takeAll();
    expect([bench.read, bench.buffer.isAtEnd]).toEqual([40 * BLOCK, true]);
    bench.expectNothingHeld();
  });

  it("gives the writer its block although the reader would like to read ahead", () => {
    const bench = spilledBench(20, { thresholdBlocks: 2, memoryBlocks: 2 });
    bench.take(1);
    bench.spill.landAll();
    bench.writeAll(20 * BLOCK);
    expect(bench.written).toBe(40 * BLOCK);
  });

  it("reads ahead with a block of its own when the writer has one too", () => {
    const bench = spilledBench(10, { thresholdBlocks: 3, memoryBlocks: 3 });
    bench.write(1);
    bench.take();
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["read"]);
  });

  it("reads ahead with a free block when it leaves another to the writer", () => {
    const bench = spilledBench(10, { thresholdBlocks: 3, memoryBlocks: 3 });
    bench.take();
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["read"]);
    expect(bench.write(1)).toBe(1);
  });

  it("reads ahead with the last free block while the writer gets one back that is being written", () => {
    const bench = spilledBench(10, { thresholdBlocks: 3, memoryBlocks: 3 });
    bench.write(BLOCK);
    bench.take();
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["write", "read"]);
    expect(bench.write(1)).toBe(0);
    bench.spill.landKind("write");
    expect(bench.write(1)).toBe(1);
  });

  it("reads ahead with a block from the budget when the only free one is the writer's", () => {
    const bench = new Bench({ thresholdBlocks: 2, memoryBlocks: 10 });
    const others = new ByteBudget(8 * BLOCK, bench.memory);
    others.take(8 * BLOCK);
    bench.writeAll(5 * BLOCK);
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["write"]);
    others.give(8 * BLOCK);
    bench.spill.land();
    expect([bench.spill.pending.map(({ kind }) => kind), bench.buffer.memoryBytes]).toEqual([
      ["read"],
      3 * BLOCK,
    ]);
    bench.check();
  });
});
