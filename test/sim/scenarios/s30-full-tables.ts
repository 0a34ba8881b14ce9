// S30: more clients than the tables hold: idle connections make room, tombstones keep old calls from running again.
import type { SimScenario } from "../run-seed.js";

export const s30: SimScenario = {
  id: "S30",
  title: "tables at their limit, eviction and tombstones",
  path: { delayMeanUs: 2_000 },
  faults: ["loss", "copy", "replay", "reorder", "jitter", "lateTimer"],
  faultsUs: 400_000_000,
  endsWithinUs: 600_000_000,
  start(world) {
    world.addServer({
      backlog: 2,
      // Recordings come up to three minutes late, and find tombstones in half of the runs: where they find none, O1 is silent.
      options: {
        tombstoneMs: world.oneOf([120_000, 240_000]),
        callsMax: world.pick(4, 16),
        connectionsMax: world.pick(3, 6),
        peersMax: world.pick(3, 6),
        tombstonesMax: world.pick(4, 16),
      },
    });
    world.addClients(8, { connectionsMax: 1, options: { callsMax: world.pick(2, 4) } });
    world.addCalls(4, 1_000, 1_000, 5_000_000);
  },
};
