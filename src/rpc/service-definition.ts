// What a service of the server base is: its id, its handler, its limits.

import { BACKLOG_MAX } from "../core/config.js";
import type { RefusalPolicy } from "../core/service.js";
import { RxOptionError } from "../util/errors.js";
import { functionOption, integerOption, knownOptions } from "../util/options.js";
import { isAbortCode } from "./call-error.js";
import type { ServerCall } from "./server-call.js";

/**
 * Answers one call: reads the request from it and writes the reply to it. The reply ends when the handler's promise
 * resolves; bytes that it returns are written first. What it throws ends the call with an ABORT: the `abortCode` of an
 * RxError (see RxAbort), else RX_USER_ABORT.
 */
export type CallHandler = (
  call: ServerCall,
) => Promise<Uint8Array | undefined | void> | Uint8Array | undefined | void;

/** What a new call is told when it cannot be taken: BUSY (the client tries again), an ABORT with a code, or nothing. */
export type Refusal = "busy" | "drop" | { readonly abort: number };

export interface ServiceOptions {
  /** Service id on the wire, 1 to 65 535. */
  readonly id: number;
  /** For people: logs, metrics. Default `service-ID`. */
  readonly name?: string;
  readonly call: CallHandler;
  /** Calls that one turn of the loop can take in, 1 to 32. Default: the server's. */
  readonly backlog?: number;
  /** Handlers that run at once; recharging stops there, and further calls are refused. Default 256. */
  readonly concurrency?: number;
  /** Calls of this service that one address may have alive. Default: half of `callsMax`. */
  readonly callsPerPeerMax?: number;
  /** A longer request is aborted. Default 64 MiB. */
  readonly maxRequestBytes?: number;
  /** A handler that writes more gets RX_ERR_TOO_LARGE. Default 1 GiB. */
  readonly maxReplyBytes?: number;
  /** A call ends with RX_CALL_TIMEOUT after so long. Default 300 000; 0 = no limit. */
  readonly deadlineMs?: number;
  /** Default "busy". */
  readonly refusal?: Refusal;
  /** Service id that a client's upgrade request is given instead of this one. Default none. */
  readonly upgradeTo?: number;
}

const OPTION_NAMES = [
  "id", "name", "call", "backlog", "concurrency", "callsPerPeerMax", "maxRequestBytes", "maxReplyBytes", "deadlineMs",
  "refusal", "upgradeTo",
]; // biome-ignore format: a list of names

const MIB = 1024 * 1024;

/** What service() has made: nothing else has been checked. */
const made = new WeakSet<object>();

/** A checked service; made by service(). */
export interface ServiceDefinition {
  readonly id: number;
  readonly name: string;
  readonly call: CallHandler;
  readonly backlog: number | undefined;
  readonly concurrency: number;
  readonly callsPerPeerMax: number | undefined;
  readonly maxRequestBytes: number;
  readonly maxReplyBytes: number;
  readonly deadlineMs: number;
  readonly refusal: RefusalPolicy;
  readonly upgradeTo: number;
}

/**
 * Checks the options of a service and fills in the defaults.
 * @throws RxOptionError naming the option, what was expected and what came
 */
export function service(options: ServiceOptions): ServiceDefinition {
  knownOptions("service", options, OPTION_NAMES);
  const id = serviceIdOption("id", options.id);
  if (functionOption("call", options.call) === undefined)
    throw new RxOptionError("call", "a function", options.call);
  const name = options.name ?? `service-${id}`;
  if (typeof name !== "string" || name === "") throw new RxOptionError("name", "a text", name);
  const definition: ServiceDefinition = Object.freeze({
    id,
    name,
    call: options.call,
    backlog:
      options.backlog === undefined
        ? undefined
        : integerOption("backlog", options.backlog, 1, 1, BACKLOG_MAX),
    concurrency: integerOption("concurrency", options.concurrency, 256, 1, 65_536),
    callsPerPeerMax:
      options.callsPerPeerMax === undefined
        ? undefined
        : integerOption("callsPerPeerMax", options.callsPerPeerMax, 1, 1, 65_536),
    maxRequestBytes: integerOption("maxRequestBytes", options.maxRequestBytes, 64 * MIB, 0),
    maxReplyBytes: integerOption("maxReplyBytes", options.maxReplyBytes, 1024 * MIB, 0),
    deadlineMs: integerOption("deadlineMs", options.deadlineMs, 300_000, 0, 24 * 3_600_000),
    refusal: refusalPolicy(options.refusal ?? "busy"),
    upgradeTo: options.upgradeTo === undefined ? 0 : serviceIdOption("upgradeTo", options.upgradeTo),
  });
  made.add(definition);
  return definition;
}

/** @throws RxOptionError unless `definition` is what service() has made, and not a copy of it or its options */
export function checkDefinition(definition: ServiceDefinition): void {
  if (typeof definition === "object" && definition !== null && made.has(definition)) return;
  throw new RxOptionError("definition", "what service() returns", definition);
}

/** @throws RxOptionError unless `value` is a service id */
export function serviceIdOption(name: string, value: unknown): number {
  if (value === undefined) throw new RxOptionError(name, "an integer from 1 to 65535", value);
  return integerOption(name, value, 0, 1, 65_535);
}

/** @throws RxOptionError unless `refusal` is one */
export function refusalPolicy(refusal: Refusal): RefusalPolicy {
  if (refusal === "busy" || refusal === "drop") return { kind: refusal };
  if (typeof refusal === "object" && refusal !== null && isAbortCode(refusal.abort))
    return { kind: "abort", code: refusal.abort };
  throw new RxOptionError("refusal", '"busy", "drop" or { abort: a 32-bit integer other than 0 }', refusal);
}
