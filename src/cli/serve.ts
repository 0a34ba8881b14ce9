// `rxrpc serve`: the server base with rxperf and an echo service, until it is told to stop.
import { BACKLOG_MAX, ENDPOINT_OPTION_NAMES, EndpointConfig, type EndpointOptions } from "../core/config.js";
import { RpcServer, type RpcServerOptions } from "../node/rpc-server.js";
import { MEMORY_OPTION_NAMES, MemoryLimits, type MemoryOptions } from "../rpc/call-memory.js";
import { RXPERF_PORT } from "../rxperf/protocol.js";
import { rxperfService } from "../rxperf/service.js";
import { PcapngTap, PcapngWriter } from "../transport/pcapng.js";
import { Arguments, printable } from "./arguments.js";
import type { Command } from "./command.js";
import { echoService } from "./echo-service.js";
import { ServeReport } from "./serve-report.js";
import { ExitCode, type Terminal } from "./terminal.js";

const DEFAULT_HOST = "127.0.0.1";
const CONCURRENCY = 256;
const CONCURRENCY_MAX = 65_536;
const INTERVAL_S = 10;
const INTERVAL_MAX_S = 86_400;
/** At most one line about faults in so much time: whoever can cause one must not fill a disk. */
const FAULT_LINE_MS = 1_000;

const LIMIT_NAMES: readonly string[] = [...ENDPOINT_OPTION_NAMES, ...MEMORY_OPTION_NAMES];

const OWN_OPTIONS = {
  host: "string",
  port: "string",
  backlog: "string",
  concurrency: "string",
  pcap: "string",
  interval: "string",
  quiet: "boolean",
  json: "boolean",
} as const;

const USAGE = `Usage: rxrpc serve [options]

Serves rxperf (service 147) and echo (service 52) until SIGINT or SIGTERM, then lets
the calls under way end. A second signal ends it at once.

  --host HOST        address to bind; default ${DEFAULT_HOST}
  --port N           UDP port, 0 for a free one; default ${RXPERF_PORT}
  --backlog N        calls that one turn of the loop can take in, 1 to ${BACKLOG_MAX}; default ${BACKLOG_MAX}
  --concurrency N    handlers at once, for each service; default ${CONCURRENCY}
  --pcap FILE        record every datagram for tshark or Wireshark
  --interval S       seconds between status lines; default ${INTERVAL_S}
  --quiet            print nothing but the address
  --json             print one JSON object a line

Limits, each by its name; times are in milliseconds. --trusted takes ranges with
commas between them, or "none":
${wrap(LIMIT_NAMES.map((name) => `--${name}`))}`;

export const serve: Command = {
  name: "serve",
  summary: "serve rxperf and echo",
  usage: USAGE,
  async run(args, terminal) {
    const settings = readSettings(args);
    const writer = settings.pcap === undefined ? undefined : await PcapngWriter.open(settings.pcap);
    try {
      return await serveUntilStopped(settings, terminal, writer);
    } finally {
      await writer?.close();
      if (writer !== undefined) reportCapture(writer, terminal);
    }
  },
};

interface Settings {
  readonly server: RpcServerOptions;
  readonly config: EndpointConfig;
  readonly limits: MemoryLimits;
  readonly backlog: number;
  readonly concurrency: number;
  readonly pcap: string | undefined;
  readonly intervalS: number;
  readonly isQuiet: boolean;
  readonly isJson: boolean;
}

function readSettings(args: readonly string[]): Settings {
  const limits = Object.fromEntries(LIMIT_NAMES.map((name) => [name, "string" as const]));
  const line = new Arguments(args, { ...limits, ...OWN_OPTIONS }, 0);
  const endpoint = endpointOptions(line);
  const memory = memoryOptions(line);
  const backlog = line.integer("backlog", 1, BACKLOG_MAX) ?? BACKLOG_MAX;
  const host = line.text("host") ?? DEFAULT_HOST;
  const port = line.integer("port", 0, 65_535) ?? RXPERF_PORT;
  return {
    server: { ...endpoint, memory, host, port, backlog },
    // Checks the limits, too: a wrong one is a wrong command line.
    config: new EndpointConfig(endpoint),
    limits: new MemoryLimits(memory),
    backlog,
    concurrency: line.integer("concurrency", 1, CONCURRENCY_MAX) ?? CONCURRENCY,
    pcap: line.text("pcap"),
    intervalS: line.seconds("interval", INTERVAL_MAX_S) ?? INTERVAL_S,
    isQuiet: line.flag("quiet"),
    isJson: line.flag("json"),
  };
}

function endpointOptions(line: Arguments): EndpointOptions {
  const options: Record<string, unknown> = {};
  for (const name of ENDPOINT_OPTION_NAMES) {
    const text = line.text(name);
    if (text === undefined) continue;
    if (name === "versionText") options[name] = text;
    else if (name === "trusted") options[name] = text === "none" ? [] : text.split(",");
    else options[name] = line.integer(name, 0);
  }
  return options;
}

function memoryOptions(line: Arguments): MemoryOptions {
  const options: Record<string, unknown> = {};
  for (const name of MEMORY_OPTION_NAMES) {
    const value = name === "spillDirectory" ? line.text(name) : line.integer(name, 0);
    if (value !== undefined) options[name] = value;
  }
  return options;
}

async function serveUntilStopped(
  settings: Settings,
  terminal: Terminal,
  writer: PcapngWriter | undefined,
): Promise<number> {
  const server = new RpcServer({
    ...settings.server,
    onFault: faultReporter(terminal),
    ...(writer === undefined ? {} : { wrapTransport: (transport) => new PcapngTap(transport, writer) }),
  });
  const services = [
    rxperfService({ concurrency: settings.concurrency }),
    echoService(settings.concurrency),
  ] as const;
  for (const each of services) server.add(each);
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const stopListening = terminal.onStop(() => stop());
  const report = new ServeReport(server, settings, services, terminal);
  try {
    await server.start();
    report.started();
    const timer = setInterval(() => void report.status(), settings.intervalS * 1_000);
    await stopped;
    clearInterval(timer);
    report.draining();
    // Read before the socket is gone, and its line in /proc with it.
    const kernelDrops = await server.kernelDrops();
    await server.drain();
    report.stopped(kernelDrops);
    return ExitCode.Done;
  } finally {
    stopListening();
    await server.close();
  }
}

function faultReporter(terminal: Terminal): (cause: unknown, where: string) => void {
  let nextMs = 0;
  let unseen = 0;
  return (cause, where) => {
    const now = performance.now();
    if (now < nextMs) {
      unseen++;
      return;
    }
    const before = unseen === 0 ? "" : ` (and ${unseen} before it)`;
    terminal.err(
      printable(`fault in ${where}: ${cause instanceof Error ? cause.message : String(cause)}${before}`),
    );
    nextMs = now + FAULT_LINE_MS;
    unseen = 0;
  };
}

function reportCapture(writer: PcapngWriter, terminal: Terminal): void {
  const { recorded, skipped } = writer.counters;
  if (writer.error !== undefined)
    terminal.err(printable(`the capture is incomplete: ${writer.error.message}`));
  else if (skipped > 0)
    terminal.err(`the capture has ${recorded} datagrams; ${skipped} did not fit its limits`);
}

function wrap(words: readonly string[]): string {
  const lines: string[] = [];
  let line = " ";
  for (const word of words) {
    if (line.length + word.length > 84) {
      lines.push(line);
      line = " ";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

// A port that is taken is the commonest failure of all; say what helps.
export function serveHint(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : "";
  if (text.includes("EADDRINUSE")) return "; another program uses the port: choose one with --port";
  if (text.includes("EACCES")) return "; ports below 1024 need more rights: choose one with --port";
  return "";
}
