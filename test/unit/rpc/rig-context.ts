// The promise floor on an endpoint without a network: time and packets are the test's own.
import type { RpcContext } from "../../../src/rpc/rpc-context.js";
import type { Rig } from "../core/rig.js";

export interface RigContext {
  readonly context: RpcContext;
  /** What was reported, with where it happened. */
  readonly faults: [cause: unknown, where: string][];
}

/** Without memory and files: calls that want none never ask for them. */
export function contextOf(rig: Rig): RigContext {
  const faults: RigContext["faults"] = [];
  let userId = 1_000n;
  const context: Partial<RpcContext> = {
    endpoint: rig.endpoint,
    events: rig.events,
    advance: () => rig.endpoint.advance(rig.nowUs),
    reportFault: (cause, where) => void faults.push([cause, where]),
    nextUserId: () => userId++,
  };
  return { context: context as RpcContext, faults };
}
