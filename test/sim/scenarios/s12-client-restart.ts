// S12: a client vanishes in mid call and comes back on the same port: its new calls are not taken for old ones.
import { Violation } from "../checkers.js";
import { END_FAULTS, PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

export const s12: SimScenario = {
  id: "S12",
  title: "client restarts on the same port",
  path: { delayMeanUs: 8_000, delayJitterUs: 4_000 },
  faults: [...PATH_FAULTS, ...END_FAULTS],
  // Calls of the first life end at the server after its dead time.
  settlesUs: 90_000_000,
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 3));
    world.addCalls(4, world.pick(1, 100_000), world.pick(1, 100_000));
    world.at(world.pick(1, 300_000), () => {
      for (const client of world.clients) world.restartClient(client);
      world.addCalls(6, 10_000, 10_000, 400_000);
    });
    // The run must not be over before the second life has begun.
    world.addCalls(1, 10, 10, 1_000_000);
  },
  expect(world) {
    const [server] = world.servers;
    if (server !== undefined && world.serviceOf(server).live > 0)
      throw new Violation("S12", "calls of the first life go on at the server");
  },
};
