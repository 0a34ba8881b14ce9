// Builds the addon with AddressSanitizer and UBSan, and fuzzes it: `node test/native/asan.mjs [--seconds N] [--seed N]`.
// Needs Linux, gcc with libasan, and Node's headers. Exit code 1 when something was found.
import { execFileSync, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    workers: { type: "string", default: "2" },
    node: { type: "string", default: process.execPath },
  },
});

const here = fileURLToPath(new URL(".", import.meta.url));
const build = fileURLToPath(new URL("../../.ci/build-native.mjs", import.meta.url));
const file = execFileSync(process.execPath, [build, "--asan"], { encoding: "utf8" }).trim();
const library = (name) =>
  execFileSync(process.env.CC ?? "cc", [`-print-file-name=${name}`], { encoding: "utf8" }).trim();

// What Node's OpenSSL keeps for the life of the process.
const suppressions = join(dirname(file), "leaks.txt");
writeFileSync(suppressions, "leak:CRYPTO_malloc\n");

console.log(`seed ${values.seed}, ${values.seconds} s`);
const child = spawn(
  values.node,
  [
    "--expose-gc",
    `${here}fuzz.mjs`,
    file,
    "--seconds",
    values.seconds,
    "--seed",
    values.seed,
    "--workers",
    values.workers,
  ],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      LD_PRELOAD: `${library("libasan.so")} ${library("libubsan.so")}`,
      // At the end of the process everything must have been given back, by ended workers too.
      ASAN_OPTIONS: "detect_leaks=1:exitcode=86:detect_stack_use_after_return=1",
      LSAN_OPTIONS: `suppressions=${suppressions}:print_suppressions=0`,
      UBSAN_OPTIONS: "print_stacktrace=1",
    },
  },
);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => child.kill("SIGKILL"));
const code = await new Promise((resolve) =>
  child.once("exit", (status, signal) => resolve(status ?? signal)),
);
rmSync(dirname(file), { recursive: true, force: true });
console.log(code === 0 ? "nothing found" : `ended with ${code}`);
process.exitCode = code === 0 ? 0 : 1;
