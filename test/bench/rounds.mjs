// The rounds: a warm-up that is dropped, then every row in an order that is shuffled anew each time.
import { BARRED } from "./comparisons.mjs";
import { othersShare, readLoad } from "./load.mjs";
import { figure } from "./report-text.mjs";
import { seededRandom, shuffled } from "./statistics.mjs";

/** Less than this leaves the Node programs half compiled after the dropped round. */
const WARM_UP_SECONDS = 1.5;
/** Rows that no bar holds share most of their programs with some that one does. */
const SHORT_WARM_UP_SECONDS = 0.5;
/** Three figures of seven rounds: a median and a spread, for two thirds of the time. */
const CONTEXT_EVERY = 3;

/**
 * @typedef {object} Plan
 * @property {readonly import("./row.mjs").Row[]} rows
 * @property {import("./options.mjs").Options} options
 * @property {import("./stage.mjs").Stage} stage
 * @property {(text: string) => void} say
 */

/**
 * @param {Plan} plan
 * @returns {Promise<import("./results.mjs").Taken[]>} without the warm-up
 */
export async function runRounds({ rows, options, stage, say }) {
  const random = seededRandom(options.seed);
  const families = [...new Set(rows.map((row) => row.family))];
  const taken = [];
  const begin = performance.now();
  for (let round = 0; round <= options.rounds; round++) {
    const elapsed = Math.round((performance.now() - begin) / 1000);
    say(
      `\n${round === 0 ? "warm-up round (dropped)" : `round ${round} of ${options.rounds}`}, after ${elapsed} s`,
    );
    for (const family of shuffled(families, random)) {
      const members = shuffled(
        rows.filter((row) => row.family === family),
        random,
      );
      for (const row of members) {
        if (!isInRound(row, round, options)) continue;
        const measured = await measure(row, stage, secondsOf(row, round, options));
        say(`  ${row.name.padEnd(28)} ${tell(row, measured)}`);
        if (round > 0) taken.push({ row: row.name, round, ...measured });
      }
    }
  }
  return taken;
}

/**
 * Whether a row has its turn: what a bar holds in every round, the rest in every third one, unless it was asked for by name.
 *
 * @param {import("./row.mjs").Row} row
 * @param {number} round 0 is the warm-up
 * @param {Pick<import("./options.mjs").Options, "only">} options
 */
export function isInRound(row, round, { only }) {
  if (round === 0) return row.isWarmedUp;
  const every = row.every ?? (BARRED.has(row.name) || only.length > 0 ? 1 : CONTEXT_EVERY);
  return (round - 1) % every === 0;
}

/**
 * @param {import("./row.mjs").Row} row
 * @param {number} round
 * @param {import("./options.mjs").Options} options
 */
function secondsOf(row, round, { seconds }) {
  if (round > 0) return seconds;
  return BARRED.has(row.name) ? Math.max(seconds, WARM_UP_SECONDS) : SHORT_WARM_UP_SECONDS;
}

/**
 * @param {import("./row.mjs").Row} row
 * @param {import("./stage.mjs").Stage} stage
 * @param {number} seconds
 * @returns {Promise<import("./results.mjs").Measured>}
 */
async function measure(row, stage, seconds) {
  try {
    const before = readLoad();
    const sample = await row.run(stage, seconds);
    if (sample.failed === 0) {
      const { clientCpuUs, serverCpuUs } = sample;
      const used =
        clientCpuUs === undefined || serverCpuUs === undefined ? undefined : clientCpuUs + serverCpuUs;
      const others = othersShare(before, readLoad(), used);
      return { sample: { ...sample, ...(others !== undefined && { others }) } };
    }
    return { failure: `${sample.failed} of ${sample.failed + sample.work} failed: ${sample.error ?? "?"}` };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @param {import("./row.mjs").Row} row
 * @param {import("./results.mjs").Measured} measured
 */
function tell({ unit }, { sample, failure }) {
  if (sample) return `${figure(sample.value).padStart(9)} ${unit}`;
  return `FAILED: ${(failure ?? "").replaceAll("\n", "\n    ")}`;
}
