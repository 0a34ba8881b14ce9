// What has to be there before the first round: the built library, the C peer, grpc-js. What cannot be
// had is said in one line and its rows are skipped.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BENCH = fileURLToPath(new URL(".", import.meta.url));
export const RESULTS = `${BENCH}results`;

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
 * Installs grpc-js in its own folder if it is not there.
 *
 * @returns {Found}
 */
export function findGrpc() {
  const path = `${BENCH}grpc`;
  const installed = modifiedMs(`${path}/node_modules/.package-lock.json`);
  if (installed >= Math.max(modifiedMs(`${path}/package-lock.json`), 1)) return { ok: true, path };
  const result = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], path);
  return result.ok ? { ok: true, path } : { ok: false, why: `npm ci failed: ${firstLine(result.why)}` };
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
