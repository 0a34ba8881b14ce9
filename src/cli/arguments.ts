// Command lines to values. What is wrong is a UsageError with one line that names it.
import { isIPv6 } from "node:net";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { RXPERF_PORT } from "../rxperf/protocol.js";

/** The user's own mistake: one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export type OptionKinds = Readonly<Record<string, "string" | "boolean">>;

/** A host and a port to talk to. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;
const SUFFIXES: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A command line that has been taken apart. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  /**
   * @param positionalsMax more words than that are refused
   * @throws UsageError for an unknown option, a missing value or a word too many
   */
  constructor(args: readonly string[], kinds: OptionKinds, positionalsMax: number) {
    const options: NonNullable<ParseArgsConfig["options"]> = {};
    for (const [name, type] of Object.entries(kinds)) options[name] = { type };
    try {
      const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
      this.#values = values;
      this.positionals = positionals;
    } catch (cause) {
      throw new UsageError(firstSentence(cause));
    }
    const extra = this.positionals[positionalsMax];
    if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`);
  }

  /** Whether the option was given at all. */
  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === "") throw new UsageError(`--${name} needs a value`);
    return typeof value === "string" ? value : undefined;
  }

  /** @throws UsageError unless the value is an integer in [min, max], or one with k, M or G for powers of 1 024 */
  integer(name: string, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const parts = /^(\d{1,16})([kmg]?)$/i.exec(text);
    const value =
      parts === null ? Number.NaN : Number(parts[1]) * (SUFFIXES[(parts[2] ?? "").toLowerCase()] ?? 1);
    if (!(value >= min && value <= max)) {
      throw new UsageError(
        `--${name}: expected an integer from ${min} to ${max}, got ${JSON.stringify(text)}`,
      );
    }
    return value;
  }

  /** A time in seconds, fractions allowed. @throws UsageError unless it is above 0 and at most `max` */
  seconds(name: string, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value > 0 && value <= max)) {
      throw new UsageError(
        `--${name}: expected seconds above 0 and up to ${max}, got ${JSON.stringify(text)}`,
      );
    }
    return value;
  }

  /** The target at `index` of the words. @throws UsageError when it is absent without a fallback, or none */
  target(index: number, fallback?: string): Target {
    const text = this.positionals[index] ?? fallback;
    if (text === undefined) throw new UsageError("HOST:PORT is missing");
    return parseTarget(text);
  }
}

/**
 * Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address. Without a port it is rxperf's, 7009.
 * @throws UsageError
 */
export function parseTarget(text: string): Target {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = /^([^:[\]]+)(?::(\d+))?$/.exec(text);
  const bare = isIPv6(text) ? text : undefined;
  const host = bracketed?.[1] ?? plain?.[1] ?? bare;
  const port = Number(bracketed?.[2] ?? plain?.[2] ?? RXPERF_PORT);
  if (host === undefined || !(port >= 1 && port <= PORT_MAX)) {
    throw new UsageError(`expected HOST:PORT with a port from 1 to ${PORT_MAX}, got ${JSON.stringify(text)}`);
  }
  return { host, port };
}

/** `HOST:PORT`, for people. */
export function formatTarget({ host, port }: Target): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Text for one line of a terminal: control characters, also those of other scripts' directions, as `\xNN`. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`,
  );
}

// Node's messages go on with advice over several lines.
function firstSentence(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return (text.split(/\. |\n/)[0] ?? text).replace(/\.$/, "");
}
