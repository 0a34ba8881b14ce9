// `npm run bench`: interleaved rounds of every row, then medians, ratios of paired rounds, and the bars.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import { dirname, resolve } from "node:path";
import { parseOptions, USAGE } from "./options.mjs";
import { findGrpc, findLibrary, findPeer, RESULTS, ROOT } from "./prepare.mjs";
import { endChildrenWithUs, stopAll } from "./processes.mjs";
import { renderPage } from "./report-html.mjs";
import { figure, renderTables } from "./report-text.mjs";
import { evaluate } from "./results.mjs";
import { makeRows, Stage } from "./rows.mjs";
import { seededRandom, shuffled } from "./statistics.mjs";

/** Less than this leaves the Node programs half compiled after the dropped round. */
const WARM_UP_SECONDS = 1.5;

const options = readOptions();
const wanted = makeRows(options.mib).filter(
  ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
);
if (wanted.length === 0) fail(`no row is named like ${options.only.join(", ")}; --list names them`);
if (options.list) {
  for (const row of wanted) console.log(`${row.name.padEnd(22)} ${row.title}, ${row.unit}`);
  process.exit(0);
}

const { rows, paths, skipped } = prepare();
const startedAt = new Date();
const machine = describeMachine();
/** @type {import("./results.mjs").Taken[]} */
const taken = [];
const stage = new Stage(paths);
endChildrenWithUs();
try {
  await runRounds();
} finally {
  await stopAll();
}

const results = evaluate({ startedAt: startedAt.toISOString(), machine, options, rows, skipped, taken });
const jsonPath = resolve(options.json ?? `${RESULTS}/latest.json`);
const htmlPath = resolve(options.html ?? `${RESULTS}/latest.html`);
for (const [path, text] of [
  [jsonPath, `${JSON.stringify(results, null, 2)}\n`],
  [htmlPath, renderPage(results)],
]) {
  mkdirSync(dirname(/** @type {string} */ (path)), { recursive: true });
  writeFileSync(/** @type {string} */ (path), /** @type {string} */ (text));
}
console.log(`\n${renderTables(results)}\n\n${jsonPath}\n${htmlPath}`);
if (results.rows.some((row) => row.failures.length > 0)) process.exitCode = 1;
else if (options.strict && results.comparisons.some((one) => one.verdict?.met === false))
  process.exitCode = 2;

function readOptions() {
  try {
    const parsed = parseOptions(process.argv.slice(2));
    if (!parsed.help) return parsed;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
  console.log(USAGE);
  process.exit(0);
}

function prepare() {
  const needs = new Set(wanted.flatMap((row) => row.needs));
  const finders = { peer: findPeer, library: () => findLibrary(options.build), grpc: findGrpc };
  const found = { peer: "", library: "", grpc: "" };
  /** @type {Map<import("./rows.mjs").Need, string>} */
  const missing = new Map();
  for (const need of needs) {
    console.log(`Preparing the ${need} ...`);
    const answer = finders[need]();
    if (answer.ok) found[need] = answer.path;
    // Rows without a comparison partner can be skipped; a benchmark of nothing of ours cannot.
    else if (need === "library") fail(answer.why);
    else missing.set(need, answer.why);
  }
  /** @param {import("./rows.mjs").Row} row */
  const lacks = (row) => row.needs.find((need) => missing.has(need));
  return {
    paths: found,
    rows: wanted.filter((row) => lacks(row) === undefined),
    skipped: wanted.flatMap((row) => {
      const need = lacks(row);
      return need === undefined ? [] : [{ name: row.name, why: missing.get(need) ?? "" }];
    }),
  };
}

/** One round is every row once. Groups are shuffled, and rows within a group: what is compared runs side by side. */
async function runRounds() {
  for (const { name, why } of skipped) console.log(`skipped  ${name}: ${why}`);
  const random = seededRandom(options.seed);
  const groups = [...new Set(rows.map((row) => row.group))];
  for (let round = 0; round <= options.rounds; round++) {
    const warmUp = round === 0;
    console.log(warmUp ? "\nwarm-up round (dropped)" : `\nround ${round} of ${options.rounds}`);
    for (const group of shuffled(groups, random)) {
      const members = shuffled(
        rows.filter((row) => row.group === group),
        random,
      );
      for (const row of members) {
        const seconds = warmUp ? Math.max(options.seconds, WARM_UP_SECONDS) : options.seconds;
        const sample = await measure(row, seconds);
        report(row, sample);
        if (!warmUp) taken.push({ row: row.name, round, ...sample });
      }
    }
  }
}

/**
 * @param {import("./rows.mjs").Row} row
 * @param {number} seconds
 * @returns {Promise<import("./results.mjs").Measured>}
 */
async function measure(row, seconds) {
  try {
    const sample = await row.run(stage, seconds);
    if (sample.failed === 0) return { sample };
    return { failure: `${sample.failed} of ${sample.failed + sample.work} failed: ${sample.error ?? "?"}` };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @param {import("./rows.mjs").Row} row
 * @param {import("./results.mjs").Measured} measured
 */
function report(row, { sample, failure }) {
  const text = sample
    ? `${figure(sample.value).padStart(9)} ${row.unit}`
    : `FAILED: ${(failure ?? "").replaceAll("\n", "\n    ")}`;
  console.log(`  ${row.name.padEnd(22)} ${text}`);
}

/** @returns {import("./results.mjs").Machine} */
function describeMachine() {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown processor",
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${arch()}`,
    loadBefore: loadavg()[0] ?? 0,
    node: process.version,
    rxrpc: readVersion(`${ROOT}package.json`),
    ...optional("commit", () => say("git", ["describe", "--always", "--dirty", "--abbrev=12"])),
    ...optional("openafs", () =>
      paths.peer ? say("dpkg-query", ["-W", "-f=${Version}", "libopenafs-dev"]) : "",
    ),
    ...optional("grpc", () =>
      paths.grpc ? readVersion(`${paths.grpc}/node_modules/@grpc/grpc-js/package.json`) : "",
    ),
  };
}

/** @param {string} path */
function readVersion(path) {
  return String(JSON.parse(readFileSync(path, "utf8")).version);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function say(command, args) {
  return execFileSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

/**
 * @param {string} name
 * @param {() => string} read
 * @returns {Record<string, string>}
 */
function optional(name, read) {
  try {
    const value = read();
    return value === "" ? {} : { [name]: value };
  } catch {
    // Not a git checkout, or not a Debian system: the page does without that line.
    return {};
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
