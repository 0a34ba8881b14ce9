// What `rxrpc serve` prints: its settings and what they cost, a line now and then, and a last one.
import type { EndpointConfig } from "../core/config.js";
import { buffersKept } from "../memory/buffer-pool.js";
import { type MemoryCost, memoryCosts, totalCost } from "../node/memory-ceiling.js";
import type { RpcServer } from "../node/rpc-server.js";
import type { SocketStats } from "../node/socket-stats.js";
import { type TransportPath, transportPath } from "../node/system.js";
import type { MemoryLimits } from "../rpc/call-memory.js";
import type { ServiceDefinition } from "../rpc/service-definition.js";
import { formatTarget, printable, type Target } from "./arguments.js";
import type { Terminal } from "./terminal.js";
import { formatBytes, formatRate, formatTable } from "./text.js";

export interface ReportSettings {
  readonly config: EndpointConfig;
  readonly limits: MemoryLimits;
  readonly backlog: number;
  readonly isQuiet: boolean;
  readonly isJson: boolean;
}

/** Sums over the sockets, of what a status line compares with the one before. */
interface Totals {
  readonly datagramsIn: number;
  readonly calls: number;
  readonly busy: number;
  readonly refused: number;
  readonly ignored: number;
}

// A socket buffer below this holds fewer datagrams than a burst of ten backlogs.
const RECV_BUFFER_WANTED = 1024 * 1024;

export class ServeReport {
  readonly #server: RpcServer;
  readonly #settings: ReportSettings;
  readonly #services: readonly ServiceDefinition[];
  readonly #terminal: Terminal;
  #before: Totals = { datagramsIn: 0, calls: 0, busy: 0, refused: 0, ignored: 0 };
  #beforeMs = 0;

  constructor(
    server: RpcServer,
    settings: ReportSettings,
    services: readonly ServiceDefinition[],
    terminal: Terminal,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.#services = services;
    this.#terminal = terminal;
  }

  /** The address first: whoever starts a server by a script waits for that line. */
  started(): void {
    this.#beforeMs = performance.now();
    const { isJson, isQuiet } = this.#settings;
    const address = formatTarget(this.#server.addresses[0] ?? { host: "", port: 0 });
    const { config, limits } = this.#settings;
    const path = transportPath();
    const costs = memoryCosts(config, limits, path.path === "native");
    if (isJson) {
      this.#json("listening", {
        address,
        services: this.#serviceFacts(),
        memoryBytes: totalCost(costs),
        native: path.path === "native",
        nativeReason: path.reason,
      });
      return;
    }
    this.#terminal.out(`listening on ${address}`);
    if (isQuiet) return;
    for (const line of this.#startLines(address, costs)) this.#terminal.out(line);
  }

  /** One line, if anything came since the last one. */
  async status(): Promise<void> {
    const kernelDrops = await this.#server.kernelDrops();
    const now = performance.now();
    const totals = sumTotals(this.#server.stats());
    const before = this.#before;
    const seconds = (now - this.#beforeMs) / 1_000;
    this.#before = totals;
    this.#beforeMs = now;
    if (this.#settings.isQuiet || totals.datagramsIn === before.datagramsIn) return;
    const facts = {
      callsPerSecond: (totals.calls - before.calls) / seconds,
      running: this.#server.running,
      busy: totals.busy - before.busy,
      refused: totals.refused - before.refused,
      packetsIgnored: totals.ignored - before.ignored,
      ...this.#buffers(),
      kernelDrops: kernelDrops ?? null,
    };
    if (this.#settings.isJson) this.#json("status", facts);
    else this.#terminal.out(statusLine(facts));
  }

  draining(): void {
    if (this.#settings.isQuiet) return;
    if (this.#settings.isJson) this.#json("draining", { running: this.#server.running });
    else this.#terminal.out(`stopping: ${this.#server.running} calls may end; a second signal ends them`);
  }

  stopped(kernelDrops: number | undefined): void {
    if (this.#settings.isQuiet) return;
    const handlers = this.#server.handlers();
    const calls = handlers.reduce((sum, { started }) => sum + started, 0);
    const failed = handlers.reduce((sum, each) => sum + each.failed, 0);
    const { busy, refused, ignored } = sumTotals(this.#server.stats());
    const facts = { calls, failed, busy, refused, packetsIgnored: ignored, kernelDrops: kernelDrops ?? null };
    if (this.#settings.isJson) this.#json("stopped", facts);
    else {
      this.#terminal.out(
        `stopped: ${calls} calls, ${failed} failed, ${busy} told busy, ${refused} refused, ` +
          `${ignored} packets ignored, ${kernelText(facts.kernelDrops)}`,
      );
    }
  }

  #startLines(address: string, costs: readonly MemoryCost[]): string[] {
    const { config, limits, backlog } = this.#settings;
    const { granted } = this.#server.stats()[0] as SocketStats;
    const lines = [
      `services: ${this.#services.map(({ name, id, concurrency }) => `${name} (${id}), ${concurrency} at once`).join("; ")}`,
      `backlog: ${backlog} calls of each service, in one turn of the loop`,
      `limits: ${config.callsMax} calls (${config.callsPerPeerMax} from one address), ` +
        `${config.connectionsMax} connections, ${config.peersMax} peers, ${config.strangersMax} strangers`,
      "memory that these limits can take:",
      ...formatTable(costRows(costs)).map((line) => `  ${line}`),
      `  of the packet buffers ${buffersKept(config.buffersMax)} are kept for calls that have come far`,
      `on disk: growable buffers above ${formatBytes(limits.spillThresholdBytes)}, ` +
        `${formatBytes(limits.spillBytesPerCallMax)} a call, ${formatBytes(limits.spillBytesMax)} in all`,
      `socket buffers granted: ${formatBytes(granted.recvBufferBytes)} to receive, ${formatBytes(granted.sendBufferBytes)} to send`,
    ];
    if (granted.recvBufferBytes < RECV_BUFFER_WANTED) {
      lines.push("  small for bursts of hundreds of calls; on Linux: sysctl -w net.core.rmem_max=4194304");
    }
    lines.push(
      pathLine(transportPath()),
      "",
      "Try, in another terminal (without an installation: node dist/cli/main.js for rxrpc):",
      `  rxrpc perf rpc ${address} --seconds 5 --outstanding 16`,
      `  rxrpc perf send ${address} --bytes 100M --calls 1`,
      `  rxrpc version ${address}`,
      `  rxrpc debug ${address} --conns --stats`,
    );
    const { host, port } = this.#server.addresses[0] as Target;
    // OpenAFS's tool knows IPv4 alone.
    if (!host.includes(":")) lines.push(`  rxdebug ${host} ${port} -rxstats -allconnections    (OpenAFS)`);
    lines.push("");
    return lines;
  }

  #serviceFacts(): readonly object[] {
    return this.#services.map(({ id, name, concurrency }) => ({ id, name, concurrency }));
  }

  #buffers(): BufferFacts {
    const stats = this.#server.stats();
    return {
      buffersUsed: stats.reduce((sum, { buffers }) => sum + buffers.used, 0),
      buffersMax: stats.reduce((sum, { buffers }) => sum + buffers.max, 0),
      buffersHighWater: stats.reduce((sum, { buffers }) => sum + buffers.highWater, 0),
      bufferWaiters: stats.reduce((sum, { buffers }) => sum + buffers.waiters, 0),
      bufferTakesFailed: stats.reduce((sum, { buffers }) => sum + buffers.failedTakes, 0),
    };
  }

  #json(event: string, facts: object): void {
    this.#terminal.out(JSON.stringify({ event, ...facts }));
  }
}

function pathLine({ path, reason }: TransportPath): string {
  return path === "native"
    ? `native code: UDP in batches (${printable(reason)})`
    : `native code: none, node:dgram (${printable(reason)})`;
}

interface BufferFacts {
  readonly buffersUsed: number;
  readonly buffersMax: number;
  readonly buffersHighWater: number;
  readonly bufferWaiters: number;
  readonly bufferTakesFailed: number;
}

interface StatusFacts extends BufferFacts {
  readonly callsPerSecond: number;
  readonly running: number;
  readonly busy: number;
  readonly refused: number;
  readonly packetsIgnored: number;
  readonly kernelDrops: number | null;
}

function statusLine(facts: StatusFacts): string {
  return (
    `${formatRate(facts.callsPerSecond)} calls/s, ${facts.running} running, ${facts.busy} told busy, ` +
    `${facts.refused} refused, ${facts.packetsIgnored} packets ignored, ` +
    `buffers ${facts.buffersUsed}/${facts.buffersMax} (most ${facts.buffersHighWater}), ` +
    `${facts.bufferWaiters} waiting for one, ${kernelText(facts.kernelDrops)}`
  );
}

function kernelText(drops: number | null): string {
  return drops === null ? "kernel drops unknown" : `${drops} dropped by the kernel`;
}

function costRows(costs: readonly MemoryCost[]): string[][] {
  const rows = costs.map(({ name, count, eachBytes }) => [
    name,
    String(count),
    "x",
    `${eachBytes} B`,
    formatBytes(count * eachBytes),
  ]);
  return [...rows, ["sum", "", "", "", formatBytes(totalCost(costs))]];
}

function sumTotals(sockets: readonly SocketStats[]): Totals {
  let totals: Totals = { datagramsIn: 0, calls: 0, busy: 0, refused: 0, ignored: 0 };
  for (const { transport, counters, services } of sockets) {
    const ignored = Object.entries(counters).filter(([name]) => name.startsWith("Drop"));
    totals = {
      datagramsIn: totals.datagramsIn + transport.datagramsIn,
      calls: totals.calls + counters.CallsAccepted,
      busy: totals.busy + services.reduce((sum, { busy }) => sum + busy, 0),
      refused: totals.refused + services.reduce((sum, { aborted, dropped }) => sum + aborted + dropped, 0),
      ignored: totals.ignored + ignored.reduce((sum, [, count]) => sum + count, 0),
    };
  }
  return totals;
}
