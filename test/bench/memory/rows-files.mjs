// Rows about the file server of the examples: one copy for all, and reading while sending.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mib, ms } from "./report.mjs";
import { compileExample, pause } from "./stage.mjs";
import { makePayload } from "./workers/payload.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;
const CLIENTS = 100;
const ASK_MS = 10_000;
const FETCH_MS = 300_000;
const SETTLE_MS = 5_000;
const NAME = "block.bin";
// Four times the example's. A call queues up to 64 packets, 90 KiB, ahead of its peer: so much of a block is on the wire while
// the next one is read even without read-ahead. And a wire of 2 Gbit/s needs 1 ms for the example's 256 KiB, which is as much
// as a turn of the loop and a timer's tick. (So: 0.99 to 1.17 and 0.93 to 0.95; in blocks of 256 KiB: 1.12 to 1.41.)
const BLOCK_BYTES = 1024 * KIB;
const PILOT_ROUNDS = 3;
const ROUNDS = 7;
const QUICK_ROUNDS = 3;
const OVERLAP_MAX = 1.2;
const IN_TURN_MIN = 0.9;

/**
 * @param {import("./stage.mjs").Stage} stage
 * @param {number} bytes
 */
function makeFile(stage, bytes) {
  const root = stage.folder();
  const content = makePayload(1, bytes);
  writeFileSync(join(root, NAME), content);
  return { root, digest: createHash("sha256").update(content).digest("hex") };
}

/** @param {readonly number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/**
 * @param {string} name
 * @param {number} blockBytes
 * @returns {import("./run.mjs").Row}
 */
function readAheadRow(name, blockBytes) {
  return {
    name,
    title: `a file from a disk as slow as the wire, in blocks of ${blockBytes / KIB} KiB, the next one read while the last is on the wire`,
    bar: `at most ${OVERLAP_MAX} x max(read, wire); without at least ${IN_TURN_MIN} x (read + wire)`,
    run: async (stage) => {
      const bytes = (stage.quick ? 32 : 64) * MIB;
      const { root, digest } = makeFile(stage, bytes);
      const module = await compileExample("file-server");
      /** @param {boolean} readAhead */
      const server = (readAhead) =>
        stage.server("file-server.mjs", { module, root, options: { readAhead, blockBytes } });
      const [ahead, inTurn] = [await server(true), await server(false)];
      const client = stage.process("client.mjs");
      /**
       * @param {{ child: import("../processes.mjs").Child, port: number, serviceId?: number }} from
       * @param {number} delayMs
       */
      const fetch = async ({ child, port, serviceId }, delayMs) => {
        await child.ask({ op: "disk", delayMs }, ASK_MS);
        const answer = await client.ask(
          { op: "fetch", port, serviceId, clients: 1, name: NAME, bytes, digest },
          FETCH_MS,
        );
        if (answer.failed > 0) throw new Error(answer.errors.join("; "));
        const { readMs, reads } = await child.ask({ op: "counters" }, ASK_MS);
        return { totalMs: answer.seconds * 1000, readMs, reads };
      };
      for (const one of [ahead, inTurn, ahead, inTurn]) await fetch(one, 0);
      // Without read-ahead hardly anything is on the wire while a block is read: what is left of the time is the wire's.
      const wire = async () => {
        const { totalMs, readMs } = await fetch(inTurn, 0);
        return totalMs - readMs;
      };
      const pilot = [];
      for (let round = 0; round < PILOT_ROUNDS; round++) pilot.push(await wire());
      const delayMs = Math.max(1, Math.round((median(pilot) * blockBytes) / bytes));
      const rounds = [];
      for (let round = 0; round < (stage.quick ? QUICK_ROUNDS : ROUNDS); round++) {
        const wireMs = await wire();
        const { totalMs: onMs } = await fetch(ahead, delayMs);
        // The reads of the run that only reads while it reads: those beside the wire also wait for the loop.
        const { totalMs: offMs, readMs } = await fetch(inTurn, delayMs);
        const overlap = onMs / Math.max(readMs, wireMs);
        const sum = offMs / (readMs + wireMs);
        rounds.push({ wireMs, readMs, onMs, offMs, overlap, sum });
      }
      // What is compared has been measured side by side: the machine is not the same all the time.
      const overlap = median(rounds.map((one) => one.overlap));
      const sum = median(rounds.map((one) => one.sum));
      return {
        passed: overlap <= OVERLAP_MAX && sum >= IN_TURN_MIN,
        figure: `${overlap.toFixed(2)} x; without ${sum.toFixed(2)} x`,
        notes: [
          `${bytes / blockBytes} blocks of ${blockBytes / KIB} KiB, each read delayed by ${delayMs} ms; medians of ${rounds.length} rounds`,
          ...rounds.map(
            (one) =>
              `read ${ms(one.readMs)}, wire ${ms(one.wireMs)}: ${ms(one.onMs)} (${one.overlap.toFixed(2)} x), without read-ahead ${ms(one.offMs)} (${one.sum.toFixed(2)} x)`,
          ),
        ],
        values: { overlap, sum, delayMs, rounds },
      };
    },
  };
}

/** @type {import("./run.mjs").Row[]} */
export const fileRows = [
  {
    name: "same-file",
    title: `${CLIENTS} clients fetch the same 8 MiB file at once`,
    bar: `one copy at most, each block given back once, ${CLIENTS} of ${CLIENTS}`,
    run: async (stage) => {
      const bytes = (stage.quick ? 1 : 8) * MIB;
      const { root, digest } = makeFile(stage, bytes);
      const module = await compileExample("file-server");
      const { child, port, serviceId } = await stage.server("file-server.mjs", { module, root, options: {} });
      const client = stage.process("client.mjs");
      const command = { op: "fetch", port, serviceId, name: NAME, bytes, digest };
      await client.ask({ ...command, clients: 2 }, FETCH_MS);
      const idle = await child.ask({ op: "idle" }, ASK_MS);
      const answer = await client.ask({ ...command, clients: CLIENTS }, FETCH_MS);
      const { counters, peak } = await settled(child);
      const isOneCopy = counters.bytesHeldMax <= bytes;
      const isDisposed = counters.disposals === counters.reads && counters.blocksHeld === 0;
      return {
        passed: answer.ok === CLIENTS && isOneCopy && isDisposed,
        figure: `${mib(counters.bytesHeldMax)} held at most, ${counters.disposals} given back of ${counters.reads}, ${answer.ok} of ${CLIENTS}`,
        notes: [
          `file of ${mib(bytes)}; ${answer.seconds.toFixed(1)} s; peak ${mib(peak - idle.bytes)} over idle`,
          ...answer.errors,
        ],
        values: { ...counters, ok: answer.ok, fileBytes: bytes, idleBytes: idle.bytes, peakBytes: peak },
      };
    },
  },
  readAheadRow("read-ahead", BLOCK_BYTES),
];

/**
 * References of the last packets go with their ACKs.
 *
 * @param {import("../processes.mjs").Child} server
 */
async function settled(server) {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const answer = await server.ask({ op: "counters" }, ASK_MS);
    if (answer.counters.blocksHeld === 0 || performance.now() > end) return answer;
    await pause(50);
  }
}
