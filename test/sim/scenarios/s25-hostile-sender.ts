// S25: a client that sends what cannot be: other bytes under one number, two last packets, bad jumbograms, far ahead.
import { Violation } from "../checkers.js";
import { rawCall } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID, requestHead } from "../workload.js";

export const s25: SimScenario = {
  id: "S25",
  title: "hostile sender: overlaps, two LASTs, bad jumbograms, beyond window",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "jitter", "copy", "reorder", "poolRefusal", "slowReader"],
  settlesUs: 100_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    world.addCalls(6, 20_000, 5_000, 1_000_000);
    const prng = world.prng.fork();
    for (let i = 0; i < 8; i++) {
      const raw = world.addRaw("127.0.0.9", 5_000 + i);
      const talker = rawCall(prng.int32(), prng.int32());
      const next = () => ({ serial: raw.nextSerial() });
      raw.send(talker.data(1, requestHead(HOSTILE_ID + i, 100_000, 1_000), 0, next()));
      const kinds = [
        () => talker.data(1 + prng.below(8), prng.below(1_412), prng.chance(0.1) ? 4 : 0, next()),
        () => talker.data(prng.below(60), 100, prng.below(256), next()),
        () => talker.jumbo(1 + prng.below(8), 1 + prng.below(8), prng.below(1_412), 0, next()),
        () => talker.jumbo(1 + prng.below(8), 3, 100, 0, next()).subarray(0, 28 + prng.below(3_000)),
        () => talker.data(prng.int32(), 10, 0, next()),
        () => talker.data(2, 10_000, 0, next()),
        () => talker.ping(raw.nextSerial()),
      ];
      world.repeat(60, world.pick(1_000, 30_000), () => raw.send(world.oneOf(kinds)()));
    }
  },
  expect(world) {
    const [server] = world.servers;
    if (server !== undefined && world.serviceOf(server).live > 0)
      throw new Violation("S25", `${world.serviceOf(server).live} calls of hostile senders go on`);
  },
};
