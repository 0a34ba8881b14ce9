// The options of a socket: where to bind, the endpoint's limits, what to report faults to.
import { ENDPOINT_OPTION_NAMES, type EndpointOptions } from "../core/config.js";
import type { SecurityClass } from "../core/security-class.js";
import type { DatagramTransport } from "../transport/transport.js";
import { functionOption, knownOptions } from "../util/options.js";

export interface SocketOptions extends EndpointOptions {
  /** Address or name to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** UDP port; 0 takes a free one. Default 0. */
  readonly port?: number;
  /** Security classes offered and used. Default: null. */
  readonly security?: readonly SecurityClass[];
  /** Receives what handlers and notifiers of yours threw. Default: a process warning. */
  readonly onFault?: (cause: unknown, where: string) => void;
  /** Wraps the network: a packet tap, a fault injector. */
  readonly wrapTransport?: (transport: DatagramTransport) => DatagramTransport;
}

const OWN_NAMES = ["host", "port", "security", "onFault", "wrapTransport"];

/** The endpoint's share of the options. @throws RxOptionError naming an option that is not known */
export function endpointOptions(options: SocketOptions, alsoKnown: readonly string[] = []): EndpointOptions {
  knownOptions("options", options, [...ENDPOINT_OPTION_NAMES, ...OWN_NAMES, ...alsoKnown]);
  functionOption("onFault", options.onFault);
  functionOption("wrapTransport", options.wrapTransport);
  const entries = Object.entries(options).filter(([name]) => ENDPOINT_OPTION_NAMES.includes(name));
  return Object.fromEntries(entries);
}

/** Where faults go that nobody asked for. */
export function warnOfFault(cause: unknown, where: string): void {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  process.emitWarning(`${where}: ${text}`, { type: "RxFaultWarning", code: "RX_FAULT" });
}
