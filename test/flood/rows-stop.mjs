// The row about stopping: in one process again and again, and by SIGTERM the program that people run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ms } from "../bench/memory/report.mjs";
import { ROOT } from "../bench/prepare.mjs";
import { pause } from "./stage.mjs";
import { Random } from "./workers/packets.mjs";

const ROUNDS = import.meta.resolve("./workers/stop-rounds.mjs");

const STOPS = 1_000;
const SIGNALS = 50;
const STOPS_QUICK = 40;
const SIGNALS_QUICK = 4;
const GRACE_MS = 200;
const ROUND_MS = 2_000;
// `rxrpc serve` gives the calls under way so long.
const SERVE_GRACE_MS = 10_000;
const SERVE_LATE_MS = 500;
const SIGNAL_WITHIN_MS = 150;
const START_MS = 20_000;
const SERVE_ECHO_ID = 52;

/**
 * A program of Node's, whose exit code counts: it is ended from outside only when it is too late.
 *
 * @param {readonly string[]} args
 * @param {number} timeoutMs
 */
function startNode(args, timeoutMs) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const end = () => child.kill("SIGKILL");
  process.on("exit", end);
  const timer = setTimeout(end, timeoutMs);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-500);
  });
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, "close").then(([code, signal]) => {
    clearTimeout(timer);
    process.off("exit", end);
    return { code, signal, said };
  });
  const line = once(lines, "line").then(([text]) => JSON.parse(text));
  const firstLine = Promise.race([
    line,
    exited.then(({ code, signal }) => {
      throw new Error(`ended with ${signal ?? `code ${code}`}; it said: ${said}`);
    }),
  ]);
  // Whoever looks at one of them only is not to be ended by the other.
  for (const promise of [line, firstLine]) promise.catch(() => undefined);
  return { child, firstLine, exited, end };
}

/**
 * `rxrpc serve` under load, told to end.
 *
 * @param {import("./stage.mjs").Stage} stage
 * @param {Random} random
 * @returns {Promise<{ code: number | null, signal: string | null, tookMs: number, said: string }>}
 */
async function signalOnce(stage, random) {
  const args = [`${ROOT}dist/cli/main.js`, "serve", "--port", "0", "--json"];
  const { child, firstLine, exited, end } = startNode(args, START_MS + SERVE_GRACE_MS);
  try {
    const { address } = await firstLine;
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    const honest = await stage.honest({ port, serviceId: SERVE_ECHO_ID, clients: 2, outstanding: 8 });
    await pause(random.below(SIGNAL_WITHIN_MS));
    const begin = performance.now();
    child.kill("SIGTERM");
    const { code, signal, said } = await exited;
    const tookMs = performance.now() - begin;
    await honest.child.stop();
    return { code, signal, tookMs, said };
  } finally {
    end();
  }
}

/** @type {import("./run.mjs").Row[]} */
export const stopRows = [
  {
    name: "stop",
    title: "servers that are stopped at random moments under load",
    bar: "exit code 0, no handle left, within the grace time",
    run: async (stage) => {
      const signals = stage.quick ? SIGNALS_QUICK : SIGNALS;
      const rounds = (stage.quick ? STOPS_QUICK : STOPS) - signals;
      const args = [fileURLToPath(ROUNDS), ...[stage.seed, rounds, GRACE_MS].map(String)];
      const { firstLine, exited } = startNode(args, rounds * ROUND_MS + START_MS);
      const { wrong, missed, ...totals } = await firstLine;
      // Nothing ends it but that it has nothing left to wait for.
      const exit = await exited;
      const random = new Random(stage.seed);
      let good = 0;
      let slowestMs = 0;
      const bad = [];
      for (let i = 0; i < signals; i++) {
        const { code, signal, tookMs, said } = await signalOnce(stage, random);
        slowestMs = Math.max(slowestMs, tookMs);
        if (code === 0 && tookMs <= SERVE_GRACE_MS + SERVE_LATE_MS) good++;
        else bad.push(`serve ended with ${signal ?? `code ${code}`} after ${ms(tookMs)}: ${said}`);
      }
      return {
        passed: missed === 0 && exit.code === 0 && totals.rounds === rounds && good === signals,
        figure: `${totals.rounds} stops in a process, ${missed} wrong; ${good} of ${signals} by SIGTERM well`,
        notes: [
          `in a process: ${totals.calls} calls begun, ${totals.replies} replies, ${totals.underWay} handlers under way at a stop; the slowest stop took ${ms(totals.slowestMs)} of ${GRACE_MS} ms`,
          `by SIGTERM: the slowest exit took ${ms(slowestMs)}`,
          ...wrong,
          ...bad.slice(0, 5),
        ],
        values: { totals, wrong, bad, slowestMs },
      };
    },
  },
];
