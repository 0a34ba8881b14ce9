// Which rows are compared with which, and the bars: ratios of figures taken in the same round.

/** What of a row is compared: its figure, or the server's processor time for each call. */
/** @typedef {"value" | "serverCpu"} Metric */

/**
 * @typedef {object} Comparison
 * @property {string} title
 * @property {string} above name of a row
 * @property {string} [below] name of a row; without one the figure itself is held against the bar
 * @property {Metric} metric
 * @property {number} [bar]
 * @property {boolean} isCeiling the bar is not to be exceeded, rather than reached
 */

/** @type {Comparison[]} */
export const COMPARISONS = [
  ...bars("C client, rpc, 1 thread", "c-rpc-1", "openafs", { rxrpc: 0.95, native: 0.95 }),
  ...bars("C client, rpc, 4 threads", "c-rpc-4", "openafs", { rxrpc: 1.05, native: 1.2 }),
  ...bars("C client, rpc, 8 threads", "c-rpc-8", "openafs", { rxrpc: 1.05, native: 1.3 }),
  ...["rxrpc", "native"].map((program) => ({
    title: `C client, 8 threads: server CPU a call, ${program === "native" ? "native" : "dgram"}`,
    above: `c-rpc-8/${program}`,
    below: "c-rpc-8/openafs",
    metric: /** @type {const} */ ("serverCpu"),
    bar: program === "native" ? 0.45 : 0.75,
    isCeiling: true,
  })),
  ...bars("Both ends, rpc, 16 outstanding", "node-rpc-16", "dgram", { rxrpc: 0.55, native: 1.1 }),
  ...bars("Both ends, rpc, 16 outstanding", "node-rpc-16", "grpc", { rxrpc: 10, native: 18 }),
  ...["send", "recv"].flatMap((op) => [
    ...bars(`C client, ${op}`, `c-${op}`, "openafs", { rxrpc: 1.2, native: 1.2 }),
    ...bars(`C client, ${op}, no jumbograms`, `c-${op}-plain`, "openafs", { rxrpc: 0.9 }),
    ...bars(`Both ends, ${op}`, `node-${op}`, `c-${op}/openafs`, { rxrpc: 1, native: 2.5 }),
  ]),
  ...bars("BUSY", "busy", "dgram", { rxrpc: 0.9, native: 2 }),
  ...bars("Half load, p99", "half-load", "openafs", { rxrpc: 1, native: 1 }, true),
  {
    title: "Server CPU of a call beside 100 000 idle, dgram",
    above: "idle-call/100000",
    below: "idle-call/100",
    metric: "value",
    bar: 1.2,
    isCeiling: true,
  },
  {
    title: "Server CPU of a call beside 100 000 idle, native",
    above: "idle-call-native/100000",
    below: "idle-call-native/100",
    metric: "value",
    bar: 1.2,
    isCeiling: true,
  },
  {
    title: "Core: a packet beside 100 000 idle",
    above: "idle-packet/100000",
    below: "idle-packet/100",
    metric: "value",
    bar: 1.2,
    isCeiling: true,
  },
  {
    title: "Core: a timer beside 100 000 idle",
    above: "idle-timer/100000",
    below: "idle-timer/100",
    metric: "value",
    isCeiling: true,
  },
  {
    title: "Bytes of an idle connection with its peer",
    above: "memory/connection-and-peer",
    metric: "value",
    bar: 1024,
    isCeiling: true,
  },
  ...["1", "4", "64"].flatMap((n) =>
    ["dgram", "grpc", "http"].flatMap((other) =>
      plain(`Both ends, rpc, ${n} outstanding`, `node-rpc-${n}`, other),
    ),
  ),
  ...plain("Both ends, rpc, 16 outstanding", "node-rpc-16", "http"),
];

/** Rows that a bar holds. */
export const BARRED = new Set(
  COMPARISONS.flatMap(({ above, below, bar }) => (bar === undefined ? [] : [above, below ?? above])),
);

/**
 * @param {string} title
 * @param {string} group
 * @param {string} below program of the group, or the name of a row
 * @param {Partial<Record<"rxrpc" | "native", number>>} goals
 * @param {boolean} [isCeiling]
 * @returns {Comparison[]}
 */
function bars(title, group, below, goals, isCeiling = false) {
  return Object.entries(goals).map(([program, bar]) => ({
    title: `${title}, ${program === "native" ? "native" : "dgram"}`,
    above: `${group}/${program}`,
    below: below.includes("/") ? below : `${group}/${below}`,
    metric: "value",
    bar,
    isCeiling,
  }));
}

/**
 * @param {string} title
 * @param {string} group
 * @param {string} below
 * @returns {Comparison[]}
 */
function plain(title, group, below) {
  return ["rxrpc", "native"].map((program) => ({
    title: `${title}, ${program === "native" ? "native" : "dgram"}`,
    above: `${group}/${program}`,
    below: `${group}/${below}`,
    metric: "value",
    isCeiling: false,
  }));
}
