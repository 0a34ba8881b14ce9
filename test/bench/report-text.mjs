// The tables that end a run on the terminal.

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

/** @param {import("./statistics.mjs").Interval} interval */
export function intervalText({ low, high }) {
  return Number.isNaN(low) ? "-" : `${low.toFixed(2)} to ${high.toFixed(2)}`;
}

/**
 * @param {import("./results.mjs").Results} results
 * @returns {string}
 */
export function renderTables({ rows, comparisons, skipped }) {
  const parts = [];
  /** @type {string[][]} */
  const table = [
    ["row", "median", "", "quartiles", "p50 us", "p99 us", "client cpu us", "server cpu us", "per"],
    ...rows.map((row) => [
      row.name,
      figure(row.summary.median),
      row.unit,
      `${figure(row.summary.low)} to ${figure(row.summary.high)}`,
      figure(row.p50us),
      figure(row.p99us),
      figure(row.clientCpuUs),
      figure(row.serverCpuUs),
      row.unit === "calls/s" ? "call" : "MiB",
    ]),
  ];
  parts.push(align(table, "lrlrrrrrl"));
  if (comparisons.length > 0) {
    const ratios = comparisons.map((one) => [
      `${one.title}, over ${one.belowTitle}`,
      one.interval.estimate.toFixed(2),
      intervalText(one.interval),
      one.bar === undefined ? "" : one.bar.toFixed(2),
      verdictOf(one).text,
    ]);
    parts.push(
      align([["rxrpc's ratio, paired rounds", "ratio", "95 % interval", "bar", ""], ...ratios], "lrrrl"),
    );
  }
  const failures = rows.flatMap((row) =>
    row.failures.map(({ round, failure }) => `FAILED   ${row.name}, round ${round}: ${failure}`),
  );
  const left = skipped.map(({ name, why }) => `skipped  ${name}: ${why}`);
  if (failures.length + left.length > 0) parts.push([...failures, ...left].join("\n"));
  return parts.join("\n\n");
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
