// Pools of a few buffers, calls and connections: work waits, and none of it is lost or stuck.
import { expect, test } from "vitest";
import { ServiceStyle } from "../../src/core/service.js";
import { eachSeed, runScenario } from "./scenario.js";

const PATH = { delayMeanUs: 2_000, delayJitterUs: 1_000, lossRate: 0.02 };

for (const buffersMax of [8, 12, 20]) {
  test(`${buffersMax} buffers at the server: calls of 30 KB each way complete`, () => {
    eachSeed(10, (seed, hasTrace) => {
      runScenario(
        {
          faults: PATH,
          clients: 2,
          callsPerClient: 4,
          requestBytes: 30_000,
          replyBytes: 30_000,
          serverOptions: { buffersMax, callsPerPeerMax: 4 },
          limitUs: 600_000_000,
        },
        seed,
        hasTrace,
      );
    });
  });
}

for (const isBothEnds of [false, true]) {
  const where = isBothEnds ? "at both ends" : "at the server";
  test(`64 buffers ${where}: 100 calls at once of 64 KB each way complete`, () => {
    eachSeed(2, (seed, hasTrace) => {
      const run = runScenario(
        {
          faults: PATH,
          clients: 2,
          callsPerClient: 50,
          requestBytes: 65_536,
          replyBytes: 65_536,
          serverOptions: { buffersMax: 64, callsPerPeerMax: 50 },
          clientOptions: isBothEnds ? { buffersMax: 64 } : {},
          limitUs: 600_000_000,
        },
        seed,
        hasTrace,
      );
      const { buffers } = run.server.endpoint.local;
      expect(buffers.highWater).toBeLessThanOrEqual(64);
      expect(buffers.waiters.handedOver).toBeGreaterThan(0);
    });
  });
}

test("a backlog of one and four calls in all: everybody is served in the end, BUSY or not", () => {
  eachSeed(10, (seed, hasTrace) => {
    const run = runScenario(
      {
        faults: PATH,
        clients: 4,
        callsPerClient: 10,
        requestBytes: 2_000,
        replyBytes: 2_000,
        style: ServiceStyle.User,
        backlog: 1,
        serverOptions: { callsMax: 4 },
        limitUs: 300_000_000,
      },
      seed,
      hasTrace,
    );
    expect(run.service.runs.size).toBe(40);
  });
});

test("four connections in all for eight clients: idle ones make room", () => {
  eachSeed(10, (seed, hasTrace) => {
    runScenario(
      {
        faults: { delayMeanUs: 2_000 },
        clients: 8,
        callsPerClient: 4,
        requestBytes: 2_000,
        replyBytes: 2_000,
        connectionsMax: 1,
        backlog: 2,
        serverOptions: { connectionsMax: 4, peersMax: 4 },
        limitUs: 300_000_000,
      },
      seed,
      hasTrace,
    );
  });
});
