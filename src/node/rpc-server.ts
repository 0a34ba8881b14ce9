// The drop-in server base: services with async handlers, on one socket or several.
import { BACKLOG_MAX } from "../core/config.js";
import { Dispatcher } from "../rpc/dispatcher.js";
import { type ServiceDefinition } from "../rpc/service-definition.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { RxSocket } from "./rx-socket.js";
import { endpointOptions, type SocketOptions } from "./socket-options.js";
import type { SocketStats } from "./socket-stats.js";

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
  readonly #backlog: number;
  readonly #definitions: ServiceDefinition[] = [];
  readonly #sockets: RxSocket[] = [];
  readonly #dispatchers: Dispatcher[] = [];
  #state: "new" | "started" | "closed" = "new";
  #draining: Promise<void> | null = null;

  /** @throws RxOptionError naming the option that is wrong */
  constructor(options: RpcServerOptions = {}) {
    endpointOptions(options, ["backlog", "sockets"]);
    this.#backlog = integerOption("backlog", options.backlog, BACKLOG_MAX, 1, BACKLOG_MAX);
    if (options.sockets !== undefined && (!Array.isArray(options.sockets) || options.sockets.length === 0)) {
      throw new RxOptionError("sockets", "an array of at least one { host, port }", options.sockets);
    }
    for (const socket of options.sockets ?? []) knownOptions("sockets", socket, ["host", "port"]);
    this.#options = options;
  }

  /**
   * Adds a service, before or after start().
   * @throws RxError RX_ERR_SERVICE_IN_USE, RX_ERR_SOCKET_CLOSED
   */
  add(definition: ServiceDefinition): this {
    if (this.#state === "closed") throw new RxError("RX_ERR_SOCKET_CLOSED", "the server is closed");
    if (this.#definitions.some((other) => other.id === definition.id)) {
      throw new RxError("RX_ERR_SERVICE_IN_USE", `service ${definition.id} has been added already`);
    }
    this.#definitions.push(definition);
    for (const socket of this.#sockets) this.#offer(socket, definition);
    return this;
  }

  /**
   * Binds the sockets and takes calls.
   * @throws RxError RX_ERR_SOCKET when the system refuses (nothing stays bound), RX_ERR_SOCKET_CLOSED
   */
  async start(): Promise<void> {
    if (this.#state !== "new")
      throw new RxError("RX_ERR_SOCKET_CLOSED", `the server has been ${this.#state} already`);
    this.#state = "started";
    const { backlog: _backlog, sockets, ...common } = this.#options;
    try {
      for (const socket of sockets ?? [{}]) this.#sockets.push(await RxSocket.bind({ ...common, ...socket }));
    } catch (cause) {
      this.#state = "closed";
      await this.#closeSockets(AbortCode.RX_RESTARTING);
      throw cause;
    }
    for (const socket of this.#sockets)
      for (const definition of this.#definitions) this.#offer(socket, definition);
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
   * latest shortly after `timeoutMs`. Calling it again waits for the same end.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    knownOptions("options", options, ["timeoutMs"]);
    const timeoutMs = integerOption("timeoutMs", options.timeoutMs, DRAIN_MS, 0, DRAIN_MAX_MS);
    this.#draining ??= this.#drain(timeoutMs);
    return this.#draining;
  }

  /** Stops at once: calls under way are aborted with RX_RESTARTING. */
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

  async #drain(timeoutMs: number): Promise<void> {
    this.#state = "closed";
    const endMs = performance.now() + timeoutMs;
    for (const socket of this.#sockets) socket.endpoint.drain();
    for (const dispatcher of this.#dispatchers) dispatcher.stop();
    while (this.#isBusy() && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS));
    }
    await this.#closeSockets(AbortCode.RX_RESTARTING);
  }

  #isBusy(): boolean {
    return this.running > 0 || this.#sockets.some((socket) => socket.endpoint.liveCalls > 0);
  }

  async #closeSockets(abortCode: number): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.close(abortCode)));
  }
}
