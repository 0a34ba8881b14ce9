// A server on the public API alone, which tells of its memory. Commands are lines of JSON; the first is "start".
import * as fs from "node:fs";
import { RpcServer } from "../../../../dist/index.js";
import { answerCommands } from "../../workers/worker.mjs";
import { collectedBytes, forgetPeak, peakBytes } from "./memory-use.mjs";
import { bufferService, exchangeService, pace, streamService } from "./services.mjs";

/** @type {RpcServer} */
let server;

answerCommands(async (command) => {
  switch (command.op) {
    case "start":
      return start(command);
    case "pace":
      pace.bytesPerSecond = command.bytesPerSecond;
      return {};
    case "idle": {
      const bytes = await collectedBytes();
      forgetPeak();
      return { bytes };
    }
    case "memory": {
      // Taken before the collection, which is not what the work has cost.
      const peak = peakBytes();
      return { peak, bytes: await collectedBytes() };
    }
    case "stats":
      return { stats: server.stats()[0] };
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

/** @param {{ options?: object, fullAfterBytes?: number }} command */
async function start({ options = {}, fullAfterBytes }) {
  const backend = fullAfterBytes === undefined ? {} : { fileBackend: fullDisk(fullAfterBytes) };
  server = new RpcServer({ port: 0, ...options, ...backend });
  server.add(exchangeService).add(streamService).add(bufferService);
  await server.start();
  return { port: server.port };
}

/**
 * A disk with room for so many bytes, for where a small one cannot be mounted.
 *
 * @param {number} bytes
 */
function fullDisk(bytes) {
  /** @type {typeof fs.write} */
  const write = (fd, from, offset, length, position, done) => {
    if (position + length <= bytes) return fs.write(fd, from, offset, length, position, done);
    const cause = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      errno: -28,
    });
    setImmediate(done, cause, 0);
  };
  return { ...fs, write };
}
