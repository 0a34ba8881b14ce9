// S17: one address asks for all there is; the others are served beside it.
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";

const SHARE = 8;

export const s17: SimScenario = {
  id: "S17",
  title: "one greedy address",
  path: { delayMeanUs: 2_000 },
  faults: ["loss", "jitter", "reorder", "copy", "lateTimer"],
  faultsUs: 120_000_000,
  endsWithinUs: 60_000_000,
  start(world) {
    const server = world.addServer({ service: { callsPerPeerMax: SHARE } });
    const prng = world.prng.fork();
    world.serviceOf(server).pace = {
      pauseUs: () => 1 + prng.below(100_000),
      stepBytes: () => Number.MAX_SAFE_INTEGER,
    };
    const greedy = world.addClient();
    for (let i = 0; i < 60; i++) world.call(greedy, 1_000, 1_000);
    world.addClients(2);
    for (const client of world.clients.slice(1)) for (let i = 0; i < 4; i++) world.call(client, 1_000, 1_000);
    world.repeat(200, 10_000, () => {
      const { pool } = server.end.endpoint.local.peers;
      for (const peer of pool.all)
        if (peer.activeCalls > SHARE) throw new Violation("O4", `${peer.activeCalls} calls of one address`);
    });
  },
};
