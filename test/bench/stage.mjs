// Where rows run: the programs, each started when it is first wanted and kept up through all rounds, and what is asked of
// them. Whatever runs is written down.
import { Child } from "./processes.mjs";
import { commandLine, launchOf } from "./programs.mjs";

/**
 * What one measurement gives.
 *
 * @typedef {object} Sample
 * @property {number} value in the unit of the row
 * @property {number} work calls, MiB, replies
 * @property {number} failed calls that failed; a sample with failures is not used
 * @property {number} [p50us]
 * @property {number} [p99us]
 * @property {number} [p999us]
 * @property {number} [clientCpuUs] processor time of the client, user and system
 * @property {number} [serverCpuUs] processor time of the server, user and system
 * @property {number} [others] part of all processors that neither side had, 0 to 1
 * @property {string} [error]
 */

/**
 * A process that ran.
 *
 * @typedef {object} Ran
 * @property {string} role server, client, or lone
 * @property {string} name
 * @property {string} command
 * @property {string} [path] which way its datagrams went: "dgram" or "native"
 * @property {number} times how often it was started
 */

/** @typedef {{ child: Child, port: number, key: string }} Server */

const START_MS = 10_000;
/** How much longer than its own time a measurement may take: connecting, and lost packets repeated. */
const GRACE_MS = 20_000;
/** 100 MiB at 14 Mbit/s; slower than that is a fault and not a figure. */
const BULK_MS = 60_000;
/** A hundred thousand connections are made one by one. */
const LONE_MS = 120_000;

export class Stage {
  /** @type {Map<string, Promise<Server>>} */
  #servers = new Map();
  /** @type {Map<string, Promise<Child>>} */
  #children = new Map();
  /** @type {Map<string, Ran>} */
  #ran = new Map();
  /** @type {Map<string, unknown>} */
  #facts = new Map();
  #paths;

  /** @param {import("./programs.mjs").Paths} paths */
  constructor(paths) {
    this.#paths = paths;
  }

  /** Every process so far, in the order of their first start. */
  get ran() {
    return [...this.#ran.values()];
  }

  /** @param {import("./programs.mjs").Need} need */
  has(need) {
    return this.#paths[need] !== "";
  }

  /**
   * What is found out once and then holds for every round.
   *
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} find
   * @returns {Promise<T>}
   */
  async fact(name, find) {
    if (!this.#facts.has(name)) this.#facts.set(name, await find());
    return /** @type {T} */ (this.#facts.get(name));
  }

  /** Names and values of all facts. */
  get facts() {
    return Object.fromEntries(this.#facts);
  }

  /**
   * Calls of the C peer, which is started for each measurement.
   *
   * @param {string} server
   * @param {(string | number)[]} what operation and its options
   * @param {number} seconds
   * @param {readonly (string | number)[]} [serverArgs]
   * @returns {Promise<Sample>}
   */
  async peerCalls(server, what, seconds, serverArgs = []) {
    const report = await this.#once(
      await this.#server(server, serverArgs),
      "peer",
      (port) => ["client", "--port", port, "--op", ...what, "--seconds", seconds],
      seconds * 1000 + GRACE_MS,
    );
    return { ...costs(report), value: report.callsPerSecond, work: report.ok };
  }

  /**
   * Bulk transfer of the C peer.
   *
   * @param {string} server
   * @param {(string | number)[]} what operation and its options
   * @param {number} mib in all
   * @returns {Promise<Sample>}
   */
  async peerBulk(server, what, mib) {
    const report = await this.#once(
      await this.#server(server),
      "peer",
      (port) => ["client", "--port", port, "--op", ...what],
      BULK_MS,
    );
    return { ...costs(report), value: report.mbitPerSecond, work: mib };
  }

  /**
   * Calls at a steady rate, whatever becomes of them. The value is the latency that one call in a hundred exceeds.
   *
   * @param {string} server
   * @param {number} rate calls a second
   * @param {number} seconds
   * @param {readonly (string | number)[]} shape threads and connections
   * @returns {Promise<Sample>}
   */
  async pacedCalls(server, rate, seconds, shape) {
    const report = await this.#once(
      await this.#server(server),
      "paced",
      (port) => [port, rate, seconds, ...shape],
      seconds * 1000 + GRACE_MS,
    );
    return { ...costs(report), value: report.p99us, work: report.ok };
  }

  /**
   * Calls of a client that stays up.
   *
   * @param {string} client
   * @param {string} server
   * @param {{ op?: string, outstanding: number, bytes: number }} what
   * @param {number} seconds
   * @returns {Promise<Sample>}
   */
  async calls(client, server, { op = "rpc", outstanding, bytes }, seconds) {
    const command = { op, outstanding, seconds, bytes };
    const report = await this.#askClient(client, server, command, seconds * 1000 + GRACE_MS);
    return { ...costs(report), value: report.ok / report.seconds, work: report.ok };
  }

  /**
   * @param {string} client
   * @param {string} server
   * @param {{ op: "send" | "recv", calls: number, mib: number }} what
   * @returns {Promise<Sample>}
   */
  async bulk(client, server, { op, calls, mib }) {
    const command = { op, outstanding: calls, bytes: mib << 20 };
    const report = await this.#askClient(client, server, command, BULK_MS);
    return { ...costs(report), value: (mib * 8.388608) / report.seconds, work: mib };
  }

  /**
   * Asks a program that measures itself; it is started for this when it is not up, and may be ended afterwards.
   *
   * @param {string} name
   * @param {readonly (string | number)[]} args
   * @param {object} command
   * @param {{ isKept: boolean }} options
   * @returns {Promise<any>}
   */
  async lone(name, args, command, { isKept }) {
    const key = ["lone", name, ...args].join(" ");
    const child = await this.#kept(key, () => this.#spawn("lone", name, args));
    try {
      const report = await child.ask(command, LONE_MS);
      if (!isKept) await this.#end(key);
      return report;
    } catch (error) {
      await this.#end(key);
      throw error;
    }
  }

  /**
   * A C client, from its start to its end. The server's processor time includes the client's hello and good-bye.
   *
   * @param {Server} server
   * @param {"peer" | "paced"} program
   * @param {(port: number | "PORT") => (string | number)[]} argsFor
   * @param {number} timeoutMs
   */
  async #once(server, program, argsFor, timeoutMs) {
    const command = this.#paths[program];
    this.#note("client", program, { command, args: argsFor("PORT").map(String) });
    const before = server.child.cpuUs();
    const client = new Child(`the C client (${program})`, command, argsFor(server.port).map(String));
    try {
      const report = await client.nextLine(jsonLine, timeoutMs);
      return { ...report, serverCpuUs: difference(before, server.child.cpuUs()) };
    } finally {
      await client.stop();
    }
  }

  /**
   * @param {string} name
   * @param {string} serverName
   * @param {object} command
   * @param {number} timeoutMs
   */
  async #askClient(name, serverName, command, timeoutMs) {
    const server = await this.#server(serverName);
    // A client belongs to one server, and to one life of it.
    const key = `client ${name} ${server.key} ${server.port}`;
    const client = await this.#kept(key, () => this.#spawn("client", name, [server.port]));
    const before = server.child.cpuUs();
    try {
      const report = await client.ask(command, timeoutMs);
      const wanted = launchOf("client", name, this.#paths, []).path;
      if (wanted !== undefined && report.path !== wanted) {
        throw new Error(`the ${name} client sends by ${report.path}, not by ${wanted}`);
      }
      return { ...report, serverCpuUs: difference(before, server.child.cpuUs()) };
    } catch (error) {
      // An answer that comes after its time would be taken for the next one's: begin anew.
      await this.#end(key);
      throw error;
    }
  }

  /**
   * @param {string} name
   * @param {readonly (string | number)[]} [args]
   * @returns {Promise<Server>}
   */
  async #server(name, args = []) {
    const key = [name, ...args].join(" ");
    const known = await this.#servers.get(key);
    if (known?.child.alive) return known;
    const starting = this.#startServer(key, name, args);
    this.#servers.set(key, starting);
    try {
      return await starting;
    } catch (error) {
      this.#servers.delete(key);
      throw error;
    }
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {readonly (string | number)[]} args
   * @returns {Promise<Server>}
   */
  async #startServer(key, name, args) {
    const child = this.#spawn("server", name, args);
    const told = await child.nextLine(
      (line) => /^listening (\d+)(?: (\w+))?$/.exec(line) ?? undefined,
      args.length > 0 ? LONE_MS : START_MS,
    );
    const wanted = launchOf("server", name, this.#paths, args).path;
    if (wanted !== undefined && told[2] !== wanted) {
      await child.stop();
      throw new Error(`the ${name} server sends by ${told[2]}, not by ${wanted}`);
    }
    return { child, port: Number(told[1]), key };
  }

  /**
   * @param {string} key
   * @param {() => Child} start
   */
  async #kept(key, start) {
    const known = await this.#children.get(key);
    if (known?.alive) return known;
    const child = start();
    this.#children.set(key, Promise.resolve(child));
    return child;
  }

  /** @param {string} key */
  async #end(key) {
    const child = await this.#children.get(key);
    this.#children.delete(key);
    await child?.stop();
  }

  /**
   * @param {"server" | "client" | "lone"} role
   * @param {string} name
   * @param {readonly (string | number)[]} args
   */
  #spawn(role, name, args) {
    const launch = launchOf(role, name, this.#paths, args);
    const shown = role === "client" ? launchOf(role, name, this.#paths, ["PORT"]) : launch;
    this.#note(role, name, shown);
    return new Child(
      `the ${name} ${role === "lone" ? "program" : role}`,
      launch.command,
      launch.args,
      launch,
    );
  }

  /**
   * @param {string} role
   * @param {string} name
   * @param {import("./programs.mjs").Launch} launch
   */
  #note(role, name, launch) {
    const command = commandLine(launch);
    const key = `${role} ${name} ${command}`;
    const known = this.#ran.get(key);
    if (known) known.times++;
    else this.#ran.set(key, { role, name, command, times: 1, ...(launch.path && { path: launch.path }) });
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
    ...(report.p999us !== undefined && { p999us: report.p999us }),
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
