// Rx packets written by hand, with every field open to be wrong; and a small source of numbers that a seed repeats.

export const HEADER_BYTES = 28;
export const CLIENT_INITIATED = 1;
export const LAST_PACKET = 4;

export const Type = {
  Data: 1,
  Ack: 2,
  Busy: 3,
  Abort: 4,
  AckAll: 5,
  Challenge: 6,
  Response: 7,
  Debug: 8,
  Version: 13,
};

export const Reason = { Ping: 6, PingResponse: 7, Idle: 9 };

const ACK_BYTES = 18 + 3 + 16;

/**
 * @typedef {object} Fields
 * @property {number} [epoch]
 * @property {number} [cid]
 * @property {number} [callNumber]
 * @property {number} [seq]
 * @property {number} [serial]
 * @property {number} type
 * @property {number} [flags]
 * @property {number} [securityIndex]
 * @property {number} [serviceId]
 */

/**
 * @param {Fields} fields
 * @param {Uint8Array} [body]
 */
export function makePacket(fields, body = new Uint8Array(0)) {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  bytes.writeUInt32BE((fields.epoch ?? 0x9abc_def0) >>> 0, 0);
  bytes.writeUInt32BE((fields.cid ?? 0) >>> 0, 4);
  bytes.writeUInt32BE((fields.callNumber ?? 1) >>> 0, 8);
  bytes.writeUInt32BE((fields.seq ?? 0) >>> 0, 12);
  bytes.writeUInt32BE((fields.serial ?? 1) >>> 0, 16);
  bytes[20] = fields.type;
  bytes[21] = fields.flags ?? 0;
  bytes[23] = fields.securityIndex ?? 0;
  bytes.writeUInt16BE(fields.serviceId ?? 0, 26);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/**
 * The body of an ACK with all four words behind it.
 *
 * @param {{ firstPacket?: number, serial?: number, reason?: number }} fields
 */
export function ackBody({ firstPacket = 1, serial = 0, reason = Reason.Idle }) {
  const body = Buffer.alloc(ACK_BYTES);
  body.writeUInt32BE(firstPacket, 4);
  body.writeUInt32BE(firstPacket - 1, 8);
  body.writeUInt32BE(serial >>> 0, 12);
  body[16] = reason;
  body.writeUInt32BE(1444, 21);
  body.writeUInt32BE(1444, 25);
  body.writeUInt32BE(32, 29);
  body.writeUInt32BE(1, 33);
  return body;
}

/** A sequence of numbers that its seed repeats. */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = (Math.imul(seed + 1, 0x9e37_79b1) ^ 0x5bd1_e995) >>> 0;
  }

  /** 32 bits. */
  next() {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** @param {number} count @returns an integer from 0 to count - 1 */
  below(count) {
    return Math.floor((this.next() / 2 ** 32) * count);
  }

  /** @param {number} length */
  bytes(length) {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }
}
