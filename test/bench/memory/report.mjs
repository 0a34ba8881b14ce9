// The table that ends a run: row, figure, bar, passed or missed.

/**
 * What a row has measured.
 *
 * @typedef {object} Finding
 * @property {boolean} passed
 * @property {string} figure what is held against the bar, with its unit
 * @property {string[]} [notes] what else there is to know: each is a line of its own
 * @property {Record<string, unknown>} [values] for the JSON file
 */

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {string} bar
 * @property {number} seconds
 * @property {Finding | undefined} finding
 * @property {string | undefined} failure why there is no finding
 */

/** @param {Result} result */
export function hasPassed({ finding }) {
  return finding?.passed === true;
}

/** @param {readonly Result[]} results */
export function renderTable(results) {
  const table = [
    ["row", "figure", "bar", ""],
    ...results.map((result) => [
      result.name,
      result.finding?.figure ?? "no figure",
      result.bar,
      hasPassed(result) ? "passed" : "missed",
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, [...widths, 6].map((width) => "-".repeat(width)).join("  "));
  return lines.join("\n");
}

/** @param {Result} result */
export function renderNotes({ finding, failure }) {
  const lines = [...(finding?.notes ?? []), ...(failure === undefined ? [] : [`FAILED: ${failure}`])];
  return lines.map((line) => `    ${line.replaceAll("\n", "\n    ")}`).join("\n");
}

/** @param {number} bytes */
export function mib(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** @param {number} value */
export function ms(value) {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
