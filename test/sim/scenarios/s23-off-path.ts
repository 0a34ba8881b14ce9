// S23: somebody off the path sends under the client's address: he knows the address; also the epoch; also all ids, but no key.
import { nullSecurity } from "../../../src/security/null.js";
import { Violation } from "../checkers.js";
import { rawCall } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";
import { HOSTILE_ID, requestHead } from "../workload.js";
import type { World } from "../world.js";

export const s23: SimScenario = {
  id: "S23",
  title: "injector off path: knows the address; the epoch; all ids",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "jitter", "copy", "reorder", "slowHandler"],
  // Who knows all ids can end calls, and no more.
  mayFail: true,
  settlesUs: 90_000_000,
  start(world) {
    const security = () => [nullSecurity, new SimSecurity()];
    world.addServer({ security });
    world.addClients(1, { security, securityIndex: world.oneOf([0, 2]) });
    world.addCalls(8, 20_000, 20_000, 1_000_000);
    const knows = world.pick(0, 2);
    const attacker = world.addRaw("203.0.113.5", 6_000);
    world.repeat(300, 5_000, () => attack(world, attacker, knows));
    levels.set(world, knows);
  },
  expect(world) {
    const wrong = world.calls.find((call) => !call.isRight);
    if (levels.get(world) !== 2 && wrong !== undefined)
      throw new Violation("S23", `without the ids he has ended ${wrong.describe()}`);
  },
};

const levels = new WeakMap<World, number>();

function attack(world: World, attacker: ReturnType<World["addRaw"]>, knows: number): void {
  const client = world.clients[0]?.end;
  if (client === undefined) return;
  const { prng } = world;
  const { known, pool } = client.endpoint.local.connections;
  const connection = known.count > 0 ? pool.at(known.at(prng.below(known.count))) : null;
  const epoch = knows >= 1 ? client.endpoint.local.epoch : prng.int32();
  const cid = knows >= 2 && connection !== null ? connection.connectionId : prng.int32();
  const channel = prng.below(4);
  const callNumber = knows >= 2 && connection !== null ? connection.callNumber(channel) : 1 + prng.below(10);
  const talker = rawCall(epoch, cid, {
    callNumber,
    securityIndex: client === undefined ? 0 : prng.below(2) * 2,
  }).with({
    cid: (cid & ~3) | channel,
  });
  const fields = { serial: attacker.nextSerial() };
  // Data without the key is only tried where it can be told from the client's own.
  const kinds = [
    () => talker.abort(66, fields),
    () => talker.ack({ firstPacket: 1 + prng.below(20), previousPacket: prng.int32() }, fields),
    () => talker.ping(fields.serial),
    () => talker.of(5, undefined, fields),
    () => talker.of(7, new Uint8Array(20), { ...fields, callNumber: 0 }),
  ];
  if (knows < 2) kinds.push(() => talker.data(1, requestHead(HOSTILE_ID, 0, 0), 4, fields));
  attacker.forge(client.address, world.oneOf(kinds)());
}
