// `npm run mutation -- memory` measures how well the tests of a floor notice that its code is wrong, and
// `npm run mutation -- memory/arena` does so for one file. The last table has the scores; below 70 the command fails.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const VERSION = "9.6.1";
const root = fileURLToPath(new URL("..", import.meta.url));
const stryker = `${root}node_modules/@stryker-mutator/core/bin/stryker.js`;
const [floor = "", file = "*"] = (process.argv[2] ?? "").split("/");

function fail(message) {
  console.error(message);
  process.exit(1);
}

const isFloor = /^[a-z]+$/.test(floor) && existsSync(`${root}src/${floor}`);
if (!isFloor || !existsSync(`${root}test/unit/${floor}`))
  fail("usage: npm run mutation -- FLOOR[/FILE], for instance memory, core or core/rack");
if (!existsSync(stryker))
  fail(
    "Stryker is missing. It is large and rarely needed; this adds it until the next npm ci:\n" +
      `npm install --no-save @stryker-mutator/core@${VERSION} @stryker-mutator/vitest-runner@${VERSION}`,
  );

const result = spawnSync(process.execPath, [stryker, "run", ".ci/stryker.config.mjs"], {
  cwd: root,
  env: { ...process.env, MUTATION_FLOOR: floor, MUTATION_FILE: file },
  stdio: "inherit",
});
process.exit(result.status ?? 1);
