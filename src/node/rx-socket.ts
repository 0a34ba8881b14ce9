// One UDP socket with everything on it: services of either style, and calls to other services.
import type { EndpointOptions } from "../core/config.js";
import type { SecurityClass } from "../core/security-class.js";
import { isAbortCode } from "../rpc/call-error.js";
import { type ClientOptions, noteSocketClosed, RxConnection } from "../rpc/client.js";
import { Listener, type ListenerOptions } from "../rpc/listener.js";
import type { RpcContext } from "../rpc/rpc-context.js";
import { serviceIdOption } from "../rpc/service-definition.js";
import { nullSecurity } from "../security/null.js";
import { Driver } from "../transport/driver.js";
import { nextTurn, pause } from "../transport/loop.js";
import type { DatagramTransport } from "../transport/transport.js";
import { Address } from "../util/address.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { endpointOptions, faultReporter, type SocketOptions } from "./socket-options.js";
import { SocketResources } from "./socket-resources.js";
import { type SocketStats, socketStats } from "./socket-stats.js";
import { nodeSystem, type SocketTransport, type System } from "./system.js";

export interface ConnectOptions extends ClientOptions {
  /** IP address, or `localhost`. Names are looked up by RxClient.connect(). */
  readonly host: string;
  readonly port: number;
}

const CONNECT_NAMES = ["host", "port", "serviceId", "securityIndex", "connectionsMax", "upgrade"];

/** How long closing waits for the last packets of calls that are over but for an ACK. */
const LINGER_MS = 20;

export class RxSocket implements RpcContext {
  readonly #driver: Driver;
  readonly #system: System;
  readonly #socket: SocketTransport;
  readonly #resources: SocketResources;
  readonly #onFault: (cause: unknown, where: string) => void;
  readonly #listeners = new Set<Listener>();
  readonly #connections = new Set<RxConnection>();
  #nextUserId = 0n;
  #closing: Promise<void> | null = null;

  private constructor(
    driver: Driver,
    system: System,
    socket: SocketTransport,
    resources: SocketResources,
    onFault: (cause: unknown, where: string) => void,
  ) {
    this.#driver = driver;
    this.#system = system;
    this.#socket = socket;
    this.#resources = resources;
    this.#onFault = onFault;
  }

  /**
   * Binds a socket.
   * @throws RxOptionError naming the option that is wrong; RxError RX_ERR_SOCKET when the system refuses
   */
  static async bind(options: SocketOptions = {}): Promise<RxSocket> {
    const endpoint = endpointOptions(options);
    const system = options.system ?? nodeSystem;
    return RxSocket.#open(options, endpoint, system, system.bind(options.host, options.port));
  }

  /** A socket that talks to one peer only, so that a closed port there is noticed at once. @throws as bind() @internal */
  static async connected(options: SocketOptions, host: string, port: number): Promise<RxSocket> {
    const endpoint = endpointOptions(options);
    const system = options.system ?? nodeSystem;
    return RxSocket.#open(options, endpoint, system, system.connect(host, port));
  }

  static async #open(
    options: SocketOptions,
    endpoint: EndpointOptions,
    system: System,
    socket: SocketTransport,
  ): Promise<RxSocket> {
    const transport: DatagramTransport =
      options.wrapTransport === undefined ? socket : options.wrapTransport(socket);
    const onFault = faultReporter(options);
    const security: readonly SecurityClass[] = options.security ?? [nullSecurity];
    const driver: Driver = new Driver({
      transport,
      loop: system.loop,
      random: system.makeRandom(),
      security,
      options: endpoint,
      onFault: (cause) => onFault(cause, "notifier"),
      onError: (cause) => networkError(driver, socket.peer, cause),
    });
    const resources = new SocketResources(driver.events, options);
    await driver.open();
    return new RxSocket(driver, system, socket, resources, onFault);
  }

  /** The one peer of a connected socket, as an address; null for others. @internal */
  get peerHost(): string | null {
    return this.#socket.peer?.format() ?? null;
  }

  /** The bound address. */
  get address(): string {
    return this.#driver.transport.local.format();
  }

  get port(): number {
    return this.#driver.transport.local.port;
  }

  /** @internal */
  get endpoint(): Driver["endpoint"] {
    return this.#driver.endpoint;
  }

  /** @internal */
  get events(): Driver["events"] {
    return this.#driver.events;
  }

  /** @internal */
  get memory(): SocketResources["memory"] {
    return this.#resources.memory;
  }

  /** @internal */
  get files(): SocketResources["files"] {
    return this.#resources.files;
  }

  /**
   * Offers a service: kernel style when onNewCall and onDiscardCall are given, user style otherwise. Open it with listen().
   * @throws RxOptionError; RxError RX_ERR_SERVICE_IN_USE, RX_ERR_SOCKET_CLOSED
   */
  service(options: ListenerOptions): Listener {
    this.#refuseClosed();
    const listener: Listener = new Listener(this, options, () => this.#listeners.delete(listener));
    this.#listeners.add(listener);
    return listener;
  }

  /**
   * Calls to one service of one peer over this socket.
   * @throws RxOptionError; RxError RX_ERR_SOCKET_CLOSED, RX_ERR_LIMIT
   */
  connect(options: ConnectOptions): RxConnection {
    this.#refuseClosed();
    knownOptions("options", options, CONNECT_NAMES);
    if (options.port === undefined)
      throw new RxOptionError("port", "an integer from 1 to 65535", options.port);
    const port = integerOption("port", options.port, 0, 1, 65_535);
    serviceIdOption("serviceId", options.serviceId);
    const host = options.host === "localhost" ? "127.0.0.1" : options.host;
    const remote = typeof host === "string" ? Address.from(host, port) : undefined;
    if (remote === undefined) throw new RxOptionError("host", "an IP address or localhost", options.host);
    const { host: _host, port: _port, ...client } = options;
    const connection: RxConnection = new RxConnection(this, remote, client, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    return connection;
  }

  /** Counters, pools and limits, as they stand. */
  stats(): SocketStats {
    return socketStats(this.#driver, this.#socket, this.#resources);
  }

  /** Datagrams the kernel dropped at this socket because nobody read them in time; undefined where it does not tell. */
  kernelDrops(): Promise<number | undefined> {
    return this.#system.kernelDrops(this.#driver.transport.local);
  }

  /**
   * Ends every call, closes every service, and closes the socket. Safe to call twice. Peers are told `abortCode`; client
   * calls of this socket end with RX_ERR_SOCKET_CLOSED.
   *
   * @param abortCode a 32-bit integer other than 0; default RX_CALL_DEAD
   * @throws RxOptionError for any other code; nothing is closed then
   */
  close(abortCode: number = AbortCode.RX_CALL_DEAD): Promise<void> {
    if (!isAbortCode(abortCode)) {
      return Promise.reject(new RxOptionError("abortCode", "a 32-bit integer other than 0", abortCode));
    }
    this.#closing ??= this.#close(abortCode);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  advance(): void {
    this.#driver.advance();
  }

  /** @internal */
  reportFault(cause: unknown, where: string): void {
    this.#onFault(cause, where);
  }

  /** @internal */
  nextUserId(): bigint {
    return this.#nextUserId++;
  }

  async #close(abortCode: number): Promise<void> {
    this.advance();
    noteSocketClosed(this.endpoint, abortCode);
    for (const listener of this.#listeners) listener.closeWith(abortCode);
    for (const connection of this.#connections) connection.close();
    this.endpoint.abortAllCalls(abortCode);
    // The owners of those calls learn of it from the event cache, which needs a turn of the loop.
    while (this.#driver.events.count > 0) await nextTurn(this.#system.loop);
    await this.#resources.close();
    if (this.endpoint.local.clientConnections > 0) await pause(this.#system.loop, LINGER_MS);
    await this.#driver.close();
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw new RxError("RX_ERR_SOCKET_CLOSED", "the socket is closed");
  }
}

// On a connected socket the kernel reports a closed port; everything else is loss, and the protocol's timers judge it.
function networkError(driver: Driver, peer: Address | null, cause: Error): void {
  const isRefused = "code" in cause && cause.code === "ECONNREFUSED";
  if (isRefused && peer !== null) {
    driver.advance();
    driver.endpoint.handleNetworkError(peer);
  }
}
