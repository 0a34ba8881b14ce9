// S07: recorded packets come again when the call is over, and when its connection has been reaped. Nothing runs twice.
import { Stat } from "../../../src/core/stats.js";
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";

export const s07: SimScenario = {
  id: "S07",
  title: "replay after the call and after reaping",
  path: { replayRate: 0.9, replayUs: 90_000_000, delayMeanUs: 5_000 },
  faults: ["loss", "copy", "reorder", "jitter"],
  lingersUs: 150_000_000,
  start(world) {
    // Half of the recordings find the connection, the others its tombstone.
    world.addServer({ options: { idleConnectionMs: world.oneOf([60_000, 120_000]) } });
    world.addClients(world.pick(1, 2));
    world.addCalls(6, world.pick(1, 5_000), world.pick(1, 5_000));
  },
  expect(world) {
    const [server] = world.servers;
    const old = server?.end.endpoint.local.stats;
    if (old === undefined) return;
    if (old.value(Stat.DropOldCall) + old.value(Stat.DropFinished) === 0)
      throw new Violation("S07", "no recording has found its call over");
  },
};
