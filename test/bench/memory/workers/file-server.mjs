// examples/file-server.ts on a disk that can be made slow. Commands are lines of JSON; the first is "start".
import * as fs from "node:fs";
import { answerCommands } from "../../workers/worker.mjs";
import { collectedBytes, forgetPeak, peakBytes } from "./memory-use.mjs";

/** @type {any} */
let started;
/** Added to each read, in milliseconds; and what the reads have taken since it was set, with it. */
let delayMs = 0;
let readMs = 0;
let reads = 0;

answerCommands(async (command) => {
  switch (command.op) {
    case "start":
      return start(command);
    case "disk":
      delayMs = command.delayMs;
      readMs = 0;
      reads = 0;
      return {};
    case "idle": {
      const bytes = await collectedBytes();
      forgetPeak();
      return { bytes };
    }
    case "counters":
      return {
        counters: started.counters,
        readMs,
        reads,
        peak: peakBytes(),
        stats: started.server.stats()[0],
      };
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

/** @param {{ module: string, root: string, options: object }} command */
async function start({ module, root, options }) {
  const { startFileServer, FILE_SERVICE_ID } = await import(module);
  started = await startFileServer(root, { ...options, server: { port: 0, fileBackend: { ...fs, read } } });
  return { port: started.server.port, serviceId: FILE_SERVICE_ID };
}

/** @type {any} */
function read(fd, into, offset, length, position, done) {
  const begin = performance.now();
  /** @param {unknown} cause @param {number} count */
  const answer = (cause, count) => {
    readMs += performance.now() - begin;
    reads++;
    done(cause, count);
  };
  if (delayMs === 0) fs.read(fd, into, offset, length, position, answer);
  else setTimeout(() => fs.read(fd, into, offset, length, position, answer), delayMs);
}
