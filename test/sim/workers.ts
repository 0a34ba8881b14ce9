// The worker processes of `npm run sim`: who is idle gets the next task; one that dies or hangs has failed its task.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SeedResult } from "./run-seed.js";
import type { Task } from "./worker.js";

// Real time; the longest scenario takes a few seconds.
const HANG_MS = 120_000;

export class Workers {
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    for (let i = 0; i < count; i++) this.#start();
  }

  /** Runs `task` as soon as a worker is idle. @returns null when it is not wanted any more by then */
  async run(task: Task, isWanted = (): boolean => true): Promise<SeedResult | null> {
    while (this.#idle.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (!isWanted()) {
      this.#waiting.shift()?.();
      return null;
    }
    const child = this.#idle.pop() as ChildProcess;
    const result = await this.#ask(child, task);
    if (this.#all.has(child)) this.#idle.push(child);
    this.#waiting.shift()?.();
    return result;
  }

  stop(): void {
    for (const child of this.#all) child.kill();
    this.#all.clear();
  }

  #ask(child: ChildProcess, task: Task): Promise<SeedResult> {
    return new Promise((resolve) => {
      const finish = (result: SeedResult): void => {
        clearTimeout(timer);
        child.removeAllListeners("message");
        child.removeAllListeners("exit");
        resolve(result);
      };
      const lose = (message: string): void => {
        if (this.#all.delete(child)) this.#start();
        child.kill("SIGKILL");
        finish(lost(message));
      };
      const timer = setTimeout(
        () => lose(`O7: does not come to an end in ${HANG_MS / 1_000} s of real time`),
        HANG_MS,
      );
      child.once("message", (result) => finish(result as SeedResult));
      child.once("exit", (code, signal) => lose(`O9: the worker ended with ${code ?? signal}`));
      child.send(task);
    });
  }

  #start(): void {
    const child = fork(fileURLToPath(new URL("./run.mjs", import.meta.url)), [], { execArgv: [] });
    this.#all.add(child);
    this.#idle.push(child);
  }
}

function lost(message: string): SeedResult {
  return {
    oracle: message.slice(0, 2),
    message,
    stack: "",
    traceHash: "",
    kinds: [],
    virtualUs: 0,
    busyUs: 0,
    realMs: 0,
    sent: {},
    received: {},
    faults: {},
    steps: {},
  };
}
