// S09: the largest datagram that the path carries shrinks and grows in mid call, and nobody is told.
import type { SimScenario } from "../run-seed.js";

const SIZES = [1_472, 2_000, 2_900, 4_352, 65_535];

export const s09: SimScenario = {
  id: "S09",
  title: "path size shrinks and grows in mid call",
  path: { delayMeanUs: 4_000 },
  faults: ["loss", "jitter", "reorder", "copy", "slowReader"],
  faultsUs: 120_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    world.addCalls(2, world.pick(100_000, 600_000), world.pick(100_000, 600_000));
    world.repeat(100, world.pick(20_000, 300_000), () => {
      if (!world.hasEnded) world.simulation.network.configure({ sizeMax: world.oneOf(SIZES) });
    });
  },
};
