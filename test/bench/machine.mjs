// What the samples were taken on, and what exactly was measured. Versions that cannot be found out are left out.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { ROOT } from "./prepare.mjs";

/**
 * @typedef {object} Machine
 * @property {string} cpu
 * @property {number} cores
 * @property {number} memoryGib
 * @property {string} system
 * @property {number} loadBefore one-minute load average before the first round
 * @property {string} node
 * @property {string} rxrpc
 * @property {string} [commit]
 * @property {string} [build] digest of the built library
 * @property {string} [native] what the library says of its addon
 * @property {string} [openafs]
 * @property {string} [grpc]
 * @property {string} [fastify]
 * @property {string} [undici]
 */

const BUILD_DIGITS = 12;

/**
 * @param {import("./programs.mjs").Paths} paths
 * @returns {Machine}
 */
export function describeMachine(paths) {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown processor",
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${arch()}`,
    loadBefore: loadavg()[0] ?? 0,
    node: process.version,
    rxrpc: readVersion(`${ROOT}package.json`),
    ...optional("commit", () => say("git", ["describe", "--always", "--dirty", "--abbrev=12"])),
    ...optional("build", () => (paths.library ? digestOf(`${ROOT}dist`) : "")),
    ...optional("native", () => paths.native),
    ...optional("openafs", () =>
      paths.peer ? say("dpkg-query", ["-W", "-f=${Version}", "libopenafs-dev"]) : "",
    ),
    ...optional("grpc", () => guestVersion(paths.grpc, "@grpc/grpc-js")),
    ...optional("fastify", () => guestVersion(paths.http, "fastify")),
    ...optional("undici", () => guestVersion(paths.http, "undici")),
  };
}

/** @param {string} folder @param {string} name */
function guestVersion(folder, name) {
  return folder === "" ? "" : readVersion(`${folder}/node_modules/${name}/package.json`);
}

/** @param {string} path */
function readVersion(path) {
  return String(JSON.parse(readFileSync(path, "utf8")).version);
}

// A dirty commit says little of what was built.
function digestOf(folder) {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".js"),
  );
  for (const name of files.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex").slice(0, BUILD_DIGITS);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function say(command, args) {
  return execFileSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

/**
 * @param {string} name
 * @param {() => string} read
 * @returns {Record<string, string>}
 */
function optional(name, read) {
  try {
    const value = read();
    return value === "" ? {} : { [name]: value };
  } catch {
    // Not a git checkout, or not a Debian system: the page does without that line.
    return {};
  }
}
