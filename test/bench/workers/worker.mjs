// What every Node program of the benchmark shares: commands as lines of JSON on stdin, one line of JSON
// for each answer, the closed loop of calls and its latencies, and an end when stdin ends.
import { createInterface } from "node:readline";

/**
 * @typedef {object} Answer
 * @property {number} ok
 * @property {number} failed
 * @property {number} seconds
 * @property {number} [p50us]
 * @property {number} [p99us]
 * @property {number} [p999us]
 * @property {string} [error] the first failure
 */

/**
 * Answers commands one after the other. Processor time is taken around each.
 *
 * @param {(command: any) => Promise<Answer>} handle
 */
export function answerCommands(handle) {
  let last = Promise.resolve();
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      last = last.then(async () => {
        const before = process.cpuUsage();
        const answer = await handle(JSON.parse(line));
        const { user, system } = process.cpuUsage(before);
        process.stdout.write(`${JSON.stringify({ ...answer, cpuUserUs: user, cpuSystemUs: system })}\n`);
      });
      last.catch((/** @type {unknown} */ error) => {
        console.error(error);
        process.exit(1);
      });
    })
    .on("close", () => process.exit(0));
}

/** Keeps a server alive until its stdin ends or it is told to end. */
export function serveUntilToldToEnd() {
  process.stdin.on("end", () => process.exit(0)).resume();
  process.on("SIGTERM", () => process.exit(0));
}

/** Latencies of one measurement, in a store made once so that a long run does not pay for its growth. */
export class Latencies {
  #us = new Float64Array(1 << 20);
  #count = 0;

  clear() {
    this.#count = 0;
  }

  /** @param {number} us */
  add(us) {
    // Beyond a million calls the newest replace the oldest.
    this.#us[this.#count++ & (this.#us.length - 1)] = us;
  }

  get count() {
    return this.#count;
  }

  /** @param {number} q 0 to 1 */
  quantileUs(q) {
    const sorted = this.#us.subarray(0, Math.min(this.#count, this.#us.length)).sort();
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0);
  }
}

const latencies = new Latencies();

/**
 * Keeps `outstanding` calls under way until the time is over.
 *
 * @param {number} outstanding
 * @param {number} seconds
 * @param {() => Promise<void>} call rejects when it failed
 * @returns {Promise<Answer>}
 */
export async function closedLoop(outstanding, seconds, call) {
  latencies.clear();
  let failed = 0;
  let error;
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const lane = async () => {
    for (let start = performance.now(); start < end; ) {
      try {
        await call();
        const now = performance.now();
        latencies.add((now - start) * 1000);
        start = now;
      } catch (caught) {
        failed++;
        error ??= String(caught);
        // A peer that is gone fails every call at once; the loop must not spin on that.
        if (failed > 100) return;
        start = performance.now();
      }
    }
  };
  await Promise.all(Array.from({ length: outstanding }, lane));
  return {
    ok: latencies.count,
    failed,
    seconds: (performance.now() - begin) / 1000,
    p50us: latencies.quantileUs(0.5),
    p99us: latencies.quantileUs(0.99),
    p999us: latencies.quantileUs(0.999),
    ...(error !== undefined && { error }),
  };
}
