// What is measured: the rows, and which rows are compared with which. A row belongs to a group of rows that
// do the same work; rows of one group run next to each other in a round, which is what pairs them.
import { fileURLToPath } from "node:url";
import { Child } from "./processes.mjs";

/** @typedef {"rxrpc" | "openafs" | "dgram" | "grpc"} Program */

/**
 * What one measurement gives.
 *
 * @typedef {object} Sample
 * @property {number} value in the unit of the row
 * @property {number} work calls, or MiB
 * @property {number} failed calls that failed; a sample with failures is not used
 * @property {number} [p50us]
 * @property {number} [p99us]
 * @property {number} [clientCpuUs] processor time of the client, user and system
 * @property {number} [serverCpuUs] processor time of the server, user and system
 * @property {string} [error]
 */

/**
 * @typedef {object} Row
 * @property {string} name group and program
 * @property {string} group
 * @property {Program} program the server, or both ends where both are the same
 * @property {string} title what the group does
 * @property {"calls/s" | "Mbit/s"} unit
 * @property {Need[]} needs
 * @property {(stage: Stage, seconds: number) => Promise<Sample>} run
 */

/** @typedef {"peer" | "library" | "grpc"} Need */

/**
 * @typedef {object} Comparison
 * @property {string} title
 * @property {string} above name of a row
 * @property {string} below name of a row
 * @property {number} [bar] the least ratio that is good enough
 */

export const PROGRAM_TITLES = {
  rxrpc: "rxrpc (this library)",
  openafs: "OpenAFS C library",
  dgram: "raw Node dgram echo",
  grpc: "@grpc/grpc-js",
};

const WORKERS = fileURLToPath(new URL("workers/", import.meta.url));
const START_MS = 10_000;
/** How much longer than its own time a measurement may take: connecting, and lost packets repeated. */
const GRACE_MS = 20_000;
/** 100 MiB at 14 Mbit/s; slower than that is a fault and not a figure. */
const BULK_MS = 60_000;

/**
 * @param {number} mib size of one bulk transfer
 * @returns {Row[]}
 */
export function makeRows(mib) {
  /** @type {Row[]} */
  const rows = [];
  for (const { threads, connections } of [
    { threads: 1, connections: 1 },
    { threads: 4, connections: 1 },
    { threads: 8, connections: 2 },
  ]) {
    const title = `C client, 128-byte rpc, ${threads} thread${threads > 1 ? "s" : ""} on ${connections} connection${connections > 1 ? "s" : ""}`;
    for (const program of /** @type {const} */ (["rxrpc", "openafs"])) {
      rows.push({
        ...naming(`c-rpc-${threads}`, program, title, "calls/s"),
        run: (stage, seconds) =>
          stage.peerCalls(program, ["rpc", "--threads", threads, "--conns", connections], seconds),
      });
    }
  }
  for (const op of /** @type {const} */ (["send", "recv"])) {
    for (const program of /** @type {const} */ (["rxrpc", "openafs"])) {
      rows.push({
        ...naming(`c-${op}`, program, `C client, ${op} of ${mib} MiB`, "Mbit/s"),
        run: (stage) => stage.peerBulk(program, op, mib),
      });
    }
  }
  for (const outstanding of [1, 4, 16]) {
    for (const program of /** @type {const} */ (["rxrpc", "dgram", "grpc"])) {
      rows.push({
        ...naming(
          `node-rpc-${outstanding}`,
          program,
          `Node client, 128-byte rpc, ${outstanding} outstanding`,
          "calls/s",
        ),
        run: (stage, seconds) => stage.nodeCalls(program, outstanding, seconds),
      });
    }
  }
  for (const op of /** @type {const} */ (["send", "recv"])) {
    rows.push({
      ...naming(`node-${op}`, "rxrpc", `Node client, ${op} of ${mib} MiB`, "Mbit/s"),
      run: (stage) => stage.nodeBulk(op, mib),
    });
  }
  return rows;
}

/** @type {Comparison[]} */
export const COMPARISONS = [
  compare("C client, rpc, 1 thread", "c-rpc-1", "openafs", 0.9),
  compare("C client, rpc, 4 threads", "c-rpc-4", "openafs", 0.95),
  compare("C client, rpc, 8 threads", "c-rpc-8", "openafs", 1.0),
  compare("C client, bulk send", "c-send", "openafs", 0.6),
  compare("C client, bulk recv", "c-recv", "openafs", 0.6),
  compare("Node client, rpc, 1 outstanding", "node-rpc-1", "dgram"),
  compare("Node client, rpc, 4 outstanding", "node-rpc-4", "dgram"),
  compare("Node client, rpc, 16 outstanding", "node-rpc-16", "dgram", 0.45),
  compare("Node client, rpc, 1 outstanding", "node-rpc-1", "grpc"),
  compare("Node client, rpc, 4 outstanding", "node-rpc-4", "grpc"),
  compare("Node client, rpc, 16 outstanding", "node-rpc-16", "grpc", 8),
];

/**
 * @param {string} title
 * @param {string} group
 * @param {Program} below
 * @param {number} [bar]
 * @returns {Comparison}
 */
function compare(title, group, below, bar) {
  const comparison = { title, above: `${group}/rxrpc`, below: `${group}/${below}` };
  return bar === undefined ? comparison : { ...comparison, bar };
}

/**
 * @param {string} group
 * @param {Program} program
 * @param {string} title
 * @param {"calls/s" | "Mbit/s"} unit
 * @returns {Omit<Row, "run">}
 */
function naming(group, program, title, unit) {
  /** @type {Need[]} */
  const needs = [];
  if (group.startsWith("c-")) needs.push("peer");
  if (program === "rxrpc") needs.push("library");
  if (program === "grpc") needs.push("grpc");
  return { name: `${group}/${program}`, group, program, title, unit, needs };
}

/** The programs that stay up through all rounds, each started when it is first wanted. */
export class Stage {
  /** @type {Map<string, Promise<{ child: Child, port: number }>>} */
  #servers = new Map();
  /** @type {Map<string, Promise<Child>>} */
  #clients = new Map();
  #paths;

  /** @param {{ peer: string, grpc: string }} paths */
  constructor(paths) {
    this.#paths = paths;
  }

  /**
   * @param {Program} program
   * @param {(string | number)[]} what operation and its options
   * @param {number} seconds
   * @returns {Promise<Sample>}
   */
  async peerCalls(program, what, seconds) {
    const server = await this.#server(program);
    const report = await this.#peer(server, [...what, "--seconds", seconds], seconds * 1000 + GRACE_MS);
    return { ...costs(report), value: report.callsPerSecond, work: report.ok };
  }

  /**
   * @param {Program} program
   * @param {"send" | "recv"} op
   * @param {number} mib
   * @returns {Promise<Sample>}
   */
  async peerBulk(program, op, mib) {
    const server = await this.#server(program);
    const report = await this.#peer(server, [op, "--bytes", mib << 20, "--calls", 1], BULK_MS);
    return { ...costs(report), value: report.mbitPerSecond, work: mib };
  }

  /**
   * @param {Program} program
   * @param {number} outstanding
   * @param {number} seconds
   * @returns {Promise<Sample>}
   */
  async nodeCalls(program, outstanding, seconds) {
    const report = await this.#askClient(
      program,
      { op: "rpc", outstanding, seconds },
      seconds * 1000 + GRACE_MS,
    );
    return { ...costs(report), value: report.ok / report.seconds, work: report.ok };
  }

  /**
   * @param {"send" | "recv"} op
   * @param {number} mib
   * @returns {Promise<Sample>}
   */
  async nodeBulk(op, mib) {
    const report = await this.#askClient("rxrpc", { op, bytes: mib << 20 }, BULK_MS);
    return { ...costs(report), value: (mib * 8.388608) / report.seconds, work: mib };
  }

  /**
   * @param {{ child: Child, port: number }} server
   * @param {(string | number)[]} what
   * @param {number} timeoutMs
   */
  async #peer({ child, port }, what, timeoutMs) {
    const before = child.cpuUs();
    const args = ["client", "--port", port, "--op", ...what].map(String);
    const client = new Child("the C client", this.#paths.peer, args);
    try {
      const report = await client.nextLine(jsonLine, timeoutMs);
      return { ...report, serverCpuUs: difference(before, child.cpuUs()) };
    } finally {
      await client.stop();
    }
  }

  /**
   * @param {Program} program
   * @param {object} command
   * @param {number} timeoutMs
   */
  async #askClient(program, command, timeoutMs) {
    const { child: server } = await this.#server(program);
    const client = await this.#client(program);
    const before = server.cpuUs();
    try {
      const report = await client.ask(command, timeoutMs);
      return { ...report, serverCpuUs: difference(before, server.cpuUs()) };
    } catch (error) {
      // An answer that comes after its time would be taken for the next one's: begin anew.
      this.#clients.delete(program);
      await client.stop();
      throw error;
    }
  }

  /** @param {Program} program */
  async #server(program) {
    const known = await this.#servers.get(program);
    if (known?.child.alive) return known;
    const starting = this.#startServer(program);
    this.#servers.set(program, starting);
    this.#clients.delete(program);
    return starting;
  }

  /** @param {Program} program */
  async #startServer(program) {
    const child = this.#spawnServer(program);
    const port = await child.nextLine((line) => {
      const found = /^listening (\d+)$/.exec(line);
      return found ? Number(found[1]) : undefined;
    }, START_MS);
    return { child, port };
  }

  /** @param {Program} program */
  #spawnServer(program) {
    const name = `the ${program} server`;
    switch (program) {
      case "rxrpc":
        return new Child(name, process.execPath, [`${WORKERS}rxrpc-server.mjs`]);
      case "openafs":
        return new Child(name, this.#paths.peer, ["server", "--port", "0"]);
      case "dgram":
        return new Child(name, process.execPath, [`${WORKERS}dgram-server.mjs`]);
      case "grpc":
        return new Child(name, process.execPath, ["server.mjs"], { cwd: this.#paths.grpc });
    }
  }

  /** @param {Program} program */
  async #client(program) {
    const known = await this.#clients.get(program);
    if (known?.alive) return known;
    const { port } = await this.#server(program);
    const script = program === "grpc" ? "client.mjs" : `${WORKERS}${program}-client.mjs`;
    const options = program === "grpc" ? { cwd: this.#paths.grpc } : {};
    const child = new Child(`the ${program} client`, process.execPath, [script, String(port)], options);
    this.#clients.set(program, Promise.resolve(child));
    return child;
  }
}

/** @param {string} line */
function jsonLine(line) {
  return line.startsWith("{") ? JSON.parse(line) : undefined;
}

/**
 * @param {any} report
 * @returns {Omit<Sample, "value" | "work">}
 */
function costs(report) {
  const error = report.error ?? (report.failed > 0 ? JSON.stringify(report.errors) : undefined);
  return {
    failed: report.failed,
    p50us: report.p50us,
    p99us: report.p99us,
    clientCpuUs: report.cpuUserUs + report.cpuSystemUs,
    ...(report.serverCpuUs !== undefined && { serverCpuUs: report.serverCpuUs }),
    ...(error !== undefined && { error }),
  };
}

/**
 * @param {number | undefined} before
 * @param {number | undefined} after
 */
function difference(before, after) {
  return before === undefined || after === undefined ? undefined : after - before;
}
