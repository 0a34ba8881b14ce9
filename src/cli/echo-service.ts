// The second demonstration service: what comes goes back.
import { type ServiceDefinition, service } from "../rpc/service-definition.js";

const ECHO_SERVICE_ID = 52;
const ECHO_MAX_BYTES = 64 * 1024 * 1024;
/** Handlers at once. */
const ECHO_CONCURRENCY = 64;

/**
 * A reply cannot begin before its request has ended (rx-behaviour.md section 3), so the request is taken in first: by a
 * growable buffer, which goes to a file when it is long.
 */
export function echoService(concurrency: number): ServiceDefinition {
  return service({
    id: ECHO_SERVICE_ID,
    name: "echo",
    concurrency: Math.min(concurrency, ECHO_CONCURRENCY),
    maxRequestBytes: ECHO_MAX_BYTES,
    maxReplyBytes: ECHO_MAX_BYTES,
    async call(call) {
      for await (const chunk of call.buffer()) await call.write(chunk);
    },
  });
}
