// S17: one address asks for all there is; the others are served beside it, and need not wait until it has had enough.
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";

const SHARE = 8;
const GREEDY = 90;

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
    for (let i = 0; i < GREEDY; i++) world.call(greedy, 1_000, 1_000);
    world.addClients(2);
    for (const client of world.clients.slice(1)) for (let i = 0; i < 4; i++) world.call(client, 1_000, 1_000);
    world.repeat(200, 10_000, () => {
      const { pool } = server.end.endpoint.local.peers;
      for (const peer of pool.all)
        if (peer.activeCalls > SHARE) throw new Violation("O4", `${peer.activeCalls} calls of one address`);
    });
  },
  expect(world) {
    const greedy = median(world.calls.slice(0, GREEDY).map(({ endedUs }) => endedUs));
    const others = median(world.calls.slice(GREEDY).map(({ endedUs }) => endedUs));
    if (others >= greedy)
      throw new Violation(
        "S17",
        `half of the others wait ${others - greedy} us longer than half of the greedy one's`,
      );
  },
};

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;
}
