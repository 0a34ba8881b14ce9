// The tool as a process: what only a process can show. It runs the build, which `npm test` makes before the tests.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";
import { RxClient, RxSocket } from "../../../src/index.js";
import { eventually } from "../../eventually.js";

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

const children = new Set<ChildProcess>();

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error("the tool is not built: run `npm run build`");
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

class Tool {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  out = "";
  err = "";

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    children.add(this.child);
    this.child.stdout?.on("data", (text: Buffer) => (this.out += text.toString()));
    this.child.stderr?.on("data", (text: Buffer) => (this.err += text.toString()));
    this.exited = once(this.child, "close").then(([code]) => {
      children.delete(this.child);
      return code as number | null;
    });
  }

  /** The port of `rxrpc serve`. */
  async port(): Promise<number> {
    while (!this.out.includes("\n"))
      await once(this.child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
    return Number(/^listening on 127\.0\.0\.1:(\d+)\n/.exec(this.out)?.[1]);
  }

  async saying(text: string): Promise<void> {
    while (!this.out.includes(text))
      await once(this.child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  }
}

test.each(["SIGINT", "SIGTERM"] as const)("serve answers, and ends with 0 after %s", async (signal) => {
  const serve = new Tool("serve", "--port", "0");
  const port = await serve.port();
  const asked = new Tool("version", `127.0.0.1:${port}`);
  expect([await asked.exited, asked.out, asked.err]).toEqual([0, "rxrpc 0.1.0\n", ""]);
  serve.child.kill(signal);
  expect(await serve.exited).toBe(0);
  expect(serve.out).toContain("\nstopped: 0 calls, 0 failed");
  expect(serve.err).toBe("");
});

test("a second signal ends it at once, with 130", async () => {
  const serve = new Tool("serve", "--port", "0");
  const port = await serve.port();
  await using client = await RxClient.connect({ host: "127.0.0.1", port, serviceId: 52 });
  await using call = client.open();
  const outcome = expect(call.ended).rejects.toThrow();
  await call.write(new Uint8Array(5_000));
  // An ACK tells that the server has taken the call; what it has not is refused from now on.
  await eventually(() => expect(client.stats().counters.AckPacketsRead).toBeGreaterThan(0));
  await client.call(new Uint8Array(1));
  serve.child.kill("SIGINT");
  // The call that has not ended keeps it from ending.
  await serve.saying("stopping: 1 calls may end");
  serve.child.kill("SIGINT");
  expect(await serve.exited).toBe(130);
  call.abort();
  await outcome;
});

test("failures are one line on standard error, without a stack trace", async () => {
  await using taken = await RxSocket.bind();
  const failed = new Tool("serve", "--port", String(taken.port));
  expect(await failed.exited).toBe(1);
  expect(failed.err).toMatch(
    /^rxrpc: RX_ERR_SOCKET: cannot bind UDP 127\.0\.0\.1 port \d+: EADDRINUSE; .*\n$/,
  );
  expect(failed.out).toBe("");
  const wrong = new Tool("serve", "--colour");
  expect(await wrong.exited).toBe(2);
  expect(wrong.err).toBe("rxrpc: Unknown option '--colour'; see rxrpc serve --help\n");
});

test("a reader that goes away early is no reason for a stack trace", async () => {
  const serve = new Tool("serve", "--port", "0", "--interval", "0.01");
  const port = await serve.port();
  serve.child.stdout?.destroy();
  await using client = await RxClient.connect({ host: "127.0.0.1", port, serviceId: 52 });
  // Traffic makes it print, until it notices; a call that it no longer answers is part of that.
  const cancel = new AbortController();
  const calling = (async () => {
    while (!cancel.signal.aborted) await client.call(new Uint8Array(1), { signal: cancel.signal });
  })().catch(() => undefined);
  expect(await serve.exited).toBe(1);
  cancel.abort();
  await calling;
  expect(serve.err).toBe("");
});
