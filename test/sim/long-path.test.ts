// A round trip of 1.5 s with jitter: longer than the first retransmission timeout.
import { expect, test } from "vitest";
import { Stat } from "../../src/core/stats.js";
import { eachSeed, runScenario } from "./scenario.js";

const FAULTS = { delayMeanUs: 750_000, delayJitterUs: 50_000, delayMaxUs: 1_000_000 };

test("1.5 s round trip: 20 calls of 16 KiB each way complete, every byte right, 100 seeds", () => {
  let sent = 0;
  let resent = 0;
  eachSeed(100, (seed, hasTrace) => {
    const run = runScenario(
      { faults: FAULTS, callsPerClient: 20, requestBytes: 16_384, replyBytes: 16_384, limitUs: 300_000_000 },
      seed,
      hasTrace,
    );
    for (const end of [run.server, ...run.clients]) {
      sent += end.endpoint.local.stats.value(Stat.DataPacketsSent);
      resent += end.endpoint.local.stats.value(Stat.DataPacketsResent);
    }
  });
  // Nothing is lost here: what is sent twice was sent before the first round trip was known.
  expect(resent).toBeLessThan(sent / 4);
});
