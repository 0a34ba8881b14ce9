// Many idle connections: what a packet and a timer cost beside them, and what they, their peers and calls weigh.
import { counted, row } from "./row.mjs";
import { PAYLOAD_BYTES } from "./workers/sizes.mjs";

const CROWDS = [100, 10_000, 100_000];
const CALLS = ["rpc", "--bytes", PAYLOAD_BYTES, "--threads", 8, "--conns", 2];
/** A microsecond at a time, this is long enough. */
const CORE_SECONDS = 0.4;
/** So many that a page more or less is a few bytes of each; calls are heavier, and at most 65 536. */
const WEIGHED = 40_000;
const WEIGHED_CALLS = 8_000;
/** Weights hardly change from round to round, and each takes seconds. */
const WEIGHED_EVERY = 3;

const WEIGHTS = [
  { kind: "connection", title: "an idle server connection", count: WEIGHED },
  { kind: "peer", title: "a peer", count: WEIGHED },
  { kind: "connection-and-peer", title: "an idle server connection with its peer", count: WEIGHED },
  { kind: "call", title: "a call whose handler waits", count: WEIGHED_CALLS },
];

/** @returns {import("./row.mjs").Row[]} */
export function scaleRows() {
  return [
    .../** @type {const} */ (["rxrpc", "native"]).flatMap((program) =>
      CROWDS.map((crowd) =>
        row({
          group: `idle-call${program === "native" ? "-native" : ""}`,
          program,
          variant: String(crowd),
          family: "idle",
          label: counted(crowd, "idle connection"),
          title: `Server processor time of a 128-byte call of a C client with 8 threads, ${program === "native" ? "native" : "dgram"}`,
          unit: "us/call",
          needs: ["peer"],
          every: 1,
          run: async (stage, seconds) => {
            const sample = await stage.peerCalls(`${program}-idle`, CALLS, seconds, [crowd]);
            return { ...sample, value: (sample.serverCpuUs ?? Number.NaN) / sample.work };
          },
        }),
      ),
    ),
    ...["packet", "timer"].flatMap((op) =>
      CROWDS.map((crowd) =>
        row({
          group: `idle-${op}`,
          program: "rxrpc",
          variant: String(crowd),
          family: `idle-${op}`,
          label: counted(crowd, "idle connection"),
          title:
            op === "packet"
              ? "Core alone: a packet of DATA and the ACKs of it"
              : "Core alone: a packet of DATA, its timer, and the ACK that it sends",
          unit: "ns",
          every: 1,
          run: async (stage, seconds) => {
            const command = { op, seconds: Math.min(seconds, CORE_SECONDS) };
            const report = await stage.lone("core", [crowd], command, { isKept: true });
            return { value: report.nsEach, work: report.ok, failed: report.failed };
          },
        }),
      ),
    ),
    ...WEIGHTS.map(({ kind, title, count }) =>
      row({
        group: "memory",
        program: "rxrpc",
        variant: kind,
        label: title,
        title: "Resident memory of the server, each",
        unit: "bytes",
        every: WEIGHED_EVERY,
        isWarmedUp: false,
        run: async (stage) => {
          const report = await stage.lone("memory", [], { op: kind, count }, { isKept: false });
          return { value: report.bytesEach, work: count, failed: report.failed };
        },
      }),
    ),
  ];
}
