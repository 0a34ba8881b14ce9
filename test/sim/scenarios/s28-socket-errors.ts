// S28: the socket refuses to send for a while, as with a full queue: that is loss.
import type { SimScenario } from "../run-seed.js";

export const s28: SimScenario = {
  id: "S28",
  title: "socket errors and full queues",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "stuck", "lateTimer", "slowHandler", "copy", "reorder"],
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 4));
    world.addCalls(8, world.pick(1, 60_000), world.pick(1, 60_000), world.oneOf([3_000_000, 10_000_000]));
    world.repeat(120, 100_000, () => {
      const end = world.oneOf(world.simulation.ends);
      end.port.isBlocked = true;
      world.at(world.pick(1, 900_000), () => {
        end.port.isBlocked = false;
      });
    });
  },
};
