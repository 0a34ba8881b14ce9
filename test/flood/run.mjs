// `npm run flood`: what the library promises when it is flooded, on real sockets of loopback, held against its bars.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, resolve } from "node:path";
import { hasPassed, renderNotes, renderTable } from "../bench/memory/report.mjs";
import { findLibrary } from "../bench/prepare.mjs";
import { endChildrenWithUs } from "../bench/processes.mjs";
import { parseOptions, USAGE } from "./options.mjs";
import { coreRows } from "./rows-core.mjs";
import { handlerRows } from "./rows-handlers.mjs";
import { junkRows } from "./rows-junk.mjs";
import { overloadRows } from "./rows-overload.mjs";
import { stopRows } from "./rows-stop.mjs";
import { Stage } from "./stage.mjs";

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title
 * @property {string} bar
 * @property {(stage: Stage) => Promise<import("../bench/memory/report.mjs").Finding>} run
 */

const options = readOptions();
/** @type {Row[]} */
const rows = [...overloadRows, ...junkRows, ...handlerRows, ...coreRows, ...stopRows].filter(
  ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
);
if (rows.length === 0) fail(`no row is named like ${options.only.join(", ")}; --list names them`);
if (options.list) {
  for (const { name, title } of rows) console.log(`${name.padEnd(12)} ${title}`);
  process.exit(0);
}
const library = findLibrary(options.build);
if (!library.ok) fail(library.why);

endChildrenWithUs();
const loadBefore = loadavg()[0];
const stage = new Stage(options, (text) => console.log(`    ${text}`));
const results = [];
for (const row of rows) results.push(await measure(row));

console.log(`\n${renderTable(results)}`);
if (options.quick) console.log("\n--quick: these are not the figures that count");
if (options.json !== undefined) {
  const path = resolve(options.json);
  const report = {
    takenAt: new Date().toISOString(),
    node: process.version,
    cores: cpus().length,
    loadBefore,
    options,
    rows: results.map((result) => ({ ...result, passed: hasPassed(result) })),
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}
process.exitCode = results.every(hasPassed) ? 0 : 1;

/**
 * @param {Row} row
 * @returns {Promise<import("../bench/memory/report.mjs").Result>}
 */
async function measure({ name, title, bar, run }) {
  console.log(`\n${name}: ${title}`);
  const begin = performance.now();
  let finding;
  let failure;
  try {
    finding = await run(stage);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  } finally {
    await stage.clear();
  }
  const result = { name, bar, seconds: (performance.now() - begin) / 1000, finding, failure };
  const notes = renderNotes(result);
  if (notes !== "") console.log(notes);
  console.log(
    `  ${finding?.figure ?? "no figure"}: ${hasPassed(result) ? "passed" : "missed"} (${result.seconds.toFixed(1)} s)`,
  );
  return result;
}

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

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
