// The command line of the benchmark.
import { parseArgs } from "node:util";

export const USAGE = `npm run bench -- [options]
  --rounds N      measured rounds (default 7); one more runs first and is dropped. Rows that no bar holds run in every
                  third round, unless --only names them
  --seconds S     length of one measurement (default 0.9)
  --mib N         size of one bulk transfer (default 100)
  --quick         3 rounds of 0.4 s and 16 MiB, where not told otherwise: to see that it works
  --only NAME     only rows whose name contains NAME; may be given more than once
  --seed N        seed of the order of the rows within a round (default 1)
  --json FILE     where the results go (default test/bench/results/latest.json)
  --html FILE     where the page goes (default test/bench/report.html)
  --compare OLD   hold the figures against an older run's JSON file
  --strict        exit code 2 when a bar is missed
  --no-build      use dist/ as it is
  --list          name the rows and end
  --help`;

/**
 * @typedef {object} Options
 * @property {number} rounds measured rounds, the dropped one not counted
 * @property {number} seconds length of one measurement that is not bulk
 * @property {number} mib size of one bulk transfer
 * @property {boolean} quick
 * @property {string[]} only
 * @property {number} seed
 * @property {string | undefined} json
 * @property {string | undefined} html
 * @property {string | undefined} compare path of an older run's JSON file
 * @property {boolean} strict
 * @property {boolean} build
 * @property {boolean} list
 * @property {boolean} help
 */

/**
 * @param {readonly string[]} args
 * @returns {Options}
 * @throws {RangeError | TypeError} with a message that names the option
 */
export function parseOptions(args) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      mib: { type: "string" },
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      seed: { type: "string" },
      json: { type: "string" },
      html: { type: "string" },
      compare: { type: "string" },
      strict: { type: "boolean", default: false },
      "no-build": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const quick = values.quick === true;
  return {
    rounds: number("rounds", values.rounds, quick ? 3 : 7, { min: 1, max: 1000, whole: true }),
    seconds: number("seconds", values.seconds, quick ? 0.4 : 0.9, { min: 0.05, max: 600, whole: false }),
    mib: number("mib", values.mib, quick ? 16 : 100, { min: 1, max: 1024, whole: true }),
    quick,
    only: (values.only ?? []).flatMap((names) => names.split(",")).filter((name) => name !== ""),
    seed: number("seed", values.seed, 1, { min: 0, max: 0xffffffff, whole: true }),
    json: values.json,
    html: values.html,
    compare: values.compare,
    strict: values.strict === true,
    build: values["no-build"] !== true,
    list: values.list === true,
    help: values.help === true,
  };
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} preset
 * @param {{ min: number, max: number, whole: boolean }} range
 * @returns {number}
 */
function number(option, text, preset, { min, max, whole }) {
  if (text === undefined) return preset;
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    throw new RangeError(
      `--${option} expects a ${whole ? "whole " : ""}number from ${min} to ${max}, got "${text}"`,
    );
  }
  return value;
}
