// Which way the datagrams of this process go: "dgram", or "native" where the addon is loaded (RXRPC_NATIVE).
import * as system from "../../../dist/node/system.js";

/** @returns {{ path: "dgram" | "native", reason: string }} */
export function transportPath() {
  // A build from before there was an addon has dgram only.
  return system.transportPath?.() ?? { path: "dgram", reason: "this build has no other" };
}
