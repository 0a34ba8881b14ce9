// `rxrpc/testing`: what a service built on this library is tested with under faults. Re-exports, no logic.
export type { SocketTransport, System } from "../node/system.js";
export type { FaultSettings } from "../transport/link-faults.js";
export type { Loop } from "../transport/loop.js";
export { Prng } from "../transport/prng.js";
export {
  SimulatedNetwork,
  type SimulatedNetworkOptions,
  type SimulatedPort,
} from "../transport/simulated-network.js";
export { runSeeds, type SeedOptions } from "./seeds.js";
export { SimulatedLoop } from "./simulated-loop.js";
export { Simulation, type SimulationOptions } from "./simulation.js";
