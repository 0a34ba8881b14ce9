// The limits of what calls hold besides packets, and the accounts that are made of them.
import { describe, expect, test } from "vitest";
import {
  CallMemory,
  MEMORY_OPTION_NAMES,
  MemoryLimits,
  type MemoryOptions,
} from "../../../src/rpc/call-memory.js";
import { FakeSpill } from "../memory/fake-spill.js";

const MIB = 1024 * 1024;
const SIZES = MEMORY_OPTION_NAMES.filter((name) => name !== "spillDirectory");

describe("MemoryLimits", () => {
  test("has the defaults that its options tell of", () => {
    expect({ ...new MemoryLimits() }).toEqual({
      workBytesMax: 64 * MIB,
      arenaBytesMax: MIB,
      spillThresholdBytes: 32 * MIB,
      spillBytesPerCallMax: 1024 * MIB,
      spillBytesMax: 4096 * MIB,
    });
  });

  test.each(["spillBytesPerCallMax", "spillBytesMax"] as const)("takes %s from 0 up", (name) => {
    for (const value of [0, 1, 5_000_000_000]) {
      expect({ ...new MemoryLimits({ [name]: value }) }).toEqual({ ...new MemoryLimits(), [name]: value });
    }
  });

  test("a part of the memory is no larger than the whole: by itself, and when it is asked for", () => {
    expect(new MemoryLimits({ workBytesMax: 5 })).toMatchObject({ arenaBytesMax: 5, spillThresholdBytes: 5 });
    expect(new MemoryLimits({ workBytesMax: 0 })).toMatchObject({ arenaBytesMax: 0, spillThresholdBytes: 0 });
    expect(new MemoryLimits({ workBytesMax: 2 * MIB })).toMatchObject({
      arenaBytesMax: MIB,
      spillThresholdBytes: 2 * MIB,
    });
    for (const name of ["arenaBytesMax", "spillThresholdBytes"] as const) {
      expect(new MemoryLimits({ workBytesMax: 100, [name]: 100 })[name]).toBe(100);
      expect(() => new MemoryLimits({ workBytesMax: 100, [name]: 101 })).toThrow(
        expect.objectContaining({ code: "RX_ERR_OPTION", option: `memory.${name}` }),
      );
    }
  });

  test.each(SIZES)("refuses a wrong %s by its name", (name) => {
    for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1" as unknown as number, 2 ** 53]) {
      expect(() => new MemoryLimits({ [name]: value })).toThrow(
        expect.objectContaining({ code: "RX_ERR_OPTION", option: `memory.${name}` }),
      );
    }
  });

  test("refuses an option that it does not know, and what is no options at all", () => {
    expect(() => new MemoryLimits({ arenaBytes: 1 } as MemoryOptions)).toThrow(/memory\.arenaBytes/);
    expect(() => new MemoryLimits(null as unknown as MemoryOptions)).toThrow(/memory/);
  });
});

describe("CallMemory", () => {
  test("keeps memory and disk in accounts of their own, each at its limit", () => {
    const memory = new CallMemory(
      new MemoryLimits({ workBytesMax: 100, spillBytesMax: 200 }),
      new FakeSpill(),
    );
    expect([memory.work.maxBytes, memory.disk.maxBytes]).toEqual([100, 200]);
    expect([memory.work.take(100), memory.work.take(1), memory.disk.take(200), memory.disk.take(1)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
