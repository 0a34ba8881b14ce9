// How a piece is measured: warmed up, in rounds in which every case has its turn, by processor time; and what it leaves
// for the garbage collector.
import { PerformanceObserver } from "node:perf_hooks";
import { seededRandom, shuffled, summarize } from "../statistics.mjs";

/** An operation counts as free of garbage below this: a boxed number is 16 bytes, and the compiler leaves a little, once. */
export const GARBAGE_MAX = 1;
const GARBAGE_OPERATIONS = 1_000_000;
const GARBAGE_ATTEMPTS = 3;
// Few enough to tell how much it is where a million would bring a collection.
const FEW_OPERATIONS = 5_000;
const WARM_UP_ROUNDS = 5;
const PAUSE_MS = 20;

/**
 * One thing to be measured.
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {(count: number) => number} run does the operation so many times; what it returns keeps the work from being left out
 */

/** @typedef {import("../statistics.mjs").Summary & { name: string }} Timing nanoseconds an operation */

/** The runtime reports its collections afterwards, each with the moment it began. @type {number[]} */
const collections = [];
let sink = 0;

export class Stage {
  #random = seededRandom(1);
  #rounds;
  #batchNs;
  #warmUpNs;

  /**
   * @param {boolean} quick
   * @param {(text: string) => void} say
   */
  constructor(quick, say) {
    if (globalThis.gc === undefined) throw new Error("run with --expose-gc: npm run bench:micro");
    this.say = say;
    this.#rounds = quick ? 7 : 41;
    this.#batchNs = quick ? 1e6 : 5e6;
    this.#warmUpNs = quick ? 1e7 : 5e7;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) collections.push(entry.startTime);
    }).observe({ entryTypes: ["gc"] });
  }

  /**
   * Every case once a round, in random order.
   *
   * @param {readonly Case[]} cases
   * @returns {Promise<Timing[]>} in the order of the cases
   */
  async time(cases) {
    const counts = await this.#warmUp(cases);
    /** @type {Map<Case, number[]>} */
    const samples = new Map(cases.map((one) => [one, []]));
    for (let round = 0; round < this.#rounds; round++) {
      for (const one of shuffled(cases, this.#random)) {
        const count = counts.get(one) ?? 1;
        samples.get(one)?.push(cpuNsOf(one, count) / count);
      }
    }
    return cases.map((one) => ({ name: one.name, ...summarize(samples.get(one) ?? []) }));
  }

  /**
   * Heap bytes that an operation leaves behind, over a million of them without a collection: the least of up to three
   * attempts, as the compiler leaves its own in some of them.
   *
   * @param {Case} one
   * @returns {Promise<number>} where it is so much that there was a collection, the same over a few operations; Infinity when
   *   there was one each time, and a few leave nothing
   */
  async garbage(one) {
    await this.#warmUp([one]);
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < GARBAGE_ATTEMPTS && least >= GARBAGE_MAX; attempt++) {
      least = Math.min(least, await this.#leftBehind(one, GARBAGE_OPERATIONS));
      if (least < Number.POSITIVE_INFINITY) continue;
      const ofFew = await this.#leftBehind(one, FEW_OPERATIONS);
      if (ofFew >= GARBAGE_MAX) return ofFew;
    }
    return least;
  }

  /** What a row has made is let go before the next one begins. */
  async clear() {
    collections.length = 0;
    globalThis.gc?.();
    await pause();
  }

  // @returns bytes an operation, or Infinity when there was a collection
  async #leftBehind(one, operations) {
    globalThis.gc?.();
    sink ^= one.run(1_000);
    const from = performance.now();
    const before = process.memoryUsage().heapUsed;
    sink ^= one.run(operations);
    const left = process.memoryUsage().heapUsed - before;
    const to = performance.now();
    await pause();
    if (collections.some((at) => at >= from && at <= to)) return Number.POSITIVE_INFINITY;
    return Math.max(left, 0) / operations;
  }

  // In rounds with a pause between, as the compiler works beside us. @returns operations in a batch, for each case
  async #warmUp(cases) {
    /** @type {Map<Case, number>} */
    const counts = new Map();
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      for (const one of cases) {
        let count = counts.get(one) ?? 64;
        let spentNs = 0;
        while (spentNs < this.#warmUpNs) {
          const tookNs = Math.max(cpuNsOf(one, count), 1_000);
          spentNs += tookNs;
          count = Math.ceil(Math.min(count * 4, (count * this.#batchNs) / tookNs));
        }
        counts.set(one, count);
      }
      await pause();
    }
    return counts;
  }
}

/** A row whose pieces may leave no garbage. */
export const NO_GARBAGE = `garbage < ${GARBAGE_MAX} B`;

/**
 * Times cases and counts what they leave behind: passed when none of them leaves anything.
 *
 * @param {Stage} stage
 * @param {readonly Case[]} cases
 * @returns {Promise<import("../memory/report.mjs").Finding>}
 */
export async function timeWithoutGarbage(stage, cases) {
  const timings = await stage.time(cases);
  /** @type {number[]} */
  const garbage = [];
  for (const one of cases) garbage.push(await stage.garbage(one));
  const worst = Math.max(...garbage);
  return {
    passed: worst < GARBAGE_MAX,
    figure: `${timings.map(({ median }) => ns(median)).join(", ")}; ${bytes(worst)}`,
    notes: timings.map((timing, i) => `${line(timing)}, ${bytes(garbage[i] ?? Number.NaN)}`),
    values: { timings, garbage },
  };
}

/** @param {Timing} timing */
export function line({ name, median, spread }) {
  return `${name}: ${ns(median)} (spread ${Math.round(spread * 100)} %)`;
}

/** @param {number} value */
export function ns(value) {
  return value < 1_000 ? `${value.toFixed(value < 100 ? 1 : 0)} ns` : `${(value / 1_000).toFixed(2)} us`;
}

/** @param {number} value */
function bytes(value) {
  return `${value.toFixed(2)} B`;
}

// Processor time of this process: what others do on the machine takes time, but none of ours.
/**
 * @param {Case} one
 * @param {number} count
 */
function cpuNsOf(one, count) {
  const before = process.cpuUsage();
  sink ^= one.run(count);
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000;
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
