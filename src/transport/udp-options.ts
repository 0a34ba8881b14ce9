// What users say about a UDP socket, checked, and how its failures are told. The same for every way of making one.

import type * as dgram from "node:dgram";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { DEFAULT_HOST } from "./udp-ends.js";

export interface UdpOptions {
  /**
   * Address or name to bind. Default 127.0.0.1: being reachable from outside is asked for, not stumbled into.
   * With `connect` the default is the wildcard of the peer's family, since only the peer can be heard.
   */
  readonly host?: string;
  /** Default 0: the system chooses. */
  readonly port?: number;
  /** The one peer to talk to. A closed port there then arrives at the sink as ECONNREFUSED, not as a timeout. */
  readonly connect?: { readonly host: string; readonly port: number };
  /** For an IPv6 address: hear no IPv4 through it. Default false. */
  readonly ipv6Only?: boolean;
  /** Socket buffer to ask for. Default 4 MiB: a burst of 320 datagrams fits with the system's overhead for each. */
  readonly recvBufferBytes?: number;
  /** Default 4 MiB. */
  readonly sendBufferBytes?: number;
  /** Bytes that may wait in the process when the system takes no more; above it datagrams are dropped. Default 1 MiB. */
  readonly sendQueueMaxBytes?: number;
  /** Stands in for `node:dgram`; native sockets ignore it. */
  readonly dgram?: typeof dgram;
}

const OPTIONS = [
  "host",
  "port",
  "connect",
  "ipv6Only",
  "recvBufferBytes",
  "sendBufferBytes",
  "sendQueueMaxBytes",
  "dgram",
] as const satisfies readonly (keyof UdpOptions)[];

const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
const SEND_QUEUE_MAX_BYTES = 1024 * 1024;

/** Largest UDP payload over IPv4; more is refused here, so that it cannot fail unseen. */
export const DATAGRAM_MAX_BYTES = 65_507;

/** The checked numbers of UdpOptions. */
export class UdpSettings {
  readonly port: number;
  readonly ipv6Only: boolean;
  readonly recvBufferBytes: number;
  readonly sendBufferBytes: number;
  readonly sendQueueMaxBytes: number;

  /** @throws RxOptionError naming the option that is wrong or not known */
  constructor(options: UdpOptions) {
    knownOptions("udp", options, OPTIONS);
    if (options.host !== undefined) checkHost("host", options.host);
    if (options.connect !== undefined) checkConnect(options.connect);
    if (options.ipv6Only !== undefined && typeof options.ipv6Only !== "boolean") {
      throw new RxOptionError("ipv6Only", "a boolean", options.ipv6Only);
    }
    this.ipv6Only = options.ipv6Only ?? false;
    this.port = integerOption("port", options.port, 0, 0, 65_535);
    this.recvBufferBytes = bufferOption("recvBufferBytes", options.recvBufferBytes);
    this.sendBufferBytes = bufferOption("sendBufferBytes", options.sendBufferBytes);
    this.sendQueueMaxBytes = integerOption(
      "sendQueueMaxBytes",
      options.sendQueueMaxBytes,
      SEND_QUEUE_MAX_BYTES,
      0,
      2 ** 30,
    );
  }
}

function bufferOption(name: string, value: number | undefined): number {
  return integerOption(name, value, SOCKET_BUFFER_BYTES, 1024, 2 ** 30);
}

function checkHost(option: string, host: unknown): void {
  if (typeof host !== "string" || host === "")
    throw new RxOptionError(option, "a host name or address", host);
}

function checkConnect(connect: { readonly host: string; readonly port: number }): void {
  knownOptions("connect", connect, ["host", "port"]);
  checkHost("connect.host", connect.host);
  if (connect.port === undefined)
    throw new RxOptionError("connect.port", "an integer from 1 to 65535", undefined);
  integerOption("connect.port", connect.port, 0, 1, 65_535);
}

/** What open() throws after close(). */
export function closedError(): RxError {
  return new RxError("RX_ERR_SOCKET_CLOSED", "the transport is closed");
}

/** What a second open() throws. */
export function openError(): RxError {
  return new RxError("RX_ERR_SOCKET", "the transport is open already");
}

/** Whatever failed while a socket was made, as the typed error that open() throws. */
export function toRxError(error: unknown, options: UdpOptions): Error {
  if (error instanceof RxError || error instanceof RxOptionError) return error;
  const what = options.connect === undefined ? "bind" : "connect";
  const target = options.connect ?? { host: options.host ?? DEFAULT_HOST, port: options.port ?? 0 };
  const reason = error instanceof Error ? (errorCode(error) ?? error.message) : String(error);
  return new RxError("RX_ERR_SOCKET", `cannot ${what} UDP ${target.host} port ${target.port}: ${reason}`, {
    cause: error,
  });
}

/** `ECONNREFUSED` and the like, where the error has one. */
export function errorCode(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
