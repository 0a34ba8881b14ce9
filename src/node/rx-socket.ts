// One UDP socket with everything on it: services of either style, and calls to other services.
import type { SecurityClass } from "../core/security-class.js";
import { type ClientOptions, RxConnection } from "../rpc/client.js";
import { Listener, type ListenerOptions } from "../rpc/listener.js";
import type { RpcContext } from "../rpc/rpc-context.js";
import { serviceIdOption } from "../rpc/service-definition.js";
import { nullSecurity } from "../security/null.js";
import { MonotonicClock } from "../transport/clock.js";
import { Driver } from "../transport/driver.js";
import { SystemEntropy } from "../transport/entropy.js";
import { readKernelDrops } from "../transport/kernel-drops.js";
import type { DatagramTransport } from "../transport/transport.js";
import { UdpTransport } from "../transport/udp.js";
import { Address } from "../util/address.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { endpointOptions, type SocketOptions, warnOfFault } from "./socket-options.js";
import { type SocketStats, socketStats } from "./socket-stats.js";

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
  readonly #udp: UdpTransport;
  readonly #onFault: (cause: unknown, where: string) => void;
  readonly #listeners = new Set<Listener>();
  readonly #connections = new Set<RxConnection>();
  #nextUserId = 0n;
  #closing: Promise<void> | null = null;

  private constructor(driver: Driver, udp: UdpTransport, onFault: (cause: unknown, where: string) => void) {
    this.#driver = driver;
    this.#udp = udp;
    this.#onFault = onFault;
  }

  /**
   * Binds a socket.
   * @throws RxOptionError naming the option that is wrong; RxError RX_ERR_SOCKET when the system refuses
   */
  static async bind(options: SocketOptions = {}): Promise<RxSocket> {
    const udp = new UdpTransport({
      ...(options.host === undefined ? {} : { host: options.host }),
      ...(options.port === undefined ? {} : { port: options.port }),
    });
    return RxSocket.#open(options, udp);
  }

  /** A socket that talks to one peer only, so that a closed port there is noticed at once. @throws as bind() */
  static async connected(options: SocketOptions, host: string, port: number): Promise<RxSocket> {
    return RxSocket.#open(options, new UdpTransport({ connect: { host, port } }));
  }

  static async #open(options: SocketOptions, udp: UdpTransport): Promise<RxSocket> {
    const endpoint = endpointOptions(options);
    const transport: DatagramTransport =
      options.wrapTransport === undefined ? udp : options.wrapTransport(udp);
    const onFault = options.onFault ?? warnOfFault;
    const security: readonly SecurityClass[] = options.security ?? [nullSecurity];
    const driver: Driver = new Driver({
      transport,
      clock: new MonotonicClock(),
      random: new SystemEntropy(),
      security,
      options: endpoint,
      onFault: (cause) => onFault(cause, "notifier"),
      onError: (cause) => networkError(driver, udp, cause),
    });
    await driver.open();
    return new RxSocket(driver, udp, onFault);
  }

  /** The one peer of a connected socket, as an address; null for others. */
  get peerHost(): string | null {
    return this.#udp.peer?.format() ?? null;
  }

  /** The bound address. */
  get address(): string {
    return this.#driver.transport.local.format();
  }

  get port(): number {
    return this.#driver.transport.local.port;
  }

  get endpoint(): Driver["endpoint"] {
    return this.#driver.endpoint;
  }

  get events(): Driver["events"] {
    return this.#driver.events;
  }

  /**
   * Offers a service: kernel style when onNewCall and onDiscardCall are given, user style otherwise. Open it with listen().
   * @throws RxOptionError; RxError RX_ERR_SERVICE_IN_USE, RX_ERR_SOCKET_CLOSED
   */
  service(options: ListenerOptions): Listener {
    this.#refuseClosed();
    const listener = new Listener(this, options);
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
    const port = integerOption("port", options.port, 0, 1, 65_535);
    serviceIdOption("serviceId", options.serviceId);
    const host = options.host === "localhost" ? "127.0.0.1" : options.host;
    const remote = typeof host === "string" ? Address.from(host, port) : undefined;
    if (remote === undefined) throw new RxOptionError("host", "an IP address or localhost", options.host);
    const { host: _host, port: _port, ...client } = options;
    const connection = new RxConnection(this, remote, client);
    this.#connections.add(connection);
    return connection;
  }

  /** Counters, pools and limits, as they stand. */
  stats(): SocketStats {
    return socketStats(this.#driver, this.#udp);
  }

  /** Datagrams the kernel dropped at this socket because nobody read them in time; undefined where it does not tell. */
  kernelDrops(): Promise<number | undefined> {
    return readKernelDrops(this.#driver.transport.local);
  }

  /** Ends every call with `abortCode` (default RX_CALL_DEAD), closes every service, and closes the socket. Safe to call twice. */
  close(abortCode: number = AbortCode.RX_CALL_DEAD): Promise<void> {
    this.#closing ??= this.#close(abortCode);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  advance(): void {
    this.#driver.advance();
  }

  reportFault(cause: unknown, where: string): void {
    this.#onFault(cause, where);
  }

  nextUserId(): bigint {
    return this.#nextUserId++;
  }

  async #close(abortCode: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#connections) connection.close();
    this.advance();
    this.endpoint.abortAllCalls(abortCode);
    // The owners of those calls learn of it from the event cache, which needs a turn of the loop.
    while (this.#driver.events.count > 0) await new Promise((resolve) => setImmediate(resolve));
    if (this.endpoint.local.clientConnections > 0)
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    await this.#driver.close();
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw new RxError("RX_ERR_SOCKET_CLOSED", "the socket is closed");
  }
}

// On a connected socket the kernel reports a closed port; everything else is loss, and the protocol's timers judge it.
function networkError(driver: Driver, udp: UdpTransport, cause: Error): void {
  const isRefused = "code" in cause && cause.code === "ECONNREFUSED";
  const peer = udp.peer;
  if (isRefused && peer !== null) {
    driver.advance();
    driver.endpoint.handleNetworkError(peer);
  }
}
