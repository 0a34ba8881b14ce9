// One worker process of `npm run sim`: runs what it is sent, one after the other.
import { type RunMode, runTask, type SeedOptions, type SeedResult } from "./run-seed.js";
import { scenarioOf } from "./scenarios/index.js";

export interface Task {
  readonly scenario: string;
  readonly options: SeedOptions;
  readonly mode: RunMode;
}

/** Answers each task with its result. What is thrown where nobody catches it ends the process, and so the run. */
export function serve(): void {
  const run = async (task: Task): Promise<void> => {
    const result: SeedResult = await runTask(scenarioOf(task.scenario), task.options, task.mode);
    process.send?.(result);
  };
  process.on("message", (task: Task) => void run(task));
  process.on("disconnect", () => process.exit(0));
}
