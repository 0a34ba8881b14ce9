// The units of the figures: what they are of, and which way is better.

/** @typedef {"calls/s" | "Mbit/s" | "replies/s" | "us" | "us/call" | "ns" | "bytes"} Unit */

/** @type {Record<Unit, { isLessBetter: boolean, per: string, title: string }>} `per` is what processor time is told for */
export const UNITS = {
  "calls/s": { isLessBetter: false, per: "call", title: "calls a second" },
  "Mbit/s": { isLessBetter: false, per: "MiB", title: "Mbit a second" },
  "replies/s": { isLessBetter: false, per: "reply", title: "replies a second" },
  us: { isLessBetter: true, per: "call", title: "microseconds" },
  "us/call": { isLessBetter: true, per: "call", title: "microseconds a call" },
  ns: { isLessBetter: true, per: "", title: "nanoseconds" },
  bytes: { isLessBetter: true, per: "", title: "bytes" },
};
