// Drives one endpoint over one transport: datagrams in, the event cache once per turn, datagrams out once per step, one timer.

import type { EndpointOptions } from "../core/config.js";
import { Endpoint } from "../core/endpoint.js";
import type { EndpointHost } from "../core/local.js";
import { TRANSMIT_ROOM, Transmit } from "../core/output.js";
import type { RandomSource } from "../core/random-source.js";
import type { SecurityClass } from "../core/security-class.js";
import { EventCache } from "../loop/event-cache.js";
import type { Address } from "../util/address.js";
import { CID_MASK, HEADER_SIZE, PacketHeader, readHeader } from "../wire/header.js";
import { PacketFlag } from "../wire/packet-type.js";
import type { Loop } from "./loop.js";
import type { DatagramSink, DatagramTransport } from "./transport.js";

const NEVER = Number.POSITIVE_INFINITY;
// Node's timers take no longer delay; a later deadline is looked at again on the way.
const DELAY_MAX_US = 60_000_000;
// Datagrams that leave in one flush before the loop turns: the rest follows in the next.
const FLUSH_MAX = 1_024;
// Items of the event cache between two flushes. Calls/s at 16 outstanding between two Node processes: 35-44 000 undivided,
// 63-74 000 by 4, 57-60 000 by 2, 46-57 000 by 1. C client with 4 and 8 threads: 20 700 and 31 000 undivided, 24 000 and
// 32 500 by 2, 23 600 and 34 000 by 1.
const ITEMS_PER_STEP = 2;

export interface DriverParts {
  readonly transport: DatagramTransport;
  readonly loop: Loop;
  readonly random: RandomSource;
  readonly security: readonly SecurityClass[];
  readonly options?: EndpointOptions;
  /** Receives what a notifier or listener of the user's threw. */
  readonly onFault: (cause: unknown) => void;
  /** Receives errors of the socket. */
  readonly onError: (cause: Error) => void;
  /**
   * Whether the timer is moved and an immediate set only when what is wanted differs from what is set. Default true; false
   * shows in benchmarks what that saves.
   */
  readonly changesOnlyWhatDiffers?: boolean;
}

export class Driver implements DatagramSink, EndpointHost {
  readonly endpoint: Endpoint;
  readonly events: EventCache;
  readonly transport: DatagramTransport;
  readonly #loop: Loop;
  readonly #onError: (cause: Error) => void;
  readonly #changesOnlyWhatDiffers: boolean;
  readonly #out: Transmit;
  /** Text form of each peer's address, by its place in the table, and the life of the peer it belongs to. */
  readonly #hosts: string[] = [];
  readonly #hostLives: number[] = [];
  readonly #quoted = new PacketHeader();
  readonly #drain: () => void;
  readonly #goOn: () => void;
  readonly #flush: () => void;
  readonly #expire: () => void;
  #isFlushArmed = false;
  /** Armed for the end of the current callback, and not for the next turn. */
  #isTickArmed = false;
  #isClosed = false;
  #cancelTimer: (() => void) | null = null;
  #timerUs = NEVER;
  #timerArms = 0;
  #immediates = 0;

  constructor(parts: DriverParts) {
    this.transport = parts.transport;
    this.#out = new Transmit(parts.transport.room?.bytes ?? Buffer.alloc(TRANSMIT_ROOM));
    this.#loop = parts.loop;
    this.#onError = parts.onError;
    this.#changesOnlyWhatDiffers = parts.changesOnlyWhatDiffers ?? true;
    this.#drain = () => this.#runDrain();
    this.#goOn = () => this.#loop.tick(this.#drain);
    this.#flush = () => this.#runFlush();
    this.#expire = () => this.#runTimers();
    this.events = new EventCache({
      nowUs: () => this.#loop.nowUs(),
      arm: () => {
        this.#immediates++;
        this.#loop.turn(this.#drain);
      },
      onFault: parts.onFault,
      armsOnce: this.#changesOnlyWhatDiffers,
    });
    this.endpoint = new Endpoint({
      ...(parts.options === undefined ? {} : { options: parts.options }),
      random: parts.random,
      events: this.events,
      host: this,
      security: parts.security,
    });
    this.endpoint.advance(parts.loop.nowUs());
  }

  /** How often a timer and an immediate were set: each costs about a microsecond. */
  get counters(): { readonly timerArms: number; readonly immediates: number } {
    return { timerArms: this.#timerArms, immediates: this.#immediates };
  }

  async open(): Promise<void> {
    await this.transport.open(this);
    this.endpoint.local.ownAddress = this.transport.local;
  }

  /** Sends what is due, then closes the transport. Safe to call twice. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#runFlush();
      this.#isClosed = true;
      if (this.#cancelTimer !== null) this.#cancelTimer();
      this.#cancelTimer = null;
    }
    await this.transport.close();
  }

  /** Tells the endpoint the time; before commands from outside the loop's own callbacks. */
  advance(): void {
    this.endpoint.advance(this.#loop.nowUs());
  }

  handleDatagram(bytes: Uint8Array, length: number, remote: Address): void {
    if (this.#isClosed) return;
    // A batch brings many before the next tick: what one asked for is written before the next one can change that. An
    // answer to a PING would get lost when the call's end came with it.
    if (this.#isTickArmed) this.#sendAll();
    this.endpoint.handleDatagram(this.#loop.nowUs(), remote, bytes, length);
  }

  handleError(cause: Error): void {
    this.#onError(cause);
  }

  // Believed only with the ids of a connection of ours to that very peer in it: they are random, and so who has not seen
  // our packets cannot end a call.
  handleUnreachable(remote: Address, quote: Uint8Array, length: number): void {
    if (this.#isClosed || length < HEADER_SIZE) return;
    const header = this.#quoted;
    readHeader(quote, 0, header);
    if ((header.flags & PacketFlag.ClientInitiated) === 0) return;
    const { connections } = this.endpoint.local;
    const connection = connections.find(header.epoch, header.cid & CID_MASK, false);
    if (connection?.peer?.address.equals(remote) !== true) return;
    this.advance();
    this.endpoint.handleNetworkError(remote);
  }

  wantTransmit(): void {
    if (this.#isFlushArmed || this.#isClosed) return;
    this.#isFlushArmed = true;
    this.#isTickArmed = true;
    this.#loop.tick(this.#flush);
  }

  // Only an earlier deadline moves the timer; a later one is found when it fires.
  wantTimer(): void {
    const dueUs = this.endpoint.nextTimeoutUs();
    if (this.#isClosed || (dueUs >= this.#timerUs && this.#changesOnlyWhatDiffers)) return;
    this.#armTimer(dueUs);
  }

  // A turn goes by steps of a few items. Between two, what the items have begun runs as far as it can (a tick that is asked
  // for from a microtask comes after all microtasks), and what it wrote leaves: the peers work on it meanwhile.
  #runDrain(): void {
    if (this.#isClosed) return;
    if (this.#isFlushArmed) this.#runFlush();
    this.endpoint.advance(this.#loop.nowUs());
    if (this.events.drainStep(ITEMS_PER_STEP)) this.#loop.microtask(this.#goOn);
  }

  #runFlush(): void {
    this.#isFlushArmed = false;
    this.#isTickArmed = false;
    if (this.#isClosed) return;
    const isDry = this.#sendAll();
    this.transport.flush?.();
    if (isDry) return;
    this.#loop.turn(this.#flush);
    this.#isFlushArmed = true;
  }

  /** @returns false when there is more than one flush may send */
  #sendAll(): boolean {
    const { endpoint, transport } = this;
    const { room } = transport;
    const out = this.#out;
    endpoint.advance(this.#loop.nowUs());
    for (let sent = 0; sent < FLUSH_MAX; sent++) {
      if (room !== undefined) out.offset = room.offset;
      if (!endpoint.pollTransmit(out)) return true;
      transport.send(out.bytes, out.offset, out.length, out.remote, this.#hostOf(out));
    }
    return false;
  }

  #hostOf(out: Transmit): string {
    const at = out.peerIndex;
    if (at < 0) return out.remote.format();
    if (this.#hostLives[at] === out.peerGeneration) return this.#hosts[at] as string;
    const host = out.remote.format();
    this.#hosts[at] = host;
    this.#hostLives[at] = out.peerGeneration;
    return host;
  }

  #runTimers(): void {
    this.#cancelTimer = null;
    this.#timerUs = NEVER;
    if (this.#isClosed) return;
    this.endpoint.handleTimeout(this.#loop.nowUs());
    const dueUs = this.endpoint.nextTimeoutUs();
    if (dueUs < this.#timerUs) this.#armTimer(dueUs);
  }

  #armTimer(dueUs: number): void {
    if (this.#cancelTimer !== null) this.#cancelTimer();
    this.#timerUs = dueUs;
    this.#cancelTimer = null;
    if (dueUs === NEVER) return;
    const delayUs = Math.min(Math.max(dueUs - this.#loop.nowUs(), 0), DELAY_MAX_US);
    this.#cancelTimer = this.#loop.after(delayUs, this.#expire);
    this.#timerArms++;
  }
}
