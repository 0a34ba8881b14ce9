// Services that stop and open, ends that vanish and come back, calls that both ends give up: in the middle of everything.
import { describe, expect, test } from "vitest";
import { Completion } from "../../src/core/call-object.js";
import { ServiceStyle } from "../../src/core/service.js";
import { checkLedger } from "./checkers.js";
import { type End, Simulation } from "./pair.js";
import { eachSeed, rest, runScenario } from "./scenario.js";
import { openBundle, PatternCall, PatternService } from "./workload.js";

const PATH = { delayMeanUs: 8_000, delayJitterUs: 4_000, lossRate: 0.05 };

describe("aborts", () => {
  test("from either end, or both at once, at any moment: each call ends once on both sides, and its channel is used again", () => {
    eachSeed(60, (seed, hasTrace) => {
      const run = runScenario(
        {
          faults: PATH,
          clients: 2,
          callsPerClient: 8,
          requestBytes: 60_000,
          replyBytes: 60_000,
          connectionsMax: 2,
          limitUs: 120_000_000,
          mayFail: true,
          disturb: ({ simulation, server, clients, calls, service }) => {
            const { prng } = simulation;
            for (const call of calls) {
              const side = prng.below(3);
              const client = clients[call.id >= 100_000 ? 1 : 0] as End;
              if (side !== 0)
                simulation.network.after(prng.below(400_000), () =>
                  client.command(() => call.handle.abort(7)),
                );
              if (side !== 1)
                simulation.network.after(prng.below(400_000), () =>
                  server.command(() => abortAny(service, 8)),
                );
            }
          },
        },
        seed,
        hasTrace,
      );
      for (const call of run.calls) {
        expect(call.ends).toBe(1);
        if (call.completion !== Completion.Succeeded) expect([7, 8, -1]).toContain(call.abortCode);
      }
    });
  });

  test("a client that dies in mid call: the service's calls end after the dead time, and the ledger is balanced", () => {
    eachSeed(10, (seed, hasTrace) => {
      const simulation = new Simulation({ seed, faults: PATH, hasTrace });
      const server = simulation.addEnd({ host: "127.0.0.1", port: 7009 });
      const service = new PatternService(server, { style: ServiceStyle.User }, 8);
      const client = simulation.addEnd({ host: "127.0.0.2", port: 40_000 });
      const bundle = openBundle(client, server.address);
      const calls = Array.from(
        { length: 6 },
        (_, i) => new PatternCall(client, bundle, i * 2, 200_000, 200_000),
      );
      simulation.runFor(50_000 + simulation.prng.below(500_000));
      void client.port.close();
      client.isFrozen = true;
      simulation.runFor(30_000_000);
      expect(service.live).toBe(0);
      expect(server.endpoint.liveCalls).toBe(0);
      // Only what the client had in full before it died may count as a success.
      const right = new Set(calls.filter((call) => call.isRight).map((call) => call.id));
      for (const { id, completion } of service.served)
        expect(completion !== Completion.Succeeded || right.has(id)).toBe(true);
      simulation.runFor(15 * 60_000_000);
      checkLedger(server);
    });
  });
});

describe("restarts", () => {
  test("a service that restarts in mid call: the calls end, later ones succeed, and no request is run twice", () => {
    eachSeed(20, (seed, hasTrace) => {
      const simulation = new Simulation({ seed, faults: PATH, hasTrace });
      const first = simulation.addEnd({ host: "127.0.0.1", port: 7009 });
      const before = new PatternService(first, { style: ServiceStyle.User }, 8);
      const client = simulation.addEnd({ host: "127.0.0.2", port: 40_000 });
      const bundle = openBundle(client, first.address);
      const calls = Array.from(
        { length: 6 },
        (_, i) => new PatternCall(client, bundle, i * 2, 100_000, 100_000),
      );
      simulation.runFor(20_000 + simulation.prng.below(200_000));
      void first.port.close();
      first.isFrozen = true;
      const second = simulation.addEnd({ host: "127.0.0.1", port: 7009 });
      const after = new PatternService(second, { style: ServiceStyle.Kernel }, 8);
      expect(simulation.runUntil(() => calls.every((call) => call.isEnded), 60_000_000)).toBe(true);
      const later = Array.from(
        { length: 6 },
        (_, i) => new PatternCall(client, bundle, 1_000 + i * 2, 10_000, 10_000),
      );
      expect(simulation.runUntil(() => later.every((call) => call.isEnded), 60_000_000)).toBe(true);
      expect(later.map((call) => call.describe())).toEqual(
        later.filter((call) => call.isRight).map((call) => call.describe()),
      );
      for (const service of [before, after]) for (const runs of service.runs.values()) expect(runs).toBe(1);
      simulation.runFor(15 * 60_000_000);
      for (const end of [second, client]) checkLedger(end);
    });
  });

  test("a client that restarts on the same port: its new calls are not taken for old ones", () => {
    eachSeed(20, (seed, hasTrace) => {
      const simulation = new Simulation({ seed, faults: PATH, hasTrace });
      const server = simulation.addEnd({ host: "127.0.0.1", port: 7009 });
      const service = new PatternService(server, { style: ServiceStyle.User }, 16);
      const first = simulation.addEnd({ host: "127.0.0.2", port: 40_000 });
      for (let i = 0; i < 4; i++)
        new PatternCall(first, openBundle(first, server.address), i * 2, 100_000, 100_000);
      simulation.runFor(20_000 + simulation.prng.below(200_000));
      void first.port.close();
      first.isFrozen = true;
      const second = simulation.addEnd({ host: "127.0.0.2", port: 40_000 });
      const bundle = openBundle(second, server.address);
      const calls = Array.from(
        { length: 8 },
        (_, i) => new PatternCall(second, bundle, 1_000 + i * 2, 10_000, 10_000),
      );
      expect(simulation.runUntil(() => calls.every((call) => call.isEnded), 60_000_000)).toBe(true);
      expect(calls.every((call) => call.isRight)).toBe(true);
      expect(service.errors).toEqual([]);
      simulation.runFor(15 * 60_000_000);
      for (const end of [server, second]) checkLedger(end);
    });
  });
});

describe("services that stop and open", () => {
  test("listen(0) and listen(n) again and again under load: nothing is lost but what came meanwhile", () => {
    for (const style of [ServiceStyle.User, ServiceStyle.Kernel]) {
      eachSeed(20, (seed, hasTrace) => {
        const run = runScenario(
          {
            faults: PATH,
            clients: 2,
            style,
            backlog: 3,
            callsPerClient: 20,
            requestBytes: 3_000,
            replyBytes: 3_000,
            limitUs: 240_000_000,
            mayFail: true,
            disturb: ({ simulation, server, service }) => {
              for (let i = 1; i < 12; i++) {
                simulation.network.after(i * 40_000, () =>
                  server.command(() => toggle(service, 1 + simulation.prng.below(32))),
                );
              }
            },
          },
          seed,
          hasTrace,
        );
        for (const call of run.calls) {
          if (call.completion !== Completion.Succeeded) expect([call.ends, call.abortCode]).toEqual([1, -2]);
        }
        const right = run.calls.filter((call) => call.completion === Completion.Succeeded);
        expect(right.every((call) => call.isRight)).toBe(true);
      });
    }
  });

  test("drain: live calls end well, new ones are told that the service restarts", () => {
    eachSeed(10, (seed, hasTrace) => {
      const run = runScenario(
        {
          faults: { delayMeanUs: 5_000 },
          callsPerClient: 4,
          requestBytes: 100_000,
          replyBytes: 100_000,
          limitUs: 60_000_000,
          disturb: ({ simulation, server }) => {
            simulation.runFor(30_000);
            server.command(() => server.endpoint.drain());
          },
        },
        seed,
        hasTrace,
      );
      const [client] = run.clients;
      if (client === undefined) throw new Error("no client");
      const late = new PatternCall(client, openBundle(client, run.server.address), 999, 10, 10);
      run.simulation.runFor(1_000_000);
      expect([late.completion, late.abortCode]).toEqual([Completion.RemotelyAborted, -100]);
      rest(run);
    });
  });
});

describe("counters near their wrap", () => {
  test("serials that pass 2^31 and 2^32 in mid call: every byte right", () => {
    for (const startAt of [0x7fff_ffe0, -40]) {
      eachSeed(10, (seed, hasTrace) => {
        runScenario(
          {
            faults: PATH,
            callsPerClient: 4,
            requestBytes: 100_000,
            replyBytes: 100_000,
            connectionsMax: 1,
            limitUs: 120_000_000,
            disturb: ({ server, clients, simulation }) => {
              simulation.runFor(20_000);
              for (const end of [server, ...clients]) {
                const { known, pool } = end.endpoint.local.connections;
                for (let i = 0; i < known.count; i++) pool.at(known.at(i)).serial = startAt;
              }
            },
          },
          seed,
          hasTrace,
        );
      });
    }
  });

  test("thirty days of a call now and then: nothing grows", () => {
    const simulation = new Simulation({ seed: 1, faults: { delayMeanUs: 5_000 } });
    const server = simulation.addEnd({ host: "127.0.0.1", port: 7009 });
    const service = new PatternService(server, { style: ServiceStyle.User }, 2);
    const client = simulation.addEnd({ host: "127.0.0.2", port: 40_000 });
    const bundle = openBundle(client, server.address);
    for (let day = 0; day < 30; day++) {
      for (let i = 0; i < 4; i++) {
        const call = new PatternCall(client, bundle, (day * 4 + i) * 2, 500, 500);
        simulation.runFor(6 * 3_600_000_000);
        expect(call.isRight).toBe(true);
      }
    }
    expect(service.runs.size).toBe(120);
    expect(server.endpoint.local.calls.highWater).toBeLessThanOrEqual(3);
    for (const end of [server, client]) checkLedger(end);
  });
});

function toggle({ service }: PatternService, backlog: number): void {
  if (service.limit > 0) return service.listen(0);
  service.listen(backlog);
  if (service.style === ServiceStyle.User) return;
  for (let id = BigInt(service.counters.charged) + 1_000_000n; service.room > 0; id++)
    service.chargeAccept(id, null);
}

/** Aborts one of the calls that the service works on. */
function abortAny(service: PatternService, code: number): void {
  service.sessions.values().next().value?.abort(code);
}
