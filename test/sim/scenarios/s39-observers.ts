// S39: somebody asks for state all the time while calls come and go.
import { DebugRequest, writeDebugRequest } from "../../../src/wire/debug.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { Violation } from "../checkers.js";
import { rawCall } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";

export const s39: SimScenario = {
  id: "S39",
  title: "observers reading during churn",
  path: { delayMeanUs: 3_000 },
  faults: ["loss", "jitter", "copy", "reorder", "slowHandler", "lateTimer"],
  settlesUs: 2_000_000,
  start(world) {
    const server = world.addServer();
    world.addClients(world.pick(1, 4), { connectionsMax: 2 });
    world.addCalls(16, world.pick(1, 5_000), world.pick(1, 5_000), 1_500_000);
    const observer = world.addRaw("127.0.0.9", 5_000);
    const stranger = world.addRaw("192.0.2.9", 5_000);
    const prng = world.prng.fork();
    const talker = rawCall(prng.int32(), 0, { callNumber: 0, serviceId: 0 });
    const request = new DebugRequest();
    const body = new Uint8Array(8);
    world.repeat(400, 4_000, () => {
      request.type = prng.below(7);
      request.index = prng.chance(0.9) ? prng.below(20) : prng.int32();
      writeDebugRequest(body, 0, request);
      const flags = PacketFlag.ClientInitiated;
      const asker = prng.chance(0.8) ? observer : stranger;
      asker.send(talker.of(PacketType.Debug, body.slice(), { serial: asker.nextSerial(), flags }));
      asker.send(talker.of(PacketType.Version, new Uint8Array(1), { serial: asker.nextSerial(), flags }));
      void server.end.endpoint.local.stats.snapshot();
    });
    observers.set(world, observer);
  },
  expect(world) {
    if (world.simulation.elapsedUs > 1_000_000 && observers.get(world)?.received === 0)
      throw new Violation("S39", "nobody was told anything");
  },
};

const observers = new WeakMap<object, { readonly received: number }>();
