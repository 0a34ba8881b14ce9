// Makes a failing run smaller while it fails the same way: fewer clients, fewer calls, one kind of fault after the other off.
import type { FaultKind } from "./faults.js";
import type { SeedOptions, SeedResult } from "./run-seed.js";
import type { Task } from "./worker.js";

export interface Shrunk {
  readonly task: Task;
  readonly result: SeedResult;
  readonly tries: number;
}

const SIZES = [1, 2, 4, 8, 16];
const TRIES_MAX = 40;

/** @param run runs a task */
export async function shrink(
  task: Task,
  result: SeedResult,
  run: (task: Task) => Promise<SeedResult>,
): Promise<Shrunk> {
  let best: Shrunk = { task, result, tries: 0 };
  let tries = 0;
  const attempt = async (changes: Partial<SeedOptions>): Promise<boolean> => {
    if (tries >= TRIES_MAX) return false;
    tries++;
    const smaller = { ...best.task, options: { ...best.task.options, ...changes } };
    const tried = await run(smaller);
    if (!isSameFailure(tried, result)) return false;
    best = { task: smaller, result: tried, tries };
    return true;
  };
  for (const clientsMax of SIZES) if (await attempt({ clientsMax })) break;
  for (const callsMax of SIZES) if (await attempt({ callsMax })) break;
  for (const kind of result.kinds) {
    const without: readonly FaultKind[] = [...(best.task.options.without ?? []), kind];
    await attempt({ without });
  }
  return { ...best, tries };
}

// The same rule, in the same words: numbers differ from run to run.
function isSameFailure(a: SeedResult, b: SeedResult): boolean {
  return a.oracle === b.oracle && gist(a.message) === gist(b.message);
}

function gist(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/[0-9]+/g, "#").slice(0, 60);
}

/** The one command that runs a task again. */
export function commandOf({ scenario, options, mode }: Task): string {
  const parts = [`npm run sim -- --scenario ${scenario} --seed ${options.seed}`];
  if (options.clientsMax !== undefined) parts.push(`--clients ${options.clientsMax}`);
  if (options.callsMax !== undefined) parts.push(`--calls ${options.callsMax}`);
  if (options.without !== undefined && options.without.length > 0)
    parts.push(`--without ${options.without.join(",")}`);
  if (mode === "twin") parts.push("--twin");
  parts.push("--trace");
  return parts.join(" ");
}
