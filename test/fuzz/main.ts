// The command: shares the time out to the targets, prints what was reached, keeps what is new, and names what is broken.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { Prng } from "../../src/transport/prng.js";
import { parseEntry, readCorpus, removeCorpusEntry, writeCorpusEntry, writeCrash } from "./corpus.js";
import { type Counters, type Crash, type Found, Fuzzer } from "./engine.js";
import { marks, type Target } from "./target.js";
import { TARGETS } from "./targets/all.js";

const USAGE = `npm run fuzz -- [--seconds N] [--target NAME] [--seed N] [--keep] [--repeat FILE]

  --seconds N     for all targets together; default 60
  --target NAME   one target only: ${TARGETS.map(({ name }) => name).join(", ")}
  --seed N        another seed, another search; default: the time
  --keep          write what reaches new code to test/fuzz/corpus
  --repeat FILE   run one entry, named by test/fuzz/{corpus,crashes}/TARGET/FILE`;

const HANG_MS = 10_000;
const INPUT_MAX = 1 << 17;
/** In place of the length while nothing runs, as watchdog.mjs knows it. */
const NOTHING = -1;

declare global {
  /** Made by counters.mjs before anything is loaded. */
  var rxrpcFuzzCounters: { readonly bytes: Uint8Array; readonly used: number };
}

/** @returns the exit code: 1 when something is broken, 2 for a wrong command line */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "60" },
      target: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 1_000_000_007) },
      keep: { type: "boolean", default: false },
      repeat: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  if (values.help || targets.length === 0 || !(seconds > 0) || !Number.isSafeInteger(seed)) {
    console.error(USAGE);
    return 2;
  }
  if (values.repeat !== undefined) return repeat(values.repeat);
  console.log(`seed ${seed}, ${seconds} s for ${targets.length} targets`);
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  let exitCode = 0;
  for (const target of targets) {
    const isBroken = await fuzz(target, (seconds * 1_000 * target.weight) / weights, seed, values.keep);
    if (isBroken) exitCode = 1;
  }
  return exitCode;
}

async function repeat(path: string): Promise<number> {
  const name = basename(dirname(path));
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target === undefined) {
    console.error(`${path}: no target ${name}`);
    return 2;
  }
  const bytes = parseEntry(readFileSync(path, "utf8"));
  for (const line of target.describe(bytes)) console.log(line);
  try {
    await target.run(bytes, true);
  } catch (cause) {
    console.error(cause);
    return 1;
  }
  console.log("holds");
  return 0;
}

/** @returns whether something broke */
async function fuzz(target: Target, durationMs: number, seed: number, keeps: boolean): Promise<boolean> {
  const watchdog = new Watchdog(target);
  const { bytes, used } = globalThis.rxrpcFuzzCounters;
  const counters: Counters = [bytes.subarray(0, used), marks];
  const fuzzer = new Fuzzer(target, new Prng(seed), counters, (input) => watchdog.note(input));
  const startMs = performance.now();
  try {
    const corpus = readCorpus(target);
    let crash = await addAll(fuzzer, target, corpus);
    const before = fuzzer.branches;
    crash ??= await fuzzer.search(() => performance.now() - startMs > durationMs);
    const elapsed = (performance.now() - startMs) / 1_000;
    // Seeds are in the code; they need no file.
    const news = fuzzer.cover().filter(({ name }) => name === "");
    console.log(
      `${target.name}: ${fuzzer.runs} runs, ${Math.round(fuzzer.runs / elapsed)}/s, ` +
        `${fuzzer.branches} branches (${fuzzer.branches - before} new), ${fuzzer.size} inputs in memory, ${news.length} new entries`,
    );
    if (keeps && crash === null) await keep(fuzzer, target, corpus);
    if (crash !== null) report(target, crash);
    return crash !== null;
  } finally {
    await watchdog.stop();
  }
}

async function addAll(fuzzer: Fuzzer, target: Target, corpus: readonly Found[]): Promise<Crash | null> {
  const seeds = Object.entries(target.seeds)
    .filter(([name]) => !corpus.some((entry) => entry.name === name))
    .map(([name, bytes]) => ({ name, bytes }));
  for (const { name, bytes } of [...corpus, ...seeds]) {
    const crash = await fuzzer.add(name, bytes);
    if (crash !== null) return crash;
  }
  return null;
}

// Writes what reaches new branches, each input cut down to what the others lack, and takes out what has become needless.
async function keep(fuzzer: Fuzzer, target: Target, corpus: readonly Found[]): Promise<void> {
  const cover = fuzzer.cover();
  for (const found of cover) {
    if (found.name !== "") continue;
    const bytes = await fuzzer.shrink(found, cover);
    console.log(`  kept ${relative(".", writeCorpusEntry(target, { name: nameOf(target, bytes), bytes }))}`);
  }
  // Regressions keep their place whatever they reach.
  for (const { name } of corpus) {
    const isNeedless = name.startsWith("found-") && !cover.some((found) => found.name === name);
    if (isNeedless) removeCorpusEntry(target, name);
  }
}

function report(target: Target, crash: Crash): void {
  const path = relative(".", writeCrash(target, { name: nameOf(target, crash.input), bytes: crash.input }));
  console.error(`BROKEN ${target.name}: ${crash.error.stack ?? crash.error.message}`);
  for (const line of target.describe(crash.input)) console.error(`  ${line}`);
  console.error(`repeat with: npm run fuzz -- --repeat ${path}`);
}

// What its description says first, and a few digits against namesakes.
function nameOf(target: Target, bytes: Uint8Array): string {
  const lines = target.describe(bytes);
  const words = target.recordBytes > 1 ? lines.map((line) => line.split(" ")[0] ?? "") : lines.slice(0, 1);
  const said = words.flatMap((text) => text.match(/[A-Za-z]{3,}/g) ?? []).map((word) => word.toLowerCase());
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 6);
  return ["found", ...new Set(said.slice(target.recordBytes > 1 ? -6 : 0))]
    .slice(0, 4)
    .concat(digest)
    .join("-");
}

/** Tells the watching thread what runs. */
class Watchdog {
  readonly #shared = new SharedArrayBuffer(8 + INPUT_MAX);
  readonly #words = new Int32Array(this.#shared, 0, 2);
  readonly #bytes = new Uint8Array(this.#shared, 8);
  readonly #worker: Worker;

  constructor(target: Target) {
    const folder = fileURLToPath(new URL(`crashes/${target.name}`, import.meta.url));
    this.#worker = new Worker(new URL("./watchdog.mjs", import.meta.url), {
      workerData: { shared: this.#shared, folder, limitMs: HANG_MS },
    });
    this.#worker.unref();
  }

  note(input: Uint8Array | null): void {
    if (input !== null) this.#bytes.set(input.subarray(0, INPUT_MAX));
    this.#words[1] = input === null ? NOTHING : Math.min(input.length, INPUT_MAX);
    Atomics.add(this.#words, 0, 1);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
