// From the samples of all rounds to what the report shows: a summary for each row, and each comparison with
// its paired ratios. Pure; the shape of the JSON file is what evaluate() returns.
import { COMPARISONS } from "./comparisons.mjs";
import { judge, pairedRatios, quantile, ratioInterval, summarize } from "./statistics.mjs";

/**
 * @typedef {{ sample?: import("./stage.mjs").Sample, failure?: string }} Measured
 * @typedef {Measured & { row: string, round: number }} Taken
 */

/**
 * @typedef {object} RowResult
 * @property {string} name
 * @property {string} group
 * @property {import("./programs.mjs").Program} program
 * @property {string} label
 * @property {string} title
 * @property {import("./units.mjs").Unit} unit
 * @property {import("./statistics.mjs").Summary} summary
 * @property {number} p50us medians over the rounds; NaN (null in JSON) where not measured
 * @property {number} p99us
 * @property {number} p999us
 * @property {number} clientCpuUs for a call, MiB or reply
 * @property {number} serverCpuUs for a call, MiB or reply
 * @property {(import("./stage.mjs").Sample & { round: number })[]} rounds
 * @property {{ round: number, failure: string }[]} failures
 */

/**
 * @typedef {object} ComparisonResult
 * @property {string} title
 * @property {string} above
 * @property {string} [below]
 * @property {string} belowLabel what it is held against; empty where that is the bar alone
 * @property {number} [bar]
 * @property {boolean} isCeiling
 * @property {{ round: number, ratio: number }[]} ratios
 * @property {import("./statistics.mjs").Interval} interval
 * @property {{ met: boolean, certain: boolean } | undefined} verdict
 */

/**
 * @param {object} input
 * @param {string} input.startedAt
 * @param {import("./machine.mjs").Machine} input.machine
 * @param {import("./options.mjs").Options} input.options
 * @param {readonly import("./row.mjs").Row[]} input.rows those that ran
 * @param {readonly { name: string, why: string }[]} input.skipped
 * @param {readonly Taken[]} input.taken the warm-up round left out
 * @param {readonly import("./stage.mjs").Ran[]} [input.ran]
 * @param {Record<string, unknown>} [input.facts]
 * @param {number} [input.tookSeconds]
 */
export function evaluate({
  startedAt,
  machine,
  options,
  rows,
  skipped,
  taken,
  ran = [],
  facts = {},
  tookSeconds = 0,
}) {
  const { rounds, seconds, mib, seed, quick, only } = options;
  const evaluated = rows.map((row) =>
    evaluateRow(
      row,
      taken.filter((one) => one.row === row.name),
    ),
  );
  return {
    startedAt,
    tookSeconds,
    machine,
    options: { rounds, seconds, mib, seed, quick, only },
    rows: evaluated,
    comparisons: evaluateComparisons(evaluated),
    // Of all measurements: what others took of the processors in the middle one, and in one of ten at least.
    others: othersOf(taken),
    skipped: [...skipped],
    ran: [...ran],
    facts,
  };
}

/** @typedef {ReturnType<typeof evaluate>} Results */

/** @param {readonly Taken[]} taken */
function othersOf(taken) {
  const shares = taken.map(({ sample }) => sample?.others).filter((share) => share !== undefined);
  return { median: quantile(shares, 0.5), worst: quantile(shares, 0.9) };
}

/**
 * @param {import("./row.mjs").Row} row
 * @param {readonly Taken[]} taken
 * @returns {RowResult}
 */
function evaluateRow({ name, group, program, label, title, unit }, taken) {
  const rounds = taken.flatMap(({ round, sample }) => (sample ? [{ round, ...sample }] : []));
  /** @param {(one: import("./stage.mjs").Sample) => number | undefined} read */
  const median = (read) =>
    quantile(
      rounds.map(read).filter((value) => value !== undefined),
      0.5,
    );
  const hasLatency = unit !== "Mbit/s";
  return {
    name,
    group,
    program,
    label,
    title,
    unit,
    summary: summarize(rounds.map(({ value }) => value)),
    p50us: hasLatency ? median((one) => one.p50us) : Number.NaN,
    p99us: hasLatency ? median((one) => one.p99us) : Number.NaN,
    p999us: hasLatency ? median((one) => one.p999us) : Number.NaN,
    clientCpuUs: median(({ clientCpuUs, work }) =>
      clientCpuUs === undefined ? undefined : clientCpuUs / work,
    ),
    serverCpuUs: median(serverCpuOf),
    rounds,
    failures: taken.flatMap(({ round, failure }) => (failure === undefined ? [] : [{ round, failure }])),
  };
}

/**
 * @param {readonly RowResult[]} rows
 * @returns {ComparisonResult[]}
 */
function evaluateComparisons(rows) {
  return COMPARISONS.flatMap(({ metric, ...comparison }) => {
    const above = rows.find((row) => row.name === comparison.above);
    const below = rows.find((row) => row.name === comparison.below);
    if (!above || (comparison.below !== undefined && !below)) return [];
    const read = metric === "serverCpu" ? serverCpuOf : valueOf;
    const figures = byRound(above, read);
    const ratios = pairedRatios(figures, below ? byRound(below, read) : onesFor(figures));
    const interval = ratioInterval(ratios.map(({ ratio }) => ratio));
    const { bar, isCeiling } = comparison;
    const verdict = bar === undefined ? undefined : judge(interval, bar, isCeiling);
    return [{ ...comparison, belowLabel: below?.label ?? "", ratios, interval, verdict }];
  });
}

/** @param {import("./stage.mjs").Sample} sample */
function valueOf({ value }) {
  return value;
}

/** @param {import("./stage.mjs").Sample} sample */
function serverCpuOf({ serverCpuUs, work }) {
  return serverCpuUs === undefined ? undefined : serverCpuUs / work;
}

/**
 * @param {RowResult} row
 * @param {(sample: import("./stage.mjs").Sample) => number | undefined} read
 * @returns {Map<number, number>}
 */
function byRound(row, read) {
  return new Map(row.rounds.map((sample) => [sample.round, read(sample) ?? Number.NaN]));
}

/** @param {ReadonlyMap<number, number>} figures */
function onesFor(figures) {
  return new Map([...figures.keys()].map((round) => [round, 1]));
}
