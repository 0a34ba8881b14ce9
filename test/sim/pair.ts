// Production endpoints in virtual time: driven as transport/driver.ts drives them, over the seeded SimulatedNetwork.
// One seed gives one run, byte for byte.
import type { EndpointOptions } from "../../src/core/config.js";
import { Endpoint } from "../../src/core/endpoint.js";
import type { EndpointHost } from "../../src/core/local.js";
import { TRANSMIT_ROOM, Transmit } from "../../src/core/output.js";
import type { SecurityClass } from "../../src/core/security-class.js";
import { EventCache } from "../../src/loop/event-cache.js";
import { NO_BUFFER } from "../../src/memory/buffer-pool.js";
import { nullSecurity } from "../../src/security/null.js";
import type { FaultSettings } from "../../src/transport/link-faults.js";
import { Prng } from "../../src/transport/prng.js";
import { SimulatedNetwork, type SimulatedPort } from "../../src/transport/simulated-network.js";
import type { DatagramSink } from "../../src/transport/transport.js";
import type { Address } from "../../src/util/address.js";
import { describePacket } from "../../src/wire/describe.js";
import { type CheckedEndpoint, StepChecker } from "./checkers.js";
import type { StateWatch } from "./state-watch.js";
import { EndWatch, type WireWatch } from "./wire-watch.js";

const NEVER = Number.POSITIVE_INFINITY;
// A settled step sends fewer; more says that two ends talk to themselves.
const SETTLE_MAX = 200_000;
const TRACE_LINES = 200;
// The costly comparison of all counts with what they count runs at every so many-th step.
const CHECK_STRIDE = 128;

export interface SimulationOptions {
  readonly seed: number;
  readonly faults?: Partial<FaultSettings>;
  /** Where the clock starts. Default 2^33 us, where times no longer fit small integers. */
  readonly startUs?: number;
  /** Byte that memory is filled with before the core writes to it. */
  readonly poison?: number;
  /** Keeps the last packets as text. */
  readonly hasTrace?: boolean;
  /** Takes each line of the trace as it comes, instead of keeping the last ones. */
  readonly onTrace?: (line: string) => void;
  /** Looks at every packet that is sent and received. */
  readonly wire?: WireWatch;
  /** Looks at every change of a call's state. */
  readonly states?: StateWatch;
}

export interface EndSettings {
  readonly host: string;
  readonly port: number;
  readonly options?: EndpointOptions;
  readonly security?: readonly SecurityClass[];
}

/** The network, its ends, and the clock that moves them all. */
export class Simulation {
  readonly network: SimulatedNetwork;
  readonly ends: End[] = [];
  readonly trace: string[] = [];
  readonly prng: Prng;
  readonly poison: number;
  readonly hasTrace: boolean;
  readonly wire: WireWatch | null;
  readonly states: StateWatch | null;
  readonly #startUs: number;
  readonly #onTrace: ((line: string) => void) | null;
  #steps = 0;

  constructor(options: SimulationOptions) {
    this.poison = options.poison ?? 0xa5;
    this.hasTrace = options.hasTrace ?? options.onTrace !== undefined;
    this.wire = options.wire ?? null;
    this.states = options.states ?? null;
    this.#startUs = options.startUs ?? 2 ** 33;
    this.#onTrace = options.onTrace ?? null;
    this.prng = new Prng(options.seed ^ 0x5eed);
    this.network = new SimulatedNetwork({
      seed: options.seed,
      startUs: this.#startUs,
      poison: this.poison,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    });
  }

  addEnd(settings: EndSettings): End {
    const end = new End(this, settings);
    this.ends.push(end);
    return end;
  }

  get nowUs(): number {
    return this.network.nowUs();
  }

  /** Virtual time since the start. */
  get elapsedUs(): number {
    return this.nowUs - this.#startUs;
  }

  /** Lets the next thing happen and both ends come to rest. @returns false when nothing is under way */
  step(): boolean {
    if (!this.network.step()) return false;
    for (const end of this.ends) end.settle();
    if (++this.#steps % CHECK_STRIDE === 0) this.check();
    return true;
  }

  /** Runs until `isDone` or until so much virtual time has passed. @returns whether it was done */
  runUntil(isDone: () => boolean, limitUs: number): boolean {
    const endUs = this.nowUs + limitUs;
    while (!isDone()) {
      if (this.network.nextAtUs > endUs || !this.step()) return isDone();
    }
    return true;
  }

  /** Runs for so much virtual time. */
  runFor(durationUs: number): void {
    const endUs = this.nowUs + durationUs;
    this.runUntil(() => false, durationUs);
    this.network.runUntil(endUs);
    this.check();
  }

  check(): void {
    for (const end of this.ends) end.check();
  }

  note(line: string): void {
    if (!this.hasTrace) return;
    if (this.#onTrace !== null) return this.#onTrace(`${(this.elapsedUs / 1e6).toFixed(6)} ${line}`);
    this.trace.push(`${this.elapsedUs} ${line}`);
    if (this.trace.length > TRACE_LINES) this.trace.shift();
  }
}

/** One endpoint on one port of the network. */
export class End implements DatagramSink, EndpointHost, CheckedEndpoint {
  readonly endpoint: Endpoint;
  readonly events: EventCache;
  readonly port: SimulatedPort;
  /** What listeners threw. */
  readonly faults: unknown[] = [];
  readonly #simulation: Simulation;
  readonly #checker = new StepChecker();
  readonly #out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
  #isFlushArmed = false;
  #isDrainArmed = false;
  #timerUs = NEVER;
  #cancelTimer: (() => void) | null = null;
  readonly #watch: EndWatch | null;
  /** Neither flushes nor drains while true, as when the loop is busy elsewhere. */
  isFrozen = false;
  /** Crashed: it does nothing any more, and nobody judges it. */
  isDead = false;
  /** What its clock shows more than the network's. */
  #aheadUs = 0;
  /** How fine its clock is: it stands still between ticks. */
  tickUs = 1;
  /** How late its timer comes each time it is set. */
  lateUs: (() => number) | null = null;
  /** Buffers that are taken from its pool for a while. */
  readonly withheld: number[] = [];
  /** Says of each datagram that this end sends whether it is lost. */
  loses: ((bytes: Uint8Array, offset: number, length: number) => boolean) | null = null;
  /** Sees each datagram that this end sends. */
  watch: ((remote: Address, length: number) => void) | null = null;

  constructor(simulation: Simulation, settings: EndSettings) {
    this.#simulation = simulation;
    this.port = simulation.network.attach(settings.host, settings.port);
    this.events = new EventCache({
      nowUs: () => this.nowUs,
      arm: () => {
        this.#isDrainArmed = true;
      },
      onFault: (cause) => {
        this.faults.push(cause);
      },
    });
    this.endpoint = new Endpoint({
      random: simulation.prng.fork(),
      events: this.events,
      host: this,
      security: settings.security ?? [nullSecurity],
      ...(settings.options === undefined ? {} : { options: settings.options }),
    });
    poisonMemory(this.endpoint, simulation.poison);
    this.#out.bytes.fill(simulation.poison);
    this.#watch = simulation.wire === null ? null : new EndWatch(simulation.wire, this.endpoint);
    simulation.states?.watch(this.endpoint.local.calls);
    this.endpoint.advance(this.nowUs);
    void this.port.open(this);
    this.endpoint.local.ownAddress = this.port.local;
  }

  get address(): Address {
    return this.port.local;
  }

  /** What its own clock shows. */
  get nowUs(): number {
    const exactUs = this.#simulation.nowUs + this.#aheadUs;
    return exactUs - (exactUs % this.tickUs);
  }

  get buffersWithheld(): number {
    return this.withheld.length;
  }

  /** Its clock leaps ahead, as after a stand-still of the machine; timers that are due by then come at once. */
  leap(byUs: number): void {
    this.#aheadUs += byUs;
    if (this.#cancelTimer !== null) this.#armTimer(this.#timerUs);
  }

  /** Does something of its user's later, unless it has crashed by then. */
  after(delayUs: number, run: () => void): void {
    this.#simulation.network.after(delayUs, () => {
      if (!this.isDead) this.command(run);
    });
  }

  /** Vanishes without a word. Its port is free at once. */
  crash(): void {
    void this.port.close();
    this.isDead = true;
    this.isFrozen = true;
    this.#cancelTimer?.();
    const { ends } = this.#simulation;
    ends.splice(ends.indexOf(this), 1);
  }

  /** Does something from outside the endpoint's own callbacks, as a user's code would. */
  command<T>(run: () => T): T {
    this.endpoint.advance(this.nowUs);
    const result = run();
    this.settle();
    return result;
  }

  handleDatagram(bytes: Uint8Array, length: number, remote: Address): void {
    this.#watch?.noteReceived(remote, bytes, length);
    this.endpoint.handleDatagram(this.nowUs, remote, bytes, length);
  }

  handleError(cause: Error): void {
    throw cause;
  }

  wantTransmit(): void {
    this.#isFlushArmed = true;
  }

  // Only an earlier deadline moves the timer; a later one is found when it fires.
  wantTimer(): void {
    const dueUs = this.endpoint.nextTimeoutUs();
    if (dueUs < this.#timerUs) this.#armTimer(dueUs);
  }

  /** Flushes and drains until neither is wanted. */
  settle(): void {
    if (this.isFrozen) return;
    for (let i = 0; i < SETTLE_MAX; i++) {
      if (this.#isFlushArmed) this.#flush();
      else if (this.#isDrainArmed) this.#drain();
      else return;
    }
    throw new Error("an endpoint does not come to rest");
  }

  check(): void {
    this.#checker.check(this);
  }

  #drain(): void {
    this.#isDrainArmed = false;
    this.endpoint.advance(this.nowUs);
    this.events.drain();
  }

  #flush(): void {
    this.#isFlushArmed = false;
    const out = this.#out;
    const simulation = this.#simulation;
    this.endpoint.advance(this.nowUs);
    for (let sent = 0; this.endpoint.pollTransmit(out); sent++) {
      if (sent > SETTLE_MAX) throw new Error("an endpoint sends without end");
      if (simulation.hasTrace) {
        const what = describePacket(out.bytes, out.offset, out.length);
        simulation.note(`${this.address.toString()} -> ${out.remote.toString()} ${what}`);
      }
      this.watch?.(out.remote, out.length);
      this.#watch?.noteSent(simulation.nowUs, this.address, out.remote, out.bytes, out.offset, out.length);
      const isLost = this.loses?.(out.bytes, out.offset, out.length) === true;
      if (!isLost) this.port.send(out.bytes, out.offset, out.length, out.remote, "");
      out.bytes.fill(simulation.poison, out.offset, out.offset + out.length + 64);
    }
  }

  #armTimer(dueUs: number): void {
    this.#cancelTimer?.();
    this.#timerUs = dueUs;
    this.#cancelTimer = null;
    if (dueUs === NEVER) return;
    const delayUs = Math.max(dueUs - this.nowUs, 0) + (this.lateUs?.() ?? 0);
    this.#cancelTimer = this.#simulation.network.after(delayUs, () => this.#expire());
  }

  #expire(): void {
    this.#cancelTimer = null;
    this.#timerUs = NEVER;
    if (this.isDead) return;
    this.endpoint.handleTimeout(this.nowUs);
    const dueUs = this.endpoint.nextTimeoutUs();
    if (dueUs < this.#timerUs) this.#armTimer(dueUs);
  }
}

/** Whatever is used again holds poison before: what is sent without having been written shows. */
export function poisonMemory(endpoint: Endpoint, poison: number): void {
  const { buffers, replies } = endpoint.local;
  buffers.bytes.fill(poison);
  const give = buffers.give.bind(buffers);
  buffers.give = (buffer) => {
    for (let at = buffer; at !== NO_BUFFER && buffers.next[at] !== at; at = buffers.next[at] as number)
      buffers.viewOf(at).fill(poison);
    give(buffer);
  };
  const add = replies.add.bind(replies);
  replies.add = () => {
    const reply = add();
    reply?.bytes.fill(poison);
    return reply;
  };
}
