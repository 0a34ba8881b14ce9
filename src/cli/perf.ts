// `rxrpc perf`: an rxperf client that shows how far it is, and what it measured.
import { RxClient } from "../node/rx-client.js";
import { type PerfOptions, type PerfReport, PerfRun } from "../rxperf/perf-run.js";
import { RXPERF_PORT, RXPERF_SERVICE_ID } from "../rxperf/protocol.js";
import { AbortCode } from "../wire/abort.js";
import { Arguments, formatTarget, UsageError } from "./arguments.js";
import type { Command } from "./command.js";
import { ExitCode, type Terminal } from "./terminal.js";
import { formatRate, formatTable, formatUs } from "./text.js";

const DEFAULT_TARGET = `127.0.0.1:${RXPERF_PORT}`;
const RPC_BYTES = 128;
const STREAM_BYTES = 1024 * 1024;
const SECONDS = 5;
const SECONDS_MAX = 86_400;
const BYTES_MAX = 0xffff_ffff;
const OUTSTANDING_MAX = 1_024;
const CALLS_PER_CONNECTION = 4;
const PROGRESS_MS = 1_000;

const OPTIONS = {
  bytes: "string",
  send: "string",
  recv: "string",
  calls: "string",
  seconds: "string",
  outstanding: "string",
  cookie: "boolean",
  json: "boolean",
} as const;

const USAGE = `Usage: rxrpc perf rpc|send|recv [HOST:PORT] [options]

Calls an rxperf server (ours, OpenAFS's or Linux's) and prints calls a second,
Mbit/s, latencies and failures. HOST:PORT is ${DEFAULT_TARGET} by default.

  rpc                a request and a reply of --bytes each; default ${RPC_BYTES}
  send, recv         a stream of --bytes there or back; default 1M

  --bytes N          payload of a call; k, M and G are powers of 1024
  --send N           rpc: payload of the request
  --recv N           rpc: payload of the reply
  --calls N          end after so many calls
  --seconds S        begin calls for so long; default ${SECONDS}, or no end with --calls
  --outstanding N    calls at a time, 1 to ${OUTSTANDING_MAX}; default 1
  --cookie           end requests as Linux since 6.14 demands; OpenAFS and we do not mind
  --json             print the result as one JSON object

Exit code 1 if any call failed or none was made.`;

export const perf: Command = {
  name: "perf",
  summary: "measure an rxperf server",
  usage: USAGE,
  async run(args, terminal) {
    const line = new Arguments(args, OPTIONS, 2);
    const options = perfOptions(line);
    const target = line.target(1, DEFAULT_TARGET);
    const outstanding = options.outstanding ?? 1;
    const client = await RxClient.connect({
      ...target,
      serviceId: RXPERF_SERVICE_ID,
      connectionsMax: Math.ceil(outstanding / CALLS_PER_CONNECTION),
      // Each call may have a whole window of packets under way in both directions.
      socket: { callsMax: Math.max(64, outstanding * 2), buffersMax: Math.max(2_048, outstanding * 100) },
    });
    try {
      const run = new PerfRun(client, options);
      const report = await watch(run, client, terminal);
      if (line.flag("json"))
        terminal.out(JSON.stringify({ target: formatTarget(target), ...facts(options, report) }));
      else for (const text of reportLines(options, report, formatTarget(target))) terminal.out(text);
      return report.failed === 0 && report.calls > 0 ? ExitCode.Done : ExitCode.Failed;
    } finally {
      await client.close();
    }
  },
};

function perfOptions(line: Arguments): PerfOptions {
  const operation = line.positionals[0];
  if (operation !== "rpc" && operation !== "send" && operation !== "recv") {
    throw new UsageError(
      `expected rpc, send or recv, got ${operation === undefined ? "nothing" : JSON.stringify(operation)}`,
    );
  }
  const isRpc = operation === "rpc";
  if (!isRpc && (line.has("send") || line.has("recv"))) {
    throw new UsageError(`--send and --recv belong to rpc; ${operation} takes --bytes`);
  }
  const bytes = line.integer("bytes", 0, BYTES_MAX) ?? (isRpc ? RPC_BYTES : STREAM_BYTES);
  const calls = line.integer("calls", 1);
  const seconds = line.seconds("seconds", SECONDS_MAX) ?? (calls === undefined ? SECONDS : undefined);
  return {
    operation,
    sendBytes: operation === "recv" ? 0 : (line.integer("send", 0, BYTES_MAX) ?? bytes),
    recvBytes: operation === "send" ? 0 : (line.integer("recv", 0, BYTES_MAX) ?? bytes),
    ...(calls === undefined ? {} : { calls }),
    ...(seconds === undefined ? {} : { durationMs: Math.max(1, Math.round(seconds * 1_000)) }),
    outstanding: line.integer("outstanding", 1, OUTSTANDING_MAX) ?? 1,
    cookie: line.flag("cookie"),
  };
}

/** Runs it, with a line now and then. A signal ends it early, with the calls that have been made as its result. */
async function watch(run: PerfRun, client: RxClient, terminal: Terminal): Promise<PerfReport> {
  const stopListening = terminal.onStop(() => {
    run.stop();
    void client.close();
  });
  let before: PerfReport | undefined;
  const timer = setInterval(() => {
    const now = run.report();
    terminal.progress(progressLine(now, before));
    before = now;
  }, PROGRESS_MS);
  try {
    return await run.run();
  } finally {
    clearInterval(timer);
    stopListening();
  }
}

function progressLine(now: PerfReport, before: PerfReport | undefined): string {
  const seconds = now.seconds - (before?.seconds ?? 0);
  const calls = (now.calls - (before?.calls ?? 0)) / seconds;
  const mbit = ((now.bytes - (before?.bytes ?? 0)) * 8) / seconds / 1e6;
  return (
    `${Math.round(now.seconds)} s: ${formatRate(calls)} calls/s, ${formatRate(mbit)} Mbit/s, ` +
    `p99 ${formatUs(now.latencyUs.p99)}, ${now.calls} done, ${now.failed} failed`
  );
}

function facts(options: PerfOptions, report: PerfReport): object {
  const { operation, sendBytes, recvBytes, outstanding, cookie } = options;
  return { operation, sendBytes, recvBytes, outstanding, cookie, ...report };
}

function reportLines(options: PerfOptions, report: PerfReport, target: string): string[] {
  const { operation, sendBytes, recvBytes, outstanding } = options;
  const sizes = [
    sendBytes > 0 ? `${sendBytes} bytes there` : "",
    recvBytes > 0 ? `${recvBytes} bytes back` : "",
  ];
  const { p50, p90, p99, max } = report.latencyUs;
  const lines = [
    `${operation} to ${target}: ${sizes.filter((text) => text !== "").join(", ") || "no payload"}; ${outstanding} at a time`,
    `${report.calls} calls in ${report.seconds.toFixed(2)} s, ${report.failed} failed`,
  ];
  const moved = ["Mbit/s", formatRate(report.mbitPerSecond)];
  const rows = [
    ["calls/s", formatRate(report.callsPerSecond)],
    moved,
    ["latency p50", formatUs(p50)],
    ["        p90", formatUs(p90)],
    ["        p99", formatUs(p99)],
    ["        max", formatUs(max)],
  ];
  // A stream that was stopped half-way has moved bytes, too.
  if (report.calls > 0) lines.push(...formatTable(rows));
  else if (report.bytes > 0) lines.push(...formatTable([moved]));
  for (const [kind, count] of Object.entries(report.failures)) lines.push(`  ${count} x ${kind}`);
  if (report.isGivenUp) lines.push("given up: one failure after the other");
  if (Object.keys(report.failures).some((kind) => kind.includes(` ${AbortCode.RXGEN_SS_UNMARSHAL} `))) {
    lines.push(
      `hint: servers differ in the end of a request; try ${options.cookie === true ? "without" : "with"} --cookie`,
    );
  }
  return lines;
}
