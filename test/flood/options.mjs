// The command line of the flood.
import { parseArgs } from "node:util";

export const USAGE = `npm run flood -- [options]
  --only ROW      only rows whose name contains ROW; may be given more than once
  --seconds S     length of each flood (default 60; at full speed at most 10, the mix at most 30)
  --quick         floods of 3 seconds and few stops, where not told otherwise: to see that it works
  --seed N        seed of what is random (default 1)
  --json FILE     writes the figures there as well
  --no-build      use dist/ as it is
  --list          name the rows and end
  --help`;

/**
 * @typedef {object} Options
 * @property {string[]} only
 * @property {number} seconds
 * @property {boolean} quick
 * @property {number} seed
 * @property {string | undefined} json
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
      only: { type: "string", multiple: true, default: [] },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      seed: { type: "string" },
      json: { type: "string" },
      "no-build": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const quick = values.quick === true;
  return {
    only: (values.only ?? []).flatMap((names) => names.split(",")).filter((name) => name !== ""),
    seconds: number("seconds", values.seconds, quick ? 3 : 60, 1, 600),
    quick,
    seed: number("seed", values.seed, 1, 0, 0x7fff_ffff),
    json: values.json,
    build: values["no-build"] !== true,
    list: values.list === true,
    help: values.help === true,
  };
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} preset
 * @param {number} min
 * @param {number} max
 */
function number(option, text, preset, min, max) {
  if (text === undefined) return preset;
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max)) {
    throw new RangeError(`--${option} expects a number from ${min} to ${max}, got "${text}"`);
  }
  return value;
}
