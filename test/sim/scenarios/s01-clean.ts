// S01: a clean net. Nothing is refused, sent twice or late.
import { ServiceStyle } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";

export const s01: SimScenario = {
  id: "S01",
  title: "clean net, 1 to 8 clients, all channels",
  path: { delayMeanUs: 500 },
  start(world) {
    // Room for all calls of all clients at once.
    const options = { buffersMax: 2_048 };
    world.addServer({ style: world.oneOf([ServiceStyle.User, ServiceStyle.Kernel]), options });
    world.addClients(world.pick(1, 8), { connectionsMax: 1 });
    world.addCalls(4, world.pick(1, 20_000), world.pick(1, 20_000));
  },
  expect(world) {
    for (const { endpoint } of world.simulation.ends) {
      const { stats } = endpoint.local;
      for (const stat of [Stat.DataPacketsResent, Stat.BusyPacketsSent, Stat.AbortPacketsSent])
        if (stats.value(stat) > 0)
          throw new Violation("S01", "a clean net, and a packet was sent twice or refused");
    }
    if (world.tookUs > 400_000) throw new Violation("S01", `took ${world.tookUs} us`);
  },
};
