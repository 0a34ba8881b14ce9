// `rxrpc debug`: our rxdebug. Shows the state of any server that answers DEBUG questions: OpenAFS's and ours.
import { DebugClient, type DebugListing } from "../node/debug-client.js";
import { RxError } from "../util/errors.js";
import type { DebugStats } from "../wire/debug.js";
import { Arguments, formatTarget } from "./arguments.js";
import type { Command } from "./command.js";
import {
  connectionFacts,
  connectionLines,
  peerFacts,
  peerLines,
  statisticsFacts,
  statisticsLines,
  statsFacts,
  statsLines,
} from "./debug-text.js";
import { ExitCode } from "./terminal.js";

const TIMEOUT_S = 10;
const TIMEOUT_MAX_S = 600;
/** All questions together may take so many times the wait for one. */
const TOTAL_FACTOR = 6;
const LIMIT = 4_096;
const LIMIT_MAX = 65_536;

// Version letters from which on a server knows a question (rx-wire.md section 11.1).
const SINCE = { statistics: "M", allConnections: "M", peers: "Q" } as const;

const USAGE = `Usage: rxrpc debug HOST:PORT [options]

Asks an Rx server about itself, as OpenAFS's rxdebug does. Without --allconns, --peers
or --stats it lists the connections with something going on.

  --conns            connections with something going on
  --allconns         every connection
  --peers            every peer
  --stats            counters of the whole server
  --limit N          entries of a list; default ${LIMIT}
  --timeout S        give up after so long without an answer; default ${TIMEOUT_S}
  --json             print one JSON object

Our own server answers trusted addresses only, which is loopback by default.`;

export const debug: Command = {
  name: "debug",
  summary: "ask a server for its connections, peers and counters",
  usage: USAGE,
  async run(args, terminal) {
    const line = new Arguments(args, OPTIONS, 1);
    const target = line.target(0);
    const timeoutMs = Math.ceil((line.seconds("timeout", TIMEOUT_MAX_S) ?? TIMEOUT_S) * 1_000);
    const entriesMax = line.integer("limit", 1, LIMIT_MAX) ?? LIMIT;
    await using client = await DebugClient.open({
      ...target,
      timeoutMs,
      totalMs: timeoutMs * TOTAL_FACTOR,
      entriesMax,
    });
    const answers = await askAll(client, wantedParts(line));
    if (line.flag("json"))
      terminal.out(JSON.stringify({ target: formatTarget(target), ...jsonFacts(answers) }));
    else for (const text of lines(formatTarget(target), answers, entriesMax)) terminal.out(text);
    return ExitCode.Done;
  },
};

const OPTIONS = {
  conns: "boolean",
  allconns: "boolean",
  peers: "boolean",
  stats: "boolean",
  limit: "string",
  timeout: "string",
  json: "boolean",
} as const;

interface Parts {
  readonly connections: "active" | "all" | null;
  readonly peers: boolean;
  readonly statistics: boolean;
}

interface Answers {
  readonly stats: DebugStats;
  readonly statistics: Int32Array | null;
  readonly connections: Awaited<ReturnType<DebugClient["connections"]>> | null;
  readonly peers: Awaited<ReturnType<DebugClient["peers"]>> | null;
}

function wantedParts(line: Arguments): Parts {
  const isAll = line.flag("allconns");
  const isBare = !isAll && !line.flag("peers") && !line.flag("stats");
  return {
    connections: isAll ? "all" : line.flag("conns") || isBare ? "active" : null,
    peers: line.flag("peers"),
    statistics: line.flag("stats"),
  };
}

/** The server's version letter comes first: it says what else may be asked. */
async function askAll(client: DebugClient, parts: Parts): Promise<Answers> {
  const stats = await client.stats();
  const letter = String.fromCharCode(stats.version);
  if (parts.statistics) demand(letter, SINCE.statistics, "counters");
  if (parts.connections === "all") demand(letter, SINCE.allConnections, "all connections");
  // In answers of older servers the fields after the third lie elsewhere.
  if (parts.connections === "active") demand(letter, SINCE.allConnections, "connections");
  if (parts.peers) demand(letter, SINCE.peers, "peers");
  return {
    stats,
    statistics: parts.statistics ? await client.statistics() : null,
    connections: parts.connections === null ? null : await client.connections(parts.connections),
    peers: parts.peers ? await client.peers() : null,
  };
}

function demand(letter: string, since: string, what: string): void {
  if (letter >= since && letter <= "Z") return;
  throw new RxError(
    "RX_ERR_CALL_FAILED",
    `the server cannot tell of ${what}: its debug version is below ${since}`,
  );
}

function lines(target: string, answers: Answers, limit: number): string[] {
  const { stats, statistics, connections, peers } = answers;
  const out = [`${target}:`, ...statsLines(stats)];
  if (statistics !== null) out.push("counters that are not 0:", ...statisticsLines(statistics));
  if (connections !== null) out.push(...section("connections", connections, connectionLines, limit));
  if (peers !== null) out.push(...section("peers", peers, peerLines, limit));
  return out;
}

function section<T>(
  name: string,
  listing: DebugListing<T>,
  show: (entry: T) => string[],
  limit: number,
): string[] {
  const { entries, isComplete } = listing;
  const more = isComplete ? [] : [`  ... and more: --limit is ${limit}`];
  return [`${name}: ${entries.length}`, ...entries.flatMap(show), ...more];
}

function jsonFacts({ stats, statistics, connections, peers }: Answers): object {
  return {
    ...statsFacts(stats),
    ...(statistics === null ? {} : { statistics: statisticsFacts(statistics) }),
    ...(connections === null ? {} : listFacts("connections", connections, connectionFacts)),
    ...(peers === null ? {} : listFacts("peers", peers, peerFacts)),
  };
}

function listFacts<T>(name: string, listing: DebugListing<T>, show: (entry: T) => object): object {
  return { [name]: listing.entries.map(show), ...(listing.isComplete ? {} : { isComplete: false }) };
}
