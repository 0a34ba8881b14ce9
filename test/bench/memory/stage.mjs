// What rows run on: child processes that end with their row, temporary folders, a small disk, and a watch over a folder.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RESULTS, ROOT } from "../prepare.mjs";
import { Child, stopAll } from "../processes.mjs";

const WORKERS = fileURLToPath(new URL("workers/", import.meta.url));
const START_MS = 20_000;
const LIST_EVERY_MS = 5;

/** Folders and mounts that are there now: whatever ends the benchmark takes them away. */
const folders = new Set();
const mounts = new Set();
process.on("exit", removeAll);

function removeAll() {
  for (const path of mounts) spawnSync("umount", ["-l", path]);
  mounts.clear();
  for (const path of folders) rmSync(path, { recursive: true, force: true });
  folders.clear();
}

export class Stage {
  /**
   * @param {boolean} quick
   * @param {(text: string) => void} say
   */
  constructor(quick, say) {
    this.quick = quick;
    this.say = say;
  }

  /**
   * Starts a server process, whose memory can be measured, and waits for its port.
   *
   * @param {string} worker file name in workers/
   * @param {object} settings its first command
   * @returns {Promise<{ child: Child, port: number, serviceId?: number }>}
   */
  async server(worker, settings) {
    const child = new Child(worker, process.execPath, ["--expose-gc", `${WORKERS}${worker}`]);
    const { port, serviceId } = await child.ask({ op: "start", ...settings }, START_MS);
    return { child, port, serviceId };
  }

  /**
   * @param {string} worker path relative to workers/
   * @param {readonly (string | number)[]} [args]
   */
  process(worker, args = []) {
    return new Child(worker, process.execPath, [`${WORKERS}${worker}`, ...args.map(String)]);
  }

  folder() {
    const path = mkdtempSync(join(tmpdir(), "rxrpc-bench-"));
    folders.add(path);
    return path;
  }

  /**
   * A folder on a disk of its own.
   *
   * @param {number} mib
   * @returns {string | null} null where this user may not mount one
   */
  smallDisk(mib) {
    const path = this.folder();
    if (process.platform !== "linux") return null;
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m,mode=0700`, "tmpfs", path]);
    if (status !== 0) return null;
    mounts.add(path);
    return path;
  }

  /** Ends every process, folder and mount of a row. */
  async clear() {
    await stopAll();
    removeAll();
  }
}

/** Lists a folder all the time, and counts how often something was in it. */
export class FolderWatch {
  listings = 0;
  /** @type {Set<string>} */
  seen = new Set();
  #timer;

  /** @param {string} path */
  constructor(path) {
    this.#timer = setInterval(() => {
      this.listings++;
      for (const name of readdirSync(path)) this.seen.add(name);
    }, LIST_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/**
 * Makes plain JavaScript of an example: plain node cannot run its types, and within this package it finds "rxrpc" in dist/.
 *
 * @param {string} name without its ending
 * @returns {Promise<string>} path of a module
 */
export async function compileExample(name) {
  const { default: ts } = await import("typescript");
  const text = readFileSync(`${ROOT}examples/${name}.ts`, "utf8");
  const { ESNext } = ts.ModuleKind;
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
  });
  const folder = `${RESULTS}/.examples`;
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${name}.mjs`;
  writeFileSync(path, outputText);
  return path;
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
