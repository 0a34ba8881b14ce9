// The figures of the benchmark are only as good as these functions.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  judge,
  pairedRatios,
  quantile,
  ratioInterval,
  seededRandom,
  shuffled,
  studentT975,
  summarize,
} from "../../bench/statistics.mjs";

describe("quantile()", () => {
  it("interpolates between order statistics, in any order of input", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    // Hyndman and Fan's type 7, as R's quantile(c(10, 20, 30, 40), 0.25).
    expect(quantile([40, 10, 30, 20], 0.25)).toBe(17.5);
  });

  it("sorts as numbers and leaves its input alone", () => {
    const values = [100, 9, 20];
    expect(quantile(values, 1)).toBe(100);
    expect(quantile(values, 0)).toBe(9);
    expect(values).toEqual([100, 9, 20]);
  });

  it("is NaN without values", () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("summarize()", () => {
  it("gives quartiles, range and spread", () => {
    expect(summarize([5, 1, 2, 4, 3])).toEqual({
      n: 5,
      median: 3,
      low: 2,
      high: 4,
      min: 1,
      max: 5,
      spread: 2 / 3,
    });
  });
});

describe("seededRandom()", () => {
  it("repeats itself for a seed and differs between seeds", () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, random);
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("fills 0 to 1 evenly", () => {
    const random = seededRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const value = random();
      expect(value >= 0 && value < 1).toBe(true);
      tenths[Math.floor(value * 10)]! += 1;
    }
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});

describe("shuffled()", () => {
  it("keeps every item, repeats for a seed, and leaves its input alone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const before = [...items];
        const order = shuffled(items, seededRandom(seed));
        expect(order).toEqual(shuffled(items, seededRandom(seed)));
        expect(items).toEqual(before);
        expect([...order].sort((a, b) => a - b)).toEqual(before.sort((a, b) => a - b));
      }),
    );
  });

  it("brings each item to each place about equally often", () => {
    const random = seededRandom(3);
    const firsts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = shuffled(["a", "b", "c"], random).join("");
      firsts.set(order, (firsts.get(order) ?? 0) + 1);
    }
    expect(firsts.size).toBe(6);
    for (const count of firsts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});

describe("pairedRatios()", () => {
  it("pairs by round and leaves out rounds that one side lacks", () => {
    const above = new Map([
      [3, 30],
      [1, 10],
      [2, 20],
    ]);
    const below = new Map([
      [1, 5],
      [3, 10],
      [4, 1],
    ]);
    expect(pairedRatios(above, below)).toEqual([
      { round: 1, ratio: 2 },
      { round: 3, ratio: 3 },
    ]);
  });

  it("leaves out rounds without a figure above zero", () => {
    const one = new Map([[1, 1]]);
    expect(pairedRatios(one, new Map([[1, 0]]))).toEqual([]);
    expect(pairedRatios(new Map([[1, 0]]), one)).toEqual([]);
  });
});

describe("studentT975()", () => {
  it("agrees with the published table, and beyond it", () => {
    const published = [
      [1, 12.7062],
      [2, 4.3027],
      [4, 2.7764],
      [6, 2.4469],
      [10, 2.2281],
      [30, 2.0423],
      [31, 2.0395],
      [60, 2.0003],
      [120, 1.9799],
    ] as const;
    for (const [freedom, value] of published)
      expect(Math.abs(studentT975(freedom) - value)).toBeLessThan(0.001);
  });

  it("falls with every degree of freedom, across the end of the table too", () => {
    for (let freedom = 1; freedom < 60; freedom++) {
      expect(studentT975(freedom + 1)).toBeLessThan(studentT975(freedom));
    }
  });
});

describe("ratioInterval()", () => {
  it("takes the geometric mean", () => {
    expect(ratioInterval([0.5, 2]).estimate).toBeCloseTo(1, 12);
    expect(ratioInterval([4, 9]).estimate).toBeCloseTo(6, 12);
  });

  it("is the t interval on the logarithms", () => {
    // log: -d, 0, d. Standard error d / sqrt(3), two degrees of freedom.
    const d = 0.1;
    const { low, estimate, high, n } = ratioInterval([Math.exp(-d), 1, Math.exp(d)]);
    expect(n).toBe(3);
    expect(estimate).toBeCloseTo(1, 12);
    expect(Math.log(high)).toBeCloseTo((4.3027 * d) / Math.sqrt(3), 6);
    expect(Math.log(low)).toBeCloseTo((-4.3027 * d) / Math.sqrt(3), 6);
  });

  it("turns over with the ratios", () => {
    const ratio = fc.double({ min: 0.01, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(ratio, { minLength: 2, maxLength: 20 }), (ratios) => {
        const there = ratioInterval(ratios);
        const back = ratioInterval(ratios.map((value) => 1 / value));
        expect(back.estimate * there.estimate).toBeCloseTo(1, 9);
        // Compared as logarithms: two far ratios give an interval of many powers of ten.
        expect(Math.log(back.low) + Math.log(there.high)).toBeCloseTo(0, 6);
      }),
    );
  });

  it("has no interval with one ratio and no estimate with none", () => {
    expect(ratioInterval([0.8])).toEqual({
      n: 1,
      estimate: expect.closeTo(0.8, 12),
      low: Number.NaN,
      high: Number.NaN,
    });
    expect(ratioInterval([]).estimate).toBeNaN();
  });

  it("holds the true ratio 95 times in 100", () => {
    const random = seededRandom(11);
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const trials = 4000;
    let held = 0;
    for (let trial = 0; trial < trials; trial++) {
      const ratios = Array.from({ length: 7 }, () => 0.9 * Math.exp(0.05 * normal()));
      const { low, high } = ratioInterval(ratios);
      if (low <= 0.9 && high >= 0.9) held++;
    }
    // Three standard errors of a share of 0.95 in 4000.
    expect(Math.abs(held / trials - 0.95)).toBeLessThan(0.0104);
  });
});

describe("judge()", () => {
  const interval = { n: 7, estimate: 0.95, low: 0.9, high: 1 };

  it("goes by the estimate, a tie counts as met", () => {
    expect(judge(interval, 0.95)?.met).toBe(true);
    expect(judge(interval, 0.951)?.met).toBe(false);
  });

  it("is certain only when the whole interval is on that side", () => {
    expect(judge(interval, 0.9)).toEqual({ met: true, certain: true });
    expect(judge(interval, 0.91)).toEqual({ met: true, certain: false });
    expect(judge(interval, 1)).toEqual({ met: false, certain: false });
    expect(judge(interval, 1.01)).toEqual({ met: false, certain: true });
  });

  it("is never certain of a single round", () => {
    expect(judge(ratioInterval([2]), 1)).toEqual({ met: true, certain: false });
    expect(judge(ratioInterval([0.5]), 1)).toEqual({ met: false, certain: false });
  });

  it("turns round for a bar that is not to be exceeded", () => {
    expect(judge(interval, 1, true)).toEqual({ met: true, certain: true });
    expect(judge(interval, 0.95, true)).toEqual({ met: true, certain: false });
    expect(judge(interval, 0.92, true)).toEqual({ met: false, certain: false });
    expect(judge(interval, 0.89, true)).toEqual({ met: false, certain: true });
  });

  it("says nothing without an estimate", () => {
    expect(judge(ratioInterval([]), 1)).toBeUndefined();
  });
});
