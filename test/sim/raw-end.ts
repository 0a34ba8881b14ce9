// A peer of a simulation that writes its packets by hand: old ones, hostile ones, and those that are not who they say.
import type { SimulatedNetwork, SimulatedPort } from "../../src/transport/simulated-network.js";
import type { DatagramSink } from "../../src/transport/transport.js";
import type { Address } from "../../src/util/address.js";
import { AckBody, readAck } from "../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader } from "../../src/wire/header.js";
import { clientTalker, type HeaderFields, type Talker } from "../unit/core/packets.js";
import { requestHead, SERVICE_ID } from "./workload.js";

/** A packet that has come. */
export interface RawPacket {
  readonly header: PacketHeader;
  readonly bytes: Uint8Array;
  /** Of an ACK, else null. */
  readonly ack: AckBody | null;
}

export class RawEnd implements DatagramSink {
  readonly port: SimulatedPort;
  readonly to: Address;
  /** Called for each packet that comes. */
  onPacket: ((packet: RawPacket) => void) | null = null;
  received = 0;
  readonly #network: SimulatedNetwork;
  #serial = 1;

  constructor(network: SimulatedNetwork, host: string, port: number, to: Address) {
    this.#network = network;
    this.port = network.attach(host, port);
    this.to = to;
    void this.port.open(this);
  }

  /** Counts up, and is the same in every run of a seed. */
  nextSerial(): number {
    return this.#serial++;
  }

  send(bytes: Uint8Array): void {
    this.port.send(bytes, 0, bytes.length, this.to, "");
  }

  /** Sends under another's address. */
  forge(from: Address, bytes: Uint8Array): void {
    this.#network.carry(bytes, 0, bytes.length, from, this.to);
  }

  handleDatagram(bytes: Uint8Array, length: number): void {
    this.received++;
    if (length < HEADER_SIZE || this.onPacket === null) return;
    const copy = bytes.slice(0, length);
    const header = new PacketHeader();
    readHeader(copy, 0, header);
    const ack = new AckBody();
    const isAck = header.type === 2 && readAck(copy, HEADER_SIZE, length, ack);
    this.onPacket({ header, bytes: copy, ack: isAck ? ack : null });
  }

  handleError(): void {
    // Nobody listens where it sends: that is its own affair.
  }
}

/** A client's side of a call, by hand. */
export function rawCall(epoch: number, connectionId: number, fields: HeaderFields = {}): Talker {
  return clientTalker({ epoch, cid: connectionId & ~3, serviceId: SERVICE_ID, ...fields });
}

/** A request in one packet that asks for `replyBytes`. */
export function rawRequest(id: number, replyBytes: number): Uint8Array {
  return requestHead(id, 0, replyBytes);
}
