// What a row is. A row belongs to a group of rows that do the same work; groups whose rows are compared make a family, and
// the rows of a family run next to each other in a round, which is what pairs them.
import { PROGRAM_TITLES } from "./programs.mjs";

/**
 * @typedef {object} Row
 * @property {string} name group and variant
 * @property {string} group
 * @property {string} family
 * @property {import("./programs.mjs").Program} program which it is drawn as
 * @property {string} label what it is called among the rows of its group
 * @property {string} title what the group does
 * @property {import("./units.mjs").Unit} unit
 * @property {import("./programs.mjs").Need[]} needs
 * @property {number} [every] it is measured in every so many rounds; left out: where bars hold it in each, else in every third
 * @property {boolean} isWarmedUp whether the dropped round measures it too
 * @property {(stage: import("./stage.mjs").Stage, seconds: number) => Promise<import("./stage.mjs").Sample>} run
 */

/** @type {Record<import("./programs.mjs").Program, import("./programs.mjs").Need[]>} */
const NEEDS = {
  rxrpc: ["library"],
  native: ["library", "native"],
  openafs: ["peer"],
  "openafs-native": ["peer", "library", "native"],
  dgram: [],
  "c-echo": ["tools"],
  grpc: ["grpc"],
  http: ["http"],
};

/**
 * A row with what most rows have.
 *
 * @param {Partial<Row> & Pick<Row, "group" | "program" | "title" | "unit" | "run"> & { variant?: string }} what
 *   `variant` is the program unless told otherwise, `family` the group; `needs` are added to the program's own
 * @returns {Row}
 */
export function row({ variant, ...what }) {
  const { group, program } = what;
  return {
    family: group,
    label: PROGRAM_TITLES[program],
    isWarmedUp: true,
    ...what,
    name: `${group}/${variant ?? program}`,
    needs: [...new Set([...(what.needs ?? []), ...NEEDS[program]])],
  };
}

/** @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en").replaceAll(",", " ")} ${noun}${count === 1 ? "" : "s"}`;
}
