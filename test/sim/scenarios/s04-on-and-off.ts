// S04: a path that works for five seconds and carries nothing for two, again and again.
import type { SimScenario } from "../run-seed.js";
import type { World } from "../world.js";

const ON_US = 5_000_000;
const OFF_US = 2_000_000;

export const s04: SimScenario = {
  id: "S04",
  title: "5 s on, 2 s off, 10 MB",
  path: { delayMeanUs: 60_000 },
  faults: ["jitter", "copy", "reorder", "lateTimer"],
  faultsUs: 300_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    const requestBytes = world.pick(3_000_000, 7_000_000);
    world.addCalls(1, requestBytes, 10_000_000 - requestBytes);
    world.at(world.pick(0, ON_US), () => alternate(world, true, 40));
  },
};

function alternate(world: World, isCut: boolean, times: number): void {
  if (world.hasEnded || times === 0) return;
  world.simulation.network.configure({ isCut });
  world.at(isCut ? OFF_US : ON_US, () => alternate(world, !isCut, times - 1));
}
