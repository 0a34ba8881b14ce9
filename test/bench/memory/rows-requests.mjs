// Rows about long requests: what they cost the server's memory, and what a full disk does.
import { mib } from "./report.mjs";
import { FolderWatch } from "./stage.mjs";
import { BUFFER_ID, STREAM_ID } from "./workers/service-ids.mjs";

const MIB = 1024 * 1024;
const RSS_MAX_BYTES = 96 * MIB;
const WARM_UP_BYTES = 8 * MIB;
const SMALL_DISK_MIB = 16;
const ASK_MS = 10_000;
const TRANSFER_MS = 900_000;
const VDISKFULL = 108;

/** @param {import("./stage.mjs").Stage} stage */
function transferBytes(stage) {
  return (stage.quick ? 128 : 1024) * MIB;
}

/**
 * @param {import("../processes.mjs").Child} client
 * @param {number} port
 * @param {number} serviceId
 * @param {number} bytes
 * @returns {Promise<number>} bytes a second
 */
async function upload(client, port, serviceId, bytes) {
  const answer = await client.ask({ op: "upload", port, serviceId, calls: 1, bytes }, TRANSFER_MS);
  if (answer.failed > 0) throw new Error(answer.errors.join("; "));
  return bytes / answer.seconds;
}

/**
 * The peak is held against the bar, not what is left at the end: it is what the machine must have.
 *
 * @param {{ bytes: number }} idle
 * @param {{ peak: number, bytes: number }} used
 */
function overIdle(idle, used) {
  const peak = used.peak - idle.bytes;
  return {
    passed: peak <= RSS_MAX_BYTES,
    figure: `${mib(peak)} over idle`,
    note: `idle ${mib(idle.bytes)}, peak ${mib(used.peak)}, after a forced collection ${mib(used.bytes)}`,
    values: { idleBytes: idle.bytes, peakBytes: used.peak, collectedBytes: used.bytes },
  };
}

/** @type {import("./run.mjs").Row[]} */
export const requestRows = [
  {
    name: "slow-reader",
    title: "1 GiB request to a handler that reads at a tenth of the speed",
    bar: `at most ${RSS_MAX_BYTES / MIB} MiB over idle`,
    run: async (stage) => {
      const bytes = transferBytes(stage);
      const { child, port } = await stage.server("server.mjs", {});
      const client = stage.process("client.mjs");
      await upload(client, port, STREAM_ID, WARM_UP_BYTES);
      const idle = await child.ask({ op: "idle" }, ASK_MS);
      const full = await upload(client, port, STREAM_ID, bytes);
      const afterFull = await child.ask({ op: "memory" }, ASK_MS);
      stage.say(`full speed ${mib(full)}/s, ${mib(afterFull.peak - idle.bytes)} over idle`);
      await child.ask({ op: "idle" }, ASK_MS);
      await child.ask({ op: "pace", bytesPerSecond: full / 10 }, ASK_MS);
      const slow = await upload(client, port, STREAM_ID, bytes);
      const over = overIdle(idle, await child.ask({ op: "memory" }, ASK_MS));
      return {
        passed: over.passed,
        figure: over.figure,
        notes: [over.note, `read at ${mib(slow)}/s; SHA-256 right`],
        values: { ...over.values, fullBytesPerSecond: full, slowBytesPerSecond: slow },
      };
    },
  },
  {
    name: "spill",
    title: "1 GiB request through call.buffer(), read when all of it has come",
    bar: `at most ${RSS_MAX_BYTES / MIB} MiB over idle, no name in the spill folder`,
    run: async (stage) => {
      const bytes = transferBytes(stage);
      const spillDirectory = stage.folder();
      const memory = { spillDirectory, spillBytesPerCallMax: 2 * bytes };
      const { child, port } = await stage.server("server.mjs", { options: { memory } });
      const client = stage.process("client.mjs");
      await upload(client, port, BUFFER_ID, WARM_UP_BYTES);
      const idle = await child.ask({ op: "idle" }, ASK_MS);
      const watch = new FolderWatch(spillDirectory);
      const speed = await upload(client, port, BUFFER_ID, bytes);
      watch.stop();
      const over = overIdle(idle, await child.ask({ op: "memory" }, ASK_MS));
      const { stats } = await child.ask({ op: "stats" }, ASK_MS);
      const hasSpilled = stats.spill.highWater > bytes / 2;
      const hasReturned =
        stats.spill.used === 0 && stats.work.used === 0 && stats.files.openDescriptors === 0;
      return {
        passed: over.passed && watch.seen.size === 0 && watch.listings > 0 && hasSpilled && hasReturned,
        figure: `${over.figure}, ${watch.seen.size} names`,
        notes: [
          over.note,
          `${mib(speed)}/s; SHA-256 right; most in the file ${mib(stats.spill.highWater)}, in memory ${mib(stats.work.highWater)}`,
          `folder listed ${watch.listings} times; left at the end: ${stats.spill.used} bytes of file, ${stats.work.used} of memory, ${stats.files.openDescriptors} descriptors`,
        ],
        values: {
          ...over.values,
          bytesPerSecond: speed,
          spillBytesMost: stats.spill.highWater,
          listings: watch.listings,
        },
      };
    },
  },
  {
    name: "disk-full",
    title: `64 MiB request through call.buffer() where the disk has ${SMALL_DISK_MIB} MiB, 20 calls beside it`,
    bar: `ends with ${VDISKFULL}; 20 of 20 well; server alive`,
    run: async (stage) => {
      const disk = stage.smallDisk(SMALL_DISK_MIB);
      const { child, port } = await stage.server("server.mjs", {
        options: { memory: { spillDirectory: disk ?? stage.folder(), spillThresholdBytes: 2 * MIB } },
        ...(disk === null && { fullAfterBytes: SMALL_DISK_MIB * MIB }),
      });
      const [big, small] = [stage.process("client.mjs"), stage.process("client.mjs")];
      const [full, beside] = await Promise.all([
        big.ask({ op: "upload", port, serviceId: BUFFER_ID, calls: 1, bytes: 64 * MIB }, TRANSFER_MS),
        small.ask({ op: "upload", port, serviceId: BUFFER_ID, calls: 20, bytes: MIB }, TRANSFER_MS),
      ]);
      const after = await small.ask(
        { op: "upload", port, serviceId: BUFFER_ID, calls: 1, bytes: MIB },
        TRANSFER_MS,
      );
      const { stats } = await child.ask({ op: "stats" }, ASK_MS);
      const said = full.errors[0] ?? "ended well";
      const hasCode = full.failed === 1 && said.startsWith(`RX_ERR_CALL_ABORTED ${VDISKFULL} `);
      const isAlive = child.alive && after.ok === 1;
      return {
        passed: hasCode && beside.ok === 20 && isAlive && stats.spill.used === 0,
        figure: `${hasCode ? `ends with ${VDISKFULL}` : said}; ${beside.ok} of 20 well; server ${isAlive ? "alive" : "gone"}`,
        notes: [
          `disk: ${disk === null ? "answers ENOSPC by itself, none can be mounted" : "a tmpfs"}`,
          `left at the end: ${stats.spill.used} bytes of file, ${stats.files.openDescriptors} descriptors`,
          ...beside.errors,
        ],
        values: { said, beside: beside.ok, isAlive },
      };
    },
  },
];
