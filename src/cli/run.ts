// Finds the command, runs it, and makes one line and an exit code of whatever goes wrong.
import { readFile } from "node:fs/promises";
import { RxOptionError } from "../util/errors.js";
import { printable, UsageError } from "./arguments.js";
import type { Command } from "./command.js";
import { debug } from "./debug.js";
import { helpText } from "./help.js";
import { perf } from "./perf.js";
import { serve, serveHint } from "./serve.js";
import { ExitCode, type Terminal } from "./terminal.js";
import { version } from "./version.js";

const COMMANDS: readonly Command[] = [serve, perf, version, debug];

/** Runs the tool with the words after its name. Does not throw. @returns the exit code */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal);
  } catch (cause) {
    const isUsage = cause instanceof UsageError || cause instanceof RxOptionError;
    const text = cause instanceof Error ? cause.message : String(cause);
    const advice = isUsage ? `; see rxrpc ${helpWords(args)}` : serveHint(cause);
    terminal.err(printable(`rxrpc: ${text}${advice}`));
    return isUsage ? ExitCode.Usage : ExitCode.Failed;
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  switch (name) {
    case undefined:
      terminal.err(helpText(COMMANDS));
      return ExitCode.Usage;
    case "--version":
      terminal.out(`rxrpc ${await ownVersion()}`);
      return ExitCode.Done;
    case "help":
    case "--help":
    case "-h":
      terminal.out(rest[0] === undefined ? helpText(COMMANDS) : find(rest[0]).usage);
      return ExitCode.Done;
    default: {
      const command = find(name);
      if (rest.includes("--help") || rest.includes("-h")) {
        terminal.out(command.usage);
        return ExitCode.Done;
      }
      return command.run(rest, terminal);
    }
  }
}

function find(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found === undefined) throw new UsageError(`unknown command ${JSON.stringify(name)}`);
  return found;
}

function helpWords(args: readonly string[]): string {
  const known = COMMANDS.some(({ name }) => name === args[0]);
  return known ? `${args[0]} --help` : "help";
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
  return "unknown";
}
