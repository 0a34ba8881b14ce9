// The tables that end a run on the terminal.
import { OTHERS_MAX } from "./load.mjs";
import { UNITS } from "./units.mjs";

const BOUND_MAX = 1000;

/**
 * Three significant digits, with thousands set apart.
 *
 * @param {number} value
 * @returns {string} "-" where there is none
 */
export function figure(value) {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  const digits = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, digits === 0 ? " " : "");
}

/**
 * @param {import("./results.mjs").ComparisonResult} comparison
 * @returns {{ kind: "pass" | "miss" | "none", text: string }} in doubt when the interval crosses the bar
 */
export function verdictOf({ bar, interval, verdict }) {
  if (bar === undefined) return { kind: "none", text: "" };
  if (!verdict) return { kind: "miss", text: "no figure" };
  const word = verdict.met ? "pass" : "miss";
  if (verdict.certain) return { kind: word, text: word };
  return {
    kind: word,
    text: `${word} (${interval.n === 1 ? "a single round" : "interval crosses the bar"})`,
  };
}

/** @param {import("./results.mjs").ComparisonResult} comparison */
export function intervalText({ interval: { low, high }, belowLabel }) {
  if (Number.isNaN(low)) return "-";
  return belowLabel === "" ? `${figure(low)} to ${figure(high)}` : `${boundText(low)} to ${boundText(high)}`;
}

// Two or three rounds that differ give an interval of many powers of ten.
/** @param {number} bound */
function boundText(bound) {
  if (bound >= BOUND_MAX) return `> ${BOUND_MAX}`;
  return bound < 1 / BOUND_MAX ? "0" : bound.toFixed(2);
}

/** @param {import("./results.mjs").ComparisonResult} comparison */
export function ratioText({ interval: { estimate }, belowLabel }) {
  if (Number.isNaN(estimate)) return "-";
  return belowLabel === "" ? figure(estimate) : estimate.toFixed(2);
}

/** @param {import("./results.mjs").ComparisonResult} comparison */
export function barText({ bar, isCeiling, belowLabel }) {
  if (bar === undefined) return "";
  return `${isCeiling ? "<=" : ">="} ${belowLabel === "" ? figure(bar) : bar.toFixed(2)}`;
}

/**
 * @param {import("./results.mjs").Results} results
 * @returns {string}
 */
export function renderTables({ rows, comparisons, skipped, facts, others }) {
  /** @type {string[][]} */
  const table = [
    [
      "row",
      "median",
      "",
      "quartiles",
      "p50 us",
      "p99 us",
      "p99.9 us",
      "client cpu us",
      "server cpu us",
      "per",
    ],
    ...rows.map((row) => [
      row.name,
      figure(row.summary.median),
      row.unit,
      `${figure(row.summary.low)} to ${figure(row.summary.high)}`,
      figure(row.p50us),
      figure(row.p99us),
      figure(row.p999us),
      figure(row.clientCpuUs),
      figure(row.serverCpuUs),
      UNITS[row.unit].per,
    ]),
  ];
  const parts = [align(table, "lrlrrrrrrl")];
  const ratios = comparisons.map((one) => [
    one.title,
    one.belowLabel === "" ? "-" : one.belowLabel,
    ratioText(one),
    intervalText(one),
    barText(one),
    verdictOf(one).text,
  ]);
  if (ratios.length > 0) {
    const head = ["ratio of paired rounds", "over", "ratio", "95 % interval", "bar", ""];
    parts.push(align([head, ...ratios], "llrrrl"));
  }
  const warning = loadWarning(others);
  if (warning !== "") parts.push(warning);
  const known = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
  const failures = rows.flatMap((row) =>
    row.failures.map(({ round, failure }) => `FAILED   ${row.name}, round ${round}: ${failure}`),
  );
  const left = skipped.map(({ name, why }) => `skipped  ${name}: ${why}`);
  if (known.length + failures.length + left.length > 0)
    parts.push([...known, ...failures, ...left].join("\n"));
  return parts.join("\n\n");
}

/**
 * @param {import("./results.mjs").Results["others"]} others
 * @returns {string} "" where the machine was quiet, or nothing is known
 */
export function loadWarning({ median, worst }) {
  if (!(worst > OTHERS_MAX)) return "";
  const percent = (/** @type {number} */ share) => `${Math.round(share * 100)} %`;
  return (
    `Others had ${percent(median)} of the processors in half of the measurements and ${percent(worst)} in one of ten: ` +
    "measure on a quiet machine before believing any of this."
  );
}

/**
 * @param {import("./compare.mjs").Changes} changes
 * @returns {string}
 */
export function renderChanges({ path, startedAt, differences, rows, gone, fresh }) {
  const head = ["row", "then", "now", "", "ratio", "client cpu", "server cpu", ""];
  const lines = rows.map((row) => [
    row.name,
    figure(row.before),
    figure(row.after),
    row.unit,
    figure(row.ratio),
    figure(row.clientCpuRatio),
    figure(row.serverCpuRatio),
    row.verdict,
  ]);
  return [
    `Against ${path} of ${startedAt}`,
    ...differences,
    align([head, ...lines], "lrrlrrrl"),
    ...(gone.length > 0 ? [`only then: ${gone.join(", ")}`] : []),
    ...(fresh.length > 0 ? [`only now: ${fresh.join(", ")}`] : []),
  ].join("\n");
}

/**
 * The exact list of what ran.
 *
 * @param {import("./results.mjs").Results} results
 * @returns {string}
 */
export function renderRan({ ran, machine }) {
  const facts = Object.entries(machine).map(([name, value]) => `  ${name.padEnd(12)} ${value}`);
  const programs = ran.map(
    ({ role, command, times }) => `  ${role.padEnd(7)} ${String(times).padStart(4)} x  ${command}`,
  );
  return ["What ran:", ...facts, ...programs].join("\n");
}

/**
 * @param {readonly string[][]} table first row is the head
 * @param {string} sides "l" or "r" for each column
 */
function align(table, sides) {
  const widths = [...sides].map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) =>
        sides[column] === "r" ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  return lines.join("\n");
}
