// Every case of every script in scripts/ is a test; script.test.ts tests the language itself.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { play } from "./player.js";
import { parseScript } from "./script.js";

const folder = new URL("scripts/", import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".wire"))
  .sort();
const scripts = files.map((file) => parseScript(file, readFileSync(new URL(file, folder), "utf8")));

for (const { file, cases } of scripts) {
  describe(file, () => {
    for (const one of cases) test(one.title, () => play(file, one));
  });
}

test("there are at least sixty exchanges", () => {
  expect(scripts.reduce((sum, { cases }) => sum + cases.length, 0)).toBeGreaterThanOrEqual(60);
});
