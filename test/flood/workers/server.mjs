// The server that is flooded, on the public API alone. Commands are lines of JSON; the first is "start".
import { RpcServer, service } from "../../../dist/index.js";
import { collectedBytes, forgetPeak, peakBytes } from "../../bench/memory/workers/memory-use.mjs";
import { answerCommands } from "../../bench/workers/worker.mjs";
import { LatencyTap } from "./latency-tap.mjs";
import { ECHO_ID, NARROW_ID, TIMER_ID } from "./service-ids.mjs";

const HANDLER_MS = 2;
const NARROW_MS = 20;

/** @type {RpcServer} */
let server;
/** @type {LatencyTap} */
let tap;

answerCommands(async (command) => {
  switch (command.op) {
    case "start":
      return start(command);
    case "idle": {
      const bytes = await collectedBytes();
      forgetPeak();
      return { bytes };
    }
    // The peak since it was last asked for.
    case "peak": {
      const bytes = peakBytes();
      forgetPeak();
      return { bytes };
    }
    case "stats":
      return { stats: server.stats()[0], kernelDrops: await server.kernelDrops(), cpu: process.cpuUsage() };
    case "latency": {
      const answer = { count: tap.count, p50: tap.quantileMs(0.5), p99: tap.quantileMs(0.99) };
      tap.clear();
      return answer;
    }
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

/** @param {{ options?: object, concurrency?: number, hasTap?: boolean }} command */
async function start({ options = {}, concurrency = 256, hasTap = false }) {
  server = new RpcServer({
    port: 0,
    ...options,
    ...(hasTap && { wrapTransport: (inner) => (tap = new LatencyTap(inner)) }),
  });
  server
    .add(service({ id: ECHO_ID, name: "echo", call: async (call) => call.readAll() }))
    .add(service({ id: TIMER_ID, name: "timer", concurrency, call: (call) => answerIn(call, HANDLER_MS) }))
    .add(
      service({ id: NARROW_ID, name: "narrow", concurrency: 1, call: (call) => answerIn(call, NARROW_MS) }),
    );
  await server.start();
  return { port: server.port };
}

/**
 * @param {import("../../../dist/index.js").ServerCall} call
 * @param {number} ms
 */
async function answerIn(call, ms) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return call.readAll();
}
