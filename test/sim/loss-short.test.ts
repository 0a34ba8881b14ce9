// 30 % loss both ways, 50 short calls: nothing may die for bad luck.
import { expect, test } from "vitest";
import { eachSeed, runScenario } from "./scenario.js";

const FAULTS = { lossRate: 0.3, lossBurstMax: 3, delayMeanUs: 10_000, delayJitterUs: 5_000 };

test("30 % loss both ways: 50 calls of 1 KiB complete, every byte right, 100 seeds", () => {
  let slowestUs = 0;
  eachSeed(100, (seed, hasTrace) => {
    const run = runScenario(
      { faults: FAULTS, callsPerClient: 50, requestBytes: 1_024, replyBytes: 1_024, limitUs: 120_000_000 },
      seed,
      hasTrace,
    );
    slowestUs = Math.max(slowestUs, run.tookUs);
  });
  expect(slowestUs).toBeLessThan(60_000_000);
});
