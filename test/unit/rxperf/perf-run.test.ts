// A run of many calls against targets that do as the test says.
import { describe, expect, test } from "vitest";
import { RxError, RxOptionError } from "../../../src/index.js";
import type { RxperfTarget } from "../../../src/rxperf/client.js";
import { LatencyHistogram } from "../../../src/rxperf/latency-histogram.js";
import { type PerfOptions, PerfRun } from "../../../src/rxperf/perf-run.js";

const RPC = { operation: "rpc", sendBytes: 4, recvBytes: 6 } as const;

/** Answers each call as rxperf does, `step` after the one before, by a clock of its own. */
class Target implements RxperfTarget {
  nowMs = 1_000;
  underWay = 0;
  underWayMax = 0;
  readonly requests: Uint8Array[] = [];
  readonly #answer: (index: number) => Uint8Array | Error;

  constructor(answer: (index: number) => Uint8Array | Error = () => reply(6)) {
    this.#answer = answer;
  }

  async call(request: Uint8Array): Promise<Uint8Array> {
    const index = this.requests.push(request) - 1;
    this.underWay++;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    await Promise.resolve();
    this.nowMs += 2;
    this.underWay--;
    const answer = this.#answer(index);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  open(): never {
    throw new Error("no streams here");
  }
}

function reply(dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(dataBytes + 4);
  bytes.set([0, 0, 0x47, 0x11], dataBytes);
  return bytes;
}

const perfRun = (target: Target, options: Partial<PerfOptions>): PerfRun =>
  new PerfRun(target, { ...RPC, nowMs: () => target.nowMs, ...options });

describe("PerfRun", () => {
  test("makes exactly the calls it is told, so many at a time", async () => {
    const target = new Target();
    const report = await perfRun(target, { calls: 100, outstanding: 7 }).run();
    expect(target.requests).toHaveLength(100);
    expect(target.underWayMax).toBe(7);
    expect(report).toMatchObject({ calls: 100, failed: 0, bytes: 1_000, failures: {}, isGivenUp: false });
    expect(report.seconds).toBeCloseTo(0.2);
    expect(report.callsPerSecond).toBeCloseTo(500);
    expect(report.mbitPerSecond).toBeCloseTo(0.04);
  });

  test("begins no call after its time", async () => {
    const target = new Target();
    const report = await perfRun(target, { durationMs: 50 }).run();
    expect(report.calls).toBe(25);
    expect(report.latencyUs).toEqual({ p50: 2_000, p90: 2_000, p99: 2_000, max: 2_000, mean: 2_000 });
  });

  test("counts failures by kind, short replies among them, and goes on", async () => {
    const aborted = new RxError("RX_ERR_CALL_ABORTED", "no", { abortCode: -453 });
    const answers = [reply(6), aborted, reply(5), new TypeError("odd"), aborted, reply(6)];
    const report = await perfRun(new Target((i) => answers[i] as Uint8Array), { calls: 6 }).run();
    expect(report).toMatchObject({ calls: 2, failed: 4, bytes: 20 });
    expect(report.failures).toEqual({
      "RX_ERR_CALL_ABORTED -453 RXGEN_SS_UNMARSHAL": 2,
      RX_ERR_END_OF_DATA: 1,
      TypeError: 1,
    });
  });

  test("gives up after 1 000 failures in a row, and keeps 33 kinds of them at most", async () => {
    const kinds = new Target((i) => new RxError("RX_ERR_CALL_ABORTED", "no", { abortCode: 100_000 + i }));
    const report = await perfRun(kinds, {}).run();
    expect(report).toMatchObject({ calls: 0, failed: 1_000, isGivenUp: true });
    expect(Object.keys(report.failures)).toHaveLength(33);
    expect(report.failures["others"]).toBe(968);
  });

  test("a stop ends it, and what fails from then on is not counted", async () => {
    const target = new Target((i) => {
      if (i < 9) return reply(6);
      run.stop();
      return new RxError("RX_ERR_SOCKET_CLOSED", "closed");
    });
    const run = perfRun(target, {});
    expect(await run.run()).toMatchObject({ calls: 9, failed: 0 });
  });

  test.each([
    [{ operation: "file" as "rpc" }, "operation"],
    [{ operation: "send", recvBytes: 1 } as const, "recvBytes"],
    [{ operation: "recv", sendBytes: 1, recvBytes: 1 } as const, "sendBytes"],
    [{ calls: 0 }, "calls"],
    [{ outstanding: 0 }, "outstanding"],
    [{ outstanding: 1_025 }, "outstanding"],
    [{ durationMs: 0 }, "durationMs"],
    [{ sendBytes: 2 ** 32 }, "sendBytes"],
  ])("refuses %j", (options, name) => {
    const attempt = () => perfRun(new Target(), options);
    expect(attempt).toThrow(RxOptionError);
    expect(attempt).toThrow(name);
  });
});

describe("LatencyHistogram", () => {
  test("is exact below 64 and for the largest value", () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 50; us++) histogram.add(us);
    expect([0.02, 0.5, 0.9, 1].map((q) => histogram.quantileUs(q))).toEqual([1, 25, 45, 50]);
    expect([histogram.count, histogram.meanUs, histogram.maxUs]).toEqual([50, 25.5, 50]);
  });

  test("is never below and at most 1.6 % above, whatever the value", () => {
    for (let value = 1; value < 2 ** 31; value = Math.ceil(value * 1.13)) {
      const histogram = new LatencyHistogram();
      histogram.add(value);
      histogram.add(2 ** 31 - 1);
      const shown = histogram.quantileUs(0.5);
      expect(shown).toBeGreaterThanOrEqual(value);
      expect(shown).toBeLessThanOrEqual(value * (1 + 1 / 64));
    }
  });

  test("takes what is out of its range as the nearest that is in it", () => {
    const histogram = new LatencyHistogram();
    expect(histogram.quantileUs(0.5)).toBe(0);
    expect(histogram.meanUs).toBe(0);
    histogram.add(-5);
    histogram.add(1e12);
    expect([histogram.quantileUs(0.5), histogram.quantileUs(1)]).toEqual([0, 2 ** 31 - 1]);
  });
});
