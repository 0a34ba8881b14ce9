// The C peer on Debian's OpenAFS library: compiled once per content of its sources, started and stopped as a
// child process. `RXRPC_REQUIRE_PEERS=1` makes its absence a failure; otherwise suites are to skip themselves.

import type { ChildProcessByStdio } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const SOURCE_DIR = fileURLToPath(new URL("./peer/", import.meta.url));
const CACHE_DIR = fileURLToPath(new URL("../../node_modules/.cache/rxrpc-peer/", import.meta.url));

// AFS_PTHREAD_ENV selects the declarations that belong to libafsrpc, the library's build for POSIX threads.
const COMPILER_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-D_REENTRANT", "-DAFS_PTHREAD_ENV"];
const LIBRARIES = ["-lafsrpc", "-lpthread"];

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;

interface PeerOptions {
  /** IPv4 address, default 127.0.0.1: of the server, or for a server the address to bind. */
  readonly host?: string;
  /** Byte `i` of a payload is `(i * 7 + (i >> 8) * 13 + 3) & 255` both ways and is checked; otherwise 0, unchecked. */
  readonly verify?: boolean;
  /** Send and receive windows in packets; the library's default is 32. */
  readonly window?: number;
  readonly nojumbo?: boolean;
  /** Seconds of silence until a call fails; the library's default is 12. */
  readonly deadTime?: number;
  /** Socket buffers in KiB; the library's default is 64, which is also the least. */
  readonly udpBuffer?: number;
}

export interface PeerServerOptions extends PeerOptions {
  /** Default 0: a free port. */
  readonly port?: number;
  /** Have the library ask new clients with a PING before it serves them. */
  readonly checkReach?: boolean;
  /** Threads that run calls, default 16. */
  readonly procs?: number;
}

export interface PeerClientOptions extends PeerOptions {
  readonly port: number;
  readonly op: "rpc" | "send" | "recv" | "echo" | "abort" | "sleep";
  /** Payload each way; `send` and `recv` set one direction. Default 128. */
  readonly bytes?: number;
  readonly send?: number;
  readonly recv?: number;
  /** Calls per thread; default 1, or no limit if `seconds` is given. */
  readonly calls?: number;
  readonly seconds?: number;
  readonly threads?: number;
  /** Connections, which the threads share round robin; each carries four calls at a time. Default 1. */
  readonly conns?: number;
  /** End each request with the cookie, as Linux servers want it and OpenAFS servers ignore it. */
  readonly cookie?: boolean;
  readonly sleepMs?: number;
  /** For `op: "abort"` the code that the server is to answer; with `abortAfterBytes` the client's own. Default 4242. */
  readonly abortCode?: number;
  /** The client aborts its call after so much of the request's payload. */
  readonly abortAfterBytes?: number;
  /** The client's process ends after so much of the request's payload, without a word to the server. */
  readonly dieAfterBytes?: number;
  /** Keep the connections open for so long after the last call. */
  readonly lingerMs?: number;
}

export interface PeerClientResult {
  readonly ok: number;
  readonly failed: number;
  readonly calls: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  readonly mbitPerSecond: number;
  /** Payload received and sent, in bytes. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Failed calls by abort code, or by what the client found wrong: payload, cookie, short, long. */
  readonly errors: Readonly<Record<string, number>>;
  readonly p50us: number;
  readonly p99us: number;
  readonly cpuUserUs: number;
  readonly cpuSystemUs: number;
}

export interface PeerServerSummary {
  readonly served: number;
  readonly refused: number;
  readonly cpuUserUs: number;
  readonly cpuSystemUs: number;
}

export interface PeerServer {
  readonly port: number;
  /** Ends the server; what it counted. */
  stop(): Promise<PeerServerSummary>;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

/**
 * Whether the C peer can be built and run here; builds it on first use.
 *
 * @throws Error if it cannot and `RXRPC_REQUIRE_PEERS` is 1
 */
export function peersAvailable(): boolean {
  build ??= buildPeer();
  if (build.kind === "built") return true;
  if (process.env["RXRPC_REQUIRE_PEERS"] === "1") {
    throw new Error(`RXRPC_REQUIRE_PEERS is set, but the OpenAFS peer is missing: ${build.reason}`);
  }
  if (!reasonShown) console.warn(`Skipped, as the OpenAFS peer is missing: ${build.reason}`);
  reasonShown = true;
  return false;
}

/** Starts the C server; resolves when it listens. It ends with this process at the latest. */
export async function startPeerServer(options: PeerServerOptions = {}): Promise<PeerServer> {
  const child = spawn(binary(), ["server", ...flagsOf(options)], { stdio: ["pipe", "pipe", "pipe"] });
  const output = collect(child);
  const port = await listeningPort(child, output);
  return {
    port,
    async stop() {
      // The end of stdin is what also stops the server when this process dies.
      child.stdin.end();
      await exitWithin(child, STOP_TIMEOUT_MS, output);
      const summary = output.stdout.split("\n")[1];
      if (!summary) throw new Error(`the C server ended without a summary: ${output.stderr}`);
      return JSON.parse(summary) as PeerServerSummary;
    },
    async kill() {
      child.kill("SIGKILL");
      await output.exited;
    },
  };
}

/**
 * Runs the C client to its end. Failed calls are counted in the result; they do not reject.
 *
 * @param timeoutMs after which the client is killed; default 170 s
 * @throws Error if the client could not run or did not end in time
 */
export async function runPeerClient(
  options: PeerClientOptions,
  timeoutMs = 170_000,
): Promise<PeerClientResult> {
  const child = spawn(binary(), ["client", ...flagsOf(options)], { stdio: ["pipe", "pipe", "pipe"] });
  const output = collect(child);
  await exitWithin(child, timeoutMs, output);
  if (output.stdout === "") throw new Error(`the C client gave no result: ${output.stderr}`);
  return JSON.parse(output.stdout) as PeerClientResult;
}

export interface PeerClient {
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

/** Starts the C client for a test that is to end it. @throws Error from kill() if it had ended by itself */
export function startPeerClient(options: PeerClientOptions): PeerClient {
  const child = spawn(binary(), ["client", ...flagsOf(options)], { stdio: ["pipe", "pipe", "pipe"] });
  const output = collect(child);
  return {
    async kill() {
      child.kill("SIGKILL");
      await output.exited;
      if (child.signalCode !== "SIGKILL") throw new Error(`the C client ended by itself: ${output.stderr}`);
    },
  };
}

type Build =
  | { readonly kind: "built"; readonly path: string }
  | { readonly kind: "missing"; readonly reason: string };

let build: Build | undefined;
let reasonShown = false;

function binary(): string {
  if (!peersAvailable() || build?.kind !== "built") throw new Error("the OpenAFS peer is missing");
  return build.path;
}

function buildPeer(): Build {
  if (process.platform !== "linux") return { kind: "missing", reason: "it needs Debian's packages" };
  const names = readdirSync(SOURCE_DIR).sort();
  const hash = createHash("sha256").update([...COMPILER_FLAGS, ...LIBRARIES, process.arch].join(" "));
  for (const name of names) hash.update(name).update(readFileSync(join(SOURCE_DIR, name)));
  const path = join(CACHE_DIR, `rxpeer-${hash.digest("hex").slice(0, 16)}`);
  try {
    if (!existsSync(path)) compile(names, path);
    // A binary that finds its library can say how it is used.
    execFileSync(path, ["--help"], { stdio: "pipe" });
    return { kind: "built", path };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return {
      kind: "missing",
      reason: `install libopenafs-dev, gcc and libc6-dev (${detail.split("\n").slice(0, 3).join(" / ")})`,
    };
  }
}

function compile(names: readonly string[], path: string): void {
  mkdirSync(CACHE_DIR, { recursive: true });
  const sources = names.filter((name) => name.endsWith(".c")).map((name) => join(SOURCE_DIR, name));
  // Test files run in several processes: each compiles under a name of its own, and the last rename wins.
  const own = `${path}.${process.pid}`;
  execFileSync("gcc", [...COMPILER_FLAGS, ...sources, "-o", own, ...LIBRARIES], { stdio: "pipe" });
  renameSync(own, path);
}

/** `{ sleepMs: 5, verify: true }` becomes `--sleep-ms 5 --verify`. */
function flagsOf(options: PeerServerOptions | PeerClientOptions): string[] {
  const flags: string[] = [];
  for (const [name, value] of Object.entries(options) as [string, string | number | boolean | undefined][]) {
    if (value === undefined || value === false) continue;
    flags.push(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    if (value !== true) flags.push(String(value));
  }
  return flags;
}

type PeerProcess = ChildProcessByStdio<Writable, Readable, Readable>;

interface PeerOutput {
  stdout: string;
  stderr: string;
  /** Settles when the process has ended and all it wrote has been read. */
  exited: Promise<void>;
}

function collect(child: PeerProcess): PeerOutput {
  const output: PeerOutput = {
    stdout: "",
    stderr: "",
    exited: new Promise((resolve, reject) => {
      child.once("close", () => resolve());
      child.once("error", reject);
    }),
  };
  // Writing to a process that has ended is no failure of its own: what it printed tells why it ended.
  child.stdin.on("error", () => undefined);
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  return output;
}

async function exitWithin(child: PeerProcess, timeoutMs: number, output: PeerOutput): Promise<void> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  await output.exited.finally(() => clearTimeout(timer));
  if (late) throw new Error(`the C peer did not end within ${timeoutMs} ms: ${output.stderr}`);
}

async function listeningPort(child: PeerProcess, output: PeerOutput): Promise<number> {
  const portOf = () => /^listening (\d+)\n/.exec(output.stdout)?.[1];
  let timer: NodeJS.Timeout | undefined;
  const listening = new Promise<void>((resolve) => {
    child.stdout.on("data", () => {
      if (portOf() !== undefined) resolve();
    });
    timer = setTimeout(resolve, START_TIMEOUT_MS);
  });
  await Promise.race([listening, output.exited]).finally(() => clearTimeout(timer));
  const port = portOf();
  if (port === undefined) {
    child.kill("SIGKILL");
    throw new Error(`the C server did not start: ${output.stderr}`);
  }
  return Number(port);
}
