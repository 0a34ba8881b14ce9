// Running the same test under many seeds, and saying which one failed.
import { RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { Simulation, type SimulationOptions } from "./simulation.js";

export interface SeedOptions extends Omit<SimulationOptions, "seed"> {
  /** How many seeds. Default 20. */
  readonly count?: number;
  /** The first of them. Default 1. */
  readonly first?: number;
  /** Only this one: the environment variable RXRPC_SEED does the same. */
  readonly only?: number;
}

const COUNT = 20;
const SEED_MAX = 2 ** 31 - 1;

/**
 * Runs `test` once for each seed, on a simulation of its own.
 *
 * @throws Error that names the first seed that failed, with what went wrong as its cause; RxOptionError
 */
export async function runSeeds(
  options: SeedOptions,
  test: (simulation: Simulation, seed: number) => Promise<void>,
): Promise<void> {
  knownOptions("options", options, ["count", "first", "only", "faults"]);
  const { count: _count, first: _first, only: _only, ...simulation } = options;
  for (const seed of seedsOf(options)) {
    try {
      await test(new Simulation({ ...simulation, seed }), seed);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed} (repeat it alone with RXRPC_SEED=${seed}): ${what}`, { cause });
    }
  }
}

function seedsOf(options: SeedOptions): readonly number[] {
  const only = options.only ?? chosenSeed();
  if (only !== undefined) return [integerOption("only", only, 0, 0, SEED_MAX)];
  const count = integerOption("count", options.count, COUNT, 1, SEED_MAX);
  const first = integerOption("first", options.first, 1, 0, SEED_MAX - count);
  return Array.from({ length: count }, (_, i) => first + i);
}

function chosenSeed(): number | undefined {
  const text = process.env["RXRPC_SEED"];
  if (text === undefined || text === "") return undefined;
  if (!/^\d+$/.test(text)) throw new RxOptionError("RXRPC_SEED", "a seed", text);
  return Number(text);
}
