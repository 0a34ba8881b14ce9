// S32: thirty days with a call now and then. Nothing grows.
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";

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
    for (const { endpoint } of world.simulation.ends)
      if (endpoint.local.calls.highWater > 16)
        throw new Violation("O4", `${endpoint.local.calls.highWater} calls at once`);
  },
};
