// A terminal that remembers, and a way to run the tool without a process.
import { run } from "../../../src/cli/run.js";
import type { Terminal } from "../../../src/cli/terminal.js";
import { eventually } from "../../eventually.js";

export class FakeTerminal implements Terminal {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly progressLines: string[] = [];
  /** Handlers that wait for a signal. */
  readonly handlers = new Set<() => void>();

  out(line: string): void {
    this.lines.push(...line.split("\n"));
  }

  err(line: string): void {
    this.errors.push(line);
  }

  progress(line: string): void {
    this.progressLines.push(line);
  }

  onStop(handler: () => void): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  /** What SIGINT does. */
  stop(): void {
    for (const handler of [...this.handlers]) handler();
  }

  get text(): string {
    return this.lines.join("\n");
  }
}

export interface ToolResult {
  readonly code: number;
  readonly terminal: FakeTerminal;
}

export async function runTool(...args: string[]): Promise<ToolResult> {
  const terminal = new FakeTerminal();
  return { code: await run(args, terminal), terminal };
}

export interface RunningServe {
  readonly port: number;
  readonly terminal: FakeTerminal;
  /** Stops it as SIGINT does. @returns the exit code */
  stop(): Promise<number>;
}

/** `rxrpc serve --port 0` and more options. */
export async function startServe(...options: string[]): Promise<RunningServe> {
  const terminal = new FakeTerminal();
  const code = run(["serve", "--port", "0", ...options], terminal);
  const port = await eventually(() => {
    const found = /127\.0\.0\.1:(\d+)/.exec(terminal.lines[0] ?? "")?.[1];
    if (found === undefined) throw new Error(`not listening: ${terminal.errors.join("\n")}`);
    return Number(found);
  });
  return {
    port,
    terminal,
    stop() {
      terminal.stop();
      return code;
    },
  };
}
