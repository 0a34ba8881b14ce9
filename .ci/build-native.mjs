// Builds the native addon with the system's C compiler: `npm run build:native`. Needs Linux, a compiler, and the headers
// that come with Node. `--asan` builds into a temporary folder with AddressSanitizer and prints the path of the file.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = join(root, "src/transport/native");
const names = readdirSync(sources)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();
const isAsan = process.argv.includes("--asan");

if (process.platform !== "linux") {
  console.error(
    `The native addon is for Linux; this is ${process.platform}. Without it the library uses node:dgram.`,
  );
  process.exit(1);
}

const headers = [
  process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, "include/node"),
  join(dirname(process.execPath), "../include/node"),
  "/usr/include/node",
  "/usr/local/include/node",
].find((folder) => folder && existsSync(join(folder, "node_api.h")) && existsSync(join(folder, "uv.h")));
if (headers === undefined) {
  console.error("Node's headers (node_api.h, uv.h) were not found; set npm_config_nodedir to Node's folder.");
  process.exit(1);
}

const folder = isAsan
  ? mkdtempSync(join(tmpdir(), "rxrpc-native-"))
  : join(root, "prebuilds", `${process.platform}-${process.arch}`);
mkdirSync(folder, { recursive: true });
const target = join(folder, "rxrpc-udp.node");
const hash = createHash("sha256");
for (const name of names) hash.update(readFileSync(join(sources, name)));

// The hash of the sources goes into the file, so that a test can tell one that was left behind.
const flags = [
  ...["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"],
  ...["-isystem", headers, `-DSOURCE_HASH="${hash.digest("hex")}"`],
  ...(isAsan
    ? [
        "-O1",
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
        "-fno-omit-frame-pointer",
      ]
    : ["-O2", "-s", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now"]),
];
const units = names.filter((name) => name.endsWith(".c")).map((name) => join(sources, name));
const { status, error } = spawnSync(process.env.CC ?? "cc", [...flags, "-o", target, ...units], {
  stdio: "inherit",
});
if (error !== undefined) console.error(`no C compiler: ${error.message}`);
if (status !== 0) process.exit(1);
console.log(target);
