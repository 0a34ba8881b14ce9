// Every packet on its way out of and into an endpoint: the trace hash (O8), what strangers are sent (O5), and what is
// acknowledged (O11).
import { createHash } from "node:crypto";
import type { Endpoint } from "../../src/core/endpoint.js";
import type { Address } from "../../src/util/address.js";
import { AckBody, readAck } from "../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader } from "../../src/wire/header.js";
import { countJumboSegments } from "../../src/wire/jumbo.js";
import { PacketFlag, PacketType, packetTypeName } from "../../src/wire/packet-type.js";
import { Violation } from "./checkers.js";

const STRANGER_FACTOR = 3;
const header = new PacketHeader();
const ack = new AckBody();

/** What all ends of a run have in common. */
export class WireWatch {
  readonly sent: Record<string, number> = {};
  readonly received: Record<string, number> = {};
  readonly #hash = createHash("sha256");
  readonly #stamp = new DataView(new ArrayBuffer(24));
  readonly #stampBytes = new Uint8Array(this.#stamp.buffer);

  /** Over times, addresses and bytes of everything sent; may be asked for once. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  hash(nowUs: number, from: Address, to: Address, bytes: Uint8Array, offset: number, length: number): void {
    const stamp = this.#stamp;
    stamp.setFloat64(0, nowUs);
    stamp.setInt32(8, from.w3);
    stamp.setInt32(12, to.w3);
    stamp.setUint16(16, from.port);
    stamp.setUint16(18, to.port);
    stamp.setUint32(20, length);
    this.#hash.update(this.#stampBytes);
    this.#hash.update(bytes.subarray(offset, offset + length));
  }
}

/** What has arrived of one direction of a call, and what of it has been acknowledged. */
interface Arrived {
  /** The first packet that has not come. */
  next: number;
  readonly ahead: Set<number>;
  /** firstPacket of the newest ACK, and when it was sent. */
  acked: number;
  ackedUs: number;
}

interface Account {
  in: number;
  out: number;
}

/** One end. */
export class EndWatch {
  readonly #wire: WireWatch;
  readonly #endpoint: Endpoint;
  readonly #arrived = new Map<string, Arrived>();
  readonly #strangers = new Map<string, Account>();

  constructor(wire: WireWatch, endpoint: Endpoint) {
    this.#wire = wire;
    this.#endpoint = endpoint;
  }

  noteReceived(remote: Address, bytes: Uint8Array, length: number): void {
    // Those who are trusted have no budget.
    if (!this.#endpoint.local.peers.isTrusted(remote)) this.#accountOf(remote).in += length;
    if (length < HEADER_SIZE) return;
    readHeader(bytes, 0, header);
    count(this.#wire.received, header.type);
    if (header.type !== PacketType.Data) return;
    const segments = countJumboSegments(bytes, HEADER_SIZE, length, header.flags);
    const arrived = this.#arrivedOf(remote, header.flags & PacketFlag.ClientInitiated);
    for (let i = 0; i < segments; i++) arrived.ahead.add(header.seq + i);
    while (arrived.ahead.delete(arrived.next)) arrived.next++;
  }

  /** What it hands to the network: bytes[offset, offset + length). */
  noteSent(
    nowUs: number,
    from: Address,
    remote: Address,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    this.#wire.hash(nowUs, from, remote, bytes, offset, length);
    this.#checkBudget(remote, length);
    readHeader(bytes, offset, header);
    count(this.#wire.sent, header.type);
    if (header.type === PacketType.Ack && readAck(bytes, offset + HEADER_SIZE, offset + length, ack))
      this.#checkAck(nowUs, remote, bytes);
  }

  #checkBudget(remote: Address, length: number): void {
    const { peers } = this.#endpoint.local;
    if (peers.isTrusted(remote)) return;
    const account = this.#accountOf(remote);
    if (peers.find(remote)?.isProven === true) {
      account.in = 0;
      account.out = 0;
      return;
    }
    account.out += length;
    if (account.out > STRANGER_FACTOR * account.in)
      throw new Violation("O5", `${account.out} bytes to ${remote.toString()}, which has sent ${account.in}`);
  }

  #checkAck(nowUs: number, remote: Address, bytes: Uint8Array): void {
    const arrived = this.#arrivedOf(
      remote,
      (header.flags & PacketFlag.ClientInitiated) ^ PacketFlag.ClientInitiated,
    );
    const { firstPacket } = ack;
    if (firstPacket > arrived.next)
      throw new Violation("O11", `ACK of ${firstPacket - 1}, and ${arrived.next} has not come`);
    // When the tombstone of its connection has gone, a recorded request opens the call anew (O1 ends there as well).
    const isForgotten = nowUs - arrived.ackedUs > this.#endpoint.config.tombstoneUs;
    if (firstPacket < arrived.acked && !isForgotten)
      throw new Violation("O11", `ACK of ${firstPacket - 1} after one of ${arrived.acked - 1}`);
    arrived.acked = firstPacket;
    arrived.ackedUs = nowUs;
    for (let i = 0; i < ack.nAcks; i++) {
      if (((bytes[ack.acksOffset + i] as number) & 1) === 0) continue;
      const seq = firstPacket + i;
      if (seq >= arrived.next && !arrived.ahead.has(seq))
        throw new Violation("O11", `soft ACK of ${seq}, which has not come`);
    }
  }

  #arrivedOf(remote: Address, direction: number): Arrived {
    const key = `${remote.w0} ${remote.w3} ${remote.port} ${header.epoch} ${header.cid} ${header.callNumber} ${direction}`;
    let arrived = this.#arrived.get(key);
    if (arrived === undefined) {
      arrived = { next: 1, ahead: new Set(), acked: 1, ackedUs: 0 };
      this.#arrived.set(key, arrived);
    }
    return arrived;
  }

  #accountOf(remote: Address): Account {
    const key = remote.toString();
    let account = this.#strangers.get(key);
    if (account === undefined) {
      account = { in: 0, out: 0 };
      this.#strangers.set(key, account);
    }
    return account;
  }
}

function count(table: Record<string, number>, type: number): void {
  const name = packetTypeName(type);
  table[name] = (table[name] ?? 0) + 1;
}
