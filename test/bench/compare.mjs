// One run held against an older one: rows with both figures, their ratio, and whether it is more than the spread.
import { readFileSync } from "node:fs";
import { UNITS } from "./units.mjs";

/** With fewer rounds on either side there is no spread to speak of. */
const ROUNDS_MIN = 3;

/**
 * @typedef {object} Change
 * @property {string} name
 * @property {import("./units.mjs").Unit} unit
 * @property {number} before median
 * @property {number} after median
 * @property {number} ratio after over before
 * @property {number} serverCpuRatio processor time for each call, after over before; NaN where not measured
 * @property {number} clientCpuRatio
 * @property {"better" | "worse" | "within the spread" | "too few rounds"} verdict
 */

/**
 * @typedef {object} Changes
 * @property {string} path of the older file
 * @property {string} startedAt of the older run
 * @property {string[]} differences in what the two runs were taken on and with
 * @property {Change[]} rows
 * @property {string[]} gone rows with a figure in the older run only
 * @property {string[]} fresh rows with a figure in the newer run only
 */

/**
 * @param {string} path
 * @returns {any} what evaluate() returned then
 * @throws Error that says what is wrong with the file
 */
export function readResults(path) {
  const results = JSON.parse(readFileSync(path, "utf8"));
  if (!Array.isArray(results?.rows) || results.machine === undefined) {
    throw new Error(`${path} is not a result of this benchmark`);
  }
  return results;
}

/**
 * @param {any} older
 * @param {import("./results.mjs").Results} newer
 * @param {string} path of the older one
 * @returns {Changes}
 */
export function compareResults(older, newer, path) {
  const before = new Map(older.rows.filter(hasFigure).map((/** @type {any} */ row) => [row.name, row]));
  const after = newer.rows.filter(hasFigure);
  const names = new Set(after.map(({ name }) => name));
  return {
    path,
    startedAt: String(older.startedAt),
    differences: differencesOf(older, newer),
    rows: after.flatMap((row) => {
      const old = before.get(row.name);
      return old === undefined ? [] : [changeOf(old, row)];
    }),
    gone: [...before.keys()].filter((name) => !names.has(name) && isWanted(name, newer.options.only)),
    fresh: [...names].filter((name) => !before.has(name)),
  };
}

/**
 * More than the spread: the medians are further apart than the wider of the two interquartile ranges.
 *
 * @param {any} old
 * @param {import("./results.mjs").RowResult} row
 * @returns {Change}
 */
function changeOf(old, row) {
  const [before, after] = [old.summary, row.summary];
  const spread = Math.max(before.high - before.low, after.high - after.low);
  const isMore = Math.abs(after.median - before.median) > spread;
  const isBetter = after.median > before.median !== UNITS[row.unit].isLessBetter;
  const verdict =
    Math.min(before.n, after.n) < ROUNDS_MIN
      ? "too few rounds"
      : isMore
        ? isBetter
          ? "better"
          : "worse"
        : "within the spread";
  return {
    name: row.name,
    unit: row.unit,
    before: before.median,
    after: after.median,
    ratio: after.median / before.median,
    serverCpuRatio: row.serverCpuUs / (old.serverCpuUs ?? Number.NaN),
    clientCpuRatio: row.clientCpuUs / (old.clientCpuUs ?? Number.NaN),
    verdict,
  };
}

/**
 * What was not asked for is not missing.
 *
 * @param {string} name
 * @param {readonly string[]} only
 */
function isWanted(name, only) {
  return only.length === 0 || only.some((part) => name.includes(part));
}

/** @param {any} row */
function hasFigure(row) {
  return (row.summary?.n ?? 0) > 0;
}

/**
 * @param {any} older
 * @param {import("./results.mjs").Results} newer
 */
function differencesOf(older, newer) {
  const facts = [
    ...["cpu", "cores", "system", "node", "openafs", "grpc", "fastify", "undici", "commit", "build"].map(
      (name) => ({
        name,
        from: older.machine[name],
        to: /** @type {any} */ (newer.machine)[name],
      }),
    ),
    ...["rounds", "seconds", "mib"].map((name) => ({
      name,
      from: older.options?.[name],
      to: /** @type {any} */ (newer.options)[name],
    })),
  ];
  return facts.flatMap(({ name, from, to }) =>
    from === undefined || to === undefined || from === to ? [] : [`${name}: ${from} then, ${to} now`],
  );
}
