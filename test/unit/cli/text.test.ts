// Numbers and tables for people, and the account of memory.
import { describe, expect, test } from "vitest";
import { formatBytes, formatRate, formatTable, formatUs } from "../../../src/cli/text.js";
import { EndpointConfig } from "../../../src/core/config.js";
import { BufferPool } from "../../../src/memory/buffer-pool.js";
import { memoryCosts, totalCost } from "../../../src/node/memory-ceiling.js";
import { MemoryLimits } from "../../../src/rpc/call-memory.js";

const LIMITS = new MemoryLimits();

test("units follow the size", () => {
  expect([0, 1023, 1536, 104857600, 5 * 2 ** 40].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.5 KiB",
    "100 MiB",
    "5.0 TiB",
  ]);
  expect([0, 999, 1_000, 99_999, 250_000, 1_500_000].map(formatUs)).toEqual([
    "0 us",
    "999 us",
    "1.00 ms",
    "100.00 ms",
    "250 ms",
    "1.50 s",
  ]);
  expect([0, 1.234, 12.34, 1234.5].map(formatRate)).toEqual(["0.00", "1.23", "12.3", "1235"]);
});

test("columns are aligned", () => {
  expect(
    formatTable([
      ["a", "1", ""],
      ["long", "100", "x"],
    ]),
  ).toEqual(["a       1", "long  100  x"]);
});

describe("memoryCosts()", () => {
  const cost = (config: EndpointConfig, name: string): number => {
    const found = memoryCosts(config, LIMITS, false).find((each) => each.name === name);
    return found === undefined ? Number.NaN : found.count * found.eachBytes;
  };

  test("covers the whole slab of buffers", () => {
    const config = new EndpointConfig({ buffersMax: 100, bufferBytes: 2_000 });
    const pool = new BufferPool(config.buffersMax, config.bufferBytes);
    expect(cost(config, "packet buffers") + cost(config, "fixed scratch")).toBeGreaterThanOrEqual(
      pool.totalBytes,
    );
  });

  test("counts the memory of arenas and growable buffers, but not their files", () => {
    const config = new EndpointConfig();
    const small = totalCost(memoryCosts(config, LIMITS, false));
    expect(
      totalCost(memoryCosts(config, new MemoryLimits({ workBytesMax: LIMITS.workBytesMax + 7 }), false)),
    ).toBe(small + 7);
    expect(totalCost(memoryCosts(config, new MemoryLimits({ spillBytesMax: 1 }), false))).toBe(small);
  });

  test("grows with every limit and with the windows of a call", () => {
    const small = new EndpointConfig();
    const total = totalCost(memoryCosts(small, LIMITS, false));
    const larger = [
      { callsMax: 2_048 },
      { connectionsMax: 8_192 },
      { peersMax: 8_192 },
      { tombstonesMax: 32_768 },
      { buffersMax: 8_192 },
      { bufferBytes: 3_000 },
      { receiveWindowPackets: 255 },
      { transmitQueuePackets: 256 },
    ];
    for (const options of larger) {
      expect(
        totalCost(memoryCosts(new EndpointConfig(options), LIMITS, false)),
        JSON.stringify(options),
      ).toBeGreaterThan(total);
    }
  });
});
