// `npm run threats`: runs the tests that are named after a threat and prints the table of all threats. Exit code 1 when one
// has no test or a failing one. `npm run threats -- D1 F` looks at D1 and at all of F.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { isProven, judge, render } from "./judge.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TESTS = join(ROOT, "test");
// Loading every test file takes longer than running those few: only files with such a name in them are given to vitest.
const NAMED_IN_FILE = /["'`][A-H]\d+: /;

const wanted = process.argv.slice(2);
const isWanted = (/** @type {string} */ id) =>
  wanted.length === 0 || wanted.some((each) => id === each || (each.length === 1 && id.startsWith(each)));
/** @type {import("./judge.mjs").Threat[]} */
const threats = JSON.parse(readFileSync(new URL("./ids.json", import.meta.url), "utf8"));
const chosen = threats.filter(({ id }) => isWanted(id));
if (chosen.length === 0) {
  console.error(`no threat is called ${wanted.join(", ")}`);
  process.exit(2);
}

const { tests, broken } = runTests();
const rows = judge(
  chosen,
  tests.filter(({ title }) => isWanted(title.slice(0, title.indexOf(":")))),
);
console.log(render(rows));
for (const { file, message } of broken) console.log(`could not be run: ${file}: ${message}`);
process.exitCode = isProven(rows) && broken.length === 0 ? 0 : 1;

function runTests() {
  const files = readdirSync(TESTS, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules"))
    .map((file) => join(TESTS, file))
    .filter((file) => NAMED_IN_FILE.test(readFileSync(file, "utf8")));
  const folder = mkdtempSync(join(tmpdir(), "rxrpc-threats-"));
  try {
    return readResults(files, join(folder, "results.json"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {readonly string[]} files
 * @param {string} output
 * @returns {{ tests: import("./judge.mjs").TestRun[], broken: { file: string, message: string }[] }}
 */
function readResults(files, output) {
  const ids = chosen.map(({ id }) => id).join("|");
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const name = wanted.length === 0 ? "(^| )[A-H][0-9]+: " : `(^| )(${ids}): `;
  const args = [vitest, "run", "--config", "test/vitest.config.ts", "--reporter=json"];
  const { error, status, stderr } = spawnSync(
    process.execPath,
    [...args, `--outputFile.json=${output}`, "-t", name, ...files.map(nameOf)],
    { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"], maxBuffer: 1 << 26 },
  );
  if (error !== undefined) throw error;
  let report;
  try {
    report = JSON.parse(readFileSync(output, "utf8"));
  } catch {
    throw new Error(`vitest has left no results (exit code ${status}):\n${stderr}`);
  }
  const tests = [];
  const broken = [];
  for (const { name: path, status: outcome, message, assertionResults } of report.testResults) {
    const file = nameOf(path);
    if (outcome === "failed" && !assertionResults.some((/** @type {any} */ one) => one.status === "failed"))
      broken.push({ file, message });
    for (const { title, status: result } of assertionResults)
      tests.push({ title, file, status: result === "passed" || result === "failed" ? result : "skipped" });
  }
  // An error outside any test fails the run as well.
  if (status !== 0 && broken.length === 0 && tests.every((test) => test.status !== "failed"))
    broken.push({ file: "vitest", message: `exit code ${status}\n${stderr}` });
  return { tests, broken };
}

/** @param {string} path */
function nameOf(path) {
  return relative(ROOT, path).split(sep).join("/");
}
