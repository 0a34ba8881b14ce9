// S27: clocks that leap, clocks with coarse ticks, and timers that come late. Nobody's call dies for it.
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

// As fine as can be, Node's timers, and those of older systems.
const TICKS_US = [1, 1_000, 10_000, 15_625];

export const s27: SimScenario = {
  id: "S27",
  title: "clock jumps, coarse ticks, late timers",
  path: { delayMeanUs: 10_000 },
  faults: ["clockJump", "lateTimer", "slowHandler", "slowReader", ...PATH_FAULTS],
  faultsUs: 120_000_000,
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 3));
    for (const end of world.simulation.ends) end.tickUs = world.oneOf(TICKS_US);
    world.addCalls(12, world.pick(1, 100_000), world.pick(1, 100_000), 20_000_000);
  },
};
