// What rows run on: servers, honest clients and senders of junk, each a process of its own that ends with its row.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RESULTS } from "../bench/prepare.mjs";
import { Child, stopAll } from "../bench/processes.mjs";
import { makeJunk } from "./workers/junk-packets.mjs";

const SERVER = import.meta.resolve("./workers/server.mjs");
const HONEST = import.meta.resolve("./workers/honest.mjs");
const SENDER = import.meta.resolve("./workers/sender.mjs");
const C_SENDER = fileURLToPath(new URL("sender.c", import.meta.url));
const JUNK_PACKETS = 4096;
const START_MS = 20_000;
const ASK_MS = 20_000;

const folders = new Set();
process.on("exit", removeAll);

function removeAll() {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
  folders.clear();
}

export class Stage {
  /**
   * @param {import("./options.mjs").Options} options
   * @param {(text: string) => void} say
   */
  constructor(options, say) {
    this.seconds = options.seconds;
    this.quick = options.quick;
    this.seed = options.seed;
    this.say = say;
  }

  /**
   * @param {string} url of a worker, as import.meta.resolve() gives it
   * @param {readonly (string | number)[]} [args]
   * @param {readonly string[]} [flags] of Node
   */
  process(url, args = [], flags = []) {
    const path = fileURLToPath(url);
    return new Child(path.slice(path.lastIndexOf("/") + 1), process.execPath, [
      ...flags,
      path,
      ...args.map(String),
    ]);
  }

  /**
   * Starts a server and waits for its port.
   *
   * @param {object} settings its first command
   * @param {string} [url]
   * @returns {Promise<{ child: Child, port: number }>}
   */
  async server(settings, url = SERVER) {
    const child = this.process(url, [], ["--expose-gc"]);
    const { port } = await child.ask({ op: "start", ...settings }, START_MS);
    return { child, port };
  }

  /**
   * Starts clients that call without end.
   *
   * @param {object} settings
   * @returns {Promise<Honest>}
   */
  async honest(settings) {
    const child = this.process(HONEST);
    await child.ask({ op: "start", ...settings }, START_MS);
    return new Honest(child);
  }

  /**
   * A sender of junk from many ports: in C where there is a compiler, so that sending takes little from the machine.
   *
   * @param {number} port
   * @returns {{ child: Child, kind: string }}
   */
  sender(port) {
    const packets = join(this.folder(), "junk");
    const parts = makeJunk(this.seed, JUNK_PACKETS).flatMap((bytes) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    });
    writeFileSync(packets, Buffer.concat(parts));
    const program = compileSender();
    const args = [String(port), packets];
    if (program !== null) return { child: new Child("sender", program, args), kind: "C" };
    return { child: this.process(SENDER, args), kind: "Node" };
  }

  folder() {
    const path = mkdtempSync(join(tmpdir(), "rxrpc-flood-"));
    folders.add(path);
    return path;
  }

  /** Ends every process and folder of a row. */
  async clear() {
    await stopAll();
    removeAll();
  }
}

/** Clients in a process of their own, and what they have done in each tenth of a second. */
class Honest {
  /** @param {Child} child */
  constructor(child) {
    this.child = child;
  }

  /** @returns {Promise<Series>} */
  async series() {
    return new Series(await this.child.ask({ op: "series" }, ASK_MS));
  }

  /** @returns {Promise<{ failed: number, errors: string[] }>} */
  stop() {
    return this.child.ask({ op: "stop" }, 60_000);
  }
}

/** Calls that ended well, by slices of time. Times are milliseconds since the epoch. */
class Series {
  /** @param {{ beginMs: number, sliceMs: number, ok: number[], failed: number, errors: string[] }} answer */
  constructor({ beginMs, sliceMs, ok, failed, errors }) {
    this.beginMs = beginMs;
    this.sliceMs = sliceMs;
    this.ok = ok;
    this.failed = failed;
    this.errors = errors;
  }

  /**
   * Calls a second in the whole slices between two moments.
   *
   * @param {number} fromMs
   * @param {number} toMs
   */
  rate(fromMs, toMs) {
    const from = Math.ceil((fromMs - this.beginMs) / this.sliceMs);
    const to = Math.floor((toMs - this.beginMs) / this.sliceMs);
    let calls = 0;
    for (let at = from; at < to; at++) calls += this.ok[at] ?? 0;
    return to > from ? (calls * 1000) / ((to - from) * this.sliceMs) : 0;
  }

  /**
   * How long after `endMs` the clients were first as fast as `rate` for two slices.
   *
   * @param {number} endMs
   * @param {number} rate calls a second
   * @returns {number} milliseconds; Infinity when they have not been
   */
  backMs(endMs, rate) {
    const wanted = (rate * 2 * this.sliceMs) / 1000;
    const from = Math.ceil((endMs - this.beginMs) / this.sliceMs);
    for (let at = from; at + 1 < this.ok.length; at++) {
      const calls = (this.ok[at] ?? 0) + (this.ok[at + 1] ?? 0);
      if (calls >= wanted) return this.beginMs + (at + 2) * this.sliceMs - endMs;
    }
    return Number.POSITIVE_INFINITY;
  }
}

/** @returns {string | null} the program, or null where it cannot be compiled */
function compileSender() {
  const folder = `${RESULTS}/.flood`;
  const program = `${folder}/sender`;
  const modified = (/** @type {string} */ path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (modified(program) > modified(C_SENDER)) return program;
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync("gcc", ["-O2", "-std=gnu11", "-o", program, C_SENDER], { stdio: "ignore" });
  return status === 0 ? program : null;
}

/** Milliseconds since the epoch, finer than Date.now(). */
export function nowMs() {
  return performance.timeOrigin + performance.now();
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
