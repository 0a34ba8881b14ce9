// What the driver and a network agree on: datagrams out by send(), datagrams in through a sink. No promise per datagram.
import type { Address } from "../util/address.js";

/** What a transport hands up. Both are called from the socket's own event and must not throw. */
export interface DatagramSink {
  /**
   * One datagram: the first `length` bytes of `bytes`.
   * `bytes` and `remote` are lent until this returns, and not to be changed; whoever keeps them copies them.
   */
  handleDatagram(bytes: Uint8Array, length: number, remote: Address): void;
  /** The network refused what was sent earlier, or receiving failed. The transport goes on. */
  handleError(cause: Error): void;
}

/** Counts since open. They only grow (`queueHighWater` too) and are read, never reset. */
export interface TransportCounters {
  datagramsIn: number;
  bytesIn: number;
  /** Handed to the network, queued ones included. */
  datagramsOut: number;
  bytesOut: number;
  /** Refused by the operating system, or not sendable. Each is one datagram lost. */
  sendErrors: number;
  /** Dropped here because the queue stood at its cap. */
  sendDrops: number;
  /** Most bytes that ever waited for the network to take them. */
  queueHighWater: number;
}

/** A datagram network as seen from one local port. */
export interface DatagramTransport {
  /** The bound address once open() has resolved. */
  readonly local: Address;
  readonly counters: TransportCounters;
  /**
   * Binds and begins to receive. After a failure it may be called again.
   * @throws RxError `RX_ERR_SOCKET` when the system refuses, `RX_ERR_SOCKET_CLOSED` after close()
   */
  open(sink: DatagramSink): Promise<void>;
  /**
   * Sends now. The bytes are the caller's again when it returns, whatever it returned.
   *
   * @param host the text form of `remote`, which the caller keeps so that it is not made for each datagram
   * @returns false when the datagram was dropped here (queue at its cap, closed, refused): to the protocol that is loss
   */
  send(bytes: Uint8Array, offset: number, length: number, remote: Address, host: string): boolean;
  /** Ends it; queued datagrams are dropped and the sink is called no more. Any number of times. */
  close(): Promise<void>;
}

/** Counters at zero. */
export function newTransportCounters(): TransportCounters {
  return {
    datagramsIn: 0,
    bytesIn: 0,
    datagramsOut: 0,
    bytesOut: 0,
    sendErrors: 0,
    sendDrops: 0,
    queueHighWater: 0,
  };
}
