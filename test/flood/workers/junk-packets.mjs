// Junk: datagrams that no honest peer sends, of every packet type, none of which a server has anything to do for.
import { ackBody, CLIENT_INITIATED, LAST_PACKET, makePacket, Random, Reason, Type } from "./packets.mjs";
import { NOBODYS_ID } from "./service-ids.mjs";

const BODY_MAX = 96;
const TYPES = 16;

/** @typedef {(random: Random) => Buffer} Maker */

/** @type {Maker[]} */
const MAKERS = [
  (random) => random.bytes(random.below(2 * BODY_MAX)),
  // Well-formed headers of every type there is or is not, in either direction.
  (random) =>
    makePacket(
      { ...ids(random), type: random.below(TYPES), flags: random.below(256), seq: 2 + random.below(64) },
      random.bytes(random.below(BODY_MAX)),
    ),
  (random) =>
    makePacket(
      { ...ids(random), type: Type.Ack, flags: CLIENT_INITIATED },
      ackBody({
        firstPacket: 1 + random.below(300),
        serial: random.next(),
        reason: random.below(2) === 0 ? Reason.Ping : Reason.Idle,
      }),
    ),
  // New calls for a service that is not there: each asks for an ABORT.
  (random) =>
    makePacket(
      { ...ids(random), type: Type.Data, flags: CLIENT_INITIATED | LAST_PACKET, seq: 1 },
      random.bytes(random.below(BODY_MAX)),
    ),
  (random) => makePacket({ ...ids(random), type: Type.Version, flags: CLIENT_INITIATED }, Buffer.alloc(1)),
  (random) =>
    makePacket({ ...ids(random), type: Type.Debug, flags: CLIENT_INITIATED }, random.bytes(random.below(12))),
  (random) =>
    makePacket(
      { ...ids(random), type: Type.Response, flags: CLIENT_INITIATED, callNumber: 0 },
      random.bytes(60),
    ),
  (random) => makePacket({ ...ids(random), type: Type.Abort, flags: CLIENT_INITIATED }, random.bytes(4)),
];

/** @param {Random} random */
function ids(random) {
  return {
    epoch: random.next() | 0x8000_0000,
    cid: random.next(),
    callNumber: 1 + random.below(1000),
    serial: random.next(),
    serviceId: NOBODYS_ID,
  };
}

/**
 * @param {number} seed
 * @param {number} count
 * @returns {Buffer[]}
 */
export function makeJunk(seed, count) {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => /** @type {Maker} */ (MAKERS[i % MAKERS.length])(random));
}
