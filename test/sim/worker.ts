// One worker process of `npm run sim`: runs what it is sent, one after the other.
import { type RunMode, runTask, type SeedOptions, type SeedResult } from "./run-seed.js";
import { scenarioOf } from "./scenarios/index.js";

export interface Task {
  readonly scenario: string;
  readonly options: SeedOptions;
  readonly mode: RunMode;
}

/** Answers each task with its result. What is thrown where nobody waits for it ends the process, and so the run. */
export function serve(): void {
  process.on("message", (task: Task) => {
    const result: SeedResult = runTask(scenarioOf(task.scenario), task.options, task.mode);
    process.send?.(result);
  });
  process.on("disconnect", () => process.exit(0));
}
