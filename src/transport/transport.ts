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
  /**
   * The network says that a datagram sent to `remote` did not get there. `quote` is how it began, as much as came back:
   * the first `length` bytes, lent until this returns. Anybody who guesses an address can forge such a message; only who
   * has seen the datagram knows what was in it.
   */
  handleUnreachable?(remote: Address, quote: Uint8Array, length: number): void;
}

/** Memory that the next datagram may be written into, so that nothing has to be copied. Whoever does so calls flush(). */
export interface SendRoom {
  readonly bytes: Uint8Array;
  /** Where, with room for the largest datagram behind it. Moves with each send(). */
  readonly offset: number;
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
  /** Reported by the network for datagrams sent earlier, whatever became of it. Sockets of Node's are not told. */
  networkErrors: number;
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
   * Sends, now or by flush(). The bytes are the caller's again when it returns, whatever it returned.
   *
   * @param host the text form of `remote`, which the caller keeps so that it is not made for each datagram
   * @returns false when the datagram was dropped here (queue at its cap, closed, refused): to the protocol that is loss
   */
  send(bytes: Uint8Array, offset: number, length: number, remote: Address, host: string): boolean;
  /** Where the next datagram is best written, for a transport that collects them. */
  readonly room?: SendRoom;
  /** Sends what was collected. What was not written into `room` leaves by itself when the current callback has ended. */
  flush?(): void;
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
    networkErrors: 0,
  };
}
