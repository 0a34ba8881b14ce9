// Runs rows that are held against bars: the command line, one row after the other, the table, the exit code.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, resolve } from "node:path";
import { hasPassed, renderNotes, renderTable } from "./memory/report.mjs";
import { findLibrary } from "./prepare.mjs";
import { endChildrenWithUs } from "./processes.mjs";

/**
 * @typedef {object} CommonOptions
 * @property {readonly string[]} only
 * @property {boolean} list
 * @property {boolean} build
 * @property {boolean} quick
 * @property {boolean} help
 * @property {string | undefined} json
 */

/**
 * @template S
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title
 * @property {string} bar
 * @property {(stage: S) => Promise<import("./memory/report.mjs").Finding>} run
 */

/**
 * Sets the exit code: 1 when a bar is missed or the command line is wrong.
 *
 * @template {CommonOptions} O
 * @template {{ clear(): Promise<void> }} S
 * @param {object} what
 * @param {(args: readonly string[]) => O} what.parseOptions
 * @param {string} what.usage
 * @param {readonly Row<S>[]} what.rows
 * @param {(options: O, note: (text: string) => void) => S} what.makeStage
 */
export async function holdAgainstBars({ parseOptions, usage, rows: all, makeStage }) {
  const options = readOptions(parseOptions, usage);
  const rows = all.filter(
    ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
  );
  if (rows.length === 0) fail(`no row is named like ${options.only.join(", ")}; --list names them`);
  if (options.list) {
    for (const { name, title } of rows) console.log(`${name.padEnd(16)} ${title}`);
    return;
  }
  const library = findLibrary(options.build);
  if (!library.ok) fail(library.why);

  endChildrenWithUs();
  const loadBefore = loadavg()[0];
  const stage = makeStage(options, (text) => console.log(`    ${text}`));
  const results = [];
  for (const row of rows) results.push(await measure(row, stage));

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
}

/**
 * @template {{ clear(): Promise<void> }} S
 * @param {Row<S>} row
 * @param {S} stage
 * @returns {Promise<import("./memory/report.mjs").Result>}
 */
async function measure({ name, title, bar, run }, stage) {
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

/**
 * @template {CommonOptions} O
 * @param {(args: readonly string[]) => O} parseOptions
 * @param {string} usage
 * @returns {O}
 */
function readOptions(parseOptions, usage) {
  try {
    const parsed = parseOptions(process.argv.slice(2));
    if (!parsed.help) return parsed;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
  console.log(usage);
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
