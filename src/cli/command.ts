// What a command of the tool is.
import type { Terminal } from "./terminal.js";

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Everything about it, for `rxrpc NAME --help`. */
  readonly usage: string;
  /**
   * Runs to its end. @returns the exit code
   * @throws UsageError for a wrong command line; anything else is a failure and becomes one line
   */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}
