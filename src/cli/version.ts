// `rxrpc version`: what a server says that it runs.
import { DebugClient } from "../node/debug-client.js";
import { Arguments, formatTarget } from "./arguments.js";
import type { Command } from "./command.js";
import { ExitCode } from "./terminal.js";

const TIMEOUT_S = 10;
const TIMEOUT_MAX_S = 600;

const USAGE = `Usage: rxrpc version HOST:PORT [options]

Asks any Rx server for its version: OpenAFS, Linux, ours. The answer is shown with
everything but printable ASCII as \\xNN.

  --timeout S        give up after so long without an answer; default ${TIMEOUT_S}
  --json             print one JSON object`;

export const version: Command = {
  name: "version",
  summary: "ask a server for its version",
  usage: USAGE,
  async run(args, terminal) {
    const line = new Arguments(args, { timeout: "string", json: "boolean" }, 1);
    const target = line.target(0);
    const timeoutMs = Math.ceil((line.seconds("timeout", TIMEOUT_MAX_S) ?? TIMEOUT_S) * 1_000);
    await using client = await DebugClient.open({ ...target, timeoutMs });
    const text = await client.version();
    terminal.out(line.flag("json") ? JSON.stringify({ target: formatTarget(target), version: text }) : text);
    return ExitCode.Done;
  },
};
