// Rows about floods beside honest clients: what the clients keep, what it costs the server's memory, how soon it is over.
import { mib } from "../bench/memory/report.mjs";
import { nowMs, pause } from "./stage.mjs";
import { ECHO_ID } from "./workers/service-ids.mjs";

const MIX = import.meta.resolve("./workers/mix.mjs");

const MIB = 1024 * 1024;
const ASK_MS = 20_000;
const KEEP_MIN = 0.7;
const GROWTH_MAX_BYTES = 32 * MIB;
const BACK_MAX_MS = 1_000;
// Of the rate before: what is measured in two tenths of a second is never quite the same.
const BACK_SHARE = 0.9;
// What the calm rate after the flood may lack of the one before it.
const STAY_MIN = 0.85;
// When a new client comes, and how long it may wait: its first reply is there within BACK_MAX_MS of the end.
const NEWCOMER_AT_MS = 500;
const WARM_UP_MS = 1_500;
const LOOK_AFTER_MS = 2_500;
const RATE = 50_000;
const MIX_RATE = 20_000;
const FULL_SPEED_SECONDS = 10;
const MIX_SECONDS = 30;
const CLIENTS = 4;
const OUTSTANDING = 8;
// Between two calls of a lane: they ask for a good part of what the server can do, and leave the machine room for the sender.
const THINK_MS = 4;

/**
 * A flood beside honest clients who have proved their addresses; nobody is trusted.
 *
 * @param {import("./stage.mjs").Stage} stage
 * @param {number} seconds
 * @param {(port: number) => { child: import("../bench/processes.mjs").Child, kind: string }} makeSender
 * @param {number} rate datagrams a second, 0 for full speed
 * @param {number} thinkMs of the honest clients; 0 = they call as fast as they can
 * @param {boolean} bringsOthers as many clients come anew when the flood is over
 */
async function floodBeside(stage, seconds, makeSender, rate, thinkMs = THINK_MS, bringsOthers = false) {
  const { child: server, port } = await stage.server({ options: { trusted: [] } });
  const settings = { port, serviceId: ECHO_ID, clients: CLIENTS, outstanding: OUTSTANDING, thinkMs };
  const honest = await stage.honest(settings);
  const others = bringsOthers ? await warmedUp(stage, settings) : null;
  const sender = makeSender(port);
  await pause(stage.quick ? 1_500 : 4_000);
  const idle = (await server.ask({ op: "idle" }, ASK_MS)).bytes;
  const beforeMs = nowMs();
  await pause(stage.quick ? 2_000 : 5_000);
  const calm = (await server.ask({ op: "peak" }, ASK_MS)).bytes;
  const first = await server.ask({ op: "stats" }, ASK_MS);
  const cpuUs = server.cpuUs() ?? 0;
  const sent = await sender.child.ask({ op: "flood", rate, seconds }, seconds * 1000 + ASK_MS);
  const busy = ((server.cpuUs() ?? 0) - cpuUs) / 1000 / (sent.endMs - sent.beginMs);
  await others?.child.ask({ op: "start", ...settings }, ASK_MS);
  await pause(sent.endMs + NEWCOMER_AT_MS - nowMs());
  const newcomer = await honest.child.ask({ op: "newcomer", port, serviceId: ECHO_ID }, ASK_MS);
  await pause(LOOK_AFTER_MS);
  const peak = (await server.ask({ op: "peak" }, ASK_MS)).bytes;
  const last = await server.ask({ op: "stats" }, ASK_MS);
  const series = await honest.series();
  const later = await others?.series();
  const before = series.rate(beforeMs, sent.beginMs);
  const during = series.rate(sent.beginMs, sent.endMs);
  const after = series.rate(sent.endMs + BACK_MAX_MS, nowMs() - 500);
  // On a machine of few cores a calm rate wanders by a tenth by itself: what full service is, both ends say.
  const full = (before + after) / 2;
  const drops = (last.kernelDrops ?? 0) - (first.kernelDrops ?? 0);
  const floodSeconds = (sent.endMs - sent.beginMs) / 1000;
  return {
    isAlive: server.alive,
    before,
    during,
    keep: during / before,
    backMs: (later ?? series).backMs(sent.endMs, full * BACK_SHARE),
    stays: after / before,
    newcomerMs: newcomer.ms,
    failed: series.failed + (later?.failed ?? 0),
    idle,
    calm,
    peak,
    ceiling: last.stats.ceilingBytes,
    sentPerSecond: sent.ok / floodSeconds,
    busy,
    readPerSecond: (last.stats.transport.datagramsIn - first.stats.transport.datagramsIn) / floodSeconds,
    drops,
    notes: [
      `sent ${Math.round(sent.ok / floodSeconds)} datagrams/s (${sender.kind}), ${drops} dropped by the kernel at the server's socket; server at ${Math.round(busy * 100)} % of a processor`,
      `honest: ${Math.round(before)} calls/s before, ${Math.round(during)} during, ${Math.round(after)} after; ${series.failed} failed`,
      `back to ${BACK_SHARE * 100} % after ${figureMs(series.backMs(sent.endMs, full * BACK_SHARE))}; a client that came ${NEWCOMER_AT_MS} ms after the end waited ${figureMs(newcomer.ms)} for its first reply`,
      ...(later !== undefined
        ? [
            `as many clients that came at the end had that rate after ${figureMs(later.backMs(sent.endMs, full * BACK_SHARE))}`,
          ]
        : []),
      `memory: idle ${mib(idle)}, peak before ${mib(calm)}, peak with the flood ${mib(peak)}; ceiling ${mib(last.stats.ceilingBytes)} over idle`,
      `server: ${counted(first.stats.counters, last.stats.counters)}`,
      ...series.errors,
    ],
  };
}

/**
 * Clients whose program is compiled, and that do nothing yet.
 *
 * @param {import("./stage.mjs").Stage} stage
 * @param {object} settings
 */
async function warmedUp(stage, settings) {
  const clients = await stage.honest(settings);
  await pause(WARM_UP_MS);
  await clients.stop();
  return clients;
}

/** @typedef {Awaited<ReturnType<typeof floodBeside>>} Flood */

/** @param {Pick<Flood, "idle" | "peak" | "ceiling">} flood */
function isUnderCeiling({ idle, peak, ceiling }) {
  return peak <= idle + ceiling;
}

/** @param {Flood} flood */
function memoryHolds({ idle, calm, peak, ceiling }) {
  return isUnderCeiling({ idle, peak, ceiling }) && peak - calm < GROWTH_MAX_BYTES;
}

/** @param {Flood} flood */
function isBack({ isAlive, failed, stays, backMs, newcomerMs }) {
  return (
    isAlive &&
    failed === 0 &&
    stays >= STAY_MIN &&
    backMs <= BACK_MAX_MS &&
    NEWCOMER_AT_MS + newcomerMs <= BACK_MAX_MS
  );
}

/** @param {number} ms */
function figureMs(ms) {
  return Number.isFinite(ms) && ms < 1e9 ? `${Math.round(ms)} ms` : "never";
}

/** @param {Flood} flood */
function keepFigure({ keep }) {
  return `${Math.round(keep * 100)} % kept`;
}

/** @param {Flood} flood */
function memoryFigure({ peak, calm, backMs }) {
  return `${mib(Math.max(0, peak - calm))} grown, back in ${figureMs(backMs)}`;
}

/**
 * The drop counters that have grown most.
 *
 * @param {Record<string, number>} before
 * @param {Record<string, number>} after
 */
function counted(before, after) {
  return Object.entries(after)
    .map(([name, value]) => /** @type {const} */ ([name, value - (before[name] ?? 0)]))
    .filter(
      ([name, value]) => value > 0 && /^Drop|Withheld|BusyPackets|AbortPackets|CallsAccepted/.test(name),
    )
    .sort((a, b) => b[1] - a[1])
    .slice(0, 8)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

/** @type {import("./run.mjs").Row[]} */
export const junkRows = [
  {
    name: "junk",
    title: `${RATE} junk datagrams a second beside honest clients who have proved their addresses`,
    bar: `>= ${KEEP_MIN * 100} % kept; memory under the ceiling, < 32 MiB grown; back within 1 s`,
    run: async (stage) => {
      const flood = await floodBeside(stage, stage.seconds, (port) => stage.sender(port), RATE);
      const isEnough = flood.sentPerSecond >= RATE * 0.95;
      return {
        passed: isEnough && flood.keep >= KEEP_MIN && memoryHolds(flood) && isBack(flood),
        figure: `${keepFigure(flood)}, ${memoryFigure(flood)}`,
        notes: [...flood.notes, ...(isEnough ? [] : ["the sender was too slow"])],
        values: flood,
      };
    },
  },
  {
    name: "junk-busy",
    title: `${RATE} junk datagrams a second beside honest clients who call as fast as they can`,
    bar: `>= ${KEEP_MIN * 100} % kept; memory under the ceiling, < 32 MiB grown; back within 1 s`,
    run: async (stage) => {
      const flood = await floodBeside(stage, stage.seconds, (port) => stage.sender(port), RATE, 0);
      const isEnough = flood.sentPerSecond >= RATE * 0.95;
      return {
        passed: isEnough && flood.keep >= KEEP_MIN && memoryHolds(flood) && isBack(flood),
        figure: `${keepFigure(flood)}, ${memoryFigure(flood)}`,
        notes: [...flood.notes, ...(isEnough ? [] : ["the sender was too slow"])],
        values: flood,
      };
    },
  },
  {
    name: "full-speed",
    title: "junk as fast as it can be sent",
    bar: "memory under the ceiling, < 32 MiB grown; back within 1 s",
    run: async (stage) => {
      const seconds = Math.min(stage.seconds, FULL_SPEED_SECONDS);
      const flood = await floodBeside(stage, seconds, (port) => stage.sender(port), 0, THINK_MS, true);
      return {
        passed: memoryHolds(flood) && isBack(flood),
        figure: `${memoryFigure(flood)}, ${keepFigure(flood)}`,
        notes: flood.notes,
        values: flood,
      };
    },
  },
  {
    name: "mix",
    title: `${MIX_RATE} a second: junk of all types, replays, new calls from many ports, calls that earn BUSY`,
    bar: `>= ${KEEP_MIN * 100} % kept; memory under the ceiling; back within 1 s`,
    run: async (stage) => {
      const seconds = Math.min(stage.seconds, MIX_SECONDS);
      const makeSender = (/** @type {number} */ port) => ({
        child: stage.process(MIX, [port, stage.seed]),
        kind: "Node",
      });
      const flood = await floodBeside(stage, seconds, makeSender, MIX_RATE);
      return {
        passed: flood.keep >= KEEP_MIN && isUnderCeiling(flood) && isBack(flood),
        figure: `${keepFigure(flood)}, ${memoryFigure(flood)}`,
        notes: flood.notes,
        values: flood,
      };
    },
  },
];
