// Packets that come twice, out of order, damaged, or again after minutes.
import { expect, test } from "vitest";
import { Stat } from "../../src/core/stats.js";
import { eachSeed, rest, runScenario } from "./scenario.js";
import { openBundle, PatternCall } from "./workload.js";

const DISORDER = {
  copyRate: 0.5,
  reorderRate: 0.3,
  reorderUs: 30_000,
  delayMeanUs: 10_000,
  delayJitterUs: 8_000,
};

test("reordering and 50 % copies: every call runs once, every byte right", () => {
  eachSeed(50, (seed, hasTrace) => {
    runScenario(
      {
        faults: DISORDER,
        clients: 2,
        callsPerClient: 8,
        requestBytes: 40_000,
        replyBytes: 40_000,
        limitUs: 120_000_000,
      },
      seed,
      hasTrace,
    );
  });
});

test("reordering, copies and loss together", () => {
  eachSeed(30, (seed, hasTrace) => {
    const faults = { ...DISORDER, lossRate: 0.15, lossBurstMax: 3 };
    runScenario(
      {
        faults,
        clients: 2,
        callsPerClient: 8,
        requestBytes: 20_000,
        replyBytes: 20_000,
        limitUs: 240_000_000,
      },
      seed,
      hasTrace,
    );
  });
});

test("packets replayed minutes later: no request is run a second time, before or after its connection is reaped", () => {
  eachSeed(10, (seed, hasTrace) => {
    const run = runScenario(
      {
        faults: { replayRate: 0.5, replayUs: 90_000_000, delayMeanUs: 5_000 },
        clients: 2,
        callsPerClient: 6,
        requestBytes: 5_000,
        replyBytes: 5_000,
        serverOptions: { idleConnectionMs: 60_000 },
        limitUs: 60_000_000,
        keepsFaults: true,
      },
      seed,
      hasTrace,
    );
    for (const call of run.calls) expect(run.service.runs.get(call.id)).toBe(1);
    expect(run.server.endpoint.local.stats.value(Stat.DropOldCall)).toBeGreaterThan(0);
  });
});

test("damaged packets end calls at worst: nothing is thrown, nothing is left, and the next calls are right", () => {
  eachSeed(30, (seed, hasTrace) => {
    const run = runScenario(
      {
        faults: { damageRate: 0.2, delayMeanUs: 5_000 },
        clients: 2,
        callsPerClient: 8,
        requestBytes: 5_000,
        replyBytes: 5_000,
        limitUs: 240_000_000,
        mayFail: true,
      },
      seed,
      hasTrace,
    );
    expect(run.calls.every((call) => call.isEnded)).toBe(true);
  });
});

test("a path that is cut for longer than the dead time ends the calls on both sides, and heals for new ones", () => {
  eachSeed(5, (seed, hasTrace) => {
    const run = runScenario(
      {
        faults: { delayMeanUs: 5_000 },
        clients: 1,
        callsPerClient: 4,
        requestBytes: 2_000_000,
        replyBytes: 10,
        limitUs: 60_000_000,
        mayFail: true,
        disturb: ({ simulation }) => {
          simulation.runFor(100_000);
          simulation.network.configure({ isCut: true });
        },
      },
      seed,
      hasTrace,
    );
    expect(run.calls.map((call) => call.abortCode)).toEqual([-1, -1, -1, -1]);
    expect(run.tookUs).toBeLessThan(25_000_000);
    const [client] = run.clients;
    if (client === undefined) throw new Error("no client");
    run.server.command(() => run.service.service.listen(4));
    const again = new PatternCall(client, openBundle(client, run.server.address), 999, 1_000, 1_000);
    run.simulation.runFor(1_000_000);
    expect(again.isRight).toBe(true);
    rest(run);
  });
});
