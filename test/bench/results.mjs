// From the samples of all rounds to what the report shows: a summary for each row, and each comparison with
// its paired ratios. Pure; the shape of latest.json is what evaluate() returns.
import { COMPARISONS, PROGRAM_TITLES } from "./rows.mjs";
import { judge, pairedRatios, quantile, ratioInterval, summarize } from "./statistics.mjs";

/**
 * @typedef {{ sample?: import("./rows.mjs").Sample, failure?: string }} Measured
 * @typedef {Measured & { row: string, round: number }} Taken
 */

/**
 * @typedef {object} RowResult
 * @property {string} name
 * @property {string} group
 * @property {import("./rows.mjs").Program} program
 * @property {string} programTitle
 * @property {string} title
 * @property {"calls/s" | "Mbit/s"} unit
 * @property {import("./statistics.mjs").Summary} summary
 * @property {number} p50us medians over the rounds; NaN (null in JSON) where not measured
 * @property {number} p99us
 * @property {number} clientCpuUs for a call, or for a MiB
 * @property {number} serverCpuUs for a call, or for a MiB
 * @property {(import("./rows.mjs").Sample & { round: number })[]} rounds
 * @property {{ round: number, failure: string }[]} failures
 */

/**
 * @typedef {object} ComparisonResult
 * @property {string} title
 * @property {string} above
 * @property {string} below
 * @property {string} belowTitle
 * @property {number} [bar]
 * @property {{ round: number, ratio: number }[]} ratios
 * @property {import("./statistics.mjs").Interval} interval
 * @property {{ met: boolean, certain: boolean } | undefined} verdict
 */

/**
 * What the samples were taken on. Versions that could not be found out are left out.
 *
 * @typedef {object} Machine
 * @property {string} cpu
 * @property {number} cores
 * @property {number} memoryGib
 * @property {string} system
 * @property {number} loadBefore one-minute load average before the first round
 * @property {string} node
 * @property {string} rxrpc
 * @property {string} [commit]
 * @property {string} [openafs]
 * @property {string} [grpc]
 */

/**
 * @param {object} input
 * @param {string} input.startedAt
 * @param {Machine} input.machine
 * @param {import("./options.mjs").Options} input.options
 * @param {readonly import("./rows.mjs").Row[]} input.rows those that ran
 * @param {readonly { name: string, why: string }[]} input.skipped
 * @param {readonly Taken[]} input.taken the warm-up round left out
 */
export function evaluate({ startedAt, machine, options, rows, skipped, taken }) {
  const { rounds, seconds, mib, seed, quick } = options;
  const evaluated = rows.map((row) =>
    evaluateRow(
      row,
      taken.filter((one) => one.row === row.name),
    ),
  );
  return {
    startedAt,
    machine,
    options: { rounds, seconds, mib, seed, quick },
    rows: evaluated,
    comparisons: evaluateComparisons(evaluated),
    skipped: [...skipped],
  };
}

/** @typedef {ReturnType<typeof evaluate>} Results */

/**
 * @param {import("./rows.mjs").Row} row
 * @param {readonly Taken[]} taken
 * @returns {RowResult}
 */
function evaluateRow({ name, group, program, title, unit }, taken) {
  const rounds = taken.flatMap(({ round, sample }) => (sample ? [{ round, ...sample }] : []));
  /** @param {(one: import("./rows.mjs").Sample) => number | undefined} read */
  const median = (read) =>
    quantile(
      rounds.map(read).filter((value) => value !== undefined),
      0.5,
    );
  return {
    name,
    group,
    program,
    programTitle: PROGRAM_TITLES[program],
    title,
    unit,
    summary: summarize(rounds.map(({ value }) => value)),
    p50us: unit === "calls/s" ? median((one) => one.p50us) : Number.NaN,
    p99us: unit === "calls/s" ? median((one) => one.p99us) : Number.NaN,
    clientCpuUs: median((one) => (one.clientCpuUs === undefined ? undefined : one.clientCpuUs / one.work)),
    serverCpuUs: median((one) => (one.serverCpuUs === undefined ? undefined : one.serverCpuUs / one.work)),
    rounds,
    failures: taken.flatMap(({ round, failure }) => (failure === undefined ? [] : [{ round, failure }])),
  };
}

/**
 * @param {readonly RowResult[]} rows
 * @returns {ComparisonResult[]}
 */
function evaluateComparisons(rows) {
  return COMPARISONS.flatMap((comparison) => {
    const above = rows.find((row) => row.name === comparison.above);
    const below = rows.find((row) => row.name === comparison.below);
    if (!above || !below) return [];
    const ratios = pairedRatios(valueByRound(above), valueByRound(below));
    const interval = ratioInterval(ratios.map(({ ratio }) => ratio));
    const verdict = comparison.bar === undefined ? undefined : judge(interval, comparison.bar);
    return [{ ...comparison, belowTitle: below.programTitle, ratios, interval, verdict }];
  });
}

/** @param {RowResult} row */
function valueByRound(row) {
  return new Map(row.rounds.map(({ round, value }) => [round, value]));
}
