// Clients that are not there: they stand between a server and its socket, make connections with calls that end well, and
// leave them idle. A hundred thousand of them would need as many sockets otherwise.
import { Address } from "../../../dist/util/address.js";
import { ackBody, HEADER_BYTES, LAST_PACKET, makePacket, Type } from "../../flood/workers/packets.mjs";
import { PAYLOAD_BYTES, RXPERF_SERVICE_ID, requestDatagramBytes } from "./sizes.mjs";

/** Where they say they are. The server is told to trust the range. */
export const CROWD_RANGE = "10.0.0.0/8";
const CROWD_NETWORK = 10 << 24;
const CLIENT_INITIATED = 1;
const PORT = 7001;
// As many as the server takes in one turn without a BUSY.
const BATCH = 32;
const BATCH_TURNS_MAX = 10_000;
const RXPERF_RPC = [3, 3, 524_288, 524_288, PAYLOAD_BYTES, PAYLOAD_BYTES];

/** @typedef {import("../../../dist/index.js").DatagramTransport} DatagramTransport */

/** Wraps a transport; give `wrap` to a server as its wrapTransport. */
export class Crowd {
  #inner;
  #sink;
  #remote = new Address();
  #ended = 0;
  /** First words of the headers of replies that are to be acknowledged, and who gets them. */
  #replies = [];
  /** Replies are not acknowledged: the calls stay as they are. */
  isSilent = false;

  /** @param {DatagramTransport} inner */
  constructor(inner) {
    this.#inner = inner;
  }

  get local() {
    return this.#inner.local;
  }

  get counters() {
    return this.#inner.counters;
  }

  get room() {
    return this.#inner.room;
  }

  open(sink) {
    this.#sink = sink;
    return this.#inner.open(sink);
  }

  flush() {
    this.#inner.flush?.();
  }

  close() {
    return this.#inner.close();
  }

  send(bytes, offset, length, remote, host) {
    if (remote.family !== 4 || remote.w3 >>> 24 !== 10) {
      return this.#inner.send(bytes, offset, length, remote, host);
    }
    const type = bytes[offset + 20];
    if (type === Type.Data && ((bytes[offset + 21] ?? 0) & LAST_PACKET) !== 0) {
      const header = Buffer.from(bytes.subarray(offset, offset + HEADER_BYTES));
      this.#replies.push({ header, w3: remote.w3 });
    } else if (type === Type.Busy || type === Type.Abort) {
      throw new Error(`the crowd was answered with a packet of type ${type}`);
    }
    return true;
  }

  /**
   * Makes connections with one call each, and waits until the last call has ended.
   *
   * @param {{ first: number, count: number, hosts: number, channels?: number, serviceId?: number }} what `first` is the
   *   number of the first connection; connection i belongs to host i % hosts; `channels` above 1 makes so many calls on each
   * @returns {Promise<void>}
   */
  async make({ first, count, hosts, channels = 1, serviceId = RXPERF_SERVICE_ID }) {
    const packet = requestPacket(serviceId);
    this.#ended = 0;
    const calls = count * channels;
    for (let begun = 0; begun < calls; ) {
      const until = Math.min(begun + BATCH, calls);
      for (; begun < until; begun++) {
        const number = first + Math.floor(begun / channels);
        // The channel is in the low two bits; a second call on channel 0 would be its next.
        packet.writeUInt32BE((number << 2) + (channels > 1 ? begun % channels : 0), 4);
        packet.writeUInt32BE(channels > 1 ? 2 : 1, 8);
        this.#deliver(packet, CROWD_NETWORK + (number % hosts));
      }
      await this.#settle(until);
    }
  }

  // Handlers answer in turns of their own.
  async #settle(wanted) {
    for (let turns = 0; ; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const { header, w3 } of this.#replies.splice(0)) {
        this.#ended++;
        if (!this.isSilent) this.#deliver(acknowledgementOf(header), w3);
      }
      if (this.isSilent ? turns >= 2 : this.#ended >= wanted) return;
      if (turns > BATCH_TURNS_MAX) throw new Error(`${wanted - this.#ended} calls have not been answered`);
    }
  }

  #deliver(packet, w3) {
    this.#remote.family = 4;
    this.#remote.w3 = w3 | 0;
    this.#remote.port = PORT;
    this.#sink.handleDatagram(packet, packet.length, this.#remote);
  }
}

/** @param {number} serviceId */
function requestPacket(serviceId) {
  const body = Buffer.alloc(requestDatagramBytes(PAYLOAD_BYTES) - HEADER_BYTES);
  RXPERF_RPC.forEach((word, i) => {
    body.writeUInt32BE(word, i * 4);
  });
  return makePacket({ type: Type.Data, flags: CLIENT_INITIATED | LAST_PACKET, seq: 1, serviceId }, body);
}

/** @param {Buffer} header of the last packet of a reply */
function acknowledgementOf(header) {
  const fields = {
    epoch: header.readUInt32BE(0),
    cid: header.readUInt32BE(4),
    callNumber: header.readUInt32BE(8),
    serial: 2,
    type: Type.Ack,
    flags: CLIENT_INITIATED,
    serviceId: header.readUInt16BE(26),
  };
  const firstPacket = header.readUInt32BE(12) + 1;
  return makePacket(fields, ackBody({ firstPacket, serial: header.readUInt32BE(16) }));
}
