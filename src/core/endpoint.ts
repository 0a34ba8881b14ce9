// The whole surface of the core: datagrams and time in, datagrams and events out. It does no I/O, reads no clock, makes no
// promise and never waits. Whoever drives it drains pollTransmit() and the event cache and arms one timer.
import { type EventCache, EventClass, EventItem } from "../loop/event-cache.js";
import type { Address } from "../util/address.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { AbortCode } from "../wire/abort.js";
import { takeOffer } from "./call-buffers.js";
import { handleCallTimeout } from "./call-event.js";
import { CallHandle, type CallListener } from "./call-handle.js";
import { type Call, Completion, Deadline } from "./call-object.js";
import { complete } from "./call-state.js";
import { EndpointConfig, type EndpointOptions } from "./config.js";
import { type Bundle, type BundleOptions, Bundles } from "./conn-client.js";
import { handleConnTimeout, takeVerdict } from "./conn-event.js";
import { reapConnections } from "./conn-reap.js";
import { Input } from "./input.js";
import { type EndpointHost, Local } from "./local.js";
import { Output, type Transmit } from "./output.js";
import type { RandomSource } from "./random-source.js";
import type { SecurityClass } from "./security-class.js";
import { Service, type ServiceNotifier, type ServiceSettings } from "./service.js";

// Timers run in one call of handleTimeout(): after a long sleep the rest waits for the next turn.
const TIMERS_PER_TURN = 256;
const REAP_INTERVAL_US = 1_000_000;
const EXPIRE_PER_TURN = 256;
// A turn that comes so much later than it was asked for says that the process stood still: the packets that would have
// shown life are still in the socket.
const LATE_US = 1_000_000;

export interface EndpointParts {
  readonly options?: EndpointOptions;
  readonly random: RandomSource;
  readonly events: EventCache;
  readonly host: EndpointHost;
  readonly security: readonly SecurityClass[];
}

/** Charges the services that want it. */
class Recharger extends EventItem {
  readonly #services: ReadonlyMap<number, Service>;

  constructor(services: ReadonlyMap<number, Service>) {
    super();
    this.#services = services;
  }

  runEvent(): void {
    for (const service of this.#services.values()) service.noteRoom();
  }
}

export class Endpoint {
  readonly config: EndpointConfig;
  /** Tables, pools and counters, for those who show them. */
  readonly local: Local;
  readonly services = new Map<number, Service>();
  readonly #input: Input;
  readonly #output: Output;
  readonly #bundles: Bundles;
  readonly #recharger: Recharger;
  /** [next reaping, end of the grace after a stand-still] */
  readonly #times = new Float64Array([0, 0]);
  readonly #next = new Float64Array(1);

  /** @throws RxOptionError naming the option that is wrong */
  constructor(parts: EndpointParts) {
    this.config = new EndpointConfig(parts.options);
    this.local = new Local({
      config: this.config,
      random: parts.random,
      events: parts.events,
      host: parts.host,
      security: parts.security,
    });
    const { local } = this;
    local.verdicts = {
      takeVerdict: (connection, verdict) => {
        takeVerdict(local, connection, verdict);
        this.#bundles.assignFreed();
      },
    };
    local.offers = { takeOffer: (slot, buffer) => takeOffer(local, slot, buffer) };
    local.calls.onGive = () => this.#recharge();
    this.#input = new Input(local, this.services);
    this.#output = new Output(local);
    this.#bundles = new Bundles(local);
    this.#recharger = new Recharger(this.services);
  }

  /** Tells the time, in microseconds since any fixed moment. Everything below works with the newest. */
  advance(nowUs: number): void {
    this.local.clock[0] = nowUs;
  }

  /** Handles one datagram, bytes[0, length), borrowed until this returns. Never throws on what a peer sent. */
  handleDatagram(nowUs: number, remote: Address, bytes: Uint8Array, length: number): void {
    this.local.clock[0] = nowUs;
    this.#input.handleDatagram(remote, bytes, length);
    if (this.local.freedBundles.count > 0) this.#bundles.assignFreed();
  }

  /** Runs what is due. */
  handleTimeout(nowUs: number): void {
    const { local } = this;
    local.timers.peekKey(this.#next, 0);
    local.clock[0] = nowUs;
    if (nowUs - (this.#next[0] as number) > LATE_US) this.#times[1] = nowUs + LATE_US;
    for (let i = 0; i < TIMERS_PER_TURN && local.timers.isDue(local.clock, 0); i++)
      this.#fire(local.timers.peek());
    if ((this.#times[0] as number) <= nowUs) this.#reap(nowUs);
    this.#bundles.assignFreed();
  }

  /** Fills `out` with the next datagram to send. @returns false when there is none */
  pollTransmit(out: Transmit): boolean {
    if (this.local.freedBundles.count > 0) this.#bundles.assignFreed();
    return this.#output.pollTransmit(out);
  }

  /** When handleTimeout() is wanted next, in microseconds. */
  nextTimeoutUs(): number {
    this.local.timers.peekKey(this.#next, 0);
    const timer = this.#next[0] as number;
    const { local } = this;
    const hasIdle =
      local.connections.known.count > 0 ||
      local.peers.known.count > 0 ||
      local.tombstones.count > 0 ||
      this.#bundles.hasStarved;
    const reap = hasIdle ? (this.#times[0] as number) : Number.POSITIVE_INFINITY;
    return timer < reap ? timer : reap;
  }

  /**
   * Offers a service.
   * @throws RxError RX_ERR_SERVICE_IN_USE
   */
  addService(settings: ServiceSettings, notifier: ServiceNotifier | null): Service {
    if (this.services.has(settings.serviceId)) {
      throw new RxError(
        "RX_ERR_SERVICE_IN_USE",
        `service ${settings.serviceId} is offered on this socket already`,
      );
    }
    const service = new Service(this.local, settings, notifier);
    this.services.set(settings.serviceId, service);
    return service;
  }

  /** Closes a service and takes its id back. */
  removeService(service: Service): void {
    service.close();
    if (this.services.get(service.serviceId) === service) this.services.delete(service.serviceId);
  }

  /** From here new service calls are answered RX_RESTARTING. */
  drain(): void {
    this.local.isDraining = true;
  }

  /** @throws RxError RX_ERR_LIMIT; RxOptionError when the security class is not there */
  openBundle(options: BundleOptions): Bundle {
    if (this.local.securityClass(options.securityIndex) === null) {
      throw new RxOptionError("securityIndex", "the index of a class of this socket", options.securityIndex);
    }
    return this.#bundles.open(options);
  }

  closeBundle(bundle: Bundle): void {
    this.#bundles.close(bundle);
  }

  /** Begins a client call. @throws RxError RX_ERR_LIMIT, RX_ERR_SOCKET_CLOSED */
  beginCall(bundle: Bundle, listener: CallListener): CallHandle {
    const call = this.#bundles.begin(bundle);
    return new CallHandle(this.local, call, listener);
  }

  /** Ends every live call, telling peers `abortCode`. */
  abortAllCalls(abortCode: number): void {
    for (const call of this.local.calls.all) {
      if (call.isLive && call.owner !== null) (call.owner as CallHandle).abort(abortCode);
    }
  }

  /** The network says that `remote` cannot be reached: its calls end. */
  handleNetworkError(remote: Address): void {
    for (const call of this.local.calls.all) {
      const peer = call.connection?.peer;
      if (call.isLive && peer?.address.equals(remote) === true) {
        complete(this.local, call, Completion.NetworkError, AbortCode.RX_CALL_DEAD);
      }
    }
    this.#bundles.assignFreed();
  }

  /** Live calls, both roles. */
  get liveCalls(): number {
    let live = 0;
    for (const call of this.local.calls.all) if (call.isLive) live++;
    return live;
  }

  #fire(slot: number): void {
    const { local } = this;
    const { callsMax } = this.config;
    if (slot >= callsMax) {
      local.timers.remove(slot);
      handleConnTimeout(local, local.connections.pool.at(slot - callsMax));
      return;
    }
    const call = local.calls.at(slot);
    if ((local.clock[0] as number) < (this.#times[1] as number)) postponeVerdicts(call, this.#times);
    handleCallTimeout(local, call);
  }

  #reap(nowUs: number): void {
    const { local } = this;
    this.#times[0] = nowUs + REAP_INTERVAL_US;
    reapConnections(local);
    local.peers.reap(local.clock);
    local.tombstones.expire(local.clock, EXPIRE_PER_TURN);
    this.#bundles.assignStarved();
    this.#recharge();
  }

  // A call is free again, or a connection: services that could not be charged may go on.
  #recharge(): void {
    const { local } = this;
    if (!local.isUndercharged) return;
    local.isUndercharged = false;
    local.events.put(this.#recharger, EventClass.Control);
  }
}

// Silence while we stood still ourselves is nobody's fault: such deadlines get a second more, in which input is read.
function postponeVerdicts(call: Call, times: Float64Array): void {
  const until = times[1] as number;
  for (const which of [Deadline.Dead, Deadline.Progress]) {
    if ((call.deadlines[which] as number) < until) call.deadlines[which] = until;
  }
}
