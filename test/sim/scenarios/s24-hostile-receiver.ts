// S24: a client that acknowledges at random, too much, takes back what it said, and plays with its window.
import { Violation } from "../checkers.js";
import { type RawEnd, type RawPacket, rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID } from "../workload.js";
import type { World } from "../world.js";

export const s24: SimScenario = {
  id: "S24",
  title: "hostile receiver: random, optimistic, retracting ACKs, window games",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "jitter", "copy", "reorder"],
  settlesUs: 200_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    world.addCalls(6, 5_000, 20_000, 1_000_000);
    for (let i = 0; i < 8; i++) hostile(world, world.addRaw("127.0.0.9", 5_000 + i), i);
  },
  expect(world) {
    const [server] = world.servers;
    if (server !== undefined && world.serviceOf(server).live > 0)
      throw new Violation("S24", `${world.serviceOf(server).live} calls of hostile receivers go on`);
  },
};

function hostile(world: World, raw: RawEnd, index: number): void {
  const prng = world.prng.fork();
  const talker = rawCall(prng.int32(), prng.int32());
  let answers = 400;
  raw.onPacket = ({ header, ack }: RawPacket) => {
    if (answers-- <= 0) return;
    const serial = { serial: raw.nextSerial() };
    const soft = Array.from({ length: prng.below(40) }, () => prng.below(2));
    const body = {
      reason: ack?.reason === 6 ? 7 : 1 + prng.below(9),
      serial: prng.chance(0.7) ? header.serial : prng.int32(),
      firstPacket: prng.chance(0.5) ? Math.max(header.seq, 1) : 1 + prng.below(prng.chance(0.1) ? 1_000 : 8),
      previousPacket: prng.chance(0.5) ? header.seq : prng.int32(),
      rwind: prng.chance(0.5) ? 32 : prng.below(3) === 0 ? prng.int32() : prng.below(3),
      maxMtu: prng.chance(0.5) ? 5_692 : prng.int32(),
      ifMtu: prng.chance(0.5) ? 1_444 : prng.below(2_000),
      jumboMax: prng.below(8),
      soft,
    };
    raw.send(talker.ack(body, { ...serial, flags: prng.chance(0.2) ? 2 : 0 }));
    if (prng.chance(0.02)) raw.send(talker.of(5, undefined, { serial: raw.nextSerial() }));
  };
  const request = rawRequest(HOSTILE_ID + index, world.pick(1_000, 200_000));
  raw.send(talker.data(1, request, 4, { serial: raw.nextSerial() }));
}
