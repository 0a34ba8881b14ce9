// One scenario with promises under one seed. The rules are those of run-seed.ts.
import type { FaultSettings } from "../../src/transport/link-faults.js";
import type { FaultKind } from "./faults.js";
import type { RpcWorld } from "./rpc-world.js";

const FAULTS_US = 60_000_000;

/** A scenario that is played by servers, clients and sockets of the whole library. */
export interface RpcScenario {
  /** As the scenario of the core that it stands beside, and an R. */
  readonly id: string;
  readonly title: string;
  readonly path?: Partial<FaultSettings>;
  readonly faults?: readonly FaultKind[];
  /** How long the faults go on at most. Default 60 s. */
  readonly faultsUs?: number;
  /** O6: it is run twice, with different bytes in used memory, and must send the same. */
  readonly isTwin?: boolean;
  /** From the first server to the last answer, under faults. What must hold is said on the way. */
  play(world: RpcWorld): Promise<void>;
}

/** @returns the virtual time that passed before the rest */
export async function playRpc(scenario: RpcScenario, world: RpcWorld): Promise<number> {
  const { plan, machine } = world;
  plan.start(world);
  // Faults end at their time even while the scenario goes on: who waits for an answer gets it then.
  const cancel = machine.network.after(scenario.faultsUs ?? FAULTS_US, () => plan.stop(world));
  await scenario.play(world);
  cancel();
  plan.stop(world);
  world.check();
  const busyUs = world.elapsedUs;
  await world.rest();
  return busyUs;
}
