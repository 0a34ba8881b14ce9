// The programs under measurement: what each is called, what it needs, and how it is started.
import { fileURLToPath } from "node:url";
import { REPLY_OVERHEAD_BYTES, REQUEST_OVERHEAD_BYTES } from "./workers/sizes.mjs";

/** @typedef {"peer" | "paced" | "tools" | "library" | "native" | "grpc" | "http"} Need */
/** @typedef {Record<Need, string>} Paths where each of them is; empty where it is not wanted or not there */

/**
 * A process to be.
 *
 * @typedef {object} Launch
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} [env]
 * @property {"dgram" | "native"} [path] which way its datagrams have to go; it tells which way they do
 */

/** @typedef {"rxrpc" | "native" | "openafs" | "openafs-native" | "dgram" | "c-echo" | "grpc" | "http"} Program */

/** What a row is drawn and named by: in the rows of the C client the server, otherwise both ends. */
export const PROGRAM_TITLES = {
  rxrpc: "rxrpc, dgram",
  native: "rxrpc, native",
  openafs: "OpenAFS C library",
  "openafs-native": "rxrpc, native, to OpenAFS",
  dgram: "raw Node dgram echo",
  "c-echo": "raw C echo",
  grpc: "@grpc/grpc-js",
  http: "fastify + undici",
};

const WORKERS = fileURLToPath(new URL("workers/", import.meta.url));
const PATHS = {
  dgram: { env: { RXRPC_NATIVE: "0" }, path: /** @type {const} */ ("dgram") },
  native: { env: { RXRPC_NATIVE: "1" }, path: /** @type {const} */ ("native") },
};

/**
 * @param {string} worker file in workers/
 * @param {(string | number)[]} [args]
 * @param {string[]} [flags] of Node
 * @returns {Launch}
 */
function node(worker, args = [], flags = []) {
  return { command: process.execPath, args: [...flags, `${WORKERS}${worker}`, ...args.map(String)] };
}

/**
 * @param {(paths: Paths) => string} folder
 * @param {string} script
 * @returns {(paths: Paths, args: string[]) => Launch}
 */
function guest(folder, script) {
  return (paths, args) => ({ command: process.execPath, args: [`${folder(paths)}/${script}`, ...args] });
}

/**
 * Servers by name. Each prints "listening PORT", and which way its datagrams go if that is one of ours.
 *
 * @type {Record<string, (paths: Paths, args: string[]) => Launch>}
 */
const SERVERS = {
  rxrpc: () => ({ ...node("rxrpc-server.mjs"), ...PATHS.dgram }),
  native: () => ({ ...node("rxrpc-server.mjs"), ...PATHS.native }),
  openafs: ({ peer }) => ({ command: peer, args: ["server", "--port", "0"] }),
  "openafs-plain": ({ peer }) => ({ command: peer, args: ["server", "--port", "0", "--nojumbo"] }),
  dgram: () => node("dgram-server.mjs"),
  "c-echo": ({ tools }) => ({
    command: `${tools}/echo`,
    args: [String(REQUEST_OVERHEAD_BYTES - REPLY_OVERHEAD_BYTES)],
  }),
  grpc: guest(({ grpc }) => grpc, "server.mjs"),
  http: guest(({ http }) => http, "server.mjs"),
  "rxrpc-busy": () => ({ ...node("busy-server.mjs"), ...PATHS.dgram }),
  "native-busy": () => ({ ...node("busy-server.mjs"), ...PATHS.native }),
  "rxrpc-idle": (_paths, args) => ({ ...node("idle-server.mjs", args), ...PATHS.dgram }),
  "native-idle": (_paths, args) => ({ ...node("idle-server.mjs", args), ...PATHS.native }),
};

/**
 * Clients by name, which take commands. Their first argument is the port.
 *
 * @type {Record<string, (paths: Paths, args: string[]) => Launch>}
 */
const CLIENTS = {
  rxrpc: (_paths, args) => ({ ...node("rxrpc-client.mjs", args), ...PATHS.dgram }),
  native: (_paths, args) => ({ ...node("rxrpc-client.mjs", args), ...PATHS.native }),
  dgram: (_paths, args) => node("dgram-client.mjs", args),
  pump: ({ tools }, args) => ({ command: `${tools}/pump`, args }),
  grpc: guest(({ grpc }) => grpc, "client.mjs"),
  http: guest(({ http }) => http, "client.mjs"),
};

/** A young generation that grows when it likes would be taken for what was made meanwhile. */
const MEMORY_FLAGS = ["--expose-gc", "--min-semi-space-size=1", "--max-semi-space-size=1"];

/**
 * Programs that have no other end: they measure themselves by commands.
 *
 * @type {Record<string, (paths: Paths, args: string[]) => Launch>}
 */
const LONE = {
  core: (_paths, args) => node("idle-core.mjs", args),
  memory: (_paths, args) => node("memory-server.mjs", args, MEMORY_FLAGS),
};

const ROLES = { server: SERVERS, client: CLIENTS, lone: LONE };

/**
 * @param {keyof typeof ROLES} role
 * @param {string} name
 * @param {Paths} paths
 * @param {readonly (string | number)[]} args
 * @returns {Launch}
 */
export function launchOf(role, name, paths, args) {
  const make = ROLES[role][name];
  if (make === undefined) throw new RangeError(`there is no ${role} called ${name}`);
  return make(paths, args.map(String));
}

/**
 * How a process was started, for the list of what ran.
 *
 * @param {Launch} launch
 */
export function commandLine({ command, args, env }) {
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`);
  return [...variables, command, ...args].join(" ");
}
