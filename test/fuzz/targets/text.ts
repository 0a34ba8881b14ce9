// Text from outside: addresses and ranges, HOST:PORT, the command line of every command, and DEBUG answers made lines.
// No socket is opened: each command line ends with a word that is refused last.
import { isIP } from "node:net";
import { Arguments, formatTarget, parseTarget, printable, UsageError } from "../../../src/cli/arguments.js";
import {
  connectionFacts,
  connectionLines,
  peerFacts,
  peerLines,
  statisticsFacts,
  statisticsLines,
  statsFacts,
  statsLines,
} from "../../../src/cli/debug-text.js";
import { run } from "../../../src/cli/run.js";
import type { Terminal } from "../../../src/cli/terminal.js";
import { Address, AddressRange } from "../../../src/util/address.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_PEER_SIZE,
  DEBUG_STATS_SIZE,
  DebugConn,
  DebugPeer,
  DebugStats,
  RX_STATISTICS_COUNT,
  RX_STATISTICS_SIZE,
  readDebugConn,
  readDebugPeer,
  readDebugStats,
  readRxStatistics,
} from "../../../src/wire/debug.js";
import { joined, pick } from "../mutate.js";
import { holds, type MutationRandom, type Target } from "../target.js";

const TEXT_MAX = 400;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function seedsOf(texts: readonly string[]): Record<string, Uint8Array> {
  return Object.fromEntries(texts.map((text, i) => [`text-${String(i).padStart(2, "0")}`, bytesOf(text)]));
}

/** Puts words of the trade in, or takes some out. */
function mutateText(words: readonly string[]): (input: Uint8Array, random: MutationRandom) => Uint8Array {
  return (input, random) => {
    const at = random.below(input.length + 1);
    return joined(input.subarray(0, at), bytesOf(pick(random, words)), input.subarray(at + random.below(4)));
  };
}

function textTarget(
  name: string,
  texts: readonly string[],
  words: readonly string[],
  check: (text: string) => void | Promise<void>,
): Target {
  return {
    name,
    recordBytes: 1,
    bytesMax: TEXT_MAX,
    weight: 2,
    seeds: seedsOf(texts),
    run: (input) => check(Buffer.from(input).toString()),
    describe: (input) => [JSON.stringify(Buffer.from(input).toString())],
    mutate: mutateText(words),
  };
}

function checkAddress(text: string): void {
  const address = new Address();
  address.port = 7_009;
  const before = address.toString();
  const isTaken = address.parseHost(text);
  // A zone is dropped here and judged there.
  if (!text.includes("%")) holds(isTaken === (isIP(text) !== 0), `${JSON.stringify(text)} taken: ${isTaken}`);
  if (isTaken) {
    const again = Address.from(address.format(), address.port);
    holds(again?.equals(address) === true, `${text} formats to ${address.format()}`);
    holds(isIP(address.format()) === address.family, `${address.format()} is of family ${address.family}`);
  } else {
    holds(address.toString() === before, "an address that is refused leaves the object alone");
  }
  const range = AddressRange.parse(text);
  if (range === undefined) return;
  holds(range.contains(range.base), `${text} does not contain its own base`);
  const widest = range.base.family === 4 ? 32 : 128;
  holds(
    Number.isInteger(range.prefixBits) && range.prefixBits >= 0 && range.prefixBits <= widest,
    `${text}: bits`,
  );
}

function checkTarget(text: string): void {
  try {
    const target = parseTarget(text);
    holds(Number.isInteger(target.port) && target.port >= 1 && target.port <= 65_535, `port ${target.port}`);
    const again = parseTarget(formatTarget(target));
    holds(
      again.host === target.host && again.port === target.port,
      `${text} comes back as ${formatTarget(target)}`,
    );
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
  }
  holds(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(printable(text)), `printable() left ${JSON.stringify(text)}`);
}

/** The last word of each command's line: read after all others, and refused. */
const REFUSED: Readonly<Record<string, string>> = {
  serve: "--interval=0",
  perf: "--outstanding=0",
  version: "--timeout=0",
  debug: "--limit=0",
};

async function checkCommandLine(text: string): Promise<void> {
  const words = text
    .split("\n")
    .map((word) => word.replaceAll("\0", ""))
    // Behind it our last word would be a host, to be looked up.
    .filter((word) => word !== "--");
  const command = Object.keys(REFUSED)[(words.shift() ?? "").length % 4] as keyof typeof REFUSED;
  const errors: string[] = [];
  const terminal: Terminal = {
    out: () => undefined,
    err: (line) => void errors.push(line),
    progress: () => undefined,
    onStop: () => () => undefined,
  };
  const code = await run([command, ...words, REFUSED[command] as string], terminal);
  const isHelp = words.includes("--help") || words.includes("-h");
  holds(
    code === (isHelp ? 0 : 2),
    `exit code ${code} for ${command} ${JSON.stringify(words)}: ${errors.join()}`,
  );
  holds(errors.length === (isHelp ? 0 : 1), `${errors.length} lines of errors`);
  for (const line of errors)
    holds(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line), `not one line: ${JSON.stringify(line)}`);
  checkNumbers(words);
}

function checkNumbers(words: readonly string[]): void {
  try {
    const line = new Arguments(words, { n: "string", s: "string", b: "boolean" }, 3);
    const n = line.integer("n", 3, 1_000_000);
    holds(n === undefined || (Number.isInteger(n) && n >= 3 && n <= 1_000_000), `--n gave ${n}`);
    const s = line.seconds("s", 600);
    holds(s === undefined || (s > 0 && s <= 600), `--s gave ${s}`);
    holds(line.positionals.length <= 3, "more words than allowed");
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
  }
}

function checkAnswers(input: Uint8Array): void {
  const end = input.length;
  const texts: string[] = [];
  const facts: object[] = [];
  const stats = new DebugStats();
  if (readDebugStats(input, 0, end, stats)) {
    texts.push(...statsLines(stats));
    facts.push(statsFacts(stats));
  }
  const connection = new DebugConn();
  if (readDebugConn(input, 0, end, connection)) {
    texts.push(...connectionLines(connection));
    facts.push(connectionFacts(connection));
  }
  const peer = new DebugPeer();
  if (readDebugPeer(input, 0, end, peer)) {
    texts.push(...peerLines(peer));
    facts.push(peerFacts(peer));
  }
  const numbers = new Int32Array(RX_STATISTICS_COUNT);
  if (readRxStatistics(input, 0, end, numbers)) {
    texts.push(...statisticsLines(numbers));
    facts.push(statisticsFacts(numbers));
  }
  for (const line of [...texts, JSON.stringify(facts)]) {
    holds(/^[\x20-\x7e]*$/.test(line), `not one line of printable ASCII: ${JSON.stringify(line)}`);
    holds(!/undefined|NaN|\[object/.test(line), `a value is missing in ${JSON.stringify(line)}`);
  }
}

const LIMITS = [
  "callsMax",
  "buffersMax",
  "bufferBytes",
  "receiveWindowPackets",
  "trusted",
  "versionText",
  "deadTimeMs",
];
const OPTION_WORDS = [
  "\n", "\n--", "=", "--json", "--quiet", "\n--port\n7009", "\n--host=::1", "\n--backlog\n32", "\n--seconds\n1.5",
  "\nrpc", "\nsend", "\nrecv", "\n[::1]:7009", "\n--send=1k", "\n--bytes\n4G", "\n--calls=9", "\n--pcap=x", "--help",
  "\n-h", "\n--n=1M", "\n--s=0.5", "\n--", "\n--spillDirectory=/x", "-1", "1e9", "9007199254740993", "\u202e", "\u001b",
  ...LIMITS.map((name) => `\n--${name}\n`),
]; // biome-ignore format: a list of words

export const TEXT_TARGETS: readonly Target[] = [
  textTarget(
    "address",
    [
      "192.0.2.1",
      "2001:db8::1",
      "::ffff:10.0.0.0/104",
      "127.0.0.0/8",
      "::",
      "fe80::1%eth0",
      "1:2:3:4:5:6:7:8",
      "::1/128",
    ],
    [
      "::",
      ":",
      ".",
      "/",
      "ffff",
      "0",
      "255",
      "256",
      "01",
      "%",
      "/0",
      "/32",
      "/33",
      "/128",
      "/129",
      "1.2.3.4",
      "A",
      "g",
    ],
    checkAddress,
  ),
  textTarget(
    "host-port",
    ["localhost", "localhost:7009", "[::1]:7000", "::1", "192.0.2.1:1", "[fe80::1%eth0]:65535"],
    ["[", "]", ":", "::", "65535", "65536", "0", "\n", "%", "\u200f", "\u0000", "[]", ":00007"],
    checkTarget,
  ),
  textTarget(
    "command-line",
    [
      "\n--port\n7009\n--backlog=4\n--json",
      "\n--trusted\n10.0.0.0/8,::1\n--callsMax\n64\n--versionText=x",
      "1\nrpc\n[::1]:7009\n--calls\n5\n--send=1k",
      "1\nsend\n--bytes=1M\n--seconds\n0.5",
      "12\nlocalhost:7009\n--json\n--timeout=2",
      "123\n127.0.0.1\n--allconns\n--peers\n--stats\n--limit\n9",
      "\n--help",
    ],
    OPTION_WORDS,
    checkCommandLine,
  ),
  {
    name: "debug-text",
    recordBytes: 1,
    bytesMax: 2 * RX_STATISTICS_SIZE,
    weight: 1,
    seeds: {
      stats: new Uint8Array(DEBUG_STATS_SIZE).fill(0x53),
      connection: Uint8Array.from({ length: DEBUG_CONN_SIZE }, (_, i) => i),
      peer: Uint8Array.from({ length: DEBUG_PEER_SIZE }, (_, i) => i * 3),
      statistics: new Uint8Array(RX_STATISTICS_SIZE).fill(0xff),
    },
    run: checkAnswers,
    describe: (input) => [`an answer of ${input.length} bytes`],
  },
];
