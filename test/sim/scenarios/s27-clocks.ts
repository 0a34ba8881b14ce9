// S27: clocks that leap and timers that come late. Nobody's call dies for it.
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

export const s27: SimScenario = {
  id: "S27",
  title: "clock jumps, late timers",
  path: { delayMeanUs: 10_000 },
  faults: ["clockJump", "lateTimer", "slowHandler", "slowReader", ...PATH_FAULTS],
  faultsUs: 120_000_000,
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 3));
    world.addCalls(12, world.pick(1, 100_000), world.pick(1, 100_000), 20_000_000);
  },
};
