// S13: a client's port changes in mid call. What comes from there is refused; a new connection is as good as ever.
import { Violation } from "../checkers.js";
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";
import { openBundle, PatternCall } from "../workload.js";

export const s13: SimScenario = {
  id: "S13",
  title: "client's port changes in mid call",
  path: { delayMeanUs: 8_000 },
  faults: [...PATH_FAULTS],
  mayFail: true,
  settlesUs: 90_000_000,
  start(world) {
    const server = world.addServer();
    world.addClients(1);
    world.addCalls(4, world.pick(1, 100_000), world.pick(1, 100_000));
    world.at(world.pick(1, 200_000), () => {
      const [client] = world.clients;
      if (client === undefined) return;
      world.moveClient(client);
      const bundle = openBundle(client.end, server.address);
      for (let id = 10_000; id < 10_008; id += 2)
        world.calls.push(new PatternCall(client.end, bundle, id, 5_000, 5_000));
    });
    world.addCalls(1, 10, 10, 500_000);
  },
  expect(world) {
    const later = world.calls.filter((call) => call.id >= 10_000);
    const wrong = later.find((call) => !call.isRight);
    if (wrong !== undefined) throw new Violation("S13", `on the new connection: ${wrong.describe()}`);
    const [server] = world.servers;
    if (server !== undefined && world.serviceOf(server).live > 0)
      throw new Violation("S13", "calls from the old port go on at the server");
  },
};
