// The second demonstration service: what comes goes back.
import { type ServiceDefinition, service } from "../rpc/service-definition.js";

export const ECHO_SERVICE_ID = 52;
/** A request is kept whole until its reply begins, so this times the handlers is the memory of the service. */
export const ECHO_MAX_BYTES = 1024 * 1024;
/** Handlers at once. */
const ECHO_CONCURRENCY = 64;

/** A reply cannot begin before its request has ended (rx-behaviour.md section 3), so the request is taken in first. */
export function echoService(concurrency: number): ServiceDefinition {
  return service({
    id: ECHO_SERVICE_ID,
    name: "echo",
    concurrency: Math.min(concurrency, ECHO_CONCURRENCY),
    maxRequestBytes: ECHO_MAX_BYTES,
    maxReplyBytes: ECHO_MAX_BYTES,
    call: (call) => call.readAll(ECHO_MAX_BYTES),
  });
}
