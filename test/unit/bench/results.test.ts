// From samples to the report: what is paired, what is left out, what is shown.
import { describe, expect, it } from "vitest";
import { parseOptions } from "../../bench/options.mjs";
import { linearTicks, logTicks } from "../../bench/plots.mjs";
import { renderPage } from "../../bench/report-html.mjs";
import { figure, renderTables } from "../../bench/report-text.mjs";
import { evaluate } from "../../bench/results.mjs";
import { COMPARISONS, makeRows } from "../../bench/rows.mjs";

const MACHINE = {
  cpu: "Test & Sons",
  cores: 2,
  memoryGib: 4,
  system: "Linux",
  loadBefore: 0.1,
  node: "v20.19.0",
  rxrpc: "0.1.0",
};

const sample = (value: number) => ({ value, work: 100, failed: 0, clientCpuUs: 5000, p50us: 80 });

function evaluated(skipped: { name: string; why: string }[] = []) {
  const rows = makeRows(1).filter(({ group }) => group === "c-rpc-1");
  const taken = [
    { row: "c-rpc-1/rxrpc", round: 1, sample: sample(100) },
    { row: "c-rpc-1/openafs", round: 1, sample: sample(100) },
    { row: "c-rpc-1/rxrpc", round: 2, failure: "<gone>" },
    { row: "c-rpc-1/openafs", round: 2, sample: sample(1) },
    { row: "c-rpc-1/rxrpc", round: 3, sample: sample(121) },
    { row: "c-rpc-1/openafs", round: 3, sample: sample(100) },
  ];
  return evaluate({
    startedAt: "2026-01-02T03:04:05Z",
    machine: MACHINE,
    options: parseOptions([]),
    rows,
    skipped,
    taken,
  });
}

describe("evaluate()", () => {
  it("compares only rounds in which both sides have a figure", () => {
    const [comparison] = evaluated().comparisons;
    expect(comparison?.ratios).toEqual([
      { round: 1, ratio: 1 },
      { round: 3, ratio: 1.21 },
    ]);
    expect(comparison?.interval.estimate).toBeCloseTo(1.1, 12);
    expect(comparison?.verdict?.met).toBe(true);
  });

  it("summarizes a row without its failed rounds and keeps these apart", () => {
    const [row] = evaluated().rows;
    expect(row?.summary).toMatchObject({ n: 2, median: 110.5 });
    expect(row?.clientCpuUs).toBe(50);
    expect(row?.serverCpuUs).toBeNaN();
    expect(row?.failures).toEqual([{ round: 2, failure: "<gone>" }]);
  });
});

describe("reports", () => {
  it("show bars, failures and skipped rows", () => {
    const results = evaluated([{ name: "node-rpc-16/grpc", why: "npm ci failed" }]);
    const text = renderTables(results);
    expect(text).toContain("FAILED   c-rpc-1/rxrpc, round 2: <gone>");
    expect(text).toContain("skipped  node-rpc-16/grpc: npm ci failed");
    expect(text).toMatch(/C client, rpc, 1 thread, over OpenAFS C library +1\.10 .* 0\.90 +pass/);
    const page = renderPage(results);
    expect(page).toContain("1 of 1 bars met");
    expect(page).toContain("c-rpc-1/rxrpc, round 2: failed: &#60;gone&#62;");
    expect(page).not.toContain("<gone>");
    expect(page).toContain("Test &#38; Sons");
    expect(page).not.toContain("NaN");
  });

  it("are whole when nothing could be measured", () => {
    const rows = makeRows(1);
    const results = evaluate({
      startedAt: "",
      machine: MACHINE,
      options: parseOptions([]),
      rows,
      skipped: [],
      taken: [],
    });
    expect(renderTables(results)).toContain("no figure");
    expect(renderPage(results)).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe("rows", () => {
  it("have names of their own, and every comparison has both its rows", () => {
    const names = makeRows(100).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { above, below } of COMPARISONS) expect(names).toEqual(expect.arrayContaining([above, below]));
  });
});

describe("figures and axes", () => {
  it("figure() keeps three digits and sets thousands apart", () => {
    expect([1234567, 999.6, 12.345, 0.5, 0, Number.NaN].map(figure)).toEqual([
      "1 234 567",
      "1 000",
      "12.3",
      "0.50",
      "0",
      "-",
    ]);
  });

  it("linearTicks() covers the range in round steps", () => {
    expect(linearTicks(38_000)).toEqual([0, 10_000, 20_000, 30_000, 40_000]);
    expect(linearTicks(5)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("logTicks() encloses the range", () => {
    expect(logTicks(0.3, 9).map((tick) => Number(tick.toPrecision(2)))).toEqual([0.2, 0.5, 1, 2, 5, 10]);
    expect(logTicks(0.97, 1.03).map((tick) => Number(tick.toPrecision(2)))).toEqual([0.5, 1, 2]);
  });
});

describe("parseOptions()", () => {
  it("fills in defaults, smaller ones for --quick, and lets both be overruled", () => {
    expect(parseOptions([])).toMatchObject({ rounds: 7, seconds: 2, mib: 100, only: [], build: true });
    expect(parseOptions(["--quick", "--rounds", "5"])).toMatchObject({ rounds: 5, seconds: 0.4, mib: 16 });
  });

  it("takes --only more than once and as a list", () => {
    expect(parseOptions(["--only", "a,b", "--only", "c"]).only).toEqual(["a", "b", "c"]);
  });

  it("refuses what is no number in range, naming the option", () => {
    expect(() => parseOptions(["--rounds", "0"])).toThrow(
      /--rounds expects a whole number from 1 to 1000, got "0"/,
    );
    expect(() => parseOptions(["--rounds", "2.5"])).toThrow(/--rounds/);
    expect(() => parseOptions(["--seconds", "fast"])).toThrow(/--seconds expects a number/);
    expect(() => parseOptions(["--seconds", " "])).toThrow(/--seconds/);
    expect(() => parseOptions(["--round", "1"])).toThrow(/--round/);
  });
});
