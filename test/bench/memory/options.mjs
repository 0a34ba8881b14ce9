// The command line of the memory benchmark.
import { parseArgs } from "node:util";

export const USAGE = `npm run bench:memory -- [options]
  --only ROW      only rows whose name contains ROW; may be given more than once
  --quick         128 MiB instead of 1 GiB, shorter rounds: to see that it works
  --json FILE     writes the figures there as well
  --no-build      use dist/ as it is
  --list          name the rows and end
  --help`;

/**
 * @typedef {object} Options
 * @property {string[]} only
 * @property {boolean} quick
 * @property {string | undefined} json
 * @property {boolean} build
 * @property {boolean} list
 * @property {boolean} help
 */

/**
 * @param {readonly string[]} args
 * @returns {Options}
 * @throws {TypeError} with a message that names the option
 */
export function parseOptions(args) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      "no-build": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    only: (values.only ?? []).flatMap((names) => names.split(",")).filter((name) => name !== ""),
    quick: values.quick === true,
    json: values.json,
    build: values["no-build"] !== true,
    list: values.list === true,
    help: values.help === true,
  };
}
