// Makes `npm start` and `npm test` work as the only command on a fresh clone: installs the locked
// dependencies when they are missing or older than the lockfile, and does nothing otherwise.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

function modifiedMs(path) {
  return statSync(new URL(`../${path}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`rxrpc needs Node 20.19 or later; this is ${process.version}.`);
  process.exit(1);
}

// npm writes this file last, so an install that was cut short does not count as done.
if (modifiedMs("node_modules/.package-lock.json") < Math.max(modifiedMs("package-lock.json"), 1)) {
  console.log("Installing dependencies (npm ci) ...");
  // The development tools are needed to build, even where NODE_ENV is "production".
  const args = ["ci", "--include=dev"];
  const npm = process.env.npm_execpath;
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (result.error) console.error(result.error.message);
  process.exit(result.status ?? 1);
}
