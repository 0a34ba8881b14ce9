// `npm run bench`: interleaved rounds of every row, then medians, ratios of paired rounds, and the bars.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { compareResults, readResults } from "./compare.mjs";
import { describeMachine } from "./machine.mjs";
import { parseOptions, USAGE } from "./options.mjs";
import { findGuest, findLibrary, findNative, findPaced, findPeer, findTools, RESULTS } from "./prepare.mjs";
import { endChildrenWithUs, stopAll } from "./processes.mjs";
import { renderPage } from "./report-html.mjs";
import { renderChanges, renderRan, renderTables } from "./report-text.mjs";
import { evaluate } from "./results.mjs";
import { runRounds } from "./rounds.mjs";
import { makeRows } from "./rows.mjs";
import { Stage } from "./stage.mjs";

const PAGE = fileURLToPath(new URL("report.html", import.meta.url));

const options = readOptions();
const wanted = makeRows(options.mib).filter(
  ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
);
if (wanted.length === 0) fail(`no row is named like ${options.only.join(", ")}; --list names them`);
if (options.list) {
  for (const { name, title, label, unit } of wanted) {
    console.log(`${name.padEnd(28)} ${title}: ${label}, ${unit}`);
  }
  process.exit(0);
}
// Before minutes are spent on what it is to be held against.
const older = options.compare === undefined ? undefined : readOlder(options.compare);

const { rows, paths, skipped } = prepare();
const startedAt = new Date();
const begin = performance.now();
const machine = describeMachine(paths);
const stage = new Stage(paths);
endChildrenWithUs();
let taken;
try {
  for (const { name, why } of skipped) console.log(`skipped  ${name}: ${why}`);
  taken = await runRounds({ rows, options, stage, say: (text) => console.log(text) });
} finally {
  await stopAll();
}

const { ran, facts } = stage;
const tookSeconds = Math.round((performance.now() - begin) / 1000);
const run = {
  startedAt: startedAt.toISOString(),
  tookSeconds,
  machine,
  options,
  rows,
  skipped,
  taken,
  ran,
  facts,
};
const results = evaluate(run);
const changes =
  older === undefined ? undefined : compareResults(older, results, /** @type {string} */ (options.compare));
const jsonPath = resolve(options.json ?? `${RESULTS}/latest.json`);
const htmlPath = resolve(options.html ?? PAGE);
write(jsonPath, `${JSON.stringify({ ...results, ...(changes && { changes }) }, null, 2)}\n`);
write(htmlPath, renderPage(results, changes));
const parts = [renderTables(results), ...(changes ? [renderChanges(changes)] : []), renderRan(results)];
console.log(`\n${parts.join("\n\n")}\n\n${tookSeconds} s\n${jsonPath}\n${htmlPath}`);
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

/** @param {string} path */
function readOlder(path) {
  try {
    return readResults(path);
  } catch (error) {
    return fail(`--compare: ${error instanceof Error ? error.message : error}`);
  }
}

function prepare() {
  /** @type {Record<import("./programs.mjs").Need, () => import("./prepare.mjs").Found>} */
  const finders = {
    // The addon is asked for by the built library: the library comes first.
    library: () => findLibrary(options.build),
    native: findNative,
    peer: findPeer,
    paced: findPaced,
    tools: findTools,
    grpc: () => findGuest("grpc"),
    http: () => findGuest("http"),
  };
  const needs = new Set(wanted.flatMap((row) => row.needs));
  /** @type {import("./programs.mjs").Paths} */
  const found = { library: "", native: "", peer: "", paced: "", tools: "", grpc: "", http: "" };
  /** @type {Map<import("./programs.mjs").Need, string>} */
  const missing = new Map();
  for (const [need, find] of /** @type {[import("./programs.mjs").Need, typeof findPeer][]} */ (
    Object.entries(finders)
  )) {
    if (!needs.has(need)) continue;
    console.log(`Preparing ${need} ...`);
    const answer = find();
    if (answer.ok) found[need] = answer.path;
    // Rows without a comparison partner can be skipped; a benchmark of nothing of ours cannot.
    else if (need === "library") fail(answer.why);
    else missing.set(need, answer.why);
  }
  /** @param {import("./row.mjs").Row} row */
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

/**
 * @param {string} path
 * @param {string} text
 */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
