// S26: pools of a few buffers, some of them taken away for a while. Work waits, and none of it is lost or stuck.
// Fewer than five are refused by the options: one for a request, one for its reply, and what is kept back for ends.
import type { EndpointOptions } from "../../../src/core/config.js";
import type { SimScenario } from "../run-seed.js";
import type { World } from "../world.js";

export const s26: SimScenario = {
  id: "S26",
  title: "pools of 5 to 16 buffers, random refusals",
  path: { delayMeanUs: 2_000, delayJitterUs: 1_000, lossRate: 0.02 },
  faults: ["poolRefusal", "copy", "reorder", "slowHandler", "slowReader", "lateTimer"],
  faultsUs: 200_000_000,
  endsWithinUs: 60_000_000,
  start(world) {
    world.addServer({ options: { ...pool(world), callsPerPeerMax: 4 } });
    world.addClients(world.pick(1, 3), world.prng.chance(0.3) ? { options: pool(world) } : {});
    world.addCalls(4, world.pick(1, 30_000), world.pick(1, 30_000));
  },
};

function pool(world: World): EndpointOptions {
  if (world.prng.chance(0.5)) return { buffersMax: world.pick(8, 16) };
  return { buffersMax: world.pick(5, 8), receiveWindowPackets: 1, transmitQueuePackets: world.pick(2, 4) };
}
