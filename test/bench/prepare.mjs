// What has to be there before the first round: the built library and its addon, C programs, what we compare with. What
// cannot be had is said in one line and its rows are skipped.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BENCH = fileURLToPath(new URL(".", import.meta.url));
export const RESULTS = `${BENCH}results`;
const TOOLS = `${RESULTS}/.tools`;
/** From npm's cache where it can be; without a network it gives up at once. */
const CI_FLAGS = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"];

/**
 * Something a row needs.
 *
 * @typedef {{ ok: true, path: string } | { ok: false, why: string }} Found
 */

/**
 * Builds dist/, or only looks whether it is there.
 *
 * @param {boolean} build
 * @returns {Found}
 */
export function findLibrary(build) {
  const path = `${ROOT}dist/index.js`;
  if (build) {
    const result = npm(["run", "--silent", "build"], ROOT);
    if (!result.ok) return { ok: false, why: `the library does not build:\n${result.why}` };
  }
  return modifiedMs(path) > 0 ? { ok: true, path } : { ok: false, why: "dist/ is not built" };
}

/**
 * Compiles the C peer (test/interop/peer) if it is not there or older than its sources.
 *
 * @returns {Found}
 */
export function findPeer() {
  const given = process.env["RXPEER"];
  if (given)
    return modifiedMs(given) > 0 ? { ok: true, path: given } : { ok: false, why: `no file ${given}` };
  const folder = `${ROOT}test/interop/peer`;
  const path = `${RESULTS}/.peer/rxpeer`;
  const sources = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  const newest = Math.max(...sources.map((name) => modifiedMs(`${folder}/${name}`)));
  if (modifiedMs(path) > newest) return { ok: true, path };
  mkdirSync(`${RESULTS}/.peer`, { recursive: true });
  const args = ["-std=gnu11", "-O2", "-D_REENTRANT", "-DAFS_PTHREAD_ENV"];
  for (const name of sources) if (name.endsWith(".c")) args.push(`${folder}/${name}`);
  const result = run("gcc", [...args, "-o", path, "-lafsrpc", "-lpthread"], ROOT);
  if (result.ok) return { ok: true, path };
  return { ok: false, why: `the C peer needs gcc and libopenafs-dev: ${firstLine(result.why)}` };
}

/**
 * Looks whether the library's addon can be loaded here: it is asked itself, in a process of its own.
 *
 * @returns {Found}
 */
export function findNative() {
  const module = JSON.stringify(new URL("workers/transport-path.mjs", import.meta.url).href);
  const script = `const { transportPath } = await import(${module}); console.log(JSON.stringify(transportPath()));`;
  const result = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, RXRPC_NATIVE: "1" },
    timeout: 30_000,
  });
  if (result.status !== 0)
    return { ok: false, why: `the library cannot be asked: ${firstLine(result.stderr)}` };
  const { path, reason } = JSON.parse(result.stdout);
  return path === "native" ? { ok: true, path: reason } : { ok: false, why: `no native path: ${reason}` };
}

/**
 * Compiles the raw echo and the pump.
 *
 * @returns {Found} their folder
 */
export function findTools() {
  for (const [name, libraries] of /** @type {const} */ ([
    ["echo", ["-lpthread"]],
    ["pump", []],
  ])) {
    const result = compileTool(name, [], libraries);
    if (!result.ok) return { ok: false, why: `the raw C programs need gcc: ${firstLine(result.why)}` };
  }
  return { ok: true, path: TOOLS };
}

/**
 * Compiles the paced client on OpenAFS's library.
 *
 * @returns {Found}
 */
export function findPaced() {
  const flags = ["-D_REENTRANT", "-DAFS_PTHREAD_ENV"];
  const result = compileTool("paced", flags, ["-lafsrpc", "-lpthread"]);
  if (result.ok) return { ok: true, path: `${TOOLS}/paced` };
  return { ok: false, why: `the paced C client needs gcc and libopenafs-dev: ${firstLine(result.why)}` };
}

/**
 * @param {string} name of a source in c/, and of the program
 * @param {readonly string[]} flags
 * @param {readonly string[]} libraries
 */
function compileTool(name, flags, libraries) {
  const source = `${BENCH}c/${name}.c`;
  const path = `${TOOLS}/${name}`;
  const newest = Math.max(modifiedMs(source), modifiedMs(`${BENCH}c/latency.h`));
  if (modifiedMs(path) > newest) return { ok: /** @type {const} */ (true) };
  mkdirSync(TOOLS, { recursive: true });
  return run("gcc", ["-O2", "-std=gnu11", ...flags, source, "-o", path, ...libraries], ROOT);
}

/**
 * Installs what we compare with, in a folder of its own, from its lockfile, if it is not there.
 *
 * @param {"grpc" | "http"} name
 * @returns {Found}
 */
export function findGuest(name) {
  const path = `${BENCH}${name}`;
  const installed = modifiedMs(`${path}/node_modules/.package-lock.json`);
  if (installed >= Math.max(modifiedMs(`${path}/package-lock.json`), 1)) return { ok: true, path };
  const result = npm(["ci", ...CI_FLAGS], path);
  return result.ok
    ? { ok: true, path }
    : { ok: false, why: `npm ci in ${name}/ failed: ${firstLine(result.why)}` };
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
function npm(args, cwd) {
  const script = process.env["npm_execpath"];
  return script ? run(process.execPath, [script, ...args], cwd) : run("npm", args, cwd);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @returns {{ ok: true } | { ok: false, why: string }}
 */
function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 180_000 });
  if (result.status === 0) return { ok: true };
  return { ok: false, why: result.error?.message ?? `${result.stdout}${result.stderr}`.trim() };
}

/** @param {string} text */
function firstLine(text) {
  const lines = text.split("\n");
  return lines.find((line) => /error/i.test(line)) ?? lines[0] ?? "";
}

/** @param {string} path */
function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
