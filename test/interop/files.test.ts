// The file server of the examples over real sockets: one copy in memory for all, no way out of the folder, nothing left behind.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  FILE_SERVICE_ID,
  type FileServer,
  type FileServerOptions,
  startFileServer,
} from "../../examples/file-server.js";
import type { FileBackend, RxClient } from "../../src/index.js";
import { eventually, quiet } from "../eventually.js";
import { aborted, expectNothingHeld, expectSame, Gate, Scratch, statsOf, utf8 } from "./scratch.js";
import { patternFrom } from "./support.js";

const MIB = 1_048_576;
const KIB = 1_024;
// Client and server share one process here: a hundred times 8 MiB is for the full run.
const SHARED_FILE_BYTES = process.env["RXRPC_FULL"] === "1" ? 8 * MIB : MIB / 2;

const scratch = new Scratch();

async function serveFolder(options: FileServerOptions = {}): Promise<FileServer> {
  const root = join(scratch.folder, "root");
  fs.mkdirSync(root, { recursive: true });
  const started = await startFileServer(root, options);
  scratch.own(started.server);
  return started;
}

/** Puts a file into the served folder. @returns its bytes */
function putFile(name: string, length: number, start = 0): Uint8Array {
  const bytes = patternFrom(start, length);
  fs.mkdirSync(join(scratch.folder, "root"), { recursive: true });
  fs.writeFileSync(join(scratch.folder, "root", name), bytes);
  return bytes;
}

// How long a machine takes for the whole of a file is not the test's business.
const fetchFile = (client: RxClient, name: string): Promise<Uint8Array> =>
  client.call(utf8(name), { deadlineMs: 0 });

/** The real file system, whose reads wait for `mayRead`. */
function gatedReads(mayRead: (count: number) => Promise<void>): FileBackend {
  let count = 0;
  return {
    ...fs,
    read: (fd, into, offset, length, position, done) => {
      void mayRead(++count).then(() => fs.read(fd, into, offset, length, position, done));
    },
  };
}

describe("the file server", () => {
  test("a hundred calls for one file have it in memory once, and each gets every byte", async () => {
    const file = putFile("shared.bin", SHARED_FILE_BYTES);
    const { server, counters } = await serveFolder({ blockBytes: 64 * KIB });
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => scratch.connect(server, FILE_SERVICE_ID)),
    );
    const replies = clients.flatMap((client) =>
      Array.from({ length: 5 }, () =>
        fetchFile(client, "shared.bin").then((reply) => expectSame(reply, file)),
      ),
    );
    await Promise.all(replies);
    await expectNothingHeld(server);
    await eventually(() => expect(counters.blocksHeld).toBe(0));
    expect(counters.bytesHeldMax).toBeLessThanOrEqual(SHARED_FILE_BYTES);
    expect(counters.reads).toBeGreaterThanOrEqual(SHARED_FILE_BYTES / (64 * KIB));
    expect([counters.disposals, counters.bytesHeld]).toEqual([counters.reads, 0]);
  }, 900_000);

  test.each([0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 600_000])(
    "sends a file of %i bytes",
    async (length) => {
      const file = putFile("a file, naïve.txt", length, 5);
      const { server, counters } = await serveFolder();
      const client = await scratch.connect(server, FILE_SERVICE_ID);
      expectSame(await fetchFile(client, "a file, naïve.txt"), file);
      await expectNothingHeld(server);
      expect(counters.reads).toBe(Math.ceil(length / (256 * KIB)));
    },
  );

  test("answers every bad name with its code, and goes on", async () => {
    const file = putFile("good", 10);
    fs.mkdirSync(join(scratch.folder, "root/folder"));
    fs.symlinkSync("loop", join(scratch.folder, "root/loop"));
    execFileSync("mkfifo", [join(scratch.folder, "root/pipe")]);
    const { server } = await serveFolder();
    const client = await scratch.connect(server, FILE_SERVICE_ID);
    const cases: readonly (readonly [name: string | Uint8Array, code: number])[] = [
      ["", 22],
      ["/", 13],
      ["/etc/passwd", 13],
      ["..", 13],
      ["../root/good", 13],
      ["folder/../good", 13],
      ["folder/..", 13],
      [".", 22],
      ["./good", 22],
      ["folder//x", 22],
      ["folder/", 22],
      ["good\0", 22],
      [Uint8Array.of(0x67, 0xff, 0x64), 22],
      ["x".repeat(256), 36],
      ["é".repeat(128), 36],
      ["x/".repeat(512) + "x", 36],
      ["x/".repeat(511) + "xx", 2],
      ["x".repeat(255), 2],
      ["missing", 2],
      ["good/x", 20],
      ["loop", 40],
      ["folder", 21],
      ["pipe", 22],
      ["x".repeat(4_097), -453],
    ];
    for (const [name, code] of cases) {
      const request = typeof name === "string" ? utf8(name) : name;
      await expect(client.call(request), String(name).slice(0, 20)).rejects.toMatchObject(aborted(code));
    }
    expectSame(await fetchFile(client, "good"), file);
    await expectNothingHeld(server);
  });

  test("follows links that stay below the folder, and none that lead out of it", async () => {
    const file = putFile("inside", 1_000);
    fs.mkdirSync(join(scratch.folder, "rooted"));
    for (const outside of ["secret", "rooted/secret"])
      fs.writeFileSync(join(scratch.folder, outside), "secret");
    const root = join(scratch.folder, "root");
    fs.mkdirSync(join(root, "deep"));
    fs.symlinkSync("../inside", join(root, "deep/link"));
    fs.symlinkSync("deep", join(root, "link-to-folder"));
    fs.symlinkSync("../secret", join(root, "out"));
    fs.symlinkSync(join(scratch.folder, "secret"), join(root, "out-absolute"));
    fs.symlinkSync("..", join(root, "up"));
    // Its path begins with that of the folder.
    fs.symlinkSync("../rooted", join(root, "neighbour"));
    const { server } = await serveFolder();
    const client = await scratch.connect(server, FILE_SERVICE_ID);
    for (const name of ["deep/link", "link-to-folder/link"]) expectSame(await fetchFile(client, name), file);
    for (const name of ["out", "out-absolute", "up/secret", "up", "neighbour/secret"]) {
      await expect(fetchFile(client, name), name).rejects.toMatchObject(aborted(13));
    }
  });

  test.each([
    ["for the file", false, 40],
    ["for its folder", true, 13],
    ["for its folder, and taken away after the open", true, 13],
  ])("refuses a link out that is put there after the look: %s", async (how, isFolder, code) => {
    fs.mkdirSync(join(scratch.folder, "root/sub"), { recursive: true });
    fs.mkdirSync(join(scratch.folder, "outside"));
    fs.writeFileSync(join(scratch.folder, "root/sub/x"), "ours");
    fs.writeFileSync(join(scratch.folder, "outside/x"), "secret");
    const [place, target] = isFolder
      ? [join(scratch.folder, "root/sub"), join(scratch.folder, "outside")]
      : [join(scratch.folder, "root/sub/x"), join(scratch.folder, "outside/x")];
    const backend: FileBackend = {
      ...fs,
      open: (path, flags, mode, done) => {
        fs.renameSync(place, join(scratch.folder, "aside"));
        fs.symlinkSync(target, place);
        fs.open(path, flags, mode, (cause, fd) => {
          if (how.includes("taken away")) {
            fs.unlinkSync(place);
            fs.renameSync(join(scratch.folder, "aside"), place);
          }
          done(cause, fd);
        });
      },
    };
    const { server } = await serveFolder({ server: { fileBackend: backend } });
    const client = await scratch.connect(server, FILE_SERVICE_ID);
    await expect(fetchFile(client, "sub/x")).rejects.toMatchObject(aborted(code));
    await expectNothingHeld(server);
  });

  test("a file that becomes shorter while it is sent ends its call with EIO", async () => {
    putFile("shrinks", 300_000);
    const fileBackend = gatedReads(async (count) => {
      if (count === 2) fs.truncateSync(join(scratch.folder, "root/shrinks"), 150_000);
    });
    const { server, counters } = await serveFolder({ server: { fileBackend } });
    const client = await scratch.connect(server, FILE_SERVICE_ID);
    await expect(fetchFile(client, "shrinks")).rejects.toMatchObject(aborted(5));
    await expectNothingHeld(server);
    expect(counters.disposals).toBe(counters.reads);
  });

  test.each([
    [true, 2],
    [false, 1],
  ])(
    "with readAhead %s, %i blocks have been asked for while nobody takes the first",
    async (readAhead, blocks) => {
      const file = putFile("slow", 4 * 256 * KIB);
      const { server, counters } = await serveFolder({ readAhead, blockBytes: 256 * KIB });
      const client = await scratch.connect(server, FILE_SERVICE_ID);
      await using call = client.open();
      await call.end(utf8("slow"));
      // Until what the two windows hold has been sent, and nothing moves.
      await eventually(() => expect(client.stats().buffers.used).toBeGreaterThanOrEqual(32));
      await eventually(() => expect([counters.reads, counters.blocksHeld]).toEqual([blocks, blocks]));
      await quiet(() => client.stats().buffers.used);
      expect([counters.reads, counters.blocksHeld]).toEqual([blocks, blocks]);
      expectSame(await call.readAll(), file);
    },
  );

  test("a client that goes while its call reads a block for others costs them nothing", async () => {
    const file = putFile("shared", 200_000);
    const gate = new Gate();
    const reads: number[] = [];
    const fileBackend = gatedReads(async (count) => {
      reads.push(count);
      if (count === 1) await gate.opened;
    });
    const { server, counters } = await serveFolder({ server: { fileBackend }, blockBytes: 128 * KIB });
    const client = await scratch.connect(server, FILE_SERVICE_ID);
    const leaver = client.open();
    await leaver.end(utf8("shared"));
    await eventually(() => expect(reads).toEqual([1]));
    const others = [1, 2, 3].map(() => fetchFile(client, "shared"));
    await eventually(() => expect(server.handlers()[0]?.running).toBe(4));
    await eventually(() => expect(statsOf(server).files).toMatchObject({ openDescriptors: 4, inFlight: 1 }));
    leaver.abort(1);
    await eventually(() => expect(statsOf(server).counters.CallsAborted).toBe(1));
    gate.open();
    for (const reply of await Promise.all(others)) expectSame(reply, file);
    await expectNothingHeld(server);
    await eventually(() => expect(counters.blocksHeld).toBe(0));
    // The one that came to nothing, and each block once.
    expect([counters.reads, counters.disposals]).toEqual([3, 3]);
  });

  test("a client that goes in the middle leaves nothing behind", async () => {
    putFile("big", 2 * MIB);
    const { server, counters } = await serveFolder();
    const client = await scratch.connect(server, FILE_SERVICE_ID);
    const call = client.open();
    await call.end(utf8("big"));
    await call.read(300_000);
    expect(counters.blocksHeld).toBeGreaterThan(0);
    call.close();
    await expectNothingHeld(server);
    await eventually(() => expect(counters.blocksHeld).toBe(0));
    expect(counters.disposals).toBe(counters.reads);
    expect(server.handlers()).toMatchObject([{ running: 0, failed: 1 }]);
  });
});
