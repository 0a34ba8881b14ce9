// From the list of threats and the tests that ran to the table: which id has which tests, and whether all of them passed.

/** A test is one threat's when its name begins with the id and a colon. */
const THREAT_TEST = /^([A-H]\d+): /;

/**
 * @typedef {object} Threat
 * @property {string} id
 * @property {string} text
 * @property {string} [open] why it has no tests yet
 */

/**
 * @typedef {object} TestRun
 * @property {string} title
 * @property {string} file
 * @property {"passed" | "failed" | "skipped"} status
 */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} text
 * @property {string | undefined} open
 * @property {readonly TestRun[]} tests
 * @property {"passed" | "failed" | "missing" | "open"} verdict
 */

/**
 * One row for each threat, then one for each id that tests name and the list does not.
 *
 * @param {readonly Threat[]} threats
 * @param {readonly TestRun[]} tests those without an id in their name are left out
 * @returns {Row[]}
 */
export function judge(threats, tests) {
  /** @type {Map<string, TestRun[]>} */
  const byId = new Map(threats.map(({ id }) => [id, []]));
  const strays = new Set();
  for (const test of tests) {
    const id = THREAT_TEST.exec(test.title)?.[1];
    if (id === undefined) continue;
    if (!byId.has(id)) {
      byId.set(id, []);
      strays.add(id);
    }
    byId.get(id)?.push(test);
  }
  const rows = threats.map(({ id, text, open }) => {
    const own = byId.get(id) ?? [];
    return { id, text, open, tests: own, verdict: verdictOf(own, open) };
  });
  for (const id of strays) {
    const own = byId.get(id) ?? [];
    rows.push({ id, text: "is in no list", open: undefined, tests: own, verdict: "failed" });
  }
  return rows;
}

/**
 * What has run counts; a test that was skipped proves nothing.
 *
 * @param {readonly TestRun[]} tests
 * @param {string | undefined} open
 * @returns {Row["verdict"]}
 */
function verdictOf(tests, open) {
  if (tests.some(({ status }) => status === "failed")) return "failed";
  if (tests.some(({ status }) => status === "passed")) return "passed";
  return open === undefined ? "missing" : "open";
}

/**
 * @param {readonly Row[]} rows
 * @returns {boolean} whether every threat that is not open has a test, and none failed
 */
export function isProven(rows) {
  return rows.every(({ verdict }) => verdict === "passed" || verdict === "open");
}

const MARKS = { passed: "ok", failed: "FAILED", skipped: "skipped" };

/**
 * @param {readonly Row[]} rows
 * @returns {string} the table, and a last line with the sums
 */
export function render(rows) {
  const lines = rows.flatMap(({ id, text, open, tests, verdict }) => [
    `${id.padEnd(4)}${verdict.padEnd(8)}${text}${verdict === "open" ? ` (${open})` : ""}`,
    ...tests.map(
      ({ title, file, status }) => `      ${MARKS[status]}  ${title.slice(id.length + 2)}  ${file}`,
    ),
  ]);
  const count = (/** @type {Row["verdict"]} */ verdict) =>
    rows.filter((row) => row.verdict === verdict).length;
  const ran = rows.reduce((sum, { tests }) => sum + tests.length, 0);
  lines.push(
    "",
    `${count("passed")} proven by ${ran} tests, ${count("failed")} failed, ${count("missing")} without a test, ${count("open")} open`,
  );
  return lines.join("\n");
}
