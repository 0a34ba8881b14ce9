// S03: long transfers with a little loss.
import type { SimScenario } from "../run-seed.js";

export const s03: SimScenario = {
  id: "S03",
  title: "2 % loss, 2 to 10 MB each way",
  path: { lossRate: 0.02, delayMeanUs: 10_000, delayJitterUs: 2_000 },
  faults: ["burst", "copy", "reorder", "mtu", "sendError"],
  faultsUs: 300_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    // The longest seldom: they show what the shorter ones show, at five times the cost.
    const most = world.prng.chance(0.1) ? 10_000_000 : 2_500_000;
    world.addCalls(1, world.pick(2_000_000, most), world.pick(2_000_000, most));
  },
};
