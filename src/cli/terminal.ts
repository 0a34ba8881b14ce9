// Where a command prints, and how it learns that it should stop. The process's own, or a test's.

export interface Terminal {
  /** A line of the result, on standard output. */
  out(line: string): void;
  /** A line about the result, on standard error. */
  err(line: string): void;
  /** How far a run has come, on standard error; the next one takes its place where that can be. */
  progress(line: string): void;
  /** Calls `handler` when the user asks for an end (SIGINT, SIGTERM). @returns stops listening */
  onStop(handler: () => void): () => void;
}

/** Exit codes of every command. A second signal ends the process at once with 128 and its number. */
export const ExitCode = { Done: 0, Failed: 1, Usage: 2 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;
const SIGNAL_EXIT = 128;
const CLEAR_LINE = "\r\x1b[2K";

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  let hasProgress = false;
  const clear = (): void => {
    if (hasProgress) stderr.write(CLEAR_LINE);
    hasProgress = false;
  };
  // A reader that has gone away (`rxrpc debug ... | head`) is no reason for a stack trace.
  for (const stream of [stdout, stderr]) stream.on("error", endQuietly);
  return {
    out(line) {
      clear();
      stdout.write(`${line}\n`);
    },
    err(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!stderr.isTTY) {
        stderr.write(`${line}\n`);
        return;
      }
      clear();
      stderr.write(line);
      hasProgress = true;
    },
    onStop(handler) {
      let hasStopped = false;
      const onSignal = (signal: keyof typeof SIGNALS): void => {
        if (hasStopped) process.exit(SIGNAL_EXIT + SIGNALS[signal]);
        hasStopped = true;
        handler();
      };
      for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
      return () => {
        for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
      };
    },
  };
}

function endQuietly(): void {
  process.exit(ExitCode.Failed);
}
