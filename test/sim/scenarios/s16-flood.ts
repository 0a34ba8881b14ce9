// S16: strangers send ten times as much as the honest clients, whose calls go on.
import { Violation } from "../checkers.js";
import { rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID } from "../workload.js";

const ADDRESSES = 40;

export const s16: SimScenario = {
  id: "S16",
  title: "strangers at 10x beside honest peers",
  path: { delayMeanUs: 2_000 },
  faults: ["loss", "jitter", "reorder", "copy", "slowHandler"],
  settlesUs: 100_000_000,
  start(world) {
    world.addServer({ options: { trusted: ["127.0.0.0/8"], strangersMax: 32, strangersPerHostMax: 8 } });
    world.addClients(world.pick(1, 3));
    world.addCalls(20, 1_000, 5_000, 2_000_000);
    const strangers = Array.from({ length: ADDRESSES }, (_, i) =>
      world.addRaw(`198.18.${i & 7}.${1 + i}`, 5_000 + i),
    );
    const prng = world.prng.fork();
    world.repeat(600, 4_000, () => {
      const stranger = strangers[prng.below(ADDRESSES)];
      if (stranger === undefined) return;
      const talker = rawCall(prng.int32(), prng.int32(), { callNumber: 1 + prng.below(4) });
      const seq = prng.chance(0.8) ? 1 : prng.below(100);
      const flags = prng.chance(0.5) ? 4 : 0;
      stranger.send(
        talker.data(seq, rawRequest(HOSTILE_ID, prng.below(20_000)), flags, {
          serial: stranger.nextSerial(),
        }),
      );
    });
  },
  expect(world) {
    const [server] = world.servers;
    if (server === undefined) return;
    if (server.end.endpoint.local.peers.strangers > 32) throw new Violation("O4", "too many strangers");
    if (world.serviceOf(server).live > 0) throw new Violation("S16", "calls of strangers go on");
  },
};
