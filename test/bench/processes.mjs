// The programs a benchmark runs: started, listened to line by line, and never left behind.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** @type {Set<Child>} */
const running = new Set();

/** Makes sure that whatever ends the benchmark ends the programs it has started. */
export function endChildrenWithUs() {
  process.on("exit", () => {
    for (const child of running) child.kill();
  });
  for (const [signal, code] of /** @type {const} */ ([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])) {
    process.on(signal, () => process.exit(code));
  }
}

/** A program under measurement. Its stdin stays open: it ends by itself if the benchmark is gone. */
export class Child {
  /** @type {string[]} */
  #lines = [];
  /** @type {(() => void) | undefined} */
  #wake;
  #stderr = "";
  #ended = false;
  #process;
  #exited;

  /**
   * @param {string} name for messages
   * @param {string} command
   * @param {readonly string[]} args
   * @param {{ cwd?: string, env?: Record<string, string> }} [options] `env` is added to our own
   */
  constructor(name, command, args, options = {}) {
    this.name = name;
    this.#process = spawn(command, [...args], {
      ...options,
      ...(options.env && { env: { ...process.env, ...options.env } }),
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(this);
    const { stdin, stdout, stderr } = this.#process;
    // A child that died is reported where its answer is awaited; the broken pipe adds nothing.
    stdin.on("error", () => {});
    stderr.setEncoding("utf8").on("data", (text) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    createInterface({ input: stdout }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.#exited = new Promise((resolve) => {
      /** @param {string} how */
      const end = (how) => {
        this.#ended = true;
        running.delete(this);
        this.#wake?.();
        resolve(how);
      };
      this.#process.once("error", (error) => end(error.message));
      this.#process.once("close", (code, signal) => end(`ended with ${signal ?? `code ${code}`}`));
    });
  }

  /**
   * The next line of its output that `accept` takes; lines before it are dropped.
   *
   * @template T
   * @param {(line: string) => T | undefined} accept
   * @param {number} timeoutMs
   * @returns {Promise<T>}
   */
  async nextLine(accept, timeoutMs) {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake?.();
    }, timeoutMs);
    try {
      for (;;) {
        for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
          const taken = accept(line);
          if (taken !== undefined) return taken;
        }
        if (this.#ended) throw new Error(`${this.name} ${await this.#exited}${this.#said()}`);
        if (late) throw new Error(`${this.name} gave no answer in ${timeoutMs / 1000} s${this.#said()}`);
        await new Promise((resolve) => {
          this.#wake = () => resolve(undefined);
        });
      }
    } finally {
      clearTimeout(timer);
      this.#wake = undefined;
    }
  }

  /**
   * Sends one command as a line of JSON and waits for one line of JSON.
   *
   * @param {object} command
   * @param {number} timeoutMs
   * @returns {Promise<any>}
   */
  async ask(command, timeoutMs) {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    return this.nextLine(parseJson, timeoutMs);
  }

  /**
   * Processor time used so far, user and system, of all its threads.
   *
   * @returns {number | undefined} microseconds; undefined where there is no /proc
   */
  cpuUs() {
    const folder = `/proc/${this.#process.pid}`;
    return schedulerUs(folder) ?? ticksUs(folder);
  }

  get alive() {
    return !this.#ended;
  }

  /** Asks it to end, insists after two seconds. */
  async stop() {
    if (this.#ended) return;
    this.#process.stdin.end();
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), 2000);
    await this.#exited;
    clearTimeout(timer);
  }

  kill() {
    this.#process.kill("SIGKILL");
  }

  #said() {
    const text = this.#stderr.trim();
    return text === "" ? "" : `; it said:\n${text}`;
  }
}

/**
 * What the scheduler has counted, to the nanosecond as of each thread's last switch or tick. Threads that have ended are
 * not in it: for the difference of two moments with the same threads.
 *
 * @param {string} folder of a process in /proc
 */
function schedulerUs(folder) {
  try {
    let ns = 0;
    for (const thread of readdirSync(`${folder}/task`)) {
      ns += Number(readFileSync(`${folder}/task/${thread}/schedstat`, "latin1").split(" ", 1)[0]);
    }
    return ns / 1000;
  } catch {
    // A kernel without it, or a thread that ended meanwhile.
    return undefined;
  }
}

/**
 * In steps of 10 ms.
 *
 * @param {string} folder of a process in /proc
 */
function ticksUs(folder) {
  try {
    const stat = readFileSync(`${folder}/stat`, "latin1");
    // proc_pid_stat(5): fields 14 and 15, in ticks (100 a second on every Linux that Node runs on).
    // The second field is the name in brackets and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return undefined;
  }
}

/** @param {string} line */
function parseJson(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Ends every program that still runs. */
export async function stopAll() {
  await Promise.all([...running].map((child) => child.stop()));
}
