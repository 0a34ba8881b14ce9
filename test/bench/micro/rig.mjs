// One endpoint without a socket, and the clients that send to it, written by hand.
import { Endpoint } from "../../../dist/core/endpoint.js";
import { TRANSMIT_ROOM, Transmit } from "../../../dist/core/output.js";
import { EventCache } from "../../../dist/loop/event-cache.js";
import { nullSecurity } from "../../../dist/security/null.js";
import { Prng } from "../../../dist/transport/prng.js";
import { Address } from "../../../dist/util/address.js";
import { putInt32 } from "../../../dist/util/bytes.js";
import { HEADER_SIZE, HeaderOffset, PacketHeader, writeHeader } from "../../../dist/wire/header.js";
import { PacketFlag, PacketType } from "../../../dist/wire/packet-type.js";

export const SERVICE_ID = 147;
/** In a trusted range. */
export const FRIEND = Address.from("192.0.2.7", 7001);
export const STRANGER = Address.from("198.51.100.7", 7001);
const EPOCH = 0x9abcdef0 | 0;
// Microseconds: past 2^31 a number is boxed where it is stored in a field or passed to a call.
const START_US = 2 ** 33;
const PAYLOAD = 152;
// So many datagrams a second.
const DATAGRAM_US = 50;
const DATAGRAMS_A_TURN = 64;
// The time is an object of its own, the only one that is made on the way: now and then is enough.
const DATAGRAMS_A_STEP = 1_024;
const BUSY_CALLS = 32;

/**
 * The parts of an endpoint that its driver would hold.
 *
 * @param {object} options of the endpoint
 * @param {number} seed
 */
export function makeEndpoint(options, seed) {
  const events = new EventCache({
    nowUs: () => 0,
    arm: () => undefined,
    onFault: (cause) => {
      throw cause;
    },
  });
  const endpoint = new Endpoint({
    options: { trusted: ["192.0.2.0/24"], ...options },
    random: new Prng(seed),
    events,
    host: { wantTransmit: () => undefined, wantTimer: () => undefined },
    security: [nullSecurity],
  });
  endpoint.advance(START_US);
  return { endpoint, events };
}

/** Beside a text the number stays the object it is: it is handed on as a driver hands its own. */
export function makeClock() {
  return [START_US, "us"];
}

/** A service that is charged by hand. Its packets are all of one size. */
export class Rig {
  now = makeClock();
  data = new Uint8Array(HEADER_SIZE + PAYLOAD);
  remote = FRIEND;
  endpoint;
  events;
  service;
  #header = new PacketHeader();
  #out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
  #fed = 0;
  #userId = 0n;

  /** @param {object} [options] of the endpoint */
  constructor(options = {}) {
    const { endpoint, events } = makeEndpoint(options, 1);
    this.endpoint = endpoint;
    this.events = events;
    this.service = endpoint.addService(
      {
        serviceId: SERVICE_ID,
        style: "kernel",
        policy: { kind: "busy" },
        callsPerPeerMax: 65_536,
        requestMaxBytes: 2 ** 50,
        upgradeTo: 0,
      },
      { onNewCall: () => undefined, onDiscardCall: () => undefined },
    );
    this.service.listen(32);
  }

  /**
   * Writes the header of a client's packet into `data`.
   *
   * @param {number} type
   * @param {number} flags
   * @param {number} cid
   * @param {number} callNumber
   * @param {number} seq the packet's serial as well
   */
  write(type, flags, cid, callNumber, seq) {
    const header = this.#header;
    header.epoch = EPOCH;
    header.cid = cid;
    header.callNumber = callNumber;
    header.seq = seq;
    header.serial = seq;
    header.type = type;
    header.flags = flags | PacketFlag.ClientInitiated;
    header.serviceId = SERVICE_ID;
    writeHeader(this.data, 0, header);
  }

  /** Makes the packet in `data` one of another connection. */
  address(epoch, cid) {
    putInt32(this.data, HeaderOffset.Epoch, epoch);
    putInt32(this.data, HeaderOffset.Cid, cid);
  }

  /** The packet in `data` comes. */
  feed() {
    this.endpoint.handleDatagram(this.now[0], this.remote, this.data, this.data.length);
  }

  /** What a turn of the loop does after some datagrams: the events run, and time passes. */
  turn() {
    this.#fed++;
    if ((this.#fed & (DATAGRAMS_A_TURN - 1)) === 0) this.events.drain();
    if ((this.#fed & (DATAGRAMS_A_STEP - 1)) === 0) this.now[0] += DATAGRAMS_A_STEP * DATAGRAM_US;
  }

  /** Everything there is to send goes. @returns how many datagrams */
  send() {
    let sent = 0;
    while (this.endpoint.pollTransmit(this.#out)) sent++;
    return sent;
  }

  /** A call is charged and begins. @returns its handle */
  begin(epoch, cid) {
    const handle = this.service.chargeAccept(this.#userId++, null);
    this.write(PacketType.Data, 0, cid, 1, 1);
    this.address(epoch, cid);
    this.feed();
    this.settle();
    if (handle.remote === "") throw new Error("a call was refused");
    return handle;
  }

  /** A connection, with a call that is over. */
  beginIdle(epoch, cid) {
    this.begin(epoch, cid).release();
    this.settle();
  }

  settle() {
    while (this.events.count > 0) this.events.drain();
    this.send();
  }
}

/**
 * Packets in order to calls whose readers want nothing of them; each asks for an ACK.
 *
 * @param {Rig} rig
 */
export function dataIn(rig) {
  for (let i = 0; i < BUSY_CALLS; i++) rig.begin(EPOCH, 0x1000 + i * 4).discardInput();
  rig.settle();
  let n = BUSY_CALLS;
  return (count) => {
    let sent = 0;
    for (let i = 0; i < count; i++, n++) {
      const call = n % BUSY_CALLS;
      const seq = ((n / BUSY_CALLS) | 0) + 1;
      rig.write(PacketType.Data, PacketFlag.RequestAck, 0x1000 + call * 4, 1, seq);
      rig.feed();
      sent += rig.send();
      rig.turn();
    }
    if (sent < count) throw new Error(`${sent} ACKs for ${count} packets`);
    return sent;
  };
}

/**
 * First packets for which the rings hold nothing, each of another connection.
 *
 * @param {Rig} rig
 * @param {boolean} isTold whether each is answered
 */
export function refusals(rig, isTold) {
  let cid = 0x1000;
  return (count) => {
    let sent = 0;
    for (let i = 0; i < count; i++) {
      cid = (cid + 4) | 0;
      rig.write(PacketType.Data, PacketFlag.LastPacket, cid, 1, 1);
      rig.feed();
      sent += rig.send();
      rig.turn();
    }
    if (sent !== (isTold ? count : 0)) throw new Error(`${sent} of ${count} were told BUSY`);
    return sent;
  };
}

/** The ids of so many connections of clients, drawn at random. */
export function randomIds(count, seed = 1) {
  const prng = new Prng(seed);
  const seen = new Set();
  const epochs = new Int32Array(count);
  const cids = new Int32Array(count);
  for (let i = 0; i < count; ) {
    epochs[i] = prng.int32() | 0x8000_0000;
    cids[i] = prng.int32() & ~3;
    const key = `${epochs[i]} ${cids[i]}`;
    if (seen.has(key)) continue;
    seen.add(key);
    i++;
  }
  return { epochs, cids };
}
