// S39R: an operator who asks a server base for all it has to tell, all the time, while calls come, fail and go.
import { type RpcServer, RxAbort, service } from "../../../src/index.js";
import { Address } from "../../../src/util/address.js";
import { DebugRequest, writeDebugRequest } from "../../../src/wire/debug.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { Violation } from "../checkers.js";
import { RawEnd, rawCall } from "../raw-end.js";
import type { RpcWorld } from "../rpc-world.js";
import type { RpcScenario } from "../run-rpc-seed.js";

const ECHO = 50;
const CODE = 4_004;
const LOOKS = 300;

export const s39r: RpcScenario = {
  id: "S39R",
  title: "observers reading a server base during churn",
  path: { delayMeanUs: 3_000 },
  faults: ["loss", "burst", "jitter", "copy", "reorder", "sendError"],
  async play(world) {
    const server = world.server({ buffersMax: 300, backlog: world.pick(1, 32) });
    server.add(
      service({
        id: ECHO,
        async call(call) {
          const request = await call.readAll();
          world.noteRun(request);
          await world.sleep(world.prng.below(30));
          if (request.length < 500) throw new RxAbort(CODE);
          return request;
        },
      }),
    );
    await world.run(server.start());
    const client = await world.client(server.port, ECHO);
    const observing = observe(world, server);
    const calls = Array.from({ length: world.countOf(40) }, async () => {
      await world.sleep(world.prng.below(6_000));
      const request = world.request(world.pick(0, 5_000));
      const outcome = await world.outcomeOf(
        client.call(request).then((reply) => world.checkEcho(request, reply)),
      );
      const expected = request.length < 500 ? CODE : 0;
      if (outcome !== expected) throw new Violation("S39", `a call ended with ${outcome}, not ${expected}`);
    });
    await world.run(Promise.all(calls));
    const told = await world.run(observing);
    if (told === 0) throw new Violation("S39", "nobody was told anything");
    await world.run(server.drain());
    world.checkStopped(server);
  },
};

/** @returns how many answers have come */
async function observe(world: RpcWorld, server: RpcServer): Promise<number> {
  const to = Address.from("127.0.0.1", server.port) as Address;
  const raw = new RawEnd(world.machine.network, "127.0.0.9", 5_000, to);
  const prng = world.prng.fork();
  const talker = rawCall(prng.int32(), 0, { callNumber: 0, serviceId: 0 });
  const request = new DebugRequest();
  const body = new Uint8Array(8);
  for (let i = 0; i < LOOKS; i++) {
    await world.sleep(20);
    request.type = prng.below(7);
    request.index = prng.chance(0.9) ? prng.below(20) : prng.int32();
    writeDebugRequest(body, 0, request);
    const flags = PacketFlag.ClientInitiated;
    raw.send(talker.of(PacketType.Debug, body.slice(), { serial: raw.nextSerial(), flags }));
    look(server);
  }
  return raw.received;
}

// What is told at one moment must fit together.
function look(server: RpcServer): void {
  for (const { calls, buffers, connections, services } of server.stats()) {
    for (const { used, max, highWater } of [calls, buffers, connections])
      if (used > max || used > highWater)
        throw new Violation("S39", `${used} used of ${max}, and never more than ${highWater}`);
    for (const { spare, waiting, limit } of services)
      if (limit > 0 && spare > limit)
        throw new Violation("S39", `${spare} spare and ${waiting} waiting of ${limit}`);
  }
  for (const { running, started, failed } of server.handlers())
    if (running + failed > started)
      throw new Violation("S39", `${running} run and ${failed} failed of ${started}`);
}
