// The options of a socket: where to bind, the endpoint's limits, what to report faults to.
import { ENDPOINT_OPTION_NAMES, type EndpointOptions } from "../core/config.js";
import type { SecurityClass } from "../core/security-class.js";
import type { DatagramTransport } from "../transport/transport.js";
import { RxOptionError } from "../util/errors.js";
import { functionOption, integerOption, knownOptions } from "../util/options.js";
import { checkResources, RESOURCE_OPTION_NAMES, type ResourceOptions } from "./socket-resources.js";
import type { System } from "./system.js";

export interface SocketOptions extends EndpointOptions, ResourceOptions {
  /** Address or name to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** UDP port; 0 takes a free one. Default 0. */
  readonly port?: number;
  /** Security classes offered and used. Default: null. */
  readonly security?: readonly SecurityClass[];
  /** Receives what handlers and notifiers of yours threw. Default: a process warning. */
  readonly onFault?: (cause: unknown, where: string) => void;
  /** Stands in for the machine: its time, randomness and network. For simulations; see `rxrpc/testing`. */
  readonly system?: System;
  /** Wraps the network: a packet tap, a fault injector. */
  readonly wrapTransport?: (transport: DatagramTransport) => DatagramTransport;
}

const ADDRESS_NAMES = ["host", "port"];
const COMMON_NAMES = ["security", "onFault", "wrapTransport", "system", ...RESOURCE_OPTION_NAMES];

/** The options of a socket that the system chooses an address for. */
export const CLIENT_SOCKET_OPTION_NAMES: readonly string[] = [...ENDPOINT_OPTION_NAMES, ...COMMON_NAMES];

/**
 * Checks the options of a socket.
 * @returns the endpoint's share of them, whose values EndpointConfig checks
 * @throws RxOptionError naming an option that is wrong or not known
 */
export function endpointOptions(options: SocketOptions, alsoKnown: readonly string[] = []): EndpointOptions {
  knownOptions("options", options, [...ADDRESS_NAMES, ...CLIENT_SOCKET_OPTION_NAMES, ...alsoKnown]);
  addressOptions("", options);
  if (options.security !== undefined) checkSecurity(options.security);
  functionOption("onFault", options.onFault);
  functionOption("wrapTransport", options.wrapTransport);
  checkResources(options);
  const entries = Object.entries(options).filter(([name]) => ENDPOINT_OPTION_NAMES.includes(name));
  return Object.fromEntries(entries);
}

/** @throws RxOptionError naming `prefix` and the option, unless `host` and `port` can be bound, as far as can be told */
export function addressOptions(
  prefix: string,
  options: { readonly host?: string | undefined; readonly port?: number | undefined },
): void {
  const { host, port } = options;
  if (host !== undefined && (typeof host !== "string" || host === "")) {
    throw new RxOptionError(`${prefix}host`, "an address or name", host);
  }
  integerOption(`${prefix}port`, port, 0, 0, 65_535);
}

// The index is one byte of every packet's header, and says which class a connection has.
const SECURITY_INDEX_MAX = 255;

function checkSecurity(security: unknown): void {
  const expected = "an array of at least one security class";
  if (!Array.isArray(security) || security.length === 0)
    throw new RxOptionError("security", expected, security);
  const seen = new Set<unknown>();
  for (const each of security as readonly unknown[]) {
    if (typeof each !== "object" || each === null) throw new RxOptionError("security", expected, each);
    const index = "securityIndex" in each ? each.securityIndex : undefined;
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index > SECURITY_INDEX_MAX) {
      throw new RxOptionError(
        "security",
        `classes with a securityIndex from 0 to ${SECURITY_INDEX_MAX}`,
        index,
      );
    }
    if (seen.has(index)) throw new RxOptionError("security", "classes with different securityIndex", index);
    seen.add(index);
  }
}

// A peer whose requests make a handler throw must not fill the log: so many warnings a second say what is wrong.
const WARNINGS_PER_SECOND = 10;
const warnings = { sinceMs: Number.NEGATIVE_INFINITY, told: 0, withheld: 0 };

/** Where faults go that nobody asked for. */
function warnOfFault(cause: unknown, where: string): void {
  const nowMs = performance.now();
  if (nowMs - warnings.sinceMs >= 1_000) {
    if (warnings.withheld > 0) warn(`${warnings.withheld} more faults were not shown`);
    warnings.sinceMs = nowMs;
    warnings.told = 0;
    warnings.withheld = 0;
  }
  if (warnings.told === WARNINGS_PER_SECOND) {
    warnings.withheld++;
    return;
  }
  warnings.told++;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  warn(`${where}: ${text}`);
}

function warn(text: string): void {
  process.emitWarning(text, { type: "RxFaultWarning", code: "RX_FAULT" });
}

/** The user's `onFault`, or warnOfFault. What it throws itself becomes a warning: it runs where calls are being ended. */
export function faultReporter(options: SocketOptions): (cause: unknown, where: string) => void {
  const { onFault } = options;
  if (onFault === undefined) return warnOfFault;
  return (cause, where) => {
    try {
      onFault(cause, where);
    } catch (thrown) {
      warnOfFault(thrown, "onFault");
    }
  };
}
