// The list of commands.
import type { Command } from "./command.js";

const NAME_WIDTH = 10;

/** What `rxrpc help` prints. */
export function helpText(commands: readonly Command[]): string {
  return [
    "Usage: rxrpc COMMAND [options]",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(NAME_WIDTH)}${summary}`),
    `  ${"help".padEnd(NAME_WIDTH)}this list; rxrpc COMMAND --help tells more`,
    "",
    "  --version prints the version of this tool",
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong command line,",
    "128 + N ended at once by a second signal N.",
  ].join("\n");
}
