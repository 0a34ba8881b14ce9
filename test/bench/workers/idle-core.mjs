// What a packet and what a timer cost in the core beside many idle connections: an endpoint without a socket, its time
// handed in. Usage: idle-core.mjs CONNECTIONS. Commands: {"op":"packet" | "timer","seconds":S}
import { Endpoint } from "../../../dist/core/endpoint.js";
import { TRANSMIT_ROOM, Transmit } from "../../../dist/core/output.js";
import { EventCache } from "../../../dist/loop/event-cache.js";
import { nullSecurity } from "../../../dist/security/null.js";
import { Address } from "../../../dist/util/address.js";
import { LAST_PACKET, makePacket, Type } from "../../flood/workers/packets.mjs";
import { seededRandom } from "../statistics.mjs";
import { PAYLOAD_BYTES, RXPERF_SERVICE_ID } from "./sizes.mjs";
import { answerCommands } from "./worker.mjs";

const CLIENT_INITIATED = 1;
const BACKLOG = 32;
const LIVE_CALLS = 64;
const SPARE = 4_096;
const TRUSTED = "10.0.0.0/8";
const CROWD_NETWORK = 10 << 24;
// Past 2^31 a number is boxed where it is stored in a field or passed to a call: an hour of time has passed.
const START_US = 2 ** 33;
const PACKET_STEP_US = 50;
// Beyond the 100 ms that an ACK is delayed at most, and far below what ends or pings a call.
const TIMER_STEP_US = 101_000;
const WARM_UP_SECONDS = 0.5;
const CHECK_EVERY = 512;
const EVENT_ENDED = 8;

const count = Number(process.argv[2]);
const random = seededRandom(count);

class Rig {
  // Beside a text the number stays the object that it is, as a driver's own does.
  now = [START_US, "us"];
  sent = 0;
  out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
  remote = Address.from("10.0.0.0", 7001);
  last = makePacket(
    { type: Type.Data, flags: CLIENT_INITIATED | LAST_PACKET, seq: 1, serviceId: RXPERF_SERVICE_ID },
    Buffer.alloc(PAYLOAD_BYTES),
  );
  more = makePacket(
    { type: Type.Data, flags: CLIENT_INITIATED, serviceId: RXPERF_SERVICE_ID },
    Buffer.alloc(PAYLOAD_BYTES),
  );
  /** @type {any[]} */
  handles = [];

  constructor() {
    this.events = new EventCache({
      nowUs: () => 0,
      arm: () => undefined,
      onFault: (cause) => {
        throw cause;
      },
    });
    this.endpoint = new Endpoint({
      options: {
        trusted: [TRUSTED],
        connectionsMax: count + SPARE,
        peersMax: count + SPARE,
        idleConnectionMs: 24 * 3_600_000,
      },
      random: { int32: () => (random() * 2 ** 32) | 0 },
      events: this.events,
      host: { wantTransmit: () => undefined, wantTimer: () => undefined },
      security: [nullSecurity],
    });
    this.endpoint.advance(START_US);
    const listener = {
      handleCallEvents: (/** @type {any} */ handle, /** @type {number} */ events) => {
        if ((events & EVENT_ENDED) !== 0) handle.release();
      },
    };
    const settings = { serviceId: RXPERF_SERVICE_ID, style: "kernel", policy: { kind: "busy" } };
    const limits = { callsPerPeerMax: 1_024, requestMaxBytes: 2 ** 50, upgradeTo: 0 };
    this.service = this.endpoint.addService(
      { ...settings, ...limits },
      {
        onNewCall: (handle) => {
          handle.listener = listener;
          this.handles.push(handle);
        },
        onDiscardCall: () => undefined,
      },
    );
    this.service.listen(BACKLOG);
  }

  /**
   * New connections, each with one call.
   *
   * @param {number} first number of the first
   * @param {number} wanted
   * @param {(handle: any) => void} use
   * @param {Buffer} packet
   */
  connect(first, wanted, use, packet) {
    for (let i = 0; i < wanted; i++) {
      this.service.chargeAccept(BigInt(first + i), null);
      packet.writeUInt32BE(1, 12);
      this.address(packet, first + i, 1);
      this.feed(packet);
      if (i % BACKLOG === BACKLOG - 1 || i === wanted - 1) {
        this.events.drain();
        for (const handle of this.handles.splice(0)) use(handle);
        this.drain();
        this.events.drain();
      }
    }
  }

  /**
   * @param {Buffer} packet
   * @param {number} connection each has a peer of its own
   * @param {number} serial
   */
  address(packet, connection, serial) {
    this.remote.w3 = (CROWD_NETWORK + connection) | 0;
    packet.writeUInt32BE(connection << 2, 4);
    packet.writeUInt32BE(serial, 16);
  }

  /** @param {Buffer} packet */
  feed(packet) {
    this.endpoint.handleDatagram(this.now[0], this.remote, packet, packet.length);
    this.drain();
  }

  drain() {
    while (this.endpoint.pollTransmit(this.out)) this.sent++;
  }
}

const rig = new Rig();
// A call that its service lets go is aborted; its connection stays, idle.
rig.connect(0, count, (handle) => handle.release(), rig.last);
rig.connect(count, LIVE_CALLS, (handle) => handle.discardInput(), rig.more);
let seq = 1;
// Code that is half compiled would be charged to whichever is measured first.
for (const work of [packets, timers]) timed(WARM_UP_SECONDS, work);

answerCommands(async ({ op, seconds }) => {
  switch (op) {
    case "packet":
      return timed(seconds, packets);
    case "timer":
      return timed(seconds, timers);
    default:
      throw new RangeError(`expected op "packet" or "timer", got "${op}"`);
  }
});

/** DATA in order of long requests, and the ACKs that it makes. */
function packets() {
  seq++;
  for (let i = 0; i < LIVE_CALLS; i++) feedNext(i);
  rig.events.drain();
  rig.now[0] += PACKET_STEP_US * LIVE_CALLS;
  return LIVE_CALLS;
}

/** DATA whose ACKs wait for their timer, and the timers. */
function timers() {
  seq++;
  for (let i = 0; i < LIVE_CALLS; i++) feedNext(i);
  rig.events.drain();
  const before = rig.sent;
  rig.now[0] += TIMER_STEP_US;
  rig.endpoint.handleTimeout(rig.now[0]);
  rig.drain();
  const fired = rig.sent - before;
  if (fired < LIVE_CALLS) throw new Error(`${fired} of ${LIVE_CALLS} timers have sent an ACK`);
  return LIVE_CALLS;
}

/** @param {number} call */
function feedNext(call) {
  rig.more.writeUInt32BE(seq, 12);
  rig.address(rig.more, count + call, seq);
  rig.feed(rig.more);
}

/**
 * @param {number} seconds
 * @param {() => number} work returns how many operations it was
 */
function timed(seconds, work) {
  let operations = 0;
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const end = begin + seconds * 1000;
  do {
    for (let n = 0; n < CHECK_EVERY; n += LIVE_CALLS) operations += work();
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(cpu);
  return {
    ok: operations,
    failed: 0,
    seconds: (performance.now() - begin) / 1000,
    nsEach: ((user + system) * 1000) / operations,
  };
}
