// Rows about the packet buffers: what happens when there are few, and when there is none.
import { ms } from "./report.mjs";
import { pause } from "./stage.mjs";
import { EXCHANGE_ID, STARVED_READER_ID, STARVED_WRITER_ID } from "./workers/service-ids.mjs";

const KIB = 1024;
const BUFFERS = 64;
const CALLS = 200;
const CALL_BYTES = 256 * KIB;
const DEADLINE_MS = 60_000;
const ASK_MS = 10_000;
const EXCHANGE_MS = 100_000;
const SETTLE_MS = 5_000;

// How late a call may end that waits for a buffer: the timer's own millisecond, and a busy machine.
const LATE_MAX_MS = 100;
const STARVED_DEADLINE_MS = 1_500;
const STARVED_HOLD_MS = 300;

/**
 * @param {string} name
 * @param {boolean} onBothSides
 * @returns {import("./run.mjs").Row}
 */
function exchangeRow(name, onBothSides) {
  const where = onBothSides ? "on each side" : "at the server";
  return {
    name,
    title: `${BUFFERS} buffers ${where}, ${CALLS} concurrent calls of 256 KiB each way, slow ends among them`,
    bar: `${CALLS} of ${CALLS}, at most ${BUFFERS} in use, none kept`,
    run: async (stage) => {
      const limits = { buffersMax: BUFFERS };
      const { child, port } = await stage.server("server.mjs", { options: limits });
      const client = stage.process("client.mjs");
      const command = { op: "exchange", port, serviceId: EXCHANGE_ID, calls: CALLS, bytes: CALL_BYTES };
      const socket = onBothSides ? limits : {};
      const answer = await client.ask({ ...command, deadlineMs: DEADLINE_MS, socket }, EXCHANGE_MS);
      const { buffers, stats } = await settledBuffers(child);
      const sides = [{ side: "server", buffers }];
      if (onBothSides) sides.push({ side: "client", buffers: answer.buffers });
      const hasKept = sides.every(({ buffers: side }) => side.max === BUFFERS && side.highWater <= BUFFERS);
      const keepsSome = sides.some(({ buffers: side }) => side.waiters > 0 || side.used > 0);
      const most = sides.map(({ buffers: side }) => side.highWater).join(" and ");
      return {
        passed: answer.ok === CALLS && hasKept && !keepsSome,
        figure: `${answer.ok} of ${CALLS}, at most ${most} in use, ${keepsSome ? "some" : "none"} kept`,
        notes: [
          `${answer.seconds.toFixed(1)} s, every byte compared; ${stats.counters.DropNoBuffer} packets dropped for want of a buffer, BUSY sent ${stats.counters.BusyPacketsSent} times`,
          ...sides.map(
            ({ side, buffers: pool }) =>
              `${side}: at the end ${pool.used} in use and ${pool.waiters} waiting; most waiting ${pool.waitersHighWater}, takes that failed ${pool.failedTakes}, handed over ${pool.handedOver}, passed on ${pool.passedOn}`,
          ),
          ...answer.errors,
        ],
        values: { ok: answer.ok, seconds: answer.seconds, sides, errors: answer.errors },
      };
    },
  };
}

/**
 * The last ACKs are under way when the client has all it wants.
 *
 * @param {import("../processes.mjs").Child} server
 */
async function settledBuffers(server) {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const { stats } = await server.ask({ op: "stats" }, ASK_MS);
    if (stats.buffers.used === 0 || performance.now() > end) return { buffers: stats.buffers, stats };
    await pause(50);
  }
}

/** @type {import("./run.mjs").Row[]} */
export const bufferRows = [
  exchangeRow("buffers-server", false),
  exchangeRow("buffers-both", true),
  {
    name: "starved",
    title:
      "no buffer is free; the deadlines of a call that reads and of one that writes pass while they wait",
    bar: `at most ${LATE_MAX_MS} ms late, no buffer used`,
    run: async (stage) => {
      const { child, port } = await stage.server("bare-server.mjs", {
        options: { buffersMax: BUFFERS },
        starvedDeadlineMs: STARVED_DEADLINE_MS,
      });
      const client = stage.process("client.mjs");
      const command = { op: "starve", port, writerId: STARVED_WRITER_ID, readerId: STARVED_READER_ID };
      const [told, seen] = await Promise.all([
        client.ask({ ...command, bytes: 256 * KIB, holdMs: 2 * STARVED_HOLD_MS }, 30_000),
        child.ask({ op: "starve", holdMs: STARVED_HOLD_MS }, 30_000),
      ]);
      const late = Math.max(...seen.lateMs);
      const hasWaited = seen.waiters === 2 && seen.freeWhileWaiting === 0;
      const saysTimeout = seen.codes.every((code) => code === "RX_ERR_CALL_TIMEOUT");
      const isEarly = Math.min(...seen.lateMs) < 0;
      return {
        passed:
          hasWaited &&
          saysTimeout &&
          !isEarly &&
          late <= LATE_MAX_MS &&
          seen.taken === 0 &&
          seen.usedAtEnd === 0,
        figure: `${ms(late)} late, ${seen.taken} buffers used`,
        notes: [
          `free ${seen.freeWhileWaiting}, waiting ${seen.waiters}; late ${seen.lateMs.map(ms).join(" and ")}; handlers were told ${seen.codes.join(" and ")}`,
          `clients were told: ${told.writer}; ${told.reader}`,
          `in use when all were given back: ${seen.usedAtEnd}`,
        ],
        values: { ...seen, clients: told },
      };
    },
  },
];
