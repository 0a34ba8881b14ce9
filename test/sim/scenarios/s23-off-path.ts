// S23: somebody off the path sends under the client's address: he knows the address; also the epoch; also all ids, but no key.
import { nullSecurity } from "../../../src/security/null.js";
import { Violation } from "../checkers.js";
import { type RawEnd, rawCall } from "../raw-end.js";
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
    const securityIndex = world.oneOf([0, 2]);
    world.addServer({ security });
    world.addClients(1, { security, securityIndex });
    world.addCalls(8, 20_000, 20_000, 1_000_000);
    const knows = world.pick(0, 2);
    const attacker = world.addRaw("203.0.113.5", 6_000);
    world.repeat(300, 5_000, () => attack(world, attacker, knows, securityIndex));
    levels.set(world, knows);
  },
  expect(world) {
    const wrong = world.calls.find((call) => !call.isRight);
    if (levels.get(world) !== 2 && wrong !== undefined)
      throw new Violation("S23", `without the ids he has ended ${wrong.describe()}`);
    for (const { services } of world.servers)
      for (const { runs } of services)
        if (runs.has(FORGED_ID))
          throw new Violation("S23", "a request that he forged without the key was served");
  },
};

const levels = new WeakMap<World, number>();

/** Of the request that he makes up where it must not be served. */
const FORGED_ID = 900_000;

function attack(world: World, attacker: RawEnd, knows: number, securityIndex: number): void {
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
    securityIndex: prng.below(2) * 2,
  }).with({
    cid: (cid & ~3) | channel,
  });
  const fields = { serial: attacker.nextSerial() };
  // Who knows all ids of a plain connection is its client, as far as anybody can tell.
  const kinds = [
    () => talker.abort(66, fields),
    () => talker.ack({ firstPacket: 1 + prng.below(20), previousPacket: prng.int32() }, fields),
    () => talker.ping(fields.serial),
    () => talker.of(5, undefined, fields),
    () => talker.of(7, new Uint8Array(20), { ...fields, callNumber: 0 }),
  ];
  if (knows < 2) kinds.push(() => talker.data(1, requestHead(HOSTILE_ID, 0, 0), 4, fields));
  else if (securityIndex === 2) {
    const next = { ...fields, securityIndex, callNumber: callNumber + prng.below(2) };
    kinds.push(() => talker.data(1 + prng.below(3), requestHead(FORGED_ID, 0, 0), prng.below(2) * 4, next));
  }
  attacker.forge(client.address, world.oneOf(kinds)());
}
