// The examples that are programs, run as their users run them: compiled, beside the built package.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FILE_SERVICE_ID } from "../../../examples/file-server.js";
import { UPLOAD_SERVICE_ID } from "../../../examples/upload.js";
import { RxClient } from "../../../src/index.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

let folder: string;
let child: ChildProcess | null = null;
beforeEach(() => {
  if (!existsSync(join(ROOT, "dist/index.js")))
    throw new Error("the package is not built: run `npm run build`");
  folder = mkdtempSync(join(tmpdir(), "rxrpc-examples-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/rxrpc"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterEach(() => {
  child?.kill("SIGKILL");
  child = null;
  rmSync(folder, { recursive: true });
});

/** Starts an example. @returns the first line that it prints, and its exit code later */
async function run(
  name: string,
  ...args: string[]
): Promise<{ readonly line: string; readonly exited: Promise<unknown> }> {
  const source = readFileSync(join(ROOT, "examples", `${name}.ts`), "utf8");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const path = join(folder, `${name}.js`);
  writeFileSync(path, outputText);
  const program = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  child = program;
  const exited = once(program, "close").then(([code]) => code as unknown);
  let line = "";
  while (!line.includes("\n") && program.exitCode === null) {
    const [text] = (await Promise.race([once(program.stdout, "data"), exited.then(() => ["\n"])])) as [
      Buffer,
    ];
    line += text.toString();
  }
  return { line, exited };
}

async function ask(line: string, serviceId: number, request: Uint8Array): Promise<Uint8Array> {
  const port = Number(/127\.0\.0\.1:(\d+)\n$/.exec(line)?.[1]);
  await using client = await RxClient.connect({ host: "127.0.0.1", port, serviceId });
  return await client.call(request);
}

test("file-server.js FOLDER serves that folder until SIGINT", async () => {
  writeFileSync(join(folder, "hello.txt"), "hello");
  const { line, exited } = await run("file-server", folder, "--port", "0");
  expect(line).toBe(`serving ${folder} on 127.0.0.1:${/\d+\n$/.exec(line)?.[0]}`);
  const reply = await ask(line, FILE_SERVICE_ID, new TextEncoder().encode("hello.txt"));
  expect(new TextDecoder().decode(reply)).toBe("hello");
  child?.kill("SIGINT");
  expect(await exited).toBe(0);
});

test("upload.js answers with the digest until SIGINT", async () => {
  const { line, exited } = await run("upload", "--port", "0", "--spill", folder);
  const reply = await ask(line, UPLOAD_SERVICE_ID, new Uint8Array(100_000));
  expect(Buffer.from(reply)).toEqual(createHash("sha256").update(new Uint8Array(100_000)).digest());
  child?.kill("SIGINT");
  expect(await exited).toBe(0);
});
