// The command line of `npm run sim`.
import { parseArgs } from "node:util";
import { FAULT_KINDS, type FaultKind } from "./faults.js";
import { scenarios } from "./scenarios/index.js";

export const USAGE = `npm run sim -- [options]
  --seeds N        runs in all, spread over the scenarios (default 1000)
  --scenario S02   this scenario alone
  --seed N         this seed alone
  --jobs N         worker processes (default 2)
  --twin           every seed twice, with different bytes in used memory
  --trace          prints every packet with its virtual time; for one scenario and seed
  --without a,b    leaves these kinds of faults out: ${FAULT_KINDS.join(", ")}
  --clients N      at most so many clients
  --calls N        at most so many calls of each client
  --no-shrink      reports a failing seed as it is`;

export interface SimOptions {
  readonly seeds: number;
  readonly scenario: string;
  /** 0 = all. */
  readonly seed: number;
  readonly jobs: number;
  readonly isTwin: boolean;
  readonly hasTrace: boolean;
  readonly shrinks: boolean;
  readonly without: readonly FaultKind[];
  readonly clients: number;
  readonly calls: number;
}

/** @returns the options, or null when help is asked for. @throws Error that says what is wrong */
export function parseOptions(args: readonly string[]): SimOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "1000" },
      scenario: { type: "string", default: "" },
      seed: { type: "string", default: "0" },
      jobs: { type: "string", default: "2" },
      twin: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      "no-shrink": { type: "boolean", default: false },
      without: { type: "string", default: "" },
      clients: { type: "string", default: "1000000" },
      calls: { type: "string", default: "1000000" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const scenario = values.scenario.toUpperCase();
  if (scenario !== "" && !scenarios.some(({ id }) => id === scenario))
    throw new Error(`no scenario ${values.scenario}; there are S01 to S40, and ${rpcIds()}`);
  const seed = whole("--seed", values.seed, 0);
  if (values.trace && (scenario === "" || seed === 0))
    throw new Error("--trace wants --scenario and --seed as well");
  const without = values.without === "" ? [] : values.without.split(",");
  for (const kind of without)
    if (!FAULT_KINDS.includes(kind as FaultKind)) throw new Error(`no kind of fault is called ${kind}`);
  return {
    seeds: whole("--seeds", values.seeds, 1),
    scenario,
    seed,
    jobs: whole("--jobs", values.jobs, 1),
    isTwin: values.twin,
    hasTrace: values.trace,
    shrinks: !values["no-shrink"],
    without: without as FaultKind[],
    clients: whole("--clients", values.clients, 1),
    calls: whole("--calls", values.calls, 1),
  };
}

function rpcIds(): string {
  return scenarios
    .filter((scenario) => "play" in scenario)
    .map(({ id }) => id)
    .join(", ");
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`${name} wants a whole number of at least ${least}, not ${text}`);
  return value;
}
