// A network without faults: nothing is sent twice, nothing waits for a timer.
import { describe, expect, test } from "vitest";
import { ServiceStyle } from "../../src/core/service.js";
import { Stat } from "../../src/core/stats.js";
import { eachSeed, runScenario } from "./scenario.js";

const PATH = { delayMeanUs: 500 };

describe("clean net", () => {
  for (const style of [ServiceStyle.User, ServiceStyle.Kernel]) {
    for (let clients = 1; clients <= 8; clients++) {
      test(`${style} style, ${clients} clients on all channels: nothing refused, resent or late`, () => {
        eachSeed(5, (seed, hasTrace) => {
          const run = runScenario(
            {
              faults: PATH,
              clients,
              style,
              callsPerClient: 4,
              requestBytes: 20_000,
              replyBytes: 20_000,
              connectionsMax: 1,
              limitUs: 20_000_000,
            },
            seed,
            hasTrace,
          );
          // 15 packets each way in round trips of 1 ms, ACKs delayed by at most 100 ms.
          expect(run.tookUs).toBeLessThan(400_000);
          for (const end of [run.server, ...run.clients]) {
            const { stats } = end.endpoint.local;
            expect(stats.value(Stat.DataPacketsResent)).toBe(0);
            expect(stats.value(Stat.BusyPacketsSent)).toBe(0);
            expect(stats.value(Stat.AbortPacketsSent)).toBe(0);
          }
        });
      });
    }
  }

  test("more calls than channels: they wait, and connections are used again", () => {
    eachSeed(5, (seed, hasTrace) => {
      const run = runScenario(
        {
          faults: PATH,
          clients: 2,
          callsPerClient: 100,
          requestBytes: 500,
          replyBytes: 500,
          connectionsMax: 2,
          limitUs: 30_000_000,
        },
        seed,
        hasTrace,
      );
      expect(run.server.endpoint.local.stats.value(Stat.CallsAccepted)).toBe(200);
    });
  });

  test("the same seed gives the same run, whatever memory held before", () => {
    const hashes = [0xa5, 0x5a].map((poison) => {
      const run = runScenario(
        {
          faults: {
            lossRate: 0.1,
            copyRate: 0.1,
            reorderRate: 0.1,
            delayMeanUs: 5_000,
            delayJitterUs: 4_000,
          },
          clients: 2,
          callsPerClient: 8,
          requestBytes: 30_000,
          replyBytes: 30_000,
          limitUs: 60_000_000,
          poison,
        },
        7,
      );
      return run.simulation.network.traceHash;
    });
    expect(hashes[0]).toBe(hashes[1]);
  });
});
