// Many rxperf calls, so many at a time, and what came of them. Light per call: it is what measures.
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { abortCodeName } from "../wire/abort.js";
import { RxperfRpc, type RxperfTarget, rxperfRecv, rxperfSend } from "./client.js";
import { LatencyHistogram } from "./latency-histogram.js";

export interface PerfOptions {
  readonly operation: "rpc" | "send" | "recv";
  /** Payload of a request in bytes; 0 for recv. */
  readonly sendBytes: number;
  /** Payload of a reply in bytes; 0 for send. */
  readonly recvBytes: number;
  /** Ends after so many calls. Default no limit. */
  readonly calls?: number;
  /** Begins no call after so many milliseconds; those under way end. Default no limit. */
  readonly durationMs?: number;
  /** Calls under way at any time. Default 1. */
  readonly outstanding?: number;
  /** Ends each request with the cookie, as Linux since v6.14 demands. Default false. */
  readonly cookie?: boolean;
  /** Monotonic milliseconds. Default performance.now(). */
  readonly nowMs?: () => number;
}

export interface PerfReport {
  readonly calls: number;
  readonly failed: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  /** Payload of both directions, as rxperf counts it. */
  readonly mbitPerSecond: number;
  readonly bytes: number;
  /** Of the calls that succeeded. */
  readonly latencyUs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
    readonly mean: number;
  };
  /** How many calls failed in which way. */
  readonly failures: Readonly<Record<string, number>>;
  /** So many failures came in a row that the run was given up. */
  readonly isGivenUp: boolean;
}

const OPTION_NAMES = [
  "operation", "sendBytes", "recvBytes", "calls", "durationMs", "outstanding", "cookie", "nowMs",
] as const satisfies readonly (keyof PerfOptions)[]; // biome-ignore format: a list of names

const BYTES_MAX = 0xffff_ffff;
const OUTSTANDING_MAX = 1_024;
/** A server that is not there fails calls as fast as they begin. */
const FAILURES_IN_A_ROW_MAX = 1_000;
const KINDS_MAX = 32;
const UNARY_REPLY_MAX = 16 * 1024 * 1024;
const COOKIE_BYTES = 4;

/** One run, to be used once. */
export class PerfRun {
  readonly #target: RxperfTarget;
  readonly #options: PerfOptions;
  readonly #nowMs: () => number;
  readonly #calls: number;
  readonly #durationMs: number;
  readonly #outstanding: number;
  readonly #rpc: RxperfRpc | null;
  readonly #latency = new LatencyHistogram();
  readonly #failures = new Map<string, number>();
  #begun = 0;
  #failed = 0;
  #failedInRow = 0;
  #bytes = 0;
  #beginMs = 0;
  #endMs = -1;
  #isStopped = false;
  #isGivenUp = false;

  /** @throws RxOptionError naming the option that is wrong */
  constructor(target: RxperfTarget, options: PerfOptions) {
    knownOptions("options", options, OPTION_NAMES);
    const { operation } = options;
    if (operation !== "rpc" && operation !== "send" && operation !== "recv") {
      throw new RxOptionError("operation", "rpc, send or recv", operation);
    }
    integerOption("sendBytes", options.sendBytes, 0, 0, operation === "recv" ? 0 : BYTES_MAX);
    integerOption("recvBytes", options.recvBytes, 0, 0, operation === "send" ? 0 : BYTES_MAX);
    this.#target = target;
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#calls = integerOption("calls", options.calls, Number.MAX_SAFE_INTEGER, 1);
    this.#durationMs = integerOption("durationMs", options.durationMs, Number.MAX_SAFE_INTEGER, 1);
    this.#outstanding = integerOption("outstanding", options.outstanding, 1, 1, OUTSTANDING_MAX);
    this.#rpc =
      operation === "rpc"
        ? new RxperfRpc(options.sendBytes, options.recvBytes, options.cookie ?? false)
        : null;
  }

  /** Makes the calls. Failed ones are counted, not thrown. */
  async run(): Promise<PerfReport> {
    this.#beginMs = this.#nowMs();
    await Promise.all(Array.from({ length: Math.min(this.#outstanding, this.#calls) }, () => this.#loop()));
    this.#endMs = this.#nowMs();
    return this.report();
  }

  /** Begins no more calls; failures from here on are the doing of whoever stops, and are not counted. */
  stop(): void {
    this.#isStopped = true;
  }

  /** What has been done so far; bytes of streams under way are counted as they move. */
  report(): PerfReport {
    const latency = this.#latency;
    const seconds = Math.max(((this.#endMs < 0 ? this.#nowMs() : this.#endMs) - this.#beginMs) / 1_000, 1e-6);
    return {
      calls: latency.count,
      failed: this.#failed,
      seconds,
      callsPerSecond: latency.count / seconds,
      mbitPerSecond: (this.#bytes * 8) / seconds / 1e6,
      bytes: this.#bytes,
      latencyUs: {
        p50: latency.quantileUs(0.5),
        p90: latency.quantileUs(0.9),
        p99: latency.quantileUs(0.99),
        max: latency.maxUs,
        mean: latency.meanUs,
      },
      failures: Object.fromEntries(this.#failures),
      isGivenUp: this.#isGivenUp,
    };
  }

  async #loop(): Promise<void> {
    while (this.#mayBegin()) {
      const beginMs = this.#nowMs();
      try {
        await this.#call();
        this.#latency.add((this.#nowMs() - beginMs) * 1_000);
        this.#failedInRow = 0;
      } catch (cause) {
        if (!this.#isStopped) this.#countFailure(cause);
      }
    }
  }

  #mayBegin(): boolean {
    if (this.#isStopped || this.#isGivenUp || this.#begun >= this.#calls) return false;
    // A run without an end by the clock asks no clock.
    if (this.#durationMs !== Number.MAX_SAFE_INTEGER && this.#nowMs() - this.#beginMs >= this.#durationMs)
      return false;
    this.#begun++;
    return true;
  }

  #call(): Promise<void> {
    return this.#rpc === null ? this.#stream() : this.#small(this.#rpc);
  }

  async #small(rpc: RxperfRpc): Promise<void> {
    const { sendBytes, recvBytes } = this.#options;
    // The defaults suit all but replies that are longer than they allow.
    if (recvBytes + COOKIE_BYTES <= UNARY_REPLY_MAX) await rpc.call(this.#target);
    else await rpc.call(this.#target, { deadlineMs: 0, maxReplyBytes: recvBytes + COOKIE_BYTES });
    this.#bytes += sendBytes + recvBytes;
  }

  // Streams have no deadline: as long as bytes move, the length of the call is the user's choice.
  #stream(): Promise<void> {
    const { operation, sendBytes, recvBytes, cookie } = this.#options;
    let moved = 0;
    const onProgress = (bytes: number): void => {
      this.#bytes += bytes - moved;
      moved = bytes;
    };
    const options = { deadlineMs: 0, ...(cookie === undefined ? {} : { cookie }) };
    return operation === "send"
      ? rxperfSend(this.#target, sendBytes, options, onProgress)
      : rxperfRecv(this.#target, recvBytes, options, onProgress);
  }

  #countFailure(cause: unknown): void {
    this.#failed++;
    if (++this.#failedInRow >= FAILURES_IN_A_ROW_MAX) this.#isGivenUp = true;
    const kind = failureKind(cause);
    const key = this.#failures.has(kind) || this.#failures.size < KINDS_MAX ? kind : "others";
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1);
  }
}

/** The name under which failures of one kind are counted. */
function failureKind(cause: unknown): string {
  if (!(cause instanceof RxError)) return cause instanceof Error ? cause.name : "unknown";
  const { code, abortCode } = cause;
  if (abortCode === undefined) return code;
  const name = abortCodeName(abortCode);
  return name === String(abortCode) ? `${code} ${abortCode}` : `${code} ${abortCode} ${name}`;
}
