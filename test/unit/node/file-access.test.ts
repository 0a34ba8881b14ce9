import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileLimits, NodeFileSystem } from "../../../src/node/file-access.js";
import { FileQueue } from "../../../src/node/file-queue.js";
import type { FileScope, RxFile } from "../../../src/rpc/file-access.js";
import { RxError, RxOptionError } from "../../../src/util/errors.js";
import { FakeFileBackend, systemError, TestLoop } from "./fake-file-backend.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("NodeFileSystem on a real directory", () => {
  let directory: string;
  let queue: FileQueue;
  let scope: FileScope;
  const path = (name: string): string => join(directory, name);

  beforeEach(() => {
    directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "rxrpc-test-")));
    queue = new FileQueue({ events: new TestLoop(true).cache });
    scope = new NodeFileSystem(queue).scope();
  });

  afterEach(async () => {
    scope.release();
    await queue.close();
    fs.rmSync(directory, { recursive: true });
  });

  it("writes and reads at any position", async () => {
    const file = await scope.open(path("a"), "w+");
    expect(file.path).toBe(path("a"));
    await Promise.all([file.write(bytes("world"), 6), file.write(bytes("hello "), 0)]);
    const into = new Uint8Array(20);
    expect(await file.read(into, 0)).toBe(11);
    expect(new TextDecoder().decode(into.subarray(0, 11))).toBe("hello world");
    expect(await file.read(into.subarray(0, 3), 4)).toBe(3);
    expect(new TextDecoder().decode(into.subarray(0, 3))).toBe("o w");
    expect(await file.read(into, 11)).toBe(0);
    await file.close();
    await file.close();
    expect(fs.readFileSync(path("a"), "utf8")).toBe("hello world");
    expect(queue.counters.openDescriptors).toBe(0);
  });

  it("writes into a view of a larger buffer what the view holds, and nothing beside it", async () => {
    const whole = new Uint8Array(10).fill(0x61);
    await using file = await scope.open(path("a"), "w+");
    await file.write(bytes("zzzz"), 0);
    expect(await file.read(whole.subarray(3, 6), 0)).toBe(3);
    expect(new TextDecoder().decode(whole)).toBe("aaazzzaaaa");
  });

  it("opens as the flags say", async () => {
    fs.writeFileSync(path("a"), "old");
    await expect(scope.open(path("a"), "wx")).rejects.toMatchObject({ code: "RX_ERR_FILE", abortCode: 17 });
    await expect(scope.open(path("b"), "r+")).rejects.toMatchObject({ code: "RX_ERR_FILE", abortCode: 2 });
    const appended = await scope.open(path("a"), "a");
    await appended.write(bytes("+"), 0);
    await expect(appended.read(new Uint8Array(1), 0)).rejects.toMatchObject({ abortCode: 9 });
    expect(fs.readFileSync(path("a"), "utf8")).toBe("old+");
    await scope.open(path("a"), "w");
    expect(fs.readFileSync(path("a"), "utf8")).toBe("");
    await scope.open(path("b"), "wx", { mode: 0o600 });
    expect(fs.statSync(path("b")).mode & 0o777).toBe(0o600);
  });

  it("tells the facts of files and directories, and the same identity for one file under two names", async () => {
    fs.writeFileSync(path("a"), "12345");
    fs.utimesSync(path("a"), 1_000, 1_600_000_000.25);
    fs.linkSync(path("a"), path("b"));
    const facts = await scope.stat(path("a"));
    expect(facts).toMatchObject({
      sizeBytes: 5,
      isFile: true,
      isDirectory: false,
      modifiedMs: 1_600_000_000_250,
    });
    const file = await scope.open(path("b"));
    expect(await file.stat()).toEqual(facts);
    const ofDirectory = await scope.stat(directory);
    expect(ofDirectory).toMatchObject({ isFile: false, isDirectory: true });
    expect(ofDirectory.identity).not.toBe(facts.identity);
  });

  it("follows symbolic links unless told not to", async () => {
    fs.writeFileSync(path("a"), "x");
    fs.symlinkSync(path("a"), path("link"));
    expect(await scope.realPath(path("link"))).toBe(path("a"));
    await scope.open(path("link"), "r", { noFollow: false });
    await expect(scope.open(path("link"), "r", { noFollow: true })).rejects.toMatchObject({
      code: "RX_ERR_FILE",
      cause: { code: "ELOOP" },
    });
    await scope.open(path("a"), "r", { noFollow: true });
  });

  it.skipIf(process.platform === "win32")("does not wait for the other end of a pipe", async () => {
    execFileSync("mkfifo", [path("pipe")]);
    const file = await scope.open(path("pipe"));
    await expect(file.read(new Uint8Array(1), 0)).rejects.toMatchObject({ code: "RX_ERR_FILE" });
    await file.close();
    await expect(scope.open(path("pipe"), "w")).rejects.toMatchObject({ cause: { code: "ENXIO" } });
  });

  it("closes with the scope what was left open", async () => {
    await scope.open(path("a"), "w");
    const file = await scope.open(path("b"), "w");
    expect(queue.counters.openDescriptors).toBe(2);
    const ended = expect(file.write(bytes("late"), 0)).rejects.toMatchObject({ code: "RX_ERR_CALL_ENDED" });
    scope.release();
    scope.release();
    await ended;
    await file.close();
    await expect(file.stat()).rejects.toMatchObject({ code: "RX_ERR_CALL_ENDED" });
    await expect(scope.stat(directory)).rejects.toMatchObject({ code: "RX_ERR_CALL_ENDED" });
    await queue.close();
    expect(queue.counters.openDescriptors).toBe(0);
  });

  it("takes no operation on a file that has been closed", async () => {
    const file = await scope.open(path("a"), "w+");
    const closing = file.close();
    for (const operation of [file.read(new Uint8Array(1), 0), file.write(bytes("x"), 0), file.stat()]) {
      await expect(operation).rejects.toMatchObject({ code: "RX_ERR_FILE", abortCode: 9 });
    }
    await closing;
  });

  it("refuses wrong arguments by name", async () => {
    const file = await scope.open(path("a"), "w+");
    const wrong = async (operation: Promise<unknown>, option: string): Promise<void> => {
      const cause: unknown = await operation.catch((reason: unknown) => reason);
      expect(cause).toBeInstanceOf(RxOptionError);
      expect((cause as RxOptionError).option).toBe(option);
    };
    await wrong(scope.open(7 as never), "path");
    await wrong(scope.open("a", "rw" as never), "flags");
    await wrong(scope.open("a", "r", { mode: 0o1000 }), "mode");
    await wrong(scope.open("a", "r", { noFollow: 1 as never }), "noFollow");
    await wrong(scope.open("a", "r", { nofollow: true } as never), "options.nofollow");
    await wrong(scope.stat(undefined as never), "path");
    await wrong(scope.realPath(null as never), "path");
    await wrong(file.read("text" as never, 0), "into");
    await wrong(file.read(new Uint8Array(1), -1), "position");
    await wrong(file.write(new Uint8Array(1), 1.5), "position");
    await wrong(file.write(new Uint8Array(2), Number.MAX_SAFE_INTEGER), "position");
    await wrong(file.write([1] as never, 0), "from");
  });

  it("takes a zero byte in a path, which may be a peer's, as a wrong name", async () => {
    await expect(scope.open("a\0b")).rejects.toMatchObject({ code: "RX_ERR_FILE", abortCode: 22 });
  });
});

describe("NodeFileSystem over a backend of the test's", () => {
  const loop = new TestLoop();
  const setUp = (openMax = 9): { backend: FakeFileBackend; queue: FileQueue; files: NodeFileSystem } => {
    const backend = new FakeFileBackend();
    const queue = new FileQueue({ events: loop.cache, backend, openMax });
    return { backend, queue, files: new NodeFileSystem(queue) };
  };
  const opened = async (scope: FileScope, backend: FakeFileBackend, fd: number): Promise<RxFile> => {
    const opening = scope.open(`f${fd}`);
    backend.answer("open", fd, `f${fd}`);
    loop.drain();
    return opening;
  };

  it.each([
    ["ENOENT", 2, 2],
    ["EACCES", 13, 13],
    ["ELOOP", 40, 40],
    ["ENOSPC", 28, 108],
    ["EDQUOT", 122, 109],
    // AFS has a meaning of its own for these numbers.
    ["ESTALE", 116, 112],
    ["ENETUNREACH", 101, 112],
    ["UNKNOWN", 4_094, 112],
  ])("gives %s, errno %i, the abort code %i", async (code, errno, abortCode) => {
    const { backend, files } = setUp();
    const cause = systemError(code, errno);
    const operation = files.scope().stat("a");
    backend.fail("stat", cause);
    loop.drain();
    const failure: unknown = await operation.catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(RxError);
    expect(failure).toMatchObject({ code: "RX_ERR_FILE", abortCode, cause });
    expect((failure as RxError).message).toContain(code);
  });

  it("gives an error of no number at all the abort code 112", async () => {
    const { backend, files } = setUp();
    backend.refusal = new TypeError("refused at once");
    const operation = files.scope().stat("a");
    loop.drain();
    await expect(operation).rejects.toMatchObject({ code: "RX_ERR_FILE", abortCode: 112 });
  });

  it("settles nothing before the drain", async () => {
    const { backend, files } = setUp();
    let isSettled = false;
    const operation = files.scope().realPath("a");
    void operation.then(() => {
      isSettled = true;
    });
    backend.answer("realpath", "/a");
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(isSettled).toBe(false);
    loop.drain();
    expect(await operation).toBe("/a");
  });

  it("lets calls take turns", async () => {
    const { backend, files } = setUp();
    const [greedy, modest] = [files.scope(), files.scope()];
    const left = Array.from({ length: 50 }, (_, i) => greedy.stat(`greedy ${i}`));
    void modest.stat("modest");
    backend.answer("stat", {});
    backend.answer("stat", {});
    expect(backend.log.slice(-2)).toEqual(["stat greedy 4", "stat modest"]);
    for (const scope of [greedy, modest]) scope.release();
    expect(left).toHaveLength(50);
  });

  it("closes a file once, whether by its user, by its scope or by the queue", async () => {
    const { backend, queue, files } = setUp();
    const scope = files.scope();
    const [byUser, byScope] = [await opened(scope, backend, 5), await opened(scope, backend, 6)];
    const other = files.scope();
    const byQueue = await opened(other, backend, 7);
    void byUser.close();
    scope.release();
    const closing = queue.close();
    void byScope.close();
    const late = byQueue.close();
    other.release();
    expect(backend.log.filter((line) => line.startsWith("close"))).toEqual(["close 5", "close 6", "close 7"]);
    for (let i = 0; i < 3; i++) backend.answer("close");
    loop.drain();
    await Promise.all([closing, late]);
  });

  it("does not end the process when a handler has left a promise behind", async () => {
    const unhandled: unknown[] = [];
    const note = (cause: unknown): void => {
      unhandled.push(cause);
    };
    process.on("unhandledRejection", note);
    const { backend, queue, files } = setUp();
    const [scope, other] = [files.scope(), files.scope()];
    const file = await opened(scope, backend, 5);
    void file.read(new Uint8Array(4), 0);
    void scope.stat("a");
    void other.stat("b");
    scope.release();
    void file.stat();
    void scope.stat("c");
    const closing = queue.close();
    void other.stat("d");
    backend.answer("read", 4);
    backend.answer("stat", {});
    backend.answer("stat", {});
    loop.drain();
    backend.answer("close");
    loop.drain();
    await closing;
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
    // What is wrong with the file itself must not go unseen.
    const late = setUp();
    void late.files.scope().stat("a");
    late.backend.fail("stat", systemError("EIO", 5));
    loop.drain();
    await new Promise(setImmediate);
    process.off("unhandledRejection", note);
    expect(unhandled).toHaveLength(1);
  });
});

describe("fileLimits", () => {
  it("fills in defaults and refuses what is unknown or out of range by name", () => {
    expect(fileLimits()).toEqual({ inFlightMax: 4, waitingMax: 4_096, openMax: 1_024 });
    expect(fileLimits({ openMax: 1 })).toEqual({ inFlightMax: 4, waitingMax: 4_096, openMax: 1 });
    const optionOf = (run: () => unknown): string => {
      try {
        run();
      } catch (cause) {
        if (cause instanceof RxOptionError) return cause.option;
      }
      return "none";
    };
    expect(optionOf(() => fileLimits({ inFlightMax: 0 }))).toBe("files.inFlightMax");
    expect(optionOf(() => fileLimits({ inFlightMax: 1_025 }))).toBe("files.inFlightMax");
    expect(optionOf(() => fileLimits({ waitingMax: 0.5 }, "options.files"))).toBe("options.files.waitingMax");
    expect(optionOf(() => fileLimits({ openMax: "many" } as never))).toBe("files.openMax");
    expect(optionOf(() => fileLimits({ openmax: 1 } as never))).toBe("files.openmax");
  });
});
