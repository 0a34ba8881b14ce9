import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SpillFile } from "../../../src/memory/spill-file.js";
import { type FileBackend, FileQueue } from "../../../src/node/file-queue.js";
import { SpillFiles } from "../../../src/node/spill-files.js";
import { FakeFileBackend, systemError, TestLoop } from "./fake-file-backend.js";

const TMPFILE_BIT = 0o20000000;
const TMPFS = 0x0102_1994;
const RAMFS = 0x8584_58f6;
const EXT4 = 0xef53;

type Done = (cause: Error | null) => void;

const open = (space: SpillFiles): Promise<SpillFile> =>
  new Promise((resolve, reject) =>
    space.open((cause, file) => (file === null ? reject(cause ?? new Error("neither")) : resolve(file))),
  );
const ended = (start: (done: Done) => void): Promise<void> =>
  new Promise((resolve, reject) => start((cause) => (cause === null ? resolve() : reject(cause))));

describe("SpillFiles on a real directory", () => {
  let directory: string;
  let queue: FileQueue;
  /** What the directory held whenever the backend was asked for something. */
  const seen = new Set<string>();
  const opens: number[] = [];

  // The real file system, which tells what it is asked and can be made to know no O_TMPFILE.
  const backend = (refusal: NodeJS.ErrnoException | null): FileBackend => ({
    ...fs,
    open: (path, flags, mode, done) => {
      opens.push(flags);
      if (refusal !== null && (flags & TMPFILE_BIT) !== 0) setImmediate(() => done(refusal, -1));
      else fs.open(path, flags, mode, done);
    },
    write: (fd, from, offset, length, position, done) => {
      for (const name of fs.readdirSync(directory)) seen.add(name);
      expect(fs.fstatSync(fd)).toMatchObject({ nlink: 0, mode: 0o100600 });
      fs.write(fd, from, offset, length, position, done);
    },
  });

  const setUp = (refusal: NodeJS.ErrnoException | null = null): SpillFiles => {
    queue = new FileQueue({ events: new TestLoop(true).cache, backend: backend(refusal) });
    return new SpillFiles(queue, directory, () => {});
  };

  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), "rxrpc-test-"));
    seen.clear();
    opens.length = 0;
  });

  afterEach(async () => {
    await queue.close();
    fs.rmSync(directory, { recursive: true });
    expect(queue.counters.openDescriptors).toBe(0);
  });

  const use = async (file: SpillFile): Promise<void> => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
    await ended((done) => file.write(bytes.subarray(0, 40_000), 0, done));
    await ended((done) => file.write(bytes.subarray(40_000), 40_000, done));
    const into = new Uint8Array(70_000);
    await ended((done) => file.read(into, 0, done));
    expect(Buffer.compare(into, bytes)).toBe(0);
    expect(fs.readdirSync(directory)).toEqual([]);
    await ended((done) => file.truncate(done));
    await expect(ended((done) => file.read(new Uint8Array(10), 0, done))).rejects.toMatchObject({
      code: "RX_ERR_FILE",
      abortCode: 112,
      message: expect.stringContaining("10 bytes at 0, got 0") as string,
    });
    file.close();
  };

  it.skipIf(process.platform !== "linux")("uses files that never have a name", async () => {
    await use(await open(setUp()));
    expect(seen).toEqual(new Set());
    expect(opens).toHaveLength(1);
    expect((opens[0] as number) & TMPFILE_BIT).not.toBe(0);
  });

  it.each(["EISDIR", "EOPNOTSUPP", "EINVAL", "ENOENT"])(
    "takes the name away before the first byte where the system answers %s",
    async (code) => {
      const space = setUp(systemError(code));
      await use(await open(space));
      expect(seen).toEqual(new Set());
      opens.length = 0;
      const second = await open(space);
      // It is not asked for again.
      expect(opens.filter((flags) => (flags & TMPFILE_BIT) !== 0)).toEqual([]);
      await use(second);
    },
  );

  it("gives each buffer a file of its own", async () => {
    const space = setUp(systemError("EISDIR"));
    const [a, b] = await Promise.all([open(space), open(space)]);
    await Promise.all([
      ended((done) => a.write(Uint8Array.of(1), 0, done)),
      ended((done) => b.write(Uint8Array.of(2), 0, done)),
    ]);
    const into = new Uint8Array(1);
    await ended((done) => a.read(into, 0, done));
    expect(into[0]).toBe(1);
  });

  it("closes after what is in flight, whose callbacks still come", async () => {
    const file = await open(setUp());
    const writing = ended((done) => file.write(new Uint8Array(100_000), 0, done));
    file.close();
    await writing;
  });

  it("fails where the directory is missing", async () => {
    setUp();
    const space = new SpillFiles(queue, join(directory, "none"), () => {});
    await expect(open(space)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("leaves no name behind when the queue is closed while a file is made", async () => {
    for (const turns of [0, 1, 2, 3, 4]) {
      const space = setUp(systemError("EISDIR"));
      const opening = open(space).then(
        () => "opened",
        (cause: { readonly code: string }) => cause.code,
      );
      for (let i = 0; i < turns; i++) await new Promise(setImmediate);
      await queue.close();
      expect(["opened", "RX_ERR_SOCKET_CLOSED"]).toContain(await opening);
      expect(fs.readdirSync(directory)).toEqual([]);
    }
  });
});

describe("SpillFiles over a backend of the test's", () => {
  const setUp = (directory?: string) => {
    const loop = new TestLoop();
    const backend = new FakeFileBackend();
    const queue = new FileQueue({ events: loop.cache, backend });
    const warnings: string[] = [];
    const space = new SpillFiles(queue, directory, (text) => warnings.push(text));
    const outcomes: unknown[] = [];
    const begin = (): void => space.open((cause, file) => outcomes.push(cause ?? file));
    return { loop, backend, queue, warnings, outcomes, begin };
  };

  it.each([
    [TMPFS, 1],
    [RAMFS, 1],
    [EXT4, 0],
  ])("tells of a file system of type %i %i times, however many files are opened", (type, times) => {
    const { loop, backend, warnings, begin } = setUp("/spill");
    for (let i = 0; i < 3; i++) begin();
    backend.answer("statfs", { type });
    loop.drain();
    expect(warnings).toHaveLength(times);
    for (const text of warnings) expect(text).toContain("/spill");
    expect(backend.log.filter((line) => line.startsWith("statfs"))).toEqual(["statfs /spill"]);
  });

  it("opens although the file system cannot be asked what it is", () => {
    const { loop, backend, warnings, outcomes, begin } = setUp("/spill");
    begin();
    backend.fail("statfs", systemError("EACCES", 13));
    backend.answer("open", 5);
    if (process.platform !== "linux") backend.answer("unlink");
    loop.drain();
    expect(warnings).toEqual([]);
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]).not.toBeInstanceOf(Error);
  });

  it("lies in the system's directory for temporary files unless told otherwise", () => {
    const { backend, begin } = setUp();
    begin();
    expect(backend.log[0]).toBe(`statfs ${tmpdir()}`);
  });

  it("makes names that nobody can guess, for its owner only, following no link and taking no file that is there", () => {
    const { loop, backend, begin } = setUp("/spill");
    const paths: string[] = [];
    for (let i = 0; i < 2; i++) {
      begin();
      if (process.platform === "linux") backend.fail("open", systemError("EISDIR"), "/spill");
      loop.drain();
      const [path, flags, mode] = backend.pending.at(-1)?.args as [string, number, number];
      const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants;
      expect(flags).toBe(O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR);
      expect(mode).toBe(0o600);
      expect(path).toMatch(/^\/spill\/rxrpc-[0-9a-f]{32}$/);
      paths.push(path);
    }
    expect(paths[0]).not.toBe(paths[1]);
  });

  it("gives no file, and closes it, when its name cannot be taken away", () => {
    const { loop, backend, outcomes, begin } = setUp("/spill");
    begin();
    if (process.platform === "linux") backend.fail("open", systemError("EOPNOTSUPP", 95));
    loop.drain();
    backend.answer("open", 5);
    loop.drain();
    const cause = systemError("EPERM", 1);
    backend.fail("unlink", cause);
    loop.drain();
    expect(outcomes).toEqual([cause]);
    expect(backend.log.at(-1)).toBe("close 5");
  });

  it("takes the name away although the queue was closed while the file was made", async () => {
    const { loop, backend, queue, outcomes, begin } = setUp("/spill");
    begin();
    backend.answer("statfs", { type: EXT4 });
    if (process.platform === "linux") backend.fail("open", systemError("EOPNOTSUPP", 95));
    loop.drain();
    const path = backend.pending[0]?.args[0];
    const closing = queue.close();
    backend.answer("open", 5);
    loop.drain();
    expect(outcomes).toMatchObject([{ code: "RX_ERR_SOCKET_CLOSED" }]);
    backend.answer("close", undefined, 5);
    backend.answer("unlink", undefined, path);
    loop.drain();
    await closing;
  });

  it("passes a full disk on as the system's own error", () => {
    const { loop, backend, outcomes, begin } = setUp("/spill");
    begin();
    if (process.platform !== "linux") return;
    backend.answer("open", 5);
    loop.drain();
    const full = systemError("ENOSPC", 28);
    let seen: Error | null = null;
    (outcomes[0] as SpillFile).write(new Uint8Array(9), 0, (cause) => {
      seen = cause;
    });
    backend.answer("write", 4);
    backend.fail("write", full);
    loop.drain();
    expect(seen).toBe(full);
  });

  it("passes other errors of the first open on without another try", () => {
    const { loop, backend, outcomes, begin } = setUp("/spill");
    begin();
    const cause = systemError("EACCES", 13);
    backend.fail("open", cause);
    loop.drain();
    expect(outcomes).toEqual([cause]);
    expect(backend.log.filter((line) => line.startsWith("open"))).toHaveLength(1);
  });
});
