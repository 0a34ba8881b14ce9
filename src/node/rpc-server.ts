// The drop-in server base: services with async handlers, on one socket or several.
import { BACKLOG_MAX, EndpointConfig } from "../core/config.js";
import { Dispatcher } from "../rpc/dispatcher.js";
import { checkDefinition, type ServiceDefinition } from "../rpc/service-definition.js";
import { type Loop, pause } from "../transport/loop.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { RxSocket } from "./rx-socket.js";
import { addressOptions, endpointOptions, type SocketOptions } from "./socket-options.js";
import type { SocketStats } from "./socket-stats.js";
import { nodeSystem } from "./system.js";

export interface RpcServerOptions extends SocketOptions {
  /** Calls that one turn of the loop can take in, for services that do not say otherwise. 1 to 32, default 32. */
  readonly backlog?: number;
  /** Sockets to bind instead of the one of `host` and `port`. Every service is on each of them. */
  readonly sockets?: readonly { readonly host?: string; readonly port?: number }[];
}

export interface DrainOptions {
  /** Calls that have not ended by then are aborted with RX_RESTARTING. Default 10 000. */
  readonly timeoutMs?: number;
}

const DRAIN_MS = 10_000;
const DRAIN_MAX_MS = 3_600_000;
// How often a drain looks whether the last reply has been acknowledged.
const DRAIN_STEP_MS = 5;

export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #loop: Loop;
  readonly #backlog: number;
  readonly #callsMax: number;
  readonly #definitions: ServiceDefinition[] = [];
  readonly #sockets: RxSocket[] = [];
  readonly #dispatchers: Dispatcher[] = [];
  #state: "new" | "starting" | "started" | "closed" = "new";
  #starting: Promise<void> | null = null;
  #draining: Promise<void> | null = null;
  /** When the drain gives up waiting for calls, in microseconds of the loop. */
  #drainEndUs = Number.POSITIVE_INFINITY;

  /** @throws RxOptionError naming the option that is wrong */
  constructor(options: RpcServerOptions = {}) {
    const endpoint = endpointOptions(options, ["backlog", "sockets"]);
    this.#callsMax = new EndpointConfig(endpoint).callsMax;
    this.#backlog = integerOption("backlog", options.backlog, BACKLOG_MAX, 1, BACKLOG_MAX);
    if (options.sockets !== undefined && (!Array.isArray(options.sockets) || options.sockets.length === 0)) {
      throw new RxOptionError("sockets", "an array of at least one { host, port }", options.sockets);
    }
    const sockets: RpcServerOptions["sockets"] = options.sockets ?? [];
    for (const socket of sockets) {
      knownOptions("sockets", socket, ["host", "port"]);
      addressOptions("sockets.", socket);
    }
    this.#options = options;
    this.#loop = (options.system ?? nodeSystem).loop;
  }

  /**
   * Adds a service, before, during or after start().
   *
   * @param definition what service() returned
   * @throws RxOptionError for anything else, and when the backlogs of all services together are more than `callsMax`: one
   *   of them would get no spare calls. A service keeps as many as its backlog, and no more than its `concurrency`.
   * @throws RxError RX_ERR_SERVICE_IN_USE, RX_ERR_SOCKET_CLOSED
   */
  add(definition: ServiceDefinition): this {
    checkDefinition(definition);
    if (this.#state === "closed") throw new RxError("RX_ERR_SOCKET_CLOSED", "the server is closed");
    if (this.#definitions.some((other) => other.id === definition.id)) {
      throw new RxError("RX_ERR_SERVICE_IN_USE", `service ${definition.id} has been added already`);
    }
    this.#checkBacklogs([...this.#definitions, definition]);
    this.#definitions.push(definition);
    // While start() binds there are none yet: it offers every service when it has them all.
    for (const socket of this.#sockets) this.#offer(socket, definition);
    return this;
  }

  /**
   * Binds the sockets and takes calls. A server is started once.
   * @throws RxError RX_ERR_SOCKET when the system refuses, RX_ERR_SOCKET_CLOSED when the server has been started or closed
   *   already, or is closed meanwhile; nothing stays bound
   */
  async start(): Promise<void> {
    if (this.#state !== "new")
      throw new RxError("RX_ERR_SOCKET_CLOSED", `the server is ${this.#state} already`);
    this.#state = "starting";
    this.#starting = this.#start();
    await this.#starting;
  }

  /** Port of the first socket; 0 before start(). */
  get port(): number {
    return this.#sockets[0]?.port ?? 0;
  }

  /** Every bound address. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#sockets.map((socket) => ({ host: socket.address, port: socket.port }));
  }

  /** Handlers that run now. */
  get running(): number {
    return this.#dispatchers.reduce((sum, dispatcher) => sum + dispatcher.running, 0);
  }

  /** Counters, pools and limits of each socket. */
  stats(): readonly SocketStats[] {
    return this.#sockets.map((socket) => socket.stats());
  }

  /** Handlers started, ended well and failed, by service. */
  handlers(): readonly {
    readonly name: string;
    readonly running: number;
    readonly started: number;
    readonly failed: number;
  }[] {
    return this.#dispatchers.map(({ definition, running, counters }) => ({
      name: definition.name,
      running,
      started: counters.started,
      failed: counters.failed,
    }));
  }

  /** Datagrams the kernel dropped at the sockets; undefined where it does not tell. */
  async kernelDrops(): Promise<number | undefined> {
    const drops = await Promise.all(this.#sockets.map((socket) => socket.kernelDrops()));
    return drops.reduce((sum, each) => (each === undefined ? sum : (sum ?? 0) + each), undefined);
  }

  /**
   * Stops: new calls are told RX_RESTARTING, those under way may end, then the sockets are closed. Always ends, at the
   * latest shortly after `timeoutMs`. Calling it again waits for the same end, which comes sooner if it is given less time.
   * @throws RxOptionError; the server goes on then
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    knownOptions("options", options, ["timeoutMs"]);
    const timeoutMs = integerOption("timeoutMs", options.timeoutMs, DRAIN_MS, 0, DRAIN_MAX_MS);
    this.#drainEndUs = Math.min(this.#drainEndUs, this.#loop.nowUs() + timeoutMs * 1_000);
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  /** Stops at once, a drain that is under way included: calls under way are aborted with RX_RESTARTING. */
  close(): Promise<void> {
    return this.drain({ timeoutMs: 0 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  #offer(socket: RxSocket, definition: ServiceDefinition): void {
    const dispatcher = new Dispatcher(socket, definition, this.#backlog);
    this.#dispatchers.push(dispatcher);
    dispatcher.listen();
  }

  async #start(): Promise<void> {
    const { backlog: _backlog, sockets, ...common } = this.#options;
    const bound: RxSocket[] = [];
    try {
      for (const socket of sockets ?? [{}]) {
        bound.push(await RxSocket.bind({ ...common, ...socket }));
        this.#refuseClosedMeanwhile();
      }
    } catch (cause) {
      this.#state = "closed";
      await Promise.all(bound.map((socket) => socket.close(AbortCode.RX_RESTARTING)));
      throw cause;
    }
    this.#state = "started";
    this.#sockets.push(...bound);
    for (const socket of bound) for (const definition of this.#definitions) this.#offer(socket, definition);
  }

  #refuseClosedMeanwhile(): void {
    if (this.#state !== "closed") return;
    throw new RxError("RX_ERR_SOCKET_CLOSED", "the server was closed while it started");
  }

  // Spare calls are taken out of `callsMax` as services are opened: the last would find nothing.
  #checkBacklogs(definitions: readonly ServiceDefinition[]): void {
    const spares = definitions.map(({ backlog, concurrency }) =>
      Math.min(backlog ?? this.#backlog, concurrency),
    );
    const sum = spares.reduce((total, each) => total + each, 0);
    if (sum <= this.#callsMax) return;
    const terms = definitions.map(({ name }, i) => `${name} ${spares[i]}`).join(" + ");
    throw new RxOptionError("backlog", `at most ${this.#callsMax} (callsMax) in all: ${terms}`, sum);
  }

  async #drain(): Promise<void> {
    this.#state = "closed";
    // Its sockets are its own to close until it has ended, and its caller is told how it did.
    await this.#starting?.catch(() => undefined);
    for (const socket of this.#sockets) socket.endpoint.drain();
    for (const dispatcher of this.#dispatchers) dispatcher.stop();
    while (this.#isBusy() && this.#loop.nowUs() < this.#drainEndUs) await pause(this.#loop, DRAIN_STEP_MS);
    await Promise.all(this.#sockets.map((socket) => socket.close(AbortCode.RX_RESTARTING)));
  }

  #isBusy(): boolean {
    return this.running > 0 || this.#sockets.some((socket) => socket.endpoint.liveCalls > 0);
  }
}
