// The list of threats against the tests that exist, and the table that `npm run threats` prints.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { isProven, judge, render, type TestRun, type Threat } from "./judge.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const threats = JSON.parse(readFileSync(join(HERE, "ids.json"), "utf8")) as Threat[];

const run = (title: string, status: TestRun["status"] = "passed"): TestRun => ({
  title,
  file: "a.test.ts",
  status,
});
const LIST: Threat[] = [
  { id: "A1", text: "short" },
  { id: "A10", text: "port 0" },
  { id: "E2", text: "flood", open: "not yet" },
];

describe("the list", () => {
  test("has every id of each part once, in order", () => {
    const parts = { A: 12, B: 16, C: 10, D: 20, E: 20, F: 16, G: 16, H: 6 };
    const ids = Object.entries(parts).flatMap(([part, most]) =>
      Array.from({ length: most }, (_, i) => `${part}${i + 1}`),
    );
    expect(threats.map(({ id }) => id)).toEqual(ids);
  });

  test("names no threat that has no test in the repository, unless it is open", () => {
    const root = join(HERE, "..");
    const text = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter(
        (file) => file.endsWith(".test.ts") && !file.includes("node_modules") && !file.startsWith("threats"),
      )
      .map((file) => readFileSync(join(root, file), "utf8"))
      .join("\n");
    const missing = threats.filter(({ id, open }) => open === undefined && !text.includes(`"${id}: `));
    expect(missing.map(({ id }) => id)).toEqual([]);
  });
});

describe("the table", () => {
  test("gives each id its own tests, and is proven when all have passed", () => {
    const rows = judge(LIST, [run("A1: one"), run("A1: two"), run("A10: ten"), run("without an id")]);
    expect(rows.map(({ id, tests, verdict }) => [id, tests.length, verdict])).toEqual([
      ["A1", 2, "passed"],
      ["A10", 1, "passed"],
      ["E2", 0, "open"],
    ]);
    expect(isProven(rows)).toBe(true);
    expect(render(rows).split("\n")).toEqual([
      "A1  passed  short",
      "      ok  one  a.test.ts",
      "      ok  two  a.test.ts",
      "A10 passed  port 0",
      "      ok  ten  a.test.ts",
      "E2  open    flood (not yet)",
      "",
      "2 proven by 3 tests, 0 failed, 0 without a test, 1 open",
    ]);
  });

  test.each([
    ["an id without a test", [run("A1: one")], "missing"],
    ["one whose only test was skipped", [run("A1: one"), run("A10: ten", "skipped")], "missing"],
    ["one with a test that failed", [run("A1: one"), run("A10: ten"), run("A10: more", "failed")], "failed"],
  ] as const)("is not proven with %s", (_, tests, verdict) => {
    const rows = judge(LIST, tests);
    expect(rows[1]?.verdict).toBe(verdict);
    expect(isProven(rows)).toBe(false);
  });

  test("is not proven with a test of an id that is in no list, or an open one that fails", () => {
    const all = [run("A1: one"), run("A10: ten")];
    expect(isProven(judge(LIST, [...all, run("A13: odd")]))).toBe(false);
    expect(isProven(judge(LIST, [...all, run("E2: early", "failed")]))).toBe(false);
    expect(isProven(judge(LIST, [...all, run("E2: early")]))).toBe(true);
  });
});
