// Between a server and its socket: how long each call takes from the packet that brings it to life to the end of its reply.
import { HEADER_BYTES, LAST_PACKET, Type } from "./packets.mjs";

const SAMPLES_MAX = 1 << 20;

export class LatencyTap {
  #inner;
  /** @type {Map<number, number>} moment of each call's first packet */
  #begun = new Map();
  #us = new Float64Array(SAMPLES_MAX);
  #count = 0;

  /** @param {import("../../../dist/index.js").DatagramTransport} inner */
  constructor(inner) {
    this.#inner = inner;
  }

  get local() {
    return this.#inner.local;
  }

  get counters() {
    return this.#inner.counters;
  }

  clear() {
    this.#count = 0;
  }

  /** @param {number} q 0 to 1 */
  quantileMs(q) {
    const sorted = this.#us.slice(0, Math.min(this.#count, SAMPLES_MAX)).sort();
    return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) / 1000;
  }

  get count() {
    return this.#count;
  }

  /** @param {import("../../../dist/index.js").DatagramSink} sink */
  open(sink) {
    return this.#inner.open({
      handleDatagram: (bytes, length, remote) => {
        if (length >= HEADER_BYTES && bytes[20] === Type.Data && bytes[15] === 1) {
          const key = keyOf(bytes, 0, remote.port);
          // A call that is offered again began when it was taken, not when it was refused.
          if (!this.#begun.has(key)) this.#begun.set(key, performance.now());
        }
        sink.handleDatagram(bytes, length, remote);
      },
      handleError: (cause) => sink.handleError(cause),
    });
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   * @param {number} length
   * @param {import("../../../dist/util/address.js").Address} remote
   * @param {string} host
   */
  send(bytes, offset, length, remote, host) {
    const type = bytes[offset + 20];
    if (type === Type.Data) {
      if (((bytes[offset + 21] ?? 0) & LAST_PACKET) !== 0) this.#note(keyOf(bytes, offset, remote.port));
    } else if (type === Type.Busy || type === Type.Abort) {
      this.#begun.delete(keyOf(bytes, offset, remote.port));
    }
    return this.#inner.send(bytes, offset, length, remote, host);
  }

  close() {
    return this.#inner.close();
  }

  /** @param {number} key */
  #note(key) {
    const begun = this.#begun.get(key);
    if (begun === undefined) return;
    this.#begun.delete(key);
    this.#us[this.#count++ & (SAMPLES_MAX - 1)] = (performance.now() - begun) * 1000;
  }
}

/**
 * The callers of this rig count their connections from 1, and have one call on a channel: port and cid say which.
 *
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {number} port
 */
function keyOf(bytes, offset, port) {
  return (port * 256 + (bytes[offset + 6] ?? 0)) * 256 + (bytes[offset + 7] ?? 0);
}
