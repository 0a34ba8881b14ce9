// Runs the same kind of work under many seeds. Phase 1 is the work under faults; then everything must come to rest.
import type { EndpointOptions } from "../../src/core/config.js";
import type { Bundle } from "../../src/core/conn-client.js";
import { ServiceStyle } from "../../src/core/service.js";
import type { FaultSettings } from "../../src/transport/link-faults.js";
import { checkLedger, checkPoolsWhole } from "./checkers.js";
import { type End, Simulation } from "./pair.js";
import { openBundle, PatternCall, PatternService } from "./workload.js";

export interface Scenario {
  readonly faults?: Partial<FaultSettings>;
  readonly clients?: number;
  readonly callsPerClient: number;
  readonly requestBytes: number;
  readonly replyBytes: number;
  readonly connectionsMax?: number;
  readonly style?: ServiceStyle;
  readonly backlog?: number;
  readonly serverOptions?: EndpointOptions;
  readonly clientOptions?: EndpointOptions;
  /** Virtual time in which every call must have ended. */
  readonly limitUs: number;
  /** Called when the ends are there and before the first call begins. */
  readonly prepare?: (run: ScenarioRun) => void;
  /** Called when all calls have begun. */
  readonly disturb?: (run: ScenarioRun) => void;
  /** Calls may end in other ways than success. */
  readonly mayFail?: boolean;
  /** Faults go on while the ends come to rest. */
  readonly keepsFaults?: boolean;
  readonly poison?: number;
}

export interface ScenarioRun {
  readonly simulation: Simulation;
  readonly server: End;
  readonly clients: readonly End[];
  readonly service: PatternService;
  readonly calls: readonly PatternCall[];
  /** Virtual time that the calls took. */
  tookUs: number;
}

// Longer than every idle life: connections 10 min, peers 1 min, tombstones 2 min.
const REST_US = 15 * 60 * 1_000_000;

/** Seeds 1..count, or the one that RXRPC_SIM_SEED names. RXRPC_SIM_TIMES=10 runs ten times as many. */
export function eachSeed(count: number, run: (seed: number, hasTrace: boolean) => void): void {
  const chosen = Number(process.env["RXRPC_SIM_SEED"] ?? 0);
  if (chosen > 0) return run(chosen, true);
  const times = Number(process.env["RXRPC_SIM_TIMES"] ?? 1);
  for (let seed = 1; seed <= count * times; seed++) run(seed, false);
}

/** Runs one seed to the end, checks included. @throws Error that says how to replay it */
export function runScenario(scenario: Scenario, seed: number, hasTrace = false): ScenarioRun {
  const simulation = new Simulation({
    seed,
    hasTrace,
    ...(scenario.faults === undefined ? {} : { faults: scenario.faults }),
    ...(scenario.poison === undefined ? {} : { poison: scenario.poison }),
  });
  try {
    const run = begin(scenario, simulation);
    finish(scenario, run);
    return run;
  } catch (cause) {
    const trace = simulation.trace.length === 0 ? "" : `\n${simulation.trace.join("\n")}`;
    const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    throw new Error(`seed ${seed} (replay this test alone with RXRPC_SIM_SEED=${seed}): ${message}${trace}`, {
      cause,
    });
  }
}

function begin(scenario: Scenario, simulation: Simulation): ScenarioRun {
  const server = simulation.addEnd({ host: "127.0.0.1", port: 7009, options: scenario.serverOptions ?? {} });
  const service = new PatternService(
    server,
    { style: scenario.style ?? ServiceStyle.User },
    scenario.backlog ?? 32,
  );
  const clients: End[] = [];
  const calls: PatternCall[] = [];
  const bundles: Bundle[] = [];
  for (let c = 0; c < (scenario.clients ?? 1); c++) {
    const client = simulation.addEnd({
      host: "127.0.0.2",
      port: 40_000 + c,
      options: scenario.clientOptions ?? {},
    });
    clients.push(client);
    bundles.push(openBundle(client, server.address, scenario.connectionsMax ?? 16));
  }
  const run = { simulation, server, clients, service, calls, tookUs: 0 };
  scenario.prepare?.(run);
  for (let i = 0; i < scenario.callsPerClient; i++) {
    for (const [c, client] of clients.entries()) {
      const id = c * 100_000 + i * 2;
      calls.push(
        new PatternCall(client, bundles[c] as Bundle, id, scenario.requestBytes, scenario.replyBytes),
      );
    }
  }
  scenario.disturb?.(run);
  return run;
}

function finish(scenario: Scenario, run: ScenarioRun): void {
  const { simulation, calls } = run;
  const startUs = simulation.nowUs;
  simulation.runUntil(() => calls.every((call) => call.isEnded), scenario.limitUs);
  run.tookUs = simulation.nowUs - startUs;
  simulation.check();
  if (scenario.mayFail !== true) checkAllRight(run);
  if (scenario.keepsFaults === true) simulation.runFor(REST_US);
  rest(run);
}

function checkAllRight({ service, calls }: ScenarioRun): void {
  const wrong = calls.filter((call) => !call.isRight);
  if (wrong.length > 0)
    throw new Error(
      `${wrong.length} of ${calls.length} calls: ${wrong.map((call) => call.describe()).join("; ")}`,
    );
  if (service.errors.length > 0) throw new Error(service.errors.join("; "));
  for (const call of calls) {
    const runs = service.runs.get(call.id) ?? 0;
    if (runs !== 1) throw new Error(`request ${call.id} was run ${runs} times`);
  }
}

/** No more faults: all that is left must go, and the pools be whole. */
export function rest(run: ScenarioRun): void {
  const { simulation, server, clients, service, calls } = run;
  simulation.network.heal();
  simulation.runFor(REST_US);
  if (service.live !== 0) throw new Error(`${service.live} calls are still with the service`);
  for (const call of calls) if (call.ends !== 1) throw new Error(`call ${call.id} ended ${call.ends} times`);
  for (const end of [server, ...clients]) checkLedger(end);
  server.command(() => service.service.listen(0));
  for (const end of [server, ...clients]) checkPoolsWhole(end);
}
