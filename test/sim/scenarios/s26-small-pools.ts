// S26: pools of a few buffers, some of them taken away for a while. Work waits, and none of it is lost or stuck.
import type { SimScenario } from "../run-seed.js";

export const s26: SimScenario = {
  id: "S26",
  title: "pools of 8 to 16 buffers, random refusals",
  path: { delayMeanUs: 2_000, delayJitterUs: 1_000, lossRate: 0.02 },
  faults: ["poolRefusal", "copy", "reorder", "slowHandler", "slowReader", "lateTimer"],
  faultsUs: 200_000_000,
  endsWithinUs: 60_000_000,
  start(world) {
    world.addServer({ options: { buffersMax: world.pick(8, 16), callsPerPeerMax: 4 } });
    world.addClients(
      world.pick(1, 3),
      world.prng.chance(0.3) ? { options: { buffersMax: world.pick(8, 16) } } : {},
    );
    world.addCalls(4, world.pick(1, 30_000), world.pick(1, 30_000));
  },
};
