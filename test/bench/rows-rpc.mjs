// Closed loops of calls: each client keeps so many outstanding for as long as it is told.
import { PROGRAM_TITLES } from "./programs.mjs";
import { counted, row } from "./row.mjs";
import { PAYLOAD_BYTES, REQUEST_OVERHEAD_BYTES } from "./workers/sizes.mjs";

const KIB = 1024;
/** Four calls at a time is what an Rx connection carries. Eight threads on two connections is the bars' shape. */
const C_SHAPES = [
  { threads: 1, connections: 1 },
  { threads: 4, connections: 1 },
  { threads: 8, connections: 2 },
  { threads: 16, connections: 4 },
  { threads: 64, connections: 16 },
];
const OUTSTANDING = [1, 4, 16, 64];
const LARGE = [
  { name: "1k", title: "1 KiB", bytes: KIB },
  { name: "64k", title: "64 KiB", bytes: 64 * KIB },
];
const LARGE_OUTSTANDING = 16;
const LARGE_SHAPE = { threads: 16, connections: 4 };
const C_SERVERS = /** @type {const} */ (["rxrpc", "native", "openafs"]);

/** Who calls whom where Node is the client, or nobody's protocol is measured. @type {Partial<Record<Program, Ends>>} */
const ENDS = {
  rxrpc: { client: "rxrpc", server: "rxrpc", label: "rxrpc, dgram, both ends" },
  native: { client: "native", server: "native", label: "rxrpc, native, both ends" },
  openafs: { client: "rxrpc", server: "openafs", label: "rxrpc, dgram, to OpenAFS", needs: ["library"] },
  "openafs-native": { client: "native", server: "openafs", label: "rxrpc, native, to OpenAFS" },
  dgram: { client: "dgram", server: "dgram", label: PROGRAM_TITLES.dgram, isOneDatagram: true },
  "c-echo": { client: "pump", server: "c-echo", label: PROGRAM_TITLES["c-echo"], isOneDatagram: true },
  grpc: { client: "grpc", server: "grpc", label: PROGRAM_TITLES.grpc },
  http: { client: "http", server: "http", label: PROGRAM_TITLES.http },
};

/** @typedef {import("./programs.mjs").Program} Program */
/**
 * @typedef {object} Ends
 * @property {string} client
 * @property {string} server
 * @property {string} label
 * @property {import("./programs.mjs").Need[]} [needs]
 * @property {boolean} [isOneDatagram] a payload is what one datagram holds
 */

/** @returns {import("./row.mjs").Row[]} */
export function rpcRows() {
  return [
    ...C_SHAPES.flatMap((shape) => cRows(`c-rpc-${shape.threads}`, "128-byte", PAYLOAD_BYTES, shape)),
    ...LARGE.flatMap(({ name, title, bytes }) => cRows(`c-rpc-${name}`, title, bytes, LARGE_SHAPE)),
    ...OUTSTANDING.flatMap((n) => nodeRows(`node-rpc-${n}`, "128-byte", PAYLOAD_BYTES, n)),
    ...LARGE.flatMap(({ name, title, bytes }) =>
      nodeRows(`node-rpc-${name}`, title, bytes, LARGE_OUTSTANDING),
    ),
  ];
}

/**
 * @param {string} group
 * @param {string} size
 * @param {number} bytes
 * @param {{ threads: number, connections: number }} shape
 */
function cRows(group, size, bytes, { threads, connections }) {
  const title = `C client, ${size} rpc, ${counted(threads, "thread")} on ${counted(connections, "connection")}`;
  const what = ["rpc", "--bytes", bytes, "--threads", threads, "--conns", connections];
  return C_SERVERS.map((program) =>
    row({
      group,
      program,
      title,
      unit: "calls/s",
      needs: ["peer"],
      run: (stage, seconds) => stage.peerCalls(program, what, seconds),
    }),
  );
}

/**
 * @param {string} group
 * @param {string} size
 * @param {number} bytes
 * @param {number} outstanding
 */
function nodeRows(group, size, bytes, outstanding) {
  const title = `${size} rpc, ${outstanding} outstanding`;
  const ends = /** @type {[Program, Ends][]} */ (Object.entries(ENDS));
  return ends
    .filter(([, { isOneDatagram }]) => !isOneDatagram || bytes <= KIB)
    .map(([program, { client, server, label, needs = [] }]) => {
      // The pump has no payload: it is told how long its datagrams are.
      const what =
        client === "pump"
          ? { op: "echo", outstanding, bytes: bytes + REQUEST_OVERHEAD_BYTES }
          : { outstanding, bytes };
      return row({
        group,
        program,
        label,
        title,
        unit: "calls/s",
        needs,
        run: (stage, seconds) => stage.calls(client, server, what, seconds),
      });
    });
}
