// The search itself: it finds what is planted, keeps what brings news, and makes a crash small.
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/transport/prng.js";
import { formatEntry, parseEntry } from "./corpus.js";
import { Fuzzer } from "./engine.js";
import { mutate } from "./mutate.js";
import type { Target } from "./target.js";
import { mutateDatagram } from "./targets/layout.js";
import { describeSteps, readSteps, STEP_BYTES, scenario, step } from "./targets/steps.js";

const RUNS_MAX = 200_000;

/** Counts how many bytes of `secret` stand one behind the other, as nested conditions would. */
function lock(secret: string, counters: Uint8Array, recordBytes = 1): Target {
  return {
    name: "lock",
    recordBytes,
    bytesMax: 64,
    weight: 1,
    seeds: {},
    run(input) {
      const text = Buffer.from(input).toString("latin1");
      for (let n = 1; n <= secret.length; n++) {
        if (!text.includes(secret.slice(0, n))) return;
        counters[n] = 1;
      }
      throw new Error(`opened with ${input.length} bytes`);
    },
    describe: () => ["a line"],
  };
}

function search(target: Target, counters: Uint8Array, seed: number): Fuzzer {
  return new Fuzzer(target, new Prng(seed), [counters]);
}

describe("Fuzzer", () => {
  test("finds by coverage what no blind search finds, and makes it as small as it can be", async () => {
    const counters = new Uint8Array(16);
    const fuzzer = search(lock("RxRPC", counters), counters, 3);
    await fuzzer.add("seed", new Uint8Array(20));
    const crash = await fuzzer.search(() => fuzzer.runs > RUNS_MAX);
    expect(crash?.error.message).toBe("opened with 5 bytes");
    expect(Buffer.from(crash?.input ?? []).toString()).toBe("RxRPC");
    // The fifth byte is the crash itself.
    expect([fuzzer.branches, fuzzer.size]).toEqual([4, 5]);
  });

  test("finds nothing where there is nothing to find", async () => {
    const counters = new Uint8Array(16);
    const fuzzer = search({ ...lock("RxRPC", counters), run: () => undefined }, counters, 3);
    await fuzzer.add("seed", new Uint8Array(20));
    expect(await fuzzer.search(() => fuzzer.runs > 1_000)).toBeNull();
    expect([fuzzer.branches, fuzzer.size]).toEqual([0, 1]);
  });

  test("one seed gives one search", async () => {
    const found = await Promise.all(
      [1, 2].map(async () => {
        const counters = new Uint8Array(16);
        const fuzzer = search(lock("Rx", counters), counters, 9);
        await fuzzer.add("seed", new Uint8Array(8));
        await fuzzer.search(() => fuzzer.runs > RUNS_MAX);
        return fuzzer.runs;
      }),
    );
    expect(found[0]).toBe(found[1]);
  });

  test("an entry of the corpus that breaks the oracle is told at once", async () => {
    const counters = new Uint8Array(16);
    const fuzzer = search(lock("Rx", counters), counters, 1);
    const crash = await fuzzer.add("regression", Uint8Array.from(Buffer.from("..Rx..")));
    expect(crash?.error.message).toBe("opened with 6 bytes");
  });

  test("cover() takes the fewest inputs that reach everything, named ones first", async () => {
    const counters = new Uint8Array(16);
    const target: Target = {
      ...lock("", counters),
      run: (input) => {
        for (const byte of input) counters[byte & 15] = 1;
      },
    };
    const fuzzer = search(target, counters, 1);
    await fuzzer.add("", Uint8Array.of(1, 2, 3, 4));
    await fuzzer.add("named", Uint8Array.of(1, 2));
    await fuzzer.add("", Uint8Array.of(3));
    await fuzzer.add("needless", Uint8Array.of(2));
    const cover = fuzzer.cover();
    expect(cover.map(({ name, bytes }) => [name, ...bytes])).toEqual([
      ["named", 1, 2],
      ["", 1, 2, 3, 4],
    ]);
    expect([...(await fuzzer.shrink(cover[1] as (typeof cover)[number], cover))]).toEqual([3, 4]);
  });

  test("what a crash is made small to is the same crash, cut on the borders of records", async () => {
    const counters = new Uint8Array(16);
    const target = lock("R", counters, 4);
    const fuzzer = search(target, counters, 4);
    await fuzzer.add("seed", new Uint8Array(32));
    const crash = await fuzzer.search(() => fuzzer.runs > RUNS_MAX);
    expect(crash?.input.length).toBe(4);
    expect([...(crash?.input ?? [])].filter((byte) => byte !== 0)).toEqual([0x52]);
  });
});

describe("mutate()", () => {
  test("keeps to whole records and to the longest input, and leaves what it was given alone", () => {
    const random = new Prng(5);
    const target: Target = { ...lock("", new Uint8Array(1), 4), mutate: mutateDatagram };
    const input = Uint8Array.from({ length: 40 }, (_, i) => i);
    const other = new Uint8Array(64).fill(9);
    for (let n = 0; n < 3_000; n++) {
      const mutated = mutate(target, input, other, random);
      expect([mutated.length % 4, mutated.length <= 64]).toEqual([0, true]);
    }
    expect([...input]).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(other.every((byte) => byte === 9)).toBe(true);
  });
});

describe("corpus entries", () => {
  test("are read as they were written, comments left out", () => {
    const bytes = scenario(step("data", { x: -1, c: 4 }), step("pass", { x: 6 }));
    const target: Target = { ...lock("", new Uint8Array(1), STEP_BYTES), describe: describeSteps };
    const text = formatEntry(target, bytes);
    expect(text.split("\n").map((line) => line.split("  # ")[1])).toEqual([
      "data c=4 x=-1",
      "pass x=6",
      undefined,
    ]);
    expect(parseEntry(text)).toEqual(bytes);
    const plain = { ...target, recordBytes: 1, describe: () => ["what it is"] };
    expect(parseEntry(formatEntry(plain, bytes))).toEqual(bytes);
  });

  test("that are no hexadecimal are refused", () => {
    for (const text of ["0", "0g", "00 1", "xyz"]) expect(() => parseEntry(text)).toThrow("hexadecimal");
  });
});

describe("steps", () => {
  test("any bytes are a scenario; what is left over is no step", () => {
    const random = new Prng(1);
    for (let length = 0; length < 100; length++) {
      const bytes = Uint8Array.from({ length }, () => random.below(256));
      expect(readSteps(bytes).length).toBe(Math.floor(length / STEP_BYTES));
    }
  });
});
