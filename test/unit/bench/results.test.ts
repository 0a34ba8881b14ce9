// From samples to the report: what is paired, what is left out, what is shown.
import { cpus } from "node:os";
import { describe, expect, it } from "vitest";
import { compareResults } from "../../bench/compare.mjs";
import { COMPARISONS } from "../../bench/comparisons.mjs";
import { othersShare } from "../../bench/load.mjs";
import { parseOptions } from "../../bench/options.mjs";
import { linearTicks, logTicks } from "../../bench/plots.mjs";
import { latencyPlot } from "../../bench/plots-cost.mjs";
import { renderPage } from "../../bench/report-html.mjs";
import { figure, loadWarning, renderChanges, renderRan, renderTables } from "../../bench/report-text.mjs";
import { evaluate } from "../../bench/results.mjs";
import { isInRound } from "../../bench/rounds.mjs";
import { makeRows } from "../../bench/rows.mjs";

const MACHINE = {
  cpu: "Test & Sons",
  cores: 2,
  memoryGib: 4,
  system: "Linux",
  loadBefore: 0.1,
  node: "v20.19.0",
  rxrpc: "0.1.0",
};

const sample = (value: number, serverCpuUs?: number) => ({
  value,
  work: 100,
  failed: 0,
  clientCpuUs: 5000,
  p50us: 80,
  p99us: 200,
  ...(serverCpuUs !== undefined && { serverCpuUs }),
});

function evaluatedRows(group: string, taken: Parameters<typeof evaluate>[0]["taken"]) {
  return evaluate({
    startedAt: "2026-01-02T03:04:05Z",
    machine: MACHINE,
    options: parseOptions([]),
    rows: makeRows(1).filter((row) => row.group === group),
    skipped: [],
    taken,
  });
}

function evaluated(skipped: { name: string; why: string }[] = []) {
  const rows = makeRows(1).filter(({ group, program }) => group === "c-rpc-1" && program !== "native");
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

  it("compares the server's processor time of a call, against a ceiling", () => {
    const results = evaluatedRows("c-rpc-8", [
      { row: "c-rpc-8/rxrpc", round: 1, sample: sample(200, 1400) },
      { row: "c-rpc-8/openafs", round: 1, sample: sample(100, 2000) },
    ]);
    const cpu = results.comparisons.find(({ title }) => title.includes("server CPU"));
    expect(cpu?.interval.estimate).toBeCloseTo(0.7, 12);
    expect(cpu).toMatchObject({ bar: 0.75, isCeiling: true, verdict: { met: true } });
    expect(renderTables(results)).toMatch(
      /server CPU a call, dgram +OpenAFS C library +0\.70 +- +<= 0\.75 +pass/,
    );
  });

  it("holds a figure without a row below it against the bar itself", () => {
    const { comparisons } = evaluatedRows("memory", [
      { row: "memory/connection-and-peer", round: 1, sample: sample(1100) },
    ]);
    expect(comparisons[0]).toMatchObject({ belowLabel: "", bar: 1024, verdict: { met: false } });
    expect(comparisons[0]?.interval.estimate).toBeCloseTo(1100, 9);
  });

  it("tells how much of the machine others had", () => {
    const results = evaluatedRows("c-rpc-1", [
      { row: "c-rpc-1/rxrpc", round: 1, sample: { ...sample(1), others: 0.02 } },
      { row: "c-rpc-1/rxrpc", round: 2, sample: { ...sample(1), others: 0.04 } },
      { row: "c-rpc-1/rxrpc", round: 3, sample: sample(1) },
    ]);
    expect(results.others.median).toBeCloseTo(0.03, 12);
    expect(loadWarning(results.others)).toBe("");
    expect(loadWarning({ median: 0.05, worst: 0.3 })).toMatch(/^Others had 5 % .* 30 %/);
    expect(loadWarning({ median: Number.NaN, worst: Number.NaN })).toBe("");
  });
});

describe("othersShare()", () => {
  it("is what was busy and not used, of all processors", () => {
    const cores = cpus().length;
    const before = { busyUs: 1_000_000, atMs: 0 };
    const after = { busyUs: 1_000_000 + cores * 500_000, atMs: 1_000 };
    expect(othersShare(before, after, cores * 300_000)).toBeCloseTo(0.2, 12);
    // Ticks are coarse: more may seem used than was busy.
    expect(othersShare(before, after, cores * 600_000)).toBe(0);
    expect(othersShare(before, after, undefined)).toBeUndefined();
    expect(othersShare(undefined, after, 0)).toBeUndefined();
  });
});

describe("reports", () => {
  it("show bars, failures and skipped rows", () => {
    const results = evaluated([{ name: "node-rpc-16/grpc", why: "npm ci failed" }]);
    const text = renderTables(results);
    expect(text).toContain("FAILED   c-rpc-1/rxrpc, round 2: <gone>");
    expect(text).toContain("skipped  node-rpc-16/grpc: npm ci failed");
    expect(text).toMatch(/C client, rpc, 1 thread, dgram +OpenAFS C library +1\.10 .* >= 0\.95 +pass/);
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

  it("list every process that ran, and the versions", () => {
    const ran = [
      { role: "server", name: "rxrpc", command: "RXRPC_NATIVE=0 node <server>", path: "dgram", times: 2 },
    ];
    const results = { ...evaluated(), ran };
    expect(renderRan(results)).toMatch(/node +v20\.19\.0[^]*server +2 x {2}RXRPC_NATIVE=0 node <server>/);
    expect(renderPage(results)).toContain("RXRPC_NATIVE=0 node &#60;server&#62;");
  });

  it("draw one latency, and equal ones", () => {
    const { rows } = evaluatedRows("half-load", [
      { row: "half-load/rxrpc", round: 1, sample: { ...sample(200), p50us: 200, p99us: 200 } },
    ]);
    expect(latencyPlot(rows.filter(({ p99us }) => p99us > 0))).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe("compareResults()", () => {
  const run = (values: number[], serverCpuUs: number) =>
    evaluatedRows(
      "c-rpc-1",
      values.map((value, i) => ({ row: "c-rpc-1/rxrpc", round: i + 1, sample: sample(value, serverCpuUs) })),
    );
  const verdictOf = (before: number[], after: number[]) =>
    compareResults(run(before, 1000), run(after, 500), "old.json").rows[0]?.verdict;

  it("tells a change beyond the spread from one within it", () => {
    expect(verdictOf([100, 101, 102], [110, 111, 112])).toBe("better");
    expect(verdictOf([110, 111, 112], [100, 101, 102])).toBe("worse");
    expect(verdictOf([100, 110, 120], [105, 115, 125])).toBe("within the spread");
    expect(verdictOf([100, 100], [200, 200])).toBe("too few rounds");
  });

  it("knows that less is better where it is", () => {
    const bytes = (value: number) =>
      evaluatedRows(
        "memory",
        [1, 2, 3].map((round) => ({ row: "memory/peer", round, sample: sample(value) })),
      );
    expect(compareResults(bytes(900), bytes(800), "").rows[0]?.verdict).toBe("better");
  });

  it("gives both figures, the ratios of processor time, and what differs between the runs", () => {
    const before = { ...run([100, 100, 100], 1000), machine: { ...MACHINE, node: "v18.0.0" } };
    // As it comes back from a file.
    const changes = compareResults(JSON.parse(JSON.stringify(before)), run([150, 150, 150], 500), "old.json");
    expect(changes.rows).toEqual([
      expect.objectContaining({
        name: "c-rpc-1/rxrpc",
        before: 100,
        after: 150,
        ratio: 1.5,
        serverCpuRatio: 0.5,
      }),
    ]);
    expect(changes.differences).toEqual(["node: v18.0.0 then, v20.19.0 now"]);
    expect(renderChanges(changes)).toMatch(/c-rpc-1\/rxrpc +100 +150 +calls\/s +1\.50 +1\.00 +0\.50 +better/);
    expect(renderPage(run([150], 500), changes)).toContain("Against an older run");
  });

  it("names the rows that only one run has", () => {
    const only = evaluatedRows("busy", [{ row: "busy/dgram", round: 1, sample: sample(1) }]);
    const changes = compareResults(only, run([1], 1), "");
    expect(changes).toMatchObject({ rows: [], gone: ["busy/dgram"], fresh: ["c-rpc-1/rxrpc"] });
    const asked = run([1], 1);
    const options = { ...asked.options, only: ["c-rpc"] };
    expect(compareResults(only, { ...asked, options }, "").gone).toEqual([]);
  });
});

describe("rows", () => {
  it("have names of their own, and every comparison has both its rows", () => {
    const names = makeRows(100).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { above, below } of COMPARISONS) {
      expect(names).toContain(above);
      if (below !== undefined) expect(names).toContain(below);
    }
  });

  it("that are compared run next to each other, in the same rounds", () => {
    const rows = new Map(makeRows(100).map((row) => [row.name, row]));
    for (const { above, below = above, bar } of COMPARISONS) {
      const [one, other] = [rows.get(above), rows.get(below)];
      expect(one?.family).toBe(other?.family);
      for (let round = 1; round < 8; round++) {
        const isIn = (row: typeof one) => row !== undefined && isInRound(row, round, { only: [] });
        if (bar !== undefined) expect([below, round, isIn(other)]).toEqual([below, round, isIn(one)]);
      }
    }
  });

  it("that a bar holds run in every round, others in every third one, all when asked for by name", () => {
    const roundsOf = (name: string, only: string[]) => {
      const row = makeRows(100).find((one) => one.name === name);
      return [0, 1, 2, 3, 4].filter((round) => row !== undefined && isInRound(row, round, { only }));
    };
    expect(roundsOf("c-rpc-8/rxrpc", [])).toEqual([0, 1, 2, 3, 4]);
    expect(roundsOf("node-rpc-16/http", [])).toEqual([0, 1, 4]);
    expect(roundsOf("node-rpc-16/http", ["http"])).toEqual([0, 1, 2, 3, 4]);
    expect(roundsOf("memory/call", ["memory"])).toEqual([1, 4]);
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
    expect(parseOptions([])).toMatchObject({ rounds: 7, seconds: 0.9, mib: 100, only: [], build: true });
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
