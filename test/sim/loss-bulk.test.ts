// 2 % loss, 2 MiB each way.
import { expect, test } from "vitest";
import { eachSeed, runScenario } from "./scenario.js";

const MIB = 1_048_576;
const FAULTS = { lossRate: 0.02, delayMeanUs: 10_000, delayJitterUs: 2_000 };

test("2 % loss: 2 MiB each way complete, every byte right, 100 seeds", () => {
  let slowestUs = 0;
  eachSeed(100, (seed, hasTrace) => {
    const run = runScenario(
      { faults: FAULTS, callsPerClient: 1, requestBytes: 2 * MIB, replyBytes: 2 * MIB, limitUs: 600_000_000 },
      seed,
      hasTrace,
    );
    slowestUs = Math.max(slowestUs, run.tookUs);
  });
  expect(slowestUs).toBeLessThan(60_000_000);
});
