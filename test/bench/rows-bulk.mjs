// Bulk transfer: so many MiB in one call, or shared among four at once.
import { counted, row } from "./row.mjs";

const CALLS = [1, 4];
const NODE_ENDS = /** @type {const} */ ([
  { program: "rxrpc", client: "rxrpc", server: "rxrpc", label: "rxrpc, dgram, both ends", needs: [] },
  { program: "native", client: "native", server: "native", label: "rxrpc, native, both ends", needs: [] },
  {
    program: "openafs",
    client: "rxrpc",
    server: "openafs",
    needs: ["library"],
    label: "rxrpc, dgram, to OpenAFS",
  },
  {
    program: "openafs-native",
    client: "native",
    server: "openafs",
    needs: [],
    label: "rxrpc, native, to OpenAFS",
  },
]);

/**
 * @param {number} mib of one transfer
 * @returns {import("./row.mjs").Row[]}
 */
export function bulkRows(mib) {
  return /** @type {const} */ (["send", "recv"]).flatMap((op) =>
    CALLS.flatMap((calls) => [
      ...cRows(op, calls, mib, false),
      ...(calls === 1 ? cRows(op, calls, mib, true) : []),
      ...nodeRows(op, calls, mib),
    ]),
  );
}

/**
 * @param {"send" | "recv"} op
 * @param {number} calls
 * @param {number} mib
 * @param {boolean} isPlain without jumbograms: the C library at either end neither sends nor takes them
 */
function cRows(op, calls, mib, isPlain) {
  const suffix = `${calls > 1 ? `-${calls}` : ""}${isPlain ? "-plain" : ""}`;
  const title = `C client, ${op} of ${mib} MiB on ${counted(calls, "call")}${isPlain ? ", no jumbograms" : ""}`;
  const bytes = (mib << 20) / calls;
  const what = [op, "--bytes", bytes, "--threads", calls, "--calls", 1, ...(isPlain ? ["--nojumbo"] : [])];
  return /** @type {const} */ (["rxrpc", "native", "openafs"]).map((program) => {
    const server = isPlain && program === "openafs" ? "openafs-plain" : program;
    return row({
      group: `c-${op}${suffix}`,
      family: familyOf(op, calls),
      program,
      title,
      unit: "Mbit/s",
      needs: ["peer"],
      run: (stage) => stage.peerBulk(server, what, mib),
    });
  });
}

/**
 * @param {"send" | "recv"} op
 * @param {number} calls
 * @param {number} mib
 */
function nodeRows(op, calls, mib) {
  const title = `Node client, ${op} of ${mib} MiB on ${counted(calls, "call")}`;
  const group = `node-${op}${calls > 1 ? `-${calls}` : ""}`;
  return NODE_ENDS.map(({ program, client, server, label, needs }) =>
    row({
      group,
      family: familyOf(op, calls),
      program,
      label,
      title,
      unit: "Mbit/s",
      needs: [...needs],
      run: (stage) => stage.bulk(client, server, { op, calls, mib }),
    }),
  );
}

/** @param {string} op @param {number} calls */
function familyOf(op, calls) {
  return `${op} on ${calls}`;
}
