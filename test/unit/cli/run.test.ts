// What a wrong command line is told, and the help.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runTool } from "./fake-terminal.js";

describe("a wrong command line: one line, exit code 2", () => {
  test.each([
    [["nonsense"], 'unknown command "nonsense"; see rxrpc help'],
    [["help", "nonsense"], 'unknown command "nonsense"'],
    [["serve", "--nonsense"], "Unknown option '--nonsense'; see rxrpc serve --help"],
    [["serve", "extra"], 'unexpected argument "extra"'],
    [["serve", "--port", "70000"], '--port: expected an integer from 0 to 65535, got "70000"'],
    [["serve", "--port"], "Option '--port <value>' argument missing"],
    [["serve", "--port="], "--port needs a value"],
    [["serve", "--backlog", "33"], '--backlog: expected an integer from 1 to 32, got "33"'],
    [["serve", "--backlog", "0"], '--backlog: expected an integer from 1 to 32, got "0"'],
    [
      ["serve", "--callsMax", "many"],
      '--callsMax: expected an integer from 0 to 9007199254740991, got "many"',
    ],
    [["serve", "--callsMax", "0"], "callsMax: expected an integer from 1 to 65536, got 0"],
    [
      ["serve", "--keepaliveMs", "20000"],
      "keepaliveMs: expected at most a third of deadTimeMs (20000), got 20000",
    ],
    [["serve", "--trusted", "here"], 'trusted: expected an address range such as 10.0.0.0/8, got "here"'],
    [["serve", "--interval", "0"], "--interval: expected seconds above 0"],
    [["perf"], "expected rpc, send or recv, got nothing"],
    [["perf", "push"], 'expected rpc, send or recv, got "push"'],
    [["perf", "rpc", "a:1", "b:1"], 'unexpected argument "b:1"'],
    [["perf", "send", "--recv", "1"], "--send and --recv belong to rpc"],
    [["perf", "rpc", "--calls", "0"], "--calls: expected an integer from 1"],
    [["perf", "rpc", "--calls", "-1"], "Option '--calls' argument is ambiguous; see"],
    [["perf", "rpc", "--bytes", "5T"], '--bytes: expected an integer from 0 to 4294967295, got "5T"'],
    [["perf", "rpc", "--outstanding", "2000"], "--outstanding: expected an integer from 1 to 1024"],
    [["perf", "rpc", "host:0"], "expected HOST:PORT with a port from 1 to 65535"],
    [["perf", "rpc", "--json=1"], "Option '--json' does not take an argument"],
    [["version"], "HOST:PORT is missing"],
    [["version", "host:7009", "--timeout", "x"], "--timeout: expected seconds above 0 and up to 600"],
    [["debug", "host:7009", "--limit", "0"], "--limit: expected an integer from 1 to 65536"],
  ])("%j", async (args, text) => {
    const { code, terminal } = await runTool(...args);
    expect(terminal.errors).toHaveLength(1);
    expect(terminal.errors[0]).toContain(text);
    expect(terminal.errors[0]).not.toContain("\n");
    expect(terminal.lines).toEqual([]);
    expect(code).toBe(2);
  });

  test("escapes what it repeats", async () => {
    const { terminal } = await runTool("\x1b[31m\u202eevil\n");
    expect(terminal.errors[0]).toMatch(/^rxrpc: unknown command [\x20-\x7e]*; see rxrpc help$/);
  });
});

describe("help", () => {
  test("without a command it is an error", async () => {
    const { code, terminal } = await runTool();
    expect(code).toBe(2);
    expect(terminal.errors[0]).toContain("Usage: rxrpc COMMAND");
  });

  test.each([[["help"]], [["--help"]], [["-h"]]])(
    "%j lists the commands and the exit codes",
    async (args) => {
      const { code, terminal } = await runTool(...args);
      expect(code).toBe(0);
      for (const word of ["serve", "perf", "version", "debug", "Exit codes"])
        expect(terminal.text).toContain(word);
    },
  );

  test.each(["serve", "perf", "version", "debug"])(
    "%s tells its options both ways, in 90 columns",
    async (name) => {
      const byFlag = await runTool(name, "--help");
      const byHelp = await runTool("help", name);
      expect(byFlag.code).toBe(0);
      expect(byFlag.terminal.lines).toEqual(byHelp.terminal.lines);
      expect(byFlag.terminal.text).toContain(`Usage: rxrpc ${name}`);
      for (const line of byFlag.terminal.lines) expect(line.length).toBeLessThanOrEqual(90);
    },
  );

  test("--version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
    const { code, terminal } = await runTool("--version");
    expect([code, terminal.lines]).toEqual([0, [`rxrpc ${version}`]]);
  });
});
