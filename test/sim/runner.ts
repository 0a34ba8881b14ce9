// `npm run sim`: spreads seeds over scenarios and worker processes, tells how it goes, and makes failing seeds small.
import { parseOptions, type SimOptions, USAGE } from "./options.js";
import { type RunMode, runTask, type SeedResult } from "./run-seed.js";
import { scenarioOf, scenarios } from "./scenarios/index.js";
import { commandOf, shrink } from "./shrink.js";
import { Tally } from "./tally.js";
import type { Task } from "./worker.js";
import { Workers } from "./workers.js";

// One seed in so many is run twice (O8).
const TWICE_STRIDE = 20;
const PROGRESS_MS = 500;
// After so many failing seeds it is known that something is wrong.
const FAILURES_MAX = 10;

/** @param args the command line behind `npm run sim --` */
export async function main(args: readonly string[]): Promise<void> {
  let options: SimOptions | null;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options === null) console.log(USAGE);
  else if (options.hasTrace) await traceOne(options);
  else await runAll(options);
}

function tasksOf(options: SimOptions): Task[] {
  const chosen = options.scenario === "" ? scenarios : [scenarioOf(options.scenario)];
  const count = options.seed > 0 ? chosen.length : options.seeds;
  return Array.from({ length: count }, (_, i) => {
    const seed = options.seed > 0 ? options.seed : Math.floor(i / chosen.length) + 1;
    const mode: RunMode = options.isTwin ? "twin" : i % TWICE_STRIDE === 0 ? "twice" : "once";
    return {
      scenario: (chosen[i % chosen.length] as (typeof chosen)[number]).id,
      mode,
      options: seedOptions(options, seed),
    };
  });
}

function seedOptions({ clients, calls, without }: SimOptions, seed: number): Task["options"] {
  return {
    seed,
    ...(clients < 1_000_000 ? { clientsMax: clients } : {}),
    ...(calls < 1_000_000 ? { callsMax: calls } : {}),
    ...(without.length > 0 ? { without } : {}),
  };
}

async function traceOne(options: SimOptions): Promise<void> {
  const scenario = scenarioOf(options.scenario);
  const onTrace = (line: string): void => console.log(line);
  const result = await runTask(
    scenario,
    { ...seedOptions(options, options.seed), onTrace },
    options.isTwin ? "twin" : "once",
  );
  const faults = result.kinds.length === 0 ? "none" : result.kinds.join(", ");
  console.log(`${scenario.id} ${scenario.title}; seed ${options.seed}; faults on: ${faults}`);
  console.log(`trace hash ${result.traceHash}`);
  if (result.oracle === "") return;
  console.log(result.stack === "" ? result.message : result.stack);
  process.exitCode = 1;
}

async function runAll(options: SimOptions): Promise<void> {
  const tasks = tasksOf(options);
  const workers = new Workers(Math.min(options.jobs, tasks.length));
  const tally = new Tally();
  const failed: { task: Task; result: SeedResult }[] = [];
  const startMs = performance.now();
  let done = 0;
  const timer = setInterval(() => progress(done, tasks.length, failed.length, startMs), PROGRESS_MS);
  try {
    await Promise.all(
      tasks.map(async (task) => {
        const result = await workers.run(task, () => failed.length < FAILURES_MAX);
        if (result === null) return;
        done++;
        tally.add(task.scenario, result);
        if (result.oracle !== "") failed.push({ task, result });
      }),
    );
    clearInterval(timer);
    progress(done, tasks.length, failed.length, startMs);
    console.log(`\n${tally.render()}`);
    for (const { task, result } of failed) await report(task, result, options.shrinks, workers);
  } finally {
    clearInterval(timer);
    workers.stop();
  }
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
  console.log(`\n${done} of ${tasks.length} runs, ${failed.length} failed, ${seconds} s`);
  if (failed.length > 0) process.exitCode = 1;
}

async function report(task: Task, result: SeedResult, shrinks: boolean, workers: Workers): Promise<void> {
  const { title } = scenarioOf(task.scenario);
  console.log(`\n${task.scenario} ${title}, seed ${task.options.seed}: ${result.message}`);
  const small = shrinks
    ? await shrink(task, result, (smaller) => runOne(workers, smaller))
    : { task, result };
  if (small.result.message !== result.message) console.log(`made small: ${small.result.message}`);
  console.log(`again: ${commandOf(small.task)}`);
}

async function runOne(workers: Workers, task: Task): Promise<SeedResult> {
  return (await workers.run(task)) as SeedResult;
}

function progress(done: number, all: number, failed: number, startMs: number): void {
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
  const line = `${done} of ${all} runs, ${failed} failed, ${seconds} s`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line} `);
  else if (done === all || Number(seconds) % 30 === 0) console.log(line);
}
