// S05: a round trip of 1.5 s with jitter, longer than the first retransmission timeout.
import type { SimScenario } from "../run-seed.js";

export const s05: SimScenario = {
  id: "S05",
  title: "1.5 s round trip with jitter",
  path: { delayMeanUs: 750_000, delayJitterUs: 50_000, delayMaxUs: 1_000_000 },
  faults: ["copy", "reorder", "lateTimer", "slowHandler"],
  faultsUs: 300_000_000,
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 3));
    world.addCalls(world.pick(1, 10), 16_384, 16_384);
  },
};
