// UDP over dgram-as-promised: it makes, binds and closes the socket; datagrams pass by its public `.socket`,
// without a promise or an object of ours per datagram.

import type { RemoteInfo, Socket, SocketType } from "node:dgram";
import { DgramAsPromised, type SocketAsPromised } from "dgram-as-promised";
import { Address } from "../util/address.js";
import { SendScratch } from "./send-scratch.js";
import { type DatagramSink, type DatagramTransport, newTransportCounters } from "./transport.js";
import { resolveEnds } from "./udp-ends.js";
import {
  closedError,
  DATAGRAM_MAX_BYTES,
  errorCode,
  openError,
  toRxError,
  type UdpOptions,
  UdpSettings,
} from "./udp-options.js";

export type { UdpOptions } from "./udp-options.js";

const SMALLEST_BUFFER_BYTES = 64 * 1024;

// A completion callback costs a process.nextTick, 165 ns of the 3.9 us that a send takes on Node 20. Without one a
// refusal goes unseen, so one send in 16 is watched, and after a refusal every one of the next 1,024. On a connected
// socket, sends with nothing heard between them are watched too: the second one may be told ECONNREFUSED, which no one
// is told again. The first cannot take it from the `error` event.
const WATCH_MASK = 15;
const WATCH_AFTER_ERROR = 1024;

const UdpState = { Idle: 0, Opening: 1, Open: 2, Closed: 3 } as const;
type UdpState = (typeof UdpState)[keyof typeof UdpState];

/** A UDP socket as a DatagramTransport, bound or connected, IPv4 or IPv6. */
export class UdpTransport implements DatagramTransport {
  readonly local = new Address();
  readonly counters = newTransportCounters();
  /** The socket buffers as the system reports them (Linux shows twice what it granted); 0 while unknown. */
  readonly granted = { recvBufferBytes: 0, sendBufferBytes: 0 };

  readonly #options: UdpOptions;
  readonly #settings: UdpSettings;
  readonly #scratch = new SendScratch();
  readonly #remote = new Address();
  readonly #onMessage = (message: Buffer, info: RemoteInfo): void => this.#receive(message, info);
  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#handleSendError(error);
  };

  #state: UdpState = UdpState.Idle;
  #bound: SocketAsPromised | undefined;
  #socket: Socket | undefined;
  #sink: DatagramSink | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #peer: Address | undefined;
  #isIpv6 = false;
  #isQueueing = false;
  #hasHeard = false;
  #watchSends = 0;
  #remoteHost = "";
  #mappedFrom = "";
  #mappedHost = "";

  /** @throws RxOptionError */
  constructor(options: UdpOptions = {}) {
    this.#settings = new UdpSettings(options);
    this.#options = options;
  }

  async open(sink: DatagramSink): Promise<void> {
    if (this.#state === UdpState.Closed) throw closedError();
    if (this.#state !== UdpState.Idle) throw openError();
    this.#state = UdpState.Opening;
    this.#opening = this.#open(sink);
    await this.#opening;
  }

  send(bytes: Uint8Array, offset: number, length: number, remote: Address, host: string): boolean {
    const socket = this.#socket;
    if (socket === undefined) return false;
    const counters = this.counters;
    if (remote.port === 0 || length > DATAGRAM_MAX_BYTES || !this.#canReach(remote)) {
      counters.sendErrors++;
      return false;
    }
    // libuv keeps the memory of what the system did not take at once, and only our own sends can make that queue grow.
    // So while it is empty one scratch serves every datagram, and it is asked for its length once after each.
    if (this.#isQueueing && !this.#checkQueue(socket, length)) return false;
    const view = this.#isQueueing
      ? this.#scratch.fresh(bytes, offset, length)
      : this.#scratch.fill(bytes, offset, length);
    const isWatched = this.#isWatchDue();
    try {
      if (this.#peer !== undefined) {
        if (isWatched) socket.send(view, this.#onSent);
        else socket.send(view);
      } else {
        const to = this.#isIpv6 && remote.family === 4 ? this.#mapped(host) : host;
        if (isWatched) socket.send(view, remote.port, to, this.#onSent);
        else socket.send(view, remote.port, to);
      }
    } catch {
      counters.sendErrors++;
      return false;
    }
    counters.datagramsOut++;
    counters.bytesOut += length;
    if (socket.getSendQueueCount() !== 0) this.#noteQueue(socket);
    return true;
  }

  /** The one peer of a connected socket, once open; null for others. */
  get peer(): Address | null {
    return this.#peer ?? null;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(sink: DatagramSink): Promise<void> {
    let made: SocketAsPromised | undefined;
    try {
      const ends = await resolveEnds(this.#options.host, this.#options.connect);
      made = this.#createSocket(ends.type);
      const bound = await made.bind({ port: this.#settings.port, address: ends.host, exclusive: true });
      if (ends.peer !== undefined) await connectSocket(made.socket, ends.peer.port, ends.peerHost);
      if (this.#isClosed()) throw closedError();
      const name = ends.peer === undefined ? bound : made.address();
      this.local.parseHost(name.address);
      this.local.port = name.port;
      this.#isIpv6 = ends.type === "udp6";
      this.#peer = ends.peer;
      this.#askForBuffers(made.socket);
      this.#bound = made;
      this.#socket = made.socket;
      this.#sink = sink;
      this.#state = UdpState.Open;
    } catch (error) {
      // A socket whose bind failed cannot be bound again; the next open() makes its own.
      if (made !== undefined) await closeSocket(made);
      if (!this.#isClosed()) this.#state = UdpState.Idle;
      throw toRxError(error, this.#options);
    }
  }

  async #close(): Promise<void> {
    const bound = this.#bound;
    this.#state = UdpState.Closed;
    this.#bound = undefined;
    this.#socket = undefined;
    this.#sink = undefined;
    if (bound !== undefined) await closeSocket(bound);
    // An open() under way sees the state when it comes back, and closes what it made.
    await this.#opening?.catch(ignore);
  }

  // Through a method, since the state changes during an await where the compiler cannot see it.
  #isClosed(): boolean {
    return this.#state === UdpState.Closed;
  }

  #createSocket(type: SocketType): SocketAsPromised {
    const made = DgramAsPromised.createSocket({
      type,
      lookup: answerLiteral,
      ...(type === "udp6" ? { ipv6Only: this.#settings.ipv6Only } : {}),
      ...(this.#options.dgram === undefined ? {} : { dgram: this.#options.dgram }),
    });
    // All three before bind: an `error` with no listener ends the process.
    made.socket.on("error", (error: Error) => {
      this.#sink?.handleError(error);
    });
    made.socket.on("message", this.#onMessage);
    made.socket.on("close", () => {
      if (this.#socket === made.socket) this.#socket = undefined;
    });
    return made;
  }

  #askForBuffers(socket: Socket): void {
    this.granted.recvBufferBytes = grantedBytes(this.#settings.recvBufferBytes, (bytes) => {
      socket.setRecvBufferSize(bytes);
      return socket.getRecvBufferSize();
    });
    this.granted.sendBufferBytes = grantedBytes(this.#settings.sendBufferBytes, (bytes) => {
      socket.setSendBufferSize(bytes);
      return socket.getSendBufferSize();
    });
  }

  #receive(message: Buffer, info: RemoteInfo): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const remote = this.#remote;
    // Most datagrams come from where the last one came from.
    if (info.address !== this.#remoteHost) {
      if (!remote.parseHost(info.address)) return;
      this.#remoteHost = info.address;
    }
    remote.port = info.port;
    this.#hasHeard = true;
    this.counters.datagramsIn++;
    this.counters.bytesIn += message.length;
    sink.handleDatagram(message, message.length, remote);
  }

  #isWatchDue(): boolean {
    const hasHeard = this.#hasHeard;
    this.#hasHeard = false;
    if (this.#watchSends > 0) {
      this.#watchSends--;
      return true;
    }
    return (this.counters.datagramsOut & WATCH_MASK) === 0 || (this.#peer !== undefined && !hasHeard);
  }

  #canReach(remote: Address): boolean {
    if (this.#peer !== undefined) return this.#peer.equals(remote);
    return this.#isIpv6 || remote.family === 4;
  }

  /** Looks whether the queue has gone, or has room. @returns false when the datagram must be dropped */
  #checkQueue(socket: Socket, length: number): boolean {
    const queued = socket.getSendQueueSize();
    if (socket.getSendQueueCount() === 0) {
      this.#isQueueing = false;
    } else if (queued + length > this.#settings.sendQueueMaxBytes) {
      this.counters.sendDrops++;
      return false;
    }
    return true;
  }

  #noteQueue(socket: Socket): void {
    this.#isQueueing = true;
    const queued = socket.getSendQueueSize();
    if (queued > this.counters.queueHighWater) this.counters.queueHighWater = queued;
  }

  // An IPv6 socket reaches IPv4 hosts by their mapped form only.
  #mapped(host: string): string {
    if (host !== this.#mappedFrom) {
      this.#mappedFrom = host;
      this.#mappedHost = `::ffff:${host}`;
    }
    return this.#mappedHost;
  }

  #handleSendError(error: Error): void {
    this.counters.sendErrors++;
    this.#watchSends = WATCH_AFTER_ERROR;
    // The answer to an earlier datagram, which the system delivers through whichever call comes next. Any other
    // refusal is one datagram lost and nothing more.
    if (this.#peer !== undefined && errorCode(error) === "ECONNREFUSED") this.#sink?.handleError(error);
  }
}

// Only literals reach the socket, so its own lookup, which would go through a thread and a later turn, is not needed.
function answerLiteral(
  host: string,
  options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, host, options === 6 ? 6 : 4);
}

function connectSocket(socket: Socket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The callback is called with the error when there is one, which the declared type leaves out.
    const done = (error?: Error): void => (error === undefined || error === null ? resolve() : reject(error));
    socket.connect(port, host, done);
  });
}

// For a failure that someone else is told of.
function ignore(): void {}

// Closing what is closed throws in Node; here it has simply happened.
async function closeSocket(bound: SocketAsPromised): Promise<void> {
  try {
    await bound.close();
  } catch {
    return;
  }
}

// Linux grants less in silence; others refuse, so smaller sizes are tried. A socket with a small buffer still works.
function grantedBytes(wanted: number, ask: (bytes: number) => number): number {
  for (let bytes = wanted; ; bytes = Math.floor(bytes / 2)) {
    try {
      return ask(bytes);
    } catch {
      if (bytes <= SMALLEST_BUFFER_BYTES) return 0;
    }
  }
}
