import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { GrowableBuffer } from "../../../src/memory/growable-buffer.js";
import type { SpillFile } from "../../../src/memory/spill-file.js";
import { AssertionError } from "../../../src/util/assert.js";
import { RxError } from "../../../src/util/errors.js";
import { systemError } from "./fake-spill.js";
import { Bench, BLOCK, SPILLED_BYTES, spilledBench } from "./growable-bench.js";

describe("GrowableBuffer that spills", () => {
  it("keeps as much as the threshold in memory, and moves to the file with the next byte", () => {
    const bench = new Bench({ thresholdBlocks: 4 });
    bench.write(4 * BLOCK);
    expect([bench.buffer.isSpilled, bench.spill.asked]).toEqual([false, []]);
    expect(bench.write(1)).toBe(1);
    expect([bench.buffer.isSpilled, bench.spill.asked]).toEqual([true, ["open"]]);
    bench.spill.landAll();
    // The first two stay for the reader and the last is still being filled; one of those written is free again.
    expect(bench.spill.asked).toEqual(["open", "write", "write"]);
    expect([bench.buffer.fileBytes, bench.buffer.memoryBytes]).toEqual([2 * BLOCK, 5 * BLOCK]);
    bench.check();
  });

  it("holds no more than the threshold before and six blocks after, however much is written", () => {
    const bench = new Bench({ thresholdBlocks: 12 });
    bench.writeAll(60 * BLOCK);
    bench.check();
    bench.spill.landAll();
    expect(bench.buffer.memoryBytes).toBeLessThanOrEqual(SPILLED_BYTES);
    expect(bench.memory.highWater).toBe(12 * BLOCK);
    bench.takeAll();
    expect(bench.read).toBe(60 * BLOCK);
  });

  it("makes the writer wait with four blocks unwritten, and tells it when one has landed", () => {
    const bench = spilledBench(10);
    expect(bench.write(20 * BLOCK)).toBeLessThanOrEqual(4 * BLOCK);
    expect([bench.buffer.reserve(1), bench.changes > 0]).toEqual([null, true]);
    bench.changes = 0;
    bench.spill.landKind("write");
    expect([bench.changes, bench.buffer.reserve(1) === null]).toEqual([1, false]);
  });

  it("goes down to six blocks after it began to spill, even if its writer takes whatever it can get", () => {
    const bench = new Bench({ thresholdBlocks: 12 });
    bench.write(100 * BLOCK);
    bench.spill.landKind("open");
    for (let blocks = 11; blocks >= 6; blocks--) {
      bench.spill.landKind("write");
      expect([bench.write(BLOCK), bench.buffer.memoryBytes]).toEqual([0, blocks * BLOCK]);
    }
    bench.spill.landKind("write");
    expect([bench.write(BLOCK), bench.buffer.memoryBytes]).toEqual([BLOCK, SPILLED_BYTES]);
  });

  it("lets its writer have four blocks, and not the one that the reader could read ahead with", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    expect(bench.write(100 * BLOCK)).toBe(5 * BLOCK);
  });

  it("writes a block as soon as it is full", () => {
    const bench = spilledBench(10);
    bench.write(BLOCK - 1);
    expect(bench.spill.pending).toEqual([]);
    bench.write(1);
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["write"]);
  });

  it("leaves the file as soon as that is empty, not only when the reader has finished what it holds", () => {
    const bench = spilledBench(10);
    while (bench.buffer.isSpilled) {
      if (bench.take() === 0) bench.spill.land();
    }
    expect(bench.buffer.length).toBe(BLOCK);
  });

  it("closes the file of ended data when its last block has been read from it", () => {
    const bench = spilledBench(10);
    bench.buffer.end();
    while (bench.buffer.isSpilled) {
      if (bench.spill.pending.length > 0) bench.spill.land();
      else bench.take();
    }
    expect([bench.buffer.isAtEnd, bench.spill.openFiles, bench.disk.used]).toEqual([false, 0, 0]);
    bench.takeAll();
    expect(bench.buffer.isAtEnd).toBe(true);
  });

  it("reads the next block when the current one is begun", () => {
    const bench = spilledBench(20, { thresholdBlocks: 2 });
    expect(bench.spill.pending).toEqual([]);
    bench.take(BLOCK);
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["read"]);
    expect(bench.buffer.peek()?.length).toBe(BLOCK);
  });

  it("has the reader wait for the file, and tells it when the block is there", () => {
    const bench = spilledBench(20, { thresholdBlocks: 2 });
    bench.take();
    bench.take();
    expect(bench.buffer.peek()).toBeNull();
    bench.changes = 0;
    bench.spill.landKind("read");
    expect([bench.changes, bench.take()]).toEqual([1, BLOCK]);
  });

  it("does not tell a reader that waits for the file of bytes that go there too", () => {
    const bench = spilledBench(20, { thresholdBlocks: 2 });
    bench.take();
    bench.take();
    expect(bench.buffer.peek()).toBeNull();
    bench.changes = 0;
    expect([bench.write(BLOCK), bench.changes]).toEqual([BLOCK, 0]);
    bench.takeAll();
    expect(bench.read).toBe(21 * BLOCK);
  });

  it("hands a block that was just written straight to a reader that waits for it", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.write(2 * BLOCK + 1);
    bench.spill.landKind("open");
    bench.take();
    expect(bench.buffer.peek()).toBeNull();
    bench.spill.landKind("write");
    expect([bench.take(), bench.take(), bench.spill.asked.includes("read")]).toEqual([BLOCK, 1, false]);
  });

  it("passes from memory to the reader again once it has caught up, and gives the disk back", () => {
    const bench = spilledBench(10);
    bench.takeAll();
    expect([bench.buffer.isSpilled, bench.buffer.fileBytes, bench.disk.used]).toEqual([false, 0, 0]);
    const asked = bench.spill.asked.length;
    expect(bench.spill.asked[asked - 1]).toBe("truncate");
    bench.write(3 * BLOCK);
    bench.takeAll();
    expect([bench.spill.asked.length, bench.read]).toEqual([asked, 13 * BLOCK]);
    bench.check();
  });

  it("keeps the disk charged until the file is cut, and waits with new writes until then", () => {
    const bench = spilledBench(10);
    while (!bench.spill.pending.some(({ kind }) => kind === "truncate")) {
      if (bench.take() === 0) bench.spill.land();
    }
    expect(bench.disk.used).toBeGreaterThan(0);
    const taken = bench.write(30 * BLOCK);
    expect([bench.buffer.isSpilled, bench.spill.pending.map(({ kind }) => kind)]).toEqual([
      true,
      ["truncate"],
    ]);
    bench.spill.land();
    bench.writeAll(30 * BLOCK - taken);
    bench.takeAll();
    expect(bench.read).toBe(40 * BLOCK);
    bench.check();
  });

  it("does not cut the file twice when it spills and recovers while it is being cut", () => {
    const bench = spilledBench(10);
    while (!bench.spill.pending.some(({ kind }) => kind === "truncate")) {
      if (bench.take() === 0) bench.spill.land();
    }
    bench.write(30 * BLOCK);
    while (bench.take() > 0);
    expect([bench.buffer.isSpilled, bench.spill.pending.length]).toEqual([false, 1]);
    bench.spill.land();
    expect([bench.disk.used, bench.spill.pending.length]).toEqual([0, 0]);
  });

  it("writes again what was read, so that a reader that lags keeps the file short", () => {
    const bench = spilledBench(10);
    for (let i = 0; i < 500; i++) {
      bench.writeAll(BLOCK);
      while (bench.take() === 0) bench.spill.land();
    }
    expect(bench.buffer.isSpilled).toBe(true);
    expect(bench.disk.highWater).toBeLessThanOrEqual(12 * BLOCK);
    bench.takeAll();
    expect(bench.read).toBe(510 * BLOCK);
  });

  it("keeps blocks apart that were closed before they were full", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    for (let i = 0; i < 30; i++) {
      while (!bench.reserve(5, 5)) bench.spill.land();
    }
    bench.buffer.end();
    bench.takeAll();
    expect([bench.read, bench.buffer.isAtEnd]).toEqual([150, true]);
    bench.expectNothingHeld();
  });

  it("closes the file at the end of the data, or before when the rest is in memory", () => {
    const bench = spilledBench(10);
    bench.takeAll();
    expect(bench.spill.openFiles).toBe(1);
    bench.write(1);
    bench.buffer.end();
    expect([bench.spill.openFiles, bench.take(), bench.buffer.isAtEnd]).toEqual([0, 1, true]);
    bench.expectNothingHeld();
  });

  it("writes no empty block when the end comes with room lent", () => {
    const bench = spilledBench(10, { thresholdBlocks: 2 });
    while (bench.buffer.reserve(BLOCK) === null) bench.spill.land();
    bench.buffer.end();
    bench.takeAll();
    expect([bench.read, bench.buffer.isAtEnd]).toEqual([10 * BLOCK, true]);
    bench.expectNothingHeld();
  });

  it("closes a file that is opened for a buffer that needs none any more", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.write(2 * BLOCK + 1);
    expect(bench.spill.pending.map(({ kind }) => kind)).toEqual(["open"]);
    bench.buffer.end();
    while (bench.take() > 0);
    expect(bench.buffer.isAtEnd).toBe(true);
    bench.spill.land();
    expect(bench.spill.files.length).toBe(1);
    bench.expectNothingHeld();
  });

  it("goes on in memory when its reader has caught up before there is a file, and uses that file later", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.write(2 * BLOCK + 1);
    while (bench.take() > 0);
    expect([bench.read, bench.buffer.isSpilled, bench.spill.asked]).toEqual([2 * BLOCK + 1, false, ["open"]]);
    bench.spill.land();
    expect([bench.buffer.failure, bench.spill.openFiles, bench.spill.pending]).toEqual([null, 1, []]);
    bench.writeAll(10 * BLOCK);
    bench.takeAll();
    expect([bench.read, bench.spill.files.length]).toEqual([12 * BLOCK + 1, 1]);
    bench.check();
  });

  it("does not mind how the cutting of a file ends that it has closed meanwhile", () => {
    const bench = spilledBench(10);
    while (!bench.spill.pending.some(({ kind }) => kind === "truncate")) {
      if (bench.take() === 0) bench.spill.land();
    }
    bench.write(2);
    bench.buffer.end();
    bench.spill.land(0, systemError("EIO"));
    while (bench.take() > 0);
    expect([bench.buffer.failure, bench.read, bench.buffer.isAtEnd]).toEqual([null, 10 * BLOCK + 2, true]);
    bench.expectNothingHeld();
  });
});

describe("GrowableBuffer that fails", () => {
  it.each([
    ["ENOSPC", "RX_ERR_SPILL_FULL", 108, "the disk of the spill file is full"],
    ["EDQUOT", "RX_ERR_SPILL_FULL", 109, "the system's disk quota is used up"],
    ["EIO", "RX_ERR_FILE", 112, "the spill file failed"],
  ] as const)("says of a write that ended with %s: %s, %d", (systemCode, code, abortCode, words) => {
    const bench = spilledBench(6);
    bench.writeAll(2 * BLOCK);
    const cause = systemError(systemCode);
    bench.changes = 0;
    bench.spill.landKind("write", cause);
    expect(bench.buffer.failure).toMatchObject({ code, abortCode, cause });
    expect(bench.buffer.failure?.message).toMatch(words);
    expect([bench.changes, bench.buffer.reserve(1), bench.buffer.peek(), bench.buffer.isAtEnd]).toEqual([
      1,
      null,
      null,
      false,
    ]);
    bench.spill.landAll();
    expect(bench.changes).toBe(1);
    bench.expectNothingHeld();
  });

  it("finds the system's code in an error that wraps it", () => {
    const bench = spilledBench(6);
    bench.writeAll(2 * BLOCK);
    const wrapper = new RxError("RX_ERR_FILE", "write failed", { cause: systemError("ENOSPC") });
    bench.spill.landKind("write", wrapper);
    expect(bench.buffer.failure).toMatchObject({ code: "RX_ERR_SPILL_FULL", abortCode: 108, cause: wrapper });
  });

  it.each([
    ["that wraps nothing", new RxError("RX_ERR_FILE", "write failed"), "RX_ERR_FILE", 112],
    [
      "of the system, whatever it was caused by",
      Object.assign(systemError("ENOSPC"), { cause: systemError("EIO") }),
      "RX_ERR_SPILL_FULL",
      108,
    ],
  ] as const)("takes an error for what it is %s", (_, cause, code, abortCode) => {
    const bench = spilledBench(6);
    bench.writeAll(2 * BLOCK);
    bench.spill.landKind("write", cause);
    expect(bench.buffer.failure).toMatchObject({ code, abortCode, cause });
  });

  it("finds fault with a spill space that gives neither a file nor a reason", () => {
    const opened: ((cause: Error | null, file: SpillFile | null) => void)[] = [];
    const budget = new ByteBudget(100 * BLOCK);
    const buffer = new GrowableBuffer({
      memory: budget,
      disk: budget,
      thresholdBytes: 2 * BLOCK,
      blockBytes: BLOCK,
      spill: { open: (done) => opened.push(done) },
      onChange: () => undefined,
    });
    buffer.write(new Uint8Array(3 * BLOCK), 0, 3 * BLOCK);
    expect(opened.length).toBe(1);
    expect(() => opened[0]?.(null, null)).toThrow(AssertionError);
  });

  it.each(["open", "read", "truncate"] as const)("fails when %s does", (kind) => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.write(2 * BLOCK + 1);
    while (!bench.spill.pending.some((operation) => operation.kind === kind)) {
      if (bench.spill.pending.length > 0) bench.spill.land();
      else if (kind === "read") bench.write(BLOCK);
      else bench.take();
    }
    bench.spill.landKind(kind, systemError("EMFILE"));
    expect(bench.buffer.failure).toMatchObject({ code: "RX_ERR_FILE", abortCode: 112 });
    bench.spill.landAll();
    bench.expectNothingHeld();
  });

  it("ends a disk that is full with what it could hold, and gives that back", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.spill.diskBytes = 5 * BLOCK;
    while (bench.buffer.failure === null) {
      if (bench.write(BLOCK) === 0 && bench.buffer.failure === null) bench.spill.land();
    }
    expect(bench.buffer.failure).toMatchObject({ code: "RX_ERR_SPILL_FULL", abortCode: 108 });
    expect(bench.disk.highWater).toBe(6 * BLOCK);
    bench.expectNothingHeld();
  });

  it("says 109 when its own quota is used up, and frees it for others", () => {
    const bench = new Bench({ thresholdBlocks: 2, diskBlocks: 5 });
    while (bench.buffer.failure === null) {
      if (bench.write(BLOCK) === 0 && bench.buffer.failure === null) bench.spill.land();
    }
    expect(bench.buffer.failure).toMatchObject({ code: "RX_ERR_SPILL_FULL", abortCode: 109 });
    expect(bench.buffer.failure?.message).toMatch(`cannot grow past ${5 * BLOCK} bytes`);
    expect([bench.disk.highWater, bench.changes > 0]).toEqual([5 * BLOCK, true]);
    bench.spill.landAll();
    bench.expectNothingHeld();
  });

  it("has told of its failure when reserve() itself meets the quota", () => {
    const bench = new Bench({ thresholdBlocks: 2, diskBlocks: 2 });
    while (bench.buffer.failure === null) {
      bench.spill.landAll();
      bench.changes = 0;
      bench.reserve(5, 5);
    }
    expect(bench.buffer.failure).toMatchObject({ code: "RX_ERR_SPILL_FULL", abortCode: 109 });
    expect([bench.changes, bench.buffer.reserve(1)]).toEqual([1, null]);
    bench.expectNothingHeld();
  });

  it("lets a reader and a writer finish what they hold, without effect", () => {
    const bench = spilledBench(6);
    while (bench.buffer.reserve(BLOCK) === null) bench.spill.land();
    const lent = bench.buffer.peek() as Uint8Array;
    const before = Array.from(lent);
    if (bench.spill.pending.length === 0) bench.take();
    bench.spill.land(0, systemError("EIO"));
    bench.buffer.commit(BLOCK);
    bench.buffer.consume(lent.length);
    bench.buffer.end();
    expect([Array.from(lent), bench.buffer.length, bench.buffer.isAtEnd]).toEqual([before, 0, false]);
    bench.spill.landAll();
    bench.expectNothingHeld();
  });
});

describe("GrowableBuffer.clear()", () => {
  it("gives everything back at once when nothing is in flight, twice or not", () => {
    const bench = spilledBench(10);
    bench.buffer.clear();
    bench.expectNothingHeld();
    expect(bench.buffer.isSpilled).toBe(false);
    bench.buffer.clear();
    bench.expectNothingHeld();
    expect([bench.buffer.peek(), bench.buffer.reserve(1), bench.buffer.isAtEnd]).toEqual([null, null, false]);
  });

  it("gives the memory of a write and of a read back when they land, which change nothing else", () => {
    const bench = spilledBench(20, { thresholdBlocks: 2 });
    bench.take();
    bench.write(2 * BLOCK);
    expect(bench.spill.pending.map(({ kind }) => kind).sort()).toEqual(["read", "write"]);
    bench.changes = 0;
    bench.buffer.clear();
    expect([bench.memory.used, bench.disk.used, bench.spill.openFiles]).toEqual([2 * BLOCK, 0, 0]);
    bench.spill.land(1);
    expect(bench.memory.used).toBe(BLOCK);
    bench.spill.land(0, systemError("EIO"));
    bench.expectNothingHeld();
    expect([bench.changes, bench.buffer.failure]).toEqual([0, null]);
  });

  it("closes a file that is opened too late", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.write(2 * BLOCK + 1);
    bench.buffer.clear();
    bench.spill.land();
    expect([bench.spill.files.length, bench.changes]).toEqual([1, 0]);
    bench.expectNothingHeld();
  });

  it("does not mind that a file could not be opened that it needs no more", () => {
    const bench = new Bench({ thresholdBlocks: 2 });
    bench.write(2 * BLOCK + 1);
    bench.buffer.clear();
    bench.spill.land(0, systemError("EMFILE"));
    expect([bench.buffer.failure, bench.changes]).toEqual([null, 0]);
    bench.expectNothingHeld();
  });

  it("may come from within onChange", () => {
    const bench = spilledBench(10);
    bench.onChange = () => bench.buffer.clear();
    bench.writeAll(2 * BLOCK);
    bench.spill.land();
    bench.spill.landAll();
    bench.expectNothingHeld();
  });
});
