// S34: peers with old habits: a serial as previous packet, short trailers, ACKALL, tiny windows, and a server that answers
// before it has the whole request. Each gets what it wants.
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { countJumboSegments, JUMBO_HEADER_SIZE } from "../../../src/wire/jumbo.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { Talker } from "../../unit/core/packets.js";
import { Violation } from "../checkers.js";
import { RawEnd, rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID, openBundle, PatternCall } from "../workload.js";
import type { World } from "../world.js";

const EARLY_ID = 900_000;

/** What each old peer has received of its reply. */
const missing = new WeakMap<World, Map<RawEnd, number>>();

export const s34: SimScenario = {
  id: "S34",
  title: "peers with old habits",
  path: { delayMeanUs: 5_000 },
  faults: ["jitter", "copy", "slowHandler", "lateTimer"],
  settlesUs: 120_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    world.addCalls(4, 5_000, 5_000, 500_000);
    missing.set(world, new Map());
    for (let i = 0; i < 4; i++) oldPeer(world, world.addRaw("127.0.0.9", 5_000 + i), i);
    earlyServer(world);
  },
  expect(world) {
    for (const [, left] of missing.get(world) ?? [])
      if (left !== 0) throw new Violation("S34", `an old peer still waits for ${left} bytes`);
  },
};

function oldPeer(world: World, raw: RawEnd, index: number): void {
  const prng = world.prng.fork();
  const talker = rawCall(prng.int32(), prng.int32());
  const replyBytes = prng.below(60_000);
  const seen = new Set<number>();
  const left = missing.get(world) as Map<RawEnd, number>;
  left.set(raw, replyBytes);
  const trailerWords = prng.below(5);
  const rwind = prng.chance(0.5) ? 1 + prng.below(3) : 32;
  let next = 1;
  raw.onPacket = ({ header, bytes, ack }) => {
    const shared = { serial: raw.nextSerial() };
    if (header.type === 1) {
      const segments = countJumboSegments(bytes, HEADER_SIZE, bytes.length, header.flags);
      for (let i = 0; i < segments; i++) seen.add(header.seq + i);
      const before = next;
      while (seen.has(next)) next++;
      if (header.seq >= before)
        left.set(
          raw,
          (left.get(raw) as number) - bytes.length + HEADER_SIZE + (segments - 1) * JUMBO_HEADER_SIZE,
        );
      // Old peers take packets as they come here: nothing is lost or overtaken on this path.
      const body = {
        firstPacket: next,
        previousPacket: header.serial,
        serial: header.serial,
        reason: 1,
        rwind,
        jumboMax: 1,
      };
      const packet = talker.ack(body, shared);
      raw.send(packet.subarray(0, packet.length - 4 * (4 - trailerWords)));
      if (left.get(raw) === 0) raw.send(talker.of(5, undefined, { serial: raw.nextSerial() }));
    } else if (ack?.reason === 6) {
      raw.send(talker.ack({ firstPacket: next, reason: 7, serial: header.serial, rwind }, shared));
    }
  };
  raw.send(talker.data(1, rawRequest(HOSTILE_ID + index, replyBytes), 4, { serial: raw.nextSerial() }));
}

// A server that answers before it has read the request: the client is content with that, and sends no more of it.
function earlyServer({ simulation, clients, calls }: World): void {
  const [client] = clients;
  if (client === undefined) return;
  const raw = new RawEnd(simulation.network, "127.0.0.10", 7_009, client.end.address);
  raw.onPacket = ({ header }) => {
    if (header.type !== PacketType.Data || header.seq !== 1) return;
    const { epoch, cid, callNumber, serviceId } = header;
    const talker = new Talker({ epoch, cid, callNumber, serviceId });
    raw.send(talker.data(1, 0, PacketFlag.LastPacket, { serial: raw.nextSerial() }));
  };
  const bundle = openBundle(client.end, raw.port.local);
  calls.push(new PatternCall(client.end, bundle, EARLY_ID, 200_000, 0));
}
