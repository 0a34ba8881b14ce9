// S29: serials and call numbers begin near their wrap.
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

export const s29: SimScenario = {
  id: "S29",
  title: "all counters start near wrap",
  path: { delayMeanUs: 8_000, lossRate: 0.05 },
  faults: [...PATH_FAULTS],
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 2), { connectionsMax: 1 });
    world.addCalls(4, 30_000, 30_000);
    const serial = world.oneOf([0x7fff_ffe0, -40]);
    world.at(world.pick(1, 40_000), () => {
      for (const { endpoint } of world.simulation.ends) {
        const { known, pool } = endpoint.local.connections;
        for (let i = 0; i < known.count; i++) pool.at(known.at(i)).serial = serial;
      }
    });
    // Call numbers end before their wrap: the connection is retired, and the next one begins at 1.
    world.at(3_000_000, () => {
      for (const { end } of world.clients) {
        const { known, pool } = end.endpoint.local.connections;
        for (let i = 0; i < known.count; i++) {
          const connection = pool.at(known.at(i));
          for (let channel = 0; channel < 4; channel++)
            if (connection.callSlot(channel) < 0) connection.setCallNumber(channel, 0x7fff_fff8);
        }
      }
      world.addCalls(60, 500, 500);
    });
    world.addCalls(1, 10, 10, 4_000_000);
  },
  faultsUs: 120_000_000,
};
