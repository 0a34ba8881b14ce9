// Two servers that are fed each other's packets: what one sends goes to the other, and each datagram put in seems to come
// from the other. Tells how many datagrams follow each. Prints one line of JSON. Usage: mirror.mjs SEED COUNT
import { RpcServer, service } from "../../../dist/index.js";
import { makeJunk } from "./junk-packets.mjs";
import { ackBody, CLIENT_INITIATED, LAST_PACKET, makePacket, Random, Reason, Type } from "./packets.mjs";
import { ECHO_ID, NARROW_ID, NOBODYS_ID } from "./service-ids.mjs";

const QUIET_MS = 40;
const STEP_MS = 5;
// More than any retransmission, PING and repeat takes: an unanswered call is given up after 20 s of silence.
const LINGER_MS = 25_000;
const LINGER_QUICK_MS = 3_000;

const random = new Random(Number(process.argv[2]));
const count = Number(process.argv[3]);
const isQuick = process.argv[4] === "quick";

/** @typedef {import("../../../dist/index.js").DatagramTransport} Transport */

class Side {
  /** @type {Transport} */
  transport;

  constructor() {
    this.server = new RpcServer({
      // Strangers to each other, as two servers are.
      trusted: [],
      wrapTransport: (transport) => {
        this.transport = transport;
        return transport;
      },
    });
    this.server
      .add(service({ id: ECHO_ID, call: (call) => call.readAll() }))
      .add(service({ id: NARROW_ID, concurrency: 1, backlog: 1, call: () => new Promise(() => {}) }));
  }
}

const left = new Side();
const right = new Side();
await Promise.all([left.server.start(), right.server.start()]);

/** @param {Buffer} bytes */
function inject(bytes) {
  right.transport.send(bytes, 0, bytes.length, left.transport.local, "127.0.0.1");
}

function sent() {
  return left.transport.counters.datagramsOut + right.transport.counters.datagramsOut;
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function quiet() {
  for (
    let at = sent(), since = performance.now();
    performance.now() - since < QUIET_MS;
    await pause(STEP_MS)
  ) {
    if (sent() === at) continue;
    at = sent();
    since = performance.now();
  }
}

const connection = () => ({ epoch: random.next() | 0x8000_0000, cid: random.next() & ~3 });

/** What a server sends, and what a client would, as if it came from the other server. @type {[string, () => Buffer][]} */
const kinds = [
  ["DATA told ABORT", () => newCall(NOBODYS_ID)],
  ["ACK of a client", () => makePacket({ ...connection(), type: Type.Ack, flags: CLIENT_INITIATED }, ackBody({}))],
  ["PING of a client", () => makePacket({ ...connection(), type: Type.Ack, flags: CLIENT_INITIATED }, ackBody({ reason: Reason.Ping }))],
  ["DATA of a server", () => makePacket({ ...connection(), type: Type.Data, flags: LAST_PACKET, seq: 1 })],
  ["ACK of a server", () => makePacket({ ...connection(), type: Type.Ack }, ackBody({}))],
  ["PING of a server", () => makePacket({ ...connection(), type: Type.Ack }, ackBody({ reason: Reason.Ping }))],
  ["BUSY", () => makePacket({ ...connection(), type: Type.Busy })],
  ["ABORT of a call", () => makePacket({ ...connection(), type: Type.Abort }, Buffer.from([0, 0, 0, 1]))],
  ["ABORT of a client", () => makePacket({ ...connection(), type: Type.Abort, flags: CLIENT_INITIATED }, Buffer.from([0, 0, 0, 1]))],
  ["CHALLENGE", () => makePacket({ ...connection(), type: Type.Challenge, callNumber: 0 }, Buffer.alloc(20))],
  ["RESPONSE", () => makePacket({ ...connection(), type: Type.Response, callNumber: 0, flags: CLIENT_INITIATED }, Buffer.alloc(60))],
  ["VERSION asked", () => makePacket({ ...connection(), type: Type.Version, flags: CLIENT_INITIATED }, Buffer.alloc(1))],
  ["VERSION answered", () => makePacket({ ...connection(), type: Type.Version }, Buffer.alloc(65))],
  ["DEBUG asked", () => makePacket({ ...connection(), type: Type.Debug, flags: CLIENT_INITIATED }, Buffer.alloc(8))],
  ["junk", () => /** @type {Buffer} */ (makeJunk(random.next() >>> 1, 1)[0])],
  // Last: what timers send for these calls would be taken for answers to others.
  ["DATA told BUSY", () => newCall(NARROW_ID)],
  ["DATA that opens a call", () => newCall(ECHO_ID)],
]; // biome-ignore format: one kind a line

/** @param {number} serviceId */
function newCall(serviceId) {
  const flags = CLIENT_INITIATED | LAST_PACKET;
  return makePacket({ ...connection(), type: Type.Data, flags, seq: 1, serviceId }, Buffer.alloc(32));
}

const results = [];
let injected = 0;
for (const [name, make] of kinds) {
  const before = sent();
  let most = 0;
  for (let i = 0; i < count; i++) {
    const from = sent();
    inject(make());
    injected++;
    // A few at a time would hide a loop behind the others; one at a time it stands alone.
    if (i < 3) {
      await quiet();
      most = Math.max(most, sent() - from - 1);
    }
  }
  await quiet();
  results.push({ name, injected: count, most, followed: (sent() - before - count) / count });
}
const beforeTimers = sent();
await pause(isQuick ? LINGER_QUICK_MS : LINGER_MS);
// Only a call that has been opened is repeated by timers.
const repeats = (sent() - beforeTimers) / count;
for (const last of results.slice(-1)) last.followed += repeats;
const total = (sent() - injected) / injected;
console.log(JSON.stringify({ kinds: results, injected, total }));
process.exit(0);
