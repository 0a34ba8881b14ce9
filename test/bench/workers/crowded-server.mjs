// A server with room for a crowd of idle connections beside its other clients.
import { RpcServer, rxperfService, service } from "../../../dist/index.js";
import { CROWD_RANGE, Crowd } from "./crowd.mjs";

/** The service whose handlers do not end while they are to hold. */
export const HOLD_ID = 148;
const CALLS_MAX = 65_536;
// As long as a connection can be kept; nothing is reaped while it is measured.
const IDLE_MS = 24 * 3_600_000;
const SPARE = 4_096;

/**
 * @param {number} connections
 * @returns {Promise<{ server: RpcServer, crowd: Crowd, handlers: { areHeld: boolean } }>}
 */
export async function startCrowdedServer(connections) {
  /** @type {Crowd | undefined} */
  let crowd;
  const server = new RpcServer({
    port: 0,
    connectionsMax: connections + SPARE,
    peersMax: connections + SPARE,
    callsMax: CALLS_MAX,
    callsPerPeerMax: CALLS_MAX,
    idleConnectionMs: IDLE_MS,
    trusted: ["127.0.0.0/8", CROWD_RANGE],
    wrapTransport: (inner) => {
      crowd = new Crowd(inner);
      return crowd;
    },
  });
  const handlers = { areHeld: false };
  const hold = async (/** @type {import("../../../dist/index.js").ServerCall} */ call) => {
    await call.readAll();
    if (handlers.areHeld) await new Promise(() => undefined);
    return new Uint8Array(4);
  };
  server.add(rxperfService());
  server.add(
    service({ id: HOLD_ID, name: "hold", concurrency: CALLS_MAX - 1, deadlineMs: 3_600_000, call: hold }),
  );
  await server.start();
  if (crowd === undefined) throw new Error("the server has no transport");
  return { server, crowd, handlers };
}

/**
 * @param {RpcServer} server
 * @returns {number}
 */
export function connectionsOf(server) {
  return server.stats()[0]?.connections.used ?? 0;
}
