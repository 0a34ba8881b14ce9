// Every row of the benchmark, in the order in which they are shown.
import { bulkRows } from "./rows-bulk.mjs";
import { loadRows } from "./rows-load.mjs";
import { rpcRows } from "./rows-rpc.mjs";
import { scaleRows } from "./rows-scale.mjs";

/**
 * @param {number} mib size of one bulk transfer
 * @returns {import("./row.mjs").Row[]}
 */
export function makeRows(mib) {
  return [...rpcRows(), ...bulkRows(mib), ...loadRows(), ...scaleRows()];
}
