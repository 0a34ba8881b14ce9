// Every example runs and prints what it promises.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RxClient } from "../../../src/index.js";

const FOLDER = new URL("../../../examples/", import.meta.url);
const MIB = 1024 * 1024;

let lines: string[] = [];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("server.ts and client.ts talk to each other", async () => {
  vi.stubEnv("PORT", "0");
  const before = process.listeners("SIGINT").length;
  const { server } = await import("../../../examples/server.js");
  try {
    expect(lines.splice(0)).toEqual([`listening on 127.0.0.1:${server.port}`]);
    vi.stubEnv("PORT", String(server.port));
    await import("../../../examples/client.js");
    expect(lines).toEqual([
      "olleh",
      "eno owt eerht ruof evif xis neves thgie",
      "refused: RX_ERR_CALL_ABORTED 22",
    ]);
  } finally {
    await server.close();
    for (const listener of process.listeners("SIGINT").slice(before)) process.off("SIGINT", listener);
  }
});

test("kernel-style.ts serves charged calls and discards the spare ones", async () => {
  await import("../../../examples/kernel-style.js");
  expect(lines).toEqual([
    "call 1 had 3 bytes",
    "call 2 had 5 bytes",
    "call 3 had 4 bytes",
    ...[4, 5, 6, 7].map((id) => `spare ${id} discarded`),
  ]);
});

test("user-style.ts accepts two calls and rejects the third", async () => {
  await import("../../../examples/user-style.js");
  expect(lines).toEqual(["cba", "level", "rejected with 4001"]);
});

test("streaming.ts moves more than its buffers hold", async () => {
  await import("../../../examples/streaming.js");
  expect(lines).toEqual([`sent ${4 * MIB} bytes, received ${8 * MIB}`]);
});

test("file-server.ts and upload.ts can be imported without being run, and serve", async () => {
  const { FILE_SERVICE_ID, startFileServer } = await import("../../../examples/file-server.js");
  const { startUploadServer, UPLOAD_SERVICE_ID } = await import("../../../examples/upload.js");
  const { server: files } = await startFileServer(fileURLToPath(FOLDER));
  const uploads = await startUploadServer();
  try {
    const ask = async (port: number, serviceId: number, request: Uint8Array): Promise<Uint8Array> => {
      await using client = await RxClient.connect({ host: "127.0.0.1", port, serviceId });
      return await client.call(request);
    };
    const own = await ask(files.port, FILE_SERVICE_ID, new TextEncoder().encode("file-server.ts"));
    expect(new TextDecoder().decode(own)).toBe(readFileSync(new URL("file-server.ts", FOLDER), "utf8"));
    const digest = await ask(uploads.port, UPLOAD_SERVICE_ID, own);
    expect(Buffer.from(digest)).toEqual(createHash("sha256").update(own).digest());
    expect(lines).toEqual([]);
  } finally {
    await files.close();
    await uploads.close();
  }
});

test("there is a test for every example, and each imports the public API and Node alone", () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));
  expect(names.sort()).toEqual([
    "client.ts",
    // Runs as a test of its own.
    "faults.test.ts",
    "file-server.ts",
    "kernel-style.ts",
    "server.ts",
    "streaming.ts",
    "upload.ts",
    "user-style.ts",
  ]);
  for (const name of names) {
    const text = readFileSync(new URL(name, FOLDER), "utf8");
    const imported = [...text.matchAll(/from "([^"]+)"/g)].map(([, from]) => from);
    expect(
      imported.filter((from) => from?.startsWith("node:") !== true),
      name,
    ).toEqual(name === "faults.test.ts" ? ["rxrpc", "rxrpc/testing", "vitest"] : ["rxrpc"]);
  }
});
