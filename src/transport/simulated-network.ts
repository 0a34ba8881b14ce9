// A datagram network inside the process, in virtual time: one seed gives one run, byte for byte.
// Nothing is delivered from within send(); whoever drives the test calls step() or runUntil().
import { Address } from "../util/address.js";
import { assert } from "../util/assert.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { ManualClock, type Scheduler } from "./clock.js";
import { EventQueue, type TimedEvent } from "./event-queue.js";
import { type FaultSettings, LinkFaults } from "./link-faults.js";
import { Prng } from "./prng.js";
import { type DatagramSink, type DatagramTransport, newTransportCounters } from "./transport.js";

export interface SimulatedNetworkOptions {
  /** Everything that happens follows from it. */
  readonly seed: number;
  /** What each link starts with. Default: no faults. */
  readonly faults?: Partial<FaultSettings>;
  /** Where the clock starts, microseconds. Default 0. */
  readonly startUs?: number;
  /** Byte that a buffer is filled with once its datagram has been delivered. Default 0xdb. */
  readonly poison?: number;
}

const POISON = 0xdb;

// A run that needs more events than this goes round in a circle at one instant.
const RUN_EVENTS_MAX = 50_000_000;

// Fits a datagram of an Ethernet path; longer ones get memory of their own.
const POOLED_BYTES = 2048;

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

class Flight implements TimedEvent {
  atUs = 0;
  order = 0;
  /** Set for a call of after(); all else is then unused. */
  run: (() => void) | undefined = undefined;
  bytes = new Uint8Array(POOLED_BYTES);
  length = 0;
  readonly from = new Address();
  readonly to = new Address();
}

/** The network. Ports are attached to it; each pair of addresses has a link of its own in each direction. */
export class SimulatedNetwork implements Scheduler {
  readonly #clock: ManualClock;
  readonly #prng: Prng;
  readonly #poison: number;
  readonly #faults: Partial<FaultSettings>;
  readonly #queue = new EventQueue<Flight>();
  readonly #spare: Flight[] = [];
  readonly #ports = new Map<string, SimulatedPort>();
  readonly #links = new Map<string, LinkFaults>();
  #traceHash = FNV_OFFSET;
  #deliveries = 0;

  /** @throws RxOptionError for faults outside their ranges */
  constructor(options: SimulatedNetworkOptions) {
    this.#clock = new ManualClock(options.startUs ?? 0);
    this.#prng = new Prng(options.seed);
    this.#poison = options.poison ?? POISON;
    this.#faults = { ...options.faults };
    new LinkFaults(this.#prng).configure(this.#faults);
  }

  nowUs(): number {
    return this.#clock.nowUs();
  }

  /** When something happens next, Infinity when nothing is under way. */
  get nextAtUs(): number {
    return this.#queue.nextAtUs;
  }

  /** Datagrams delivered so far. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** Over time, addresses and bytes of every delivery: equal for runs that were equal. */
  get traceHash(): number {
    return this.#traceHash;
  }

  /**
   * A port at this address, to be opened by whoever uses it.
   *
   * @param connect the one peer it talks to; sending to an address where nobody is open then gives ECONNREFUSED
   * @throws RxOptionError when `host` is no literal address
   */
  attach(host: string, port: number, connect?: Address): SimulatedPort {
    const address = Address.from(host, port);
    if (address === undefined) throw new RxOptionError("host", "an IP address", host);
    return new SimulatedPort(this, address, connect);
  }

  /** The faults from one address to another, which are changed through it. */
  link(from: Address, to: Address): LinkFaults {
    const key = `${from.toString()} ${to.toString()}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new LinkFaults(this.#prng.fork(), this.#faults);
      this.#links.set(key, link);
    }
    return link;
  }

  /** Changes faults on every link, present and to come. @throws RxOptionError, with nothing changed */
  configure(changes: Partial<FaultSettings>): void {
    new LinkFaults(this.#prng).configure(changes);
    Object.assign(this.#faults, changes);
    for (const link of this.#links.values()) link.configure(changes);
  }

  /** Ends all faults and delays, for the phase in which everything must come to an end. */
  heal(): void {
    for (const key of Object.keys(this.#faults)) delete this.#faults[key as keyof FaultSettings];
    for (const link of this.#links.values()) link.heal();
  }

  after(delayUs: number, run: () => void): () => void {
    const flight = this.#take();
    flight.run = run;
    this.#put(flight, this.nowUs() + delayUs);
    const order = flight.order;
    return () => {
      if (flight.order === order && flight.run === run) flight.run = nothing;
    };
  }

  /** Lets the next thing happen, at its time. @returns false when nothing is under way */
  step(): boolean {
    const flight = this.#queue.pop();
    if (flight === undefined) return false;
    this.#clock.advanceTo(flight.atUs);
    if (flight.run === undefined) this.#deliver(flight);
    else flight.run();
    this.#give(flight);
    return true;
  }

  /** Lets happen what is due up to this time, and sets the clock to it. Infinity: until nothing is under way. */
  runUntil(untilUs: number): void {
    let events = 0;
    while (this.#queue.nextAtUs <= untilUs && this.step()) {
      assert(++events < RUN_EVENTS_MAX, "the simulated network does not come to rest");
    }
    if (untilUs !== Number.POSITIVE_INFINITY) this.#clock.advanceTo(untilUs);
  }

  /** @internal for SimulatedPort. @returns false when another one is there */
  enter(port: SimulatedPort, address: Address): boolean {
    const key = address.toString();
    if (this.#ports.has(key)) return false;
    this.#ports.set(key, port);
    return true;
  }

  /** @internal for SimulatedPort */
  leave(port: SimulatedPort, address: Address): void {
    const key = address.toString();
    if (this.#ports.get(key) === port) this.#ports.delete(key);
  }

  /** @internal for SimulatedPort */
  carry(bytes: Uint8Array, offset: number, length: number, from: Address, to: Address): void {
    const link = this.link(from, to);
    if (link.isLost(length)) return;
    const nowUs = this.nowUs();
    this.#send(link, link.arrivalUs(nowUs), bytes, offset, length, from, to);
    if (link.isCopied()) this.#send(link, link.arrivalUs(nowUs), bytes, offset, length, from, to);
    const replayUs = link.replayAtUs(nowUs);
    if (replayUs !== Number.POSITIVE_INFINITY) this.#send(link, replayUs, bytes, offset, length, from, to);
  }

  #send(
    link: LinkFaults,
    atUs: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    from: Address,
    to: Address,
  ): void {
    const flight = this.#take();
    if (flight.bytes.length < length) flight.bytes = new Uint8Array(length);
    flight.bytes.set(bytes.subarray(offset, offset + length));
    flight.length = length;
    flight.from.copyFrom(from);
    flight.to.copyFrom(to);
    link.damage(flight.bytes, length);
    this.#put(flight, atUs);
  }

  #deliver(flight: Flight): void {
    this.#trace(flight);
    const port = this.#ports.get(flight.to.toString());
    if (port === undefined) {
      this.#ports.get(flight.from.toString())?.handleRefused(flight.to);
      return;
    }
    this.#deliveries++;
    port.handleArrival(flight.bytes, flight.length, flight.from);
  }

  #trace(flight: Flight): void {
    let hash = this.#traceHash;
    hash = mix(hash, flight.atUs | 0);
    hash = mix(hash, (flight.atUs / 0x1_0000_0000) | 0);
    hash = mix(hash, flight.from.w3 ^ flight.from.port);
    hash = mix(hash, flight.to.w3 ^ flight.to.port);
    for (let i = 0; i < flight.length; i++) hash = Math.imul(hash ^ (flight.bytes[i] as number), FNV_PRIME);
    this.#traceHash = hash;
  }

  #take(): Flight {
    return this.#spare.pop() ?? new Flight();
  }

  #put(flight: Flight, atUs: number): void {
    flight.atUs = atUs;
    this.#queue.push(flight);
  }

  // Poisoned, so that whoever kept lent bytes reads nonsense at once and not on a bad day.
  #give(flight: Flight): void {
    flight.run = undefined;
    if (flight.bytes.length > POOLED_BYTES) flight.bytes = new Uint8Array(POOLED_BYTES);
    else flight.bytes.fill(this.#poison, 0, flight.length);
    flight.length = 0;
    this.#spare.push(flight);
  }
}

/** One address of a simulated network as a transport. open() and close() take effect before they return. */
export class SimulatedPort implements DatagramTransport {
  readonly local = new Address();
  readonly counters = newTransportCounters();
  /** While true, every send is refused as with a full queue. */
  isBlocked = false;

  readonly #network: SimulatedNetwork;
  readonly #connect: Address | undefined;
  #sink: DatagramSink | undefined;
  #isClosed = false;

  constructor(network: SimulatedNetwork, address: Address, connect: Address | undefined) {
    this.#network = network;
    this.#connect = connect;
    this.local.copyFrom(address);
  }

  open(sink: DatagramSink): Promise<void> {
    if (this.#isClosed) return Promise.reject(new RxError("RX_ERR_SOCKET_CLOSED", "the transport is closed"));
    if (this.#sink !== undefined) {
      return Promise.reject(new RxError("RX_ERR_SOCKET", "the transport is open already"));
    }
    if (!this.#network.enter(this, this.local)) return Promise.reject(takenError(this.local));
    this.#sink = sink;
    return Promise.resolve();
  }

  send(bytes: Uint8Array, offset: number, length: number, remote: Address, _host: string): boolean {
    if (this.#sink === undefined) return false;
    if (this.isBlocked) {
      this.counters.sendDrops++;
      return false;
    }
    if (remote.port === 0 || (this.#connect !== undefined && !this.#connect.equals(remote))) {
      this.counters.sendErrors++;
      return false;
    }
    this.counters.datagramsOut++;
    this.counters.bytesOut += length;
    this.#network.carry(bytes, offset, length, this.local, remote);
    return true;
  }

  close(): Promise<void> {
    if (this.#sink !== undefined) this.#network.leave(this, this.local);
    this.#sink = undefined;
    this.#isClosed = true;
    return Promise.resolve();
  }

  /** Goes on at another address, as behind a router that forgot it; what is under way to the old one is lost. */
  move(host: string, port: number): void {
    const next = Address.from(host, port);
    if (next === undefined) throw new RxOptionError("host", "an IP address", host);
    if (this.#sink !== undefined) {
      if (!this.#network.enter(this, next)) throw takenError(next);
      this.#network.leave(this, this.local);
    }
    this.local.copyFrom(next);
  }

  /** @internal for SimulatedNetwork */
  handleArrival(bytes: Uint8Array, length: number, from: Address): void {
    if (this.#sink === undefined || (this.#connect !== undefined && !this.#connect.equals(from))) return;
    this.counters.datagramsIn++;
    this.counters.bytesIn += length;
    this.#sink.handleDatagram(bytes, length, from);
  }

  /** @internal for SimulatedNetwork */
  handleRefused(to: Address): void {
    if (this.#connect === undefined || !this.#connect.equals(to)) return;
    const refused = Object.assign(new Error(`connect ECONNREFUSED ${to.toString()}`), {
      code: "ECONNREFUSED",
    });
    this.#sink?.handleError(refused);
  }
}

function takenError(address: Address): RxError {
  return new RxError("RX_ERR_SOCKET", `${address.toString()} is taken`);
}

function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, FNV_PRIME);
}

function nothing(): void {}
