// The search: mutates what has reached something new, keeps what does so again, and makes what breaks the oracle small.
import { mutate, pick } from "./mutate.js";
import type { MutationRandom, Target } from "./target.js";

/**
 * What is cleared before each run and read after it: first the branches of the code under test, then what targets note. All
 * of it guides the search; what is kept for good is judged by the branches.
 */
export type Counters = readonly [branches: Uint8Array, ...marks: Uint8Array[]];

/** An input that broke the oracle, made as small as the budget allowed. */
export interface Crash {
  readonly input: Uint8Array;
  readonly error: Error;
}

export interface Found {
  readonly bytes: Uint8Array;
  readonly name: string;
}

// A corpus entry in memory.
interface Kept {
  readonly bytes: Uint8Array;
  readonly name: string;
  /** Branches that it reached. */
  readonly branches: readonly number[];
  picks: number;
}

// One run of this many, and every one that reached something new, is judged by the whole oracle.
const THOROUGH_STRIDE = 16;
const MINIMISE_RUNS = 4_000;
// An entry of the corpus need not be as small as can be.
const SHRINK_RUNS = 1_000;
const NEWEST = 32;

/** How often a counter was hit matters by its order of magnitude only. */
const BUCKETS = Uint8Array.from({ length: 256 }, (_, n) => {
  if (n < 4) return [0, 1, 2, 4][n] as number;
  return 1 << Math.min(7, Math.floor(Math.log2(n)) + 1);
});

export class Fuzzer {
  runs = 0;
  readonly #target: Target;
  readonly #random: MutationRandom;
  readonly #counters: Counters;
  /** Told what is about to run, and null when it has ended, so that one that never ends can be named. */
  readonly #watch: (input: Uint8Array | null) => void;
  /** By counter: the orders of magnitude seen. */
  readonly #seen: Uint8Array;
  readonly #kept: Kept[] = [];

  constructor(
    target: Target,
    random: MutationRandom,
    counters: Counters,
    watch: (input: Uint8Array | null) => void = () => undefined,
  ) {
    this.#target = target;
    this.#random = random;
    this.#counters = counters;
    this.#watch = watch;
    this.#seen = new Uint8Array(counters.reduce((sum, part) => sum + part.length, 0));
  }

  /** Branches that some input has taken. */
  get branches(): number {
    return this.#seen
      .subarray(0, this.#counters[0].length)
      .reduce((sum, hits) => sum + (hits === 0 ? 0 : 1), 0);
  }

  /** Inputs in memory. */
  get size(): number {
    return this.#kept.length;
  }

  /** Takes an input of the corpus in, whether it brings news or not. @returns the crash when it breaks the oracle */
  async add(name: string, bytes: Uint8Array): Promise<Crash | null> {
    const error = await this.#execute(bytes, true);
    if (error !== null) return { input: bytes, error };
    this.#keep(name, bytes);
    return null;
  }

  /** Tries mutations until the time `isOver` or one breaks the oracle. @returns the crash, made small, or null */
  async search(isOver: () => boolean): Promise<Crash | null> {
    while (!isOver()) {
      const parent = this.#choose();
      const other = pick(this.#random, this.#kept);
      const input = mutate(this.#target, parent.bytes, other.bytes, this.#random);
      parent.picks++;
      let error = await this.#execute(input, this.runs % THOROUGH_STRIDE === 0);
      if (error === null && this.#hasNews()) {
        this.#keep("", input);
        error = await this.#execute(input, true);
      }
      if (error !== null) return this.#minimise({ input, error });
    }
    return null;
  }

  /** Few inputs that together take every branch that was taken, those that have a name already before others. */
  cover(): Found[] {
    const left = new Set<number>();
    for (const { branches } of this.#kept) for (const branch of branches) left.add(branch);
    const named = this.#kept.filter(({ name }) => name !== "");
    const unnamed = this.#kept.filter(({ name }) => name === "");
    return [...coverGreedily(named, left), ...coverGreedily(unnamed, left)];
  }

  /** Drops and clears what an input does not need to take all of its branches that `others` do not take. */
  async shrink(found: Found, others: readonly Found[]): Promise<Uint8Array> {
    const needed = new Set(this.#branchesOf(found));
    for (const other of others)
      if (other !== found) for (const branch of this.#branchesOf(other)) needed.delete(branch);
    return this.#reduce(found.bytes, SHRINK_RUNS, async (input) => {
      if ((await this.#execute(input, false)) !== null) return false;
      const hit = new Set(this.#hits());
      for (const branch of needed) if (!hit.has(branch)) return false;
      return true;
    });
  }

  #branchesOf(found: Found): readonly number[] {
    return this.#kept.find(({ bytes }) => bytes === found.bytes)?.branches ?? [];
  }

  // What is newest is tried most; of the others those that have been tried least.
  #choose(): Kept {
    const kept = this.#kept;
    if (this.#random.below(2) === 0)
      return kept[kept.length - 1 - this.#random.below(Math.min(NEWEST, kept.length))] as Kept;
    const a = pick(this.#random, kept);
    const b = pick(this.#random, kept);
    return a.picks <= b.picks ? a : b;
  }

  async #execute(input: Uint8Array, isThorough: boolean): Promise<Error | null> {
    for (const part of this.#counters) part.fill(0);
    this.runs++;
    this.#watch(input);
    try {
      const running = this.#target.run(input, isThorough);
      if (running !== undefined) await running;
      return null;
    } catch (cause) {
      return cause instanceof Error ? cause : new Error(String(cause));
    } finally {
      this.#watch(null);
    }
  }

  #hasNews(): boolean {
    let at = 0;
    let isNew = false;
    for (const part of this.#counters) {
      for (let i = 0; i < part.length; i++, at++) {
        const hits = part[i] as number;
        if (hits === 0) continue;
        const bucket = BUCKETS[hits] as number;
        const seen = this.#seen[at] as number;
        if ((seen & bucket) !== 0) continue;
        this.#seen[at] = seen | bucket;
        isNew = true;
      }
    }
    return isNew;
  }

  #hits(): number[] {
    const hits: number[] = [];
    const [branches] = this.#counters;
    for (let i = 0; i < branches.length; i++) if (branches[i] !== 0) hits.push(i);
    return hits;
  }

  #keep(name: string, bytes: Uint8Array): void {
    this.#hasNews();
    this.#kept.push({ name, bytes, branches: this.#hits(), picks: 0 });
  }

  async #minimise(crash: Crash): Promise<Crash> {
    const kind = kindOf(crash.error);
    let error = crash.error;
    const input = await this.#reduce(crash.input, MINIMISE_RUNS, async (smaller) => {
      const thrown = await this.#execute(smaller, true);
      if (thrown === null || kindOf(thrown) !== kind) return false;
      error = thrown;
      return true;
    });
    return { input, error };
  }

  // Takes away ever smaller runs of records, then sets bytes to 0, as long as `isStillGood`.
  async #reduce(
    input: Uint8Array,
    runsMax: number,
    isStillGood: (input: Uint8Array) => Promise<boolean>,
  ): Promise<Uint8Array> {
    const size = this.#target.recordBytes;
    const last = this.runs + runsMax;
    let best = input;
    let length = Math.floor(best.length / size / 2) * size;
    for (; length >= size; length = Math.floor(length / size / 2) * size) {
      for (let at = best.length - length; at >= 0 && this.runs < last; at -= length) {
        const smaller = new Uint8Array(best.length - length);
        smaller.set(best.subarray(0, at));
        smaller.set(best.subarray(at + length), at);
        if (await isStillGood(smaller)) best = smaller;
        at = Math.min(at, best.length);
      }
    }
    for (let at = best.length - 1; at >= 0 && this.runs < last; at--) {
      if (best[at] === 0) continue;
      const cleared = best.slice();
      cleared[at] = 0;
      if (await isStillGood(cleared)) best = cleared;
    }
    return best;
  }
}

// Takes what brings most, again and again. What an input brings only becomes less, so that an old figure is a bound.
function coverGreedily(candidates: readonly Kept[], left: Set<number>): Kept[] {
  const queue = candidates
    .map((kept) => ({ kept, bound: kept.branches.length }))
    .toSorted((a, b) => a.bound - b.bound || b.kept.bytes.length - a.kept.bytes.length);
  const chosen: Kept[] = [];
  for (let best = queue.pop(); best !== undefined && left.size > 0; best = queue.pop()) {
    const bound = best.kept.branches.reduce((sum, branch) => sum + (left.has(branch) ? 1 : 0), 0);
    if (bound === 0) continue;
    if (bound >= (queue.at(-1)?.bound ?? 0)) {
      chosen.push(best.kept);
      for (const branch of best.kept.branches) left.delete(branch);
      continue;
    }
    const at = queue.findLastIndex((other) => other.bound <= bound);
    queue.splice(at + 1, 0, { kept: best.kept, bound });
  }
  return chosen;
}

// Two errors are of one kind when they differ in numbers only.
function kindOf(error: Error): string {
  return `${error.name}: ${error.message.replace(/0x[0-9a-f]+|-?\d+/gi, "N").slice(0, 60)}`;
}
