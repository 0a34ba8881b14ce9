// S32: thirty days with a call now and then. Nothing grows.
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";

// Two calls seldom meet.
const AT_ONCE_MAX = 16;
const DAY_US = 24 * 3_600_000_000;

export const s32: SimScenario = {
  id: "S32",
  title: "thirty virtual days, mostly idle",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "jitter", "copy", "reorder"],
  faultsUs: 31 * DAY_US,
  start(world) {
    world.addServer({ backlog: 2 });
    world.addClients(1);
    world.addCalls(60, 500, 500, 30 * DAY_US);
  },
  expect(world) {
    for (const { endpoint } of world.simulation.ends) {
      const { calls, connections, peers, buffers } = endpoint.local;
      for (const { highWater } of [calls, connections.pool, peers.pool, buffers])
        if (highWater > AT_ONCE_MAX)
          throw new Violation("O4", `${highWater} calls, connections, peers or buffers at once`);
    }
  },
};
