// One scenario under one seed: phase 1 with faults, phase 2 without, then rest. The rules O1 to O12 are judged on the way.
import type { FaultSettings } from "../../src/transport/link-faults.js";
import { Prng } from "../../src/transport/prng.js";
import { Violation } from "./checkers.js";
import { type FaultKind, FaultPlan } from "./faults.js";
import { RpcWorld } from "./rpc-world.js";
import { playRpc, type RpcScenario } from "./run-rpc-seed.js";
import { StateWatch } from "./state-watch.js";
import { WireWatch } from "./wire-watch.js";
import { World } from "./world.js";

/** What a scenario says of itself. Everything random in it comes from `world.prng`. */
export interface SimScenario {
  /** S01 to S40. */
  readonly id: string;
  readonly title: string;
  /** What the path is like in every run of it; it heals with the faults. */
  readonly path?: Partial<FaultSettings>;
  /** Faults that it may use. Default none. */
  readonly faults?: readonly FaultKind[];
  /** How long the faults go on at most, if the calls do not end before. Default 60 s. */
  readonly faultsUs?: number;
  /** O7: how long calls may go on without faults. Default the dead time of 20 s, and a second. */
  readonly endsWithinUs?: number;
  /** Calls may end in other ways than success. Default: when a fault is on that may end calls. */
  readonly mayFail?: boolean;
  /** The path is left as it is, and the faults go on, for so long after the last call. Default 0. */
  readonly lingersUs?: number;
  /** How long everything goes on once the calls have ended, before the ends are looked at. Default 0. */
  readonly settlesUs?: number;
  /** O6: it is run twice, with different bytes in used memory, and must send the same. */
  readonly isTwin?: boolean;
  /** Bit damage shows: nothing that was changed may be delivered. */
  readonly isSecured?: boolean;
  /** Makes servers and clients, begins calls, and says what is to happen. */
  start(world: World): void;
  /** What must hold when the calls have ended. */
  expect?(world: World): void;
  /** The same seed is played once more with `isQuiet` set, and what both have shown is compared. */
  compare?(world: World, quiet: World): void;
}

/** Of the core alone, or of the whole library with its promises. */
export type Scenario = SimScenario | RpcScenario;

export interface SeedOptions {
  readonly seed: number;
  readonly without?: readonly FaultKind[];
  readonly clientsMax?: number;
  readonly callsMax?: number;
  /** Byte that used memory is filled with. */
  readonly poison?: number;
  readonly onTrace?: (line: string) => void;
}

/** What a run has shown; tables count by name. */
export interface SeedResult {
  /** The rule that was broken, or "" */
  readonly oracle: string;
  readonly message: string;
  readonly stack: string;
  readonly traceHash: string;
  /** The kinds of faults that were on. */
  readonly kinds: readonly FaultKind[];
  readonly virtualUs: number;
  /** The same without the rest. */
  readonly busyUs: number;
  readonly realMs: number;
  readonly sent: Readonly<Record<string, number>>;
  readonly received: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly steps: Readonly<Record<string, number>>;
}

const FAULTS_US = 60_000_000;
const DEAD_US = 21_000_000;
const SCENARIO_SALT = 1_000_003;
// S19R and S19 have seeds of their own.
const RPC_SALT = 500;
const POISON = 0xa5;

/** What a run is played with, whoever plays in it: all of it follows from the seed. */
interface Stage {
  readonly prng: Prng;
  readonly plan: FaultPlan;
  readonly wire: WireWatch;
  readonly states: StateWatch;
}

function stageOf(scenario: Scenario, { seed, without }: SeedOptions): Stage {
  const number = Number.parseInt(scenario.id.slice(1), 10) + ("play" in scenario ? RPC_SALT : 0);
  const prng = new Prng(seed * SCENARIO_SALT + number);
  const plan = new FaultPlan(scenario.faults ?? [], prng.fork(), without);
  return { prng, plan, wire: new WireWatch(), states: new StateWatch() };
}

/** Runs it to the end. Nothing is thrown: what goes wrong stands in the result. */
async function runSeed(scenario: Scenario, options: SeedOptions): Promise<SeedResult> {
  const stage = stageOf(scenario, options);
  const startMs = performance.now();
  const { failure, ...shown } = await withoutStrays(async () =>
    "play" in scenario ? playWhole(scenario, options, stage) : playCore(scenario, options, stage),
  );
  const { plan, wire, states } = stage;
  return {
    ...describeFailure(failure),
    ...shown,
    traceHash: wire.digest(),
    kinds: [...plan.kinds],
    realMs: performance.now() - startMs,
    sent: wire.sent,
    received: wire.received,
    faults: nonZero(plan.counts),
    steps: states.steps(),
  };
}

interface Outcome {
  readonly virtualUs: number;
  readonly busyUs: number;
  /** What was thrown. */
  readonly failure: unknown;
}

// O9: what is rejected during a run and looked at by nobody. Others who listen for that are not concerned.
async function withoutStrays(run: () => Promise<Outcome>): Promise<Outcome> {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  const strays: unknown[] = [];
  process.on("unhandledRejection", (cause) => strays.push(cause));
  try {
    const outcome = await run();
    // The process tells of them when all microtasks have run.
    await new Promise((resolve) => setImmediate(resolve));
    if (outcome.failure !== undefined || strays.length === 0) return outcome;
    const failure = new Violation("O9", `a promise was rejected and nobody looked: ${String(strays[0])}`);
    return { ...outcome, failure };
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  }
}

function playCore(scenario: SimScenario, options: SeedOptions, stage: Stage): Outcome {
  const world = castOf(scenario, options, stage, false);
  let busyUs = 0;
  let failure: unknown;
  try {
    busyUs = play(scenario, world);
    if (scenario.compare !== undefined) {
      const quiet = castOf(scenario, options, stageOf(scenario, options), true);
      play(scenario, quiet);
      scenario.compare(world, quiet);
    }
  } catch (cause) {
    failure = cause;
  }
  world.countFaults();
  return { virtualUs: world.simulation.elapsedUs, busyUs, failure };
}

function castOf(scenario: SimScenario, options: SeedOptions, stage: Stage, isQuiet: boolean): World {
  const { prng, plan, wire, states } = stage;
  return new World({
    simulation: {
      seed: prng.uint32(),
      wire,
      states,
      ...(scenario.path === undefined ? {} : { faults: scenario.path }),
      ...(options.poison === undefined ? {} : { poison: options.poison }),
      ...(options.onTrace === undefined || isQuiet ? {} : { onTrace: options.onTrace }),
    },
    plan,
    prng: prng.fork(),
    isQuiet,
    clientsMax: options.clientsMax ?? Number.MAX_SAFE_INTEGER,
    callsMax: options.callsMax ?? Number.MAX_SAFE_INTEGER,
  });
}

async function playWhole(scenario: RpcScenario, options: SeedOptions, stage: Stage): Promise<Outcome> {
  const { prng, plan, wire, states } = stage;
  const world = new RpcWorld({
    seed: prng.uint32(),
    prng: prng.fork(),
    plan,
    path: scenario.path ?? {},
    wire,
    states,
    poison: options.poison ?? POISON,
    callsMax: options.callsMax ?? Number.MAX_SAFE_INTEGER,
    ...(options.onTrace === undefined ? {} : { onTrace: options.onTrace }),
  });
  let busyUs = 0;
  let failure: unknown;
  try {
    busyUs = await playRpc(scenario, world);
  } catch (cause) {
    failure = cause;
  }
  world.countFaults();
  return { virtualUs: world.elapsedUs, busyUs, failure };
}

/** How often a seed is run: once, twice to see that it is the same run (O8), or twice with other bytes in used memory (O6). */
export type RunMode = "once" | "twice" | "twin";

/** Runs it as often as `mode` says. */
export async function runTask(
  scenario: Scenario,
  options: SeedOptions,
  mode: RunMode = "once",
): Promise<SeedResult> {
  const isTwin = mode === "twin" || scenario.isTwin === true;
  const first = await runSeed(scenario, isTwin ? { ...options, poison: 0x00 } : options);
  if (first.oracle !== "" || (mode === "once" && !isTwin)) return first;
  const second = await runSeed(scenario, isTwin ? { ...options, poison: 0xa5 } : options);
  if (second.traceHash === first.traceHash) return first;
  const oracle = isTwin ? "O6" : "O8";
  const message = isTwin ? "what is sent depends on what memory held before" : "one seed gave two runs";
  return { ...first, oracle, message: `${oracle}: ${message}` };
}

// @returns the virtual time that passed before the rest
function play(scenario: SimScenario, world: World): number {
  const { simulation, plan } = world;
  world.mayCorrupt = plan.has("damage") && scenario.isSecured !== true;
  scenario.start(world);
  plan.start(world);
  simulation.runUntil(() => world.hasEnded, scenario.faultsUs ?? FAULTS_US);
  world.tookUs = simulation.elapsedUs;
  if (scenario.lingersUs !== undefined) simulation.runFor(scenario.lingersUs);
  plan.stop(world);
  const isOver = simulation.runUntil(() => world.hasEnded, scenario.endsWithinUs ?? DEAD_US);
  if (!isOver) {
    const open = world.calls.filter((call) => !call.isEnded && !call.isOrphan);
    throw new Violation(
      "O7",
      `without faults ${open.length} calls go on: ${open[0]?.describe() ?? "not begun"}`,
    );
  }
  if (scenario.settlesUs !== undefined) simulation.runFor(scenario.settlesUs);
  simulation.check();
  world.checkCalls(scenario.mayFail ?? plan.isFatal);
  scenario.expect?.(world);
  const busyUs = simulation.elapsedUs;
  world.rest();
  return busyUs;
}

function describeFailure(failure: unknown): Pick<SeedResult, "oracle" | "message" | "stack"> {
  if (failure === undefined) return { oracle: "", message: "", stack: "" };
  if (!(failure instanceof Error)) return { oracle: "O9", message: "O9: thrown, and no Error", stack: "" };
  const oracle = failure instanceof Violation ? failure.oracle : "O9";
  const message = failure instanceof Violation ? failure.message : `O9: ${failure.name}: ${failure.message}`;
  return { oracle, message, stack: failure.stack ?? "" };
}

function nonZero(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
