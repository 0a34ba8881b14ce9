// A client with a connected socket of its own: for programs that talk to one service of one server.

import type { ClientOptions, RxConnection } from "../rpc/client.js";
import type { CallOptions, ClientCall } from "../rpc/client-call.js";
import { serviceIdOption } from "../rpc/service-definition.js";
import { RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { RxSocket } from "./rx-socket.js";
import { CLIENT_SOCKET_OPTION_NAMES, type SocketOptions } from "./socket-options.js";

export interface RxClientOptions extends ClientOptions {
  /** Address or name of the server. */
  readonly host: string;
  readonly port: number;
  /** Limits and settings of the client's socket. */
  readonly socket?: Omit<SocketOptions, "host" | "port">;
}

const OPTION_NAMES = ["host", "port", "serviceId", "securityIndex", "connectionsMax", "upgrade", "socket"];

export class RxClient {
  readonly #socket: RxSocket;
  readonly #connection: RxConnection;

  private constructor(socket: RxSocket, connection: RxConnection) {
    this.#socket = socket;
    this.#connection = connection;
  }

  /**
   * Opens a client. A server that is not there is noticed with the first call.
   * @throws RxOptionError naming the option that is wrong; RxError RX_ERR_SOCKET when the name cannot be resolved
   */
  static async connect(options: RxClientOptions): Promise<RxClient> {
    knownOptions("options", options, OPTION_NAMES);
    if (typeof options.host !== "string" || options.host === "")
      throw new RxOptionError("host", "an address or name", options.host);
    if (options.port === undefined)
      throw new RxOptionError("port", "an integer from 1 to 65535", options.port);
    const port = integerOption("port", options.port, 0, 1, 65_535);
    serviceIdOption("serviceId", options.serviceId);
    const socketOptions = options.socket === undefined ? {} : checkSocket(options.socket);
    const socket = await RxSocket.connected(socketOptions, options.host, port);
    const { host: _host, port: _port, socket: _socket, ...client } = options;
    const host = socket.peerHost ?? options.host;
    try {
      return new RxClient(socket, socket.connect({ ...client, host, port }));
    } catch (cause) {
      await socket.close();
      throw cause;
    }
  }

  /** The server as `address:port`. */
  get remote(): string {
    return this.#connection.remote;
  }

  /** One request, one reply. @see RxConnection.call */
  call(request: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    return this.#connection.call(request, options);
  }

  /** A call whose request and reply are streams. @see RxConnection.open */
  open(options?: CallOptions): ClientCall {
    return this.#connection.open(options);
  }

  /** Counters of the client's socket. */
  stats(): ReturnType<RxSocket["stats"]> {
    return this.#socket.stats();
  }

  /** Ends the calls under way with RX_ERR_SOCKET_CLOSED and closes the socket. */
  close(): Promise<void> {
    return this.#socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

// A connected socket is bound by the system, to what reaches the server: an address given here would go unheeded.
function checkSocket(socket: SocketOptions): SocketOptions {
  knownOptions("socket", socket, CLIENT_SOCKET_OPTION_NAMES);
  return socket;
}
