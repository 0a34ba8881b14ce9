// One scenario under one seed: phase 1 with faults, phase 2 without, then rest. The rules O1 to O12 are judged on the way.
import type { FaultSettings } from "../../src/transport/link-faults.js";
import { Prng } from "../../src/transport/prng.js";
import { Violation } from "./checkers.js";
import { type FaultKind, FaultPlan } from "./faults.js";
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
}

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

/** Runs it to the end. Nothing is thrown: what goes wrong stands in the result. */
function runSeed(scenario: SimScenario, options: SeedOptions): SeedResult {
  const { seed } = options;
  const number = Number(scenario.id.slice(1));
  const prng = new Prng(seed * SCENARIO_SALT + number);
  const plan = new FaultPlan(scenario.faults ?? [], prng.fork(), options.without);
  const wire = new WireWatch();
  const states = new StateWatch();
  const world = new World({
    simulation: {
      seed: prng.uint32(),
      wire,
      states,
      ...(scenario.path === undefined ? {} : { faults: scenario.path }),
      ...(options.poison === undefined ? {} : { poison: options.poison }),
      ...(options.onTrace === undefined ? {} : { onTrace: options.onTrace }),
    },
    plan,
    prng: prng.fork(),
    clientsMax: options.clientsMax ?? Number.MAX_SAFE_INTEGER,
    callsMax: options.callsMax ?? Number.MAX_SAFE_INTEGER,
  });
  const startMs = performance.now();
  let failure: unknown;
  let busyUs = 0;
  try {
    busyUs = play(scenario, world);
  } catch (cause) {
    failure = cause;
  }
  world.countFaults();
  return {
    ...describeFailure(failure),
    traceHash: wire.digest(),
    kinds: [...plan.kinds],
    virtualUs: world.simulation.elapsedUs,
    busyUs,
    realMs: performance.now() - startMs,
    sent: wire.sent,
    received: wire.received,
    faults: nonZero(plan.counts),
    steps: states.steps(),
  };
}

/** How often a seed is run: once, twice to see that it is the same run (O8), or twice with other bytes in used memory (O6). */
export type RunMode = "once" | "twice" | "twin";

/** Runs it as often as `mode` says. */
export function runTask(scenario: SimScenario, options: SeedOptions, mode: RunMode = "once"): SeedResult {
  const isTwin = mode === "twin" || scenario.isTwin === true;
  const first = runSeed(scenario, isTwin ? { ...options, poison: 0x00 } : options);
  if (first.oracle !== "" || (mode === "once" && !isTwin)) return first;
  const second = runSeed(scenario, isTwin ? { ...options, poison: 0xa5 } : options);
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
  return { oracle, message: failure.message, stack: failure.stack ?? "" };
}

function nonZero(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
