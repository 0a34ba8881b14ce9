// A server that says no as fast as it can, and a server at half of what it could do.
import { row } from "./row.mjs";
import { PAYLOAD_BYTES, REQUEST_DATAGRAM_BYTES } from "./workers/sizes.mjs";

/** More than one turn of any of the servers takes, so that none of them ever waits for the pump. */
const BUSY_OUTSTANDING = 128;
/** Threads enough that a call is begun when it is due, although some before it are late. */
const PACED_SHAPE = [24, 6];
const PEAK = ["rpc", "--bytes", PAYLOAD_BYTES, "--threads", 8, "--conns", 2];
const PEAK_SECONDS = 1.5;
const HALF_LOAD = /** @type {const} */ (["rxrpc", "native", "openafs"]);
/** The 99.9 % point needs more calls than a closed loop's median does. */
const PACED_LONGER = 2;

/** Who answers the pump's packets, each the first of a new call, and with what. */
const REFUSERS = /** @type {const} */ ([
  { program: "rxrpc", server: "rxrpc-busy", op: "busy" },
  { program: "native", server: "native-busy", op: "busy" },
  { program: "dgram", server: "dgram", op: "echo" },
  { program: "c-echo", server: "c-echo", op: "echo" },
]);

/** @returns {import("./row.mjs").Row[]} */
export function loadRows() {
  return [...REFUSERS.map(busyRow), ...HALF_LOAD.map(halfLoadRow)];
}

/** @param {typeof REFUSERS[number]} refuser */
function busyRow({ program, server, op }) {
  const what = { op, outstanding: BUSY_OUTSTANDING, bytes: REQUEST_DATAGRAM_BYTES };
  return row({
    group: "busy",
    program,
    title: "BUSY to new calls at full speed",
    unit: "replies/s",
    needs: ["tools"],
    run: (stage, seconds) => stage.calls("pump", server, what, seconds),
  });
}

/** @param {typeof HALF_LOAD[number]} program */
function halfLoadRow(program) {
  return row({
    group: "half-load",
    program,
    title: "C client, 128-byte rpc at a steady rate, half of the slower server's peak: p99",
    unit: "us",
    needs: ["paced", "peer"],
    run: async (stage, seconds) => {
      const rate = await stage.fact("half-load, calls a second", () => halfLoad(stage));
      return stage.pacedCalls(program, rate, seconds * PACED_LONGER, PACED_SHAPE);
    },
  });
}

/**
 * Half of what the slowest server that is there can do, in calls a second.
 *
 * @param {import("./stage.mjs").Stage} stage
 * @returns {Promise<number>}
 */
async function halfLoad(stage) {
  const peaks = [];
  for (const program of HALF_LOAD) {
    const need = program === "openafs" ? "peer" : program === "native" ? "native" : "library";
    if (!stage.has(need)) continue;
    // The first one warms up.
    await stage.peerCalls(program, PEAK, PEAK_SECONDS);
    const { value, failed, error } = await stage.peerCalls(program, PEAK, PEAK_SECONDS);
    if (failed > 0) throw new Error(error);
    peaks.push(value);
  }
  return Math.round(Math.min(...peaks) / 2);
}
