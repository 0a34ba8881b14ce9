// Rows about the loop: how many turns anything waits, and how often a timer or an immediate is set.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "./stage.mjs";
import { makePayload } from "./workers/payload.mjs";
import { FILE_READER_ID, NEW_CALL_ID, STREAM_ID } from "./workers/service-ids.mjs";

const FILE_BYTES = 4 * 1024 * 1024;
const ASK_MS = 10_000;
const READERS = 8;
const OUTSTANDING = 16;
const STREAMS = 64;
const ENDS_MS = 60_000;
const READS_IN_FLIGHT = 64;
const NEW_CALLS_OUTSTANDING = 32;
const NEW_CALL_TURNS_MAX = 1;
const ARMS_MAX = 0.05;
const IMMEDIATES_MAX = 1;
const WARM_UP_MS = 500;

/**
 * A server whose file service is read from without end, with the client that does it.
 *
 * @param {import("./stage.mjs").Stage} stage
 * @param {number} readers
 * @param {object} options of its socket
 */
async function startReading(stage, readers, options) {
  const file = join(stage.folder(), "file.bin");
  writeFileSync(file, makePayload(1, FILE_BYTES));
  const { child, port } = await stage.server("bare-server.mjs", { file, options });
  const holder = stage.process("client.mjs");
  await holder.ask({ op: "hold", port, serviceId: FILE_READER_ID, calls: readers }, ASK_MS);
  await pause(WARM_UP_MS);
  await child.ask({ op: "watch" }, ASK_MS);
  return { child, port };
}

/** @param {import("./stage.mjs").Stage} stage */
function secondsOf(stage) {
  return stage.quick ? 1 : 5;
}

/** What the two rows about arms share. @type {Promise<{ on: Arms, off: Arms }> | undefined} */
let arms;

/** @typedef {{ perCall: number, perTurn: number, callsPerSecond: number }} Arms */

/**
 * @param {import("./stage.mjs").Stage} stage
 * @param {boolean} changesOnlyWhatDiffers
 * @returns {Promise<Arms>}
 */
async function countArms(stage, changesOnlyWhatDiffers) {
  const { child, port } = await stage.server("bare-server.mjs", { changesOnlyWhatDiffers });
  const client = stage.process("../../workers/rxrpc-client.mjs", [port]);
  const seconds = secondsOf(stage);
  const run = (length) => client.ask({ op: "rpc", outstanding: OUTSTANDING, seconds: length }, ENDS_MS);
  await run(1);
  const before = await child.ask({ op: "counters" }, ASK_MS);
  const { ok, failed, error } = await run(seconds);
  const after = await child.ask({ op: "counters" }, ASK_MS);
  await client.stop();
  await child.stop();
  if (failed > 0) throw new Error(error);
  const turns = after.events.turns - before.events.turns;
  return {
    perCall: (after.driver.timerArms - before.driver.timerArms) / ok,
    perTurn: (after.driver.immediates - before.driver.immediates) / turns,
    callsPerSecond: ok / seconds,
  };
}

/** @param {import("./stage.mjs").Stage} stage */
async function countBoth(stage) {
  return { on: await countArms(stage, true), off: await countArms(stage, false) };
}

/** @type {import("./run.mjs").Row[]} */
export const loopRows = [
  {
    name: "flood",
    title: `datagrams at full speed, of strangers and of ${STREAMS} calls, ${READERS} handlers reading files`,
    bar: "no wait of more turns than stated",
    run: async (stage) => {
      const { child, port } = await startReading(stage, READERS, {});
      const flood = stage.process("flood.mjs", [port]);
      const client = stage.process("client.mjs");
      const streamer = stage.process("client.mjs");
      const seconds = secondsOf(stage);
      const rpc = () =>
        client.ask({ op: "rpc", port, serviceId: NEW_CALL_ID, outstanding: OUTSTANDING, seconds }, ENDS_MS);
      // One after the other: a flood leaves little room in the socket for packets that bring work to the loop.
      const phases = [];
      for (const [name, sender] of [
        ["strangers", () => flood.ask({ op: "flood", seconds }, ENDS_MS)],
        [
          "calls",
          () => streamer.ask({ op: "stream", port, serviceId: STREAM_ID, calls: STREAMS, seconds }, ENDS_MS),
        ],
      ]) {
        await child.ask({ op: "watch" }, ASK_MS);
        const before = await child.ask({ op: "counters" }, ASK_MS);
        const [sent, called] = await Promise.all([sender(), rpc()]);
        const seen = await child.ask({ op: "watched" }, ASK_MS);
        const datagrams = seen.transport.datagramsIn - before.transport.datagramsIn;
        const failed = sent.failed + called.failed;
        phases.push({ name, datagrams, calls: called.ok, failed, errors: sent.errors ?? [], seen });
      }
      const keeps = phases.every(
        ({ failed, seen }) =>
          failed === 0 &&
          seen.reads.count > 0 &&
          seen.reads.unseen === 0 &&
          Math.max(seen.reads.max, seen.events.waitedMax) <= seen.turnsWaitedMax,
      );
      return {
        passed: keeps,
        figure: phases
          .map(
            ({ seen }) =>
              `${Math.max(seen.reads.max, seen.events.waitedMax)} turns of ${seen.turnsWaitedMax}`,
          )
          .join(", "),
        notes: phases.flatMap(({ name, datagrams, calls, errors, seen }) => [
          `${name}: a completion waited ${seen.reads.max} turns at most, anything ${seen.events.waitedMax}; stated ${seen.turnsWaitedMax} for the ${seen.itemsMax} items that were in the cache at most`,
          `    ${datagrams} datagrams read, ${seen.reads.count} file reads, ${calls} small calls in ${seconds} s`,
          ...errors,
        ]),
        values: { phases },
      };
    },
  },
  {
    name: "new-calls",
    title: `${READS_IN_FLIGHT} file reads in flight for ever, ${NEW_CALLS_OUTSTANDING} new calls at a time`,
    bar: `a handler begins within ${NEW_CALL_TURNS_MAX} turn`,
    run: async (stage) => {
      const { child, port } = await startReading(stage, READS_IN_FLIGHT, {
        files: { inFlightMax: READS_IN_FLIGHT },
      });
      const client = stage.process("client.mjs");
      const command = { op: "rpc", port, serviceId: NEW_CALL_ID, outstanding: NEW_CALLS_OUTSTANDING };
      const rpc = await client.ask({ ...command, seconds: secondsOf(stage) }, ENDS_MS);
      const seen = await child.ask({ op: "watched" }, ASK_MS);
      const isLoaded = seen.files.inFlightMaxSeen === READS_IN_FLIGHT && seen.reads.count > 0;
      const isSeen = seen.newCalls.count > 0 && seen.newCalls.unseen === 0;
      return {
        passed: isLoaded && isSeen && rpc.failed === 0 && seen.newCalls.max <= NEW_CALL_TURNS_MAX,
        figure: isSeen ? `${seen.newCalls.max} turn` : `${seen.newCalls.unseen} new calls not seen`,
        notes: [
          `${seen.newCalls.count} new calls, ${seen.reads.count} reads, at most ${seen.files.inFlightMaxSeen} in flight; a completion waited ${seen.reads.max} turns at most`,
        ],
        values: { ...seen, calls: rpc.ok },
      };
    },
  },
  {
    name: "timer-arms",
    title: `timers set for each 128-byte call, ${OUTSTANDING} outstanding`,
    bar: `at most ${ARMS_MAX} a call`,
    run: async (stage) => {
      const { on, off } = await (arms ??= countBoth(stage));
      return {
        passed: on.perCall <= ARMS_MAX,
        figure: `${on.perCall.toFixed(4)} a call`,
        notes: [
          `${off.perCall.toFixed(2)} where it is moved whether it differs or not; ${Math.round(on.callsPerSecond)} and ${Math.round(off.callsPerSecond)} calls/s`,
        ],
        values: { on, off },
      };
    },
  },
  {
    name: "immediates",
    title: `immediates set for each turn of the loop, ${OUTSTANDING} calls outstanding`,
    bar: `at most ${IMMEDIATES_MAX} a turn`,
    run: async (stage) => {
      const { on, off } = await (arms ??= countBoth(stage));
      return {
        passed: on.perTurn <= IMMEDIATES_MAX,
        figure: `${on.perTurn.toFixed(4)} a turn`,
        notes: [`${off.perTurn.toFixed(2)} where one is set whether one is set already or not`],
        values: { on, off },
      };
    },
  },
];
