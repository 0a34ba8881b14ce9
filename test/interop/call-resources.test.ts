// Growable buffers, arenas and files of calls over real sockets: within their limits, and gone with their call.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startUploadServer, UPLOAD_SERVICE_ID } from "../../examples/upload.js";
import {
  type FileBackend,
  type RpcServer,
  RxAbort,
  type RxClient,
  type ServerCall,
  service,
} from "../../src/index.js";
import { eventually } from "../eventually.js";
import { aborted, expectNothingHeld, expectSame, Gate, Scratch, statsOf, utf8 } from "./scratch.js";
import { patternFrom, startServer } from "./support.js";

const MIB = 1_048_576;
const KIB = 1_024;
const SERVICE_ID = 60;

const scratch = new Scratch();

async function serveUploads(...[options]: Parameters<typeof startUploadServer>): Promise<RpcServer> {
  return scratch.own(await startUploadServer(options));
}

async function serve(
  call: (call: ServerCall) => Promise<Uint8Array | undefined | void>,
  deadlineMs = 60_000,
): Promise<RpcServer> {
  return scratch.own(await startServer([service({ id: SERVICE_ID, call, deadlineMs })]));
}

describe("uploads", () => {
  /** Sends `length` bytes of the pattern. @returns the digest that must come back */
  async function send(call: ReturnType<RxClient["open"]>, length: number): Promise<Uint8Array> {
    const hash = createHash("sha256");
    for (let at = 0; at < length; at += 64 * KIB) {
      const piece = patternFrom(at + (at >> 10), Math.min(64 * KIB, length - at));
      hash.update(piece);
      await call.write(piece);
    }
    await call.end();
    return hash.digest();
  }

  test("40 MiB to a handler that waits go through a file that nobody can see", async () => {
    const spill = join(scratch.folder, "spill");
    fs.mkdirSync(spill);
    const gate = new Gate();
    const listed = new Set<string>();
    let writes = 0;
    const fileBackend: FileBackend = {
      ...fs,
      write: (fd, from, offset, length, position, done) => {
        writes++;
        for (const name of fs.readdirSync(spill)) listed.add(name);
        fs.write(fd, from, offset, length, position, done);
      },
    };
    const memory = { spillDirectory: spill, spillThresholdBytes: MIB };
    const server = await serveUploads({
      server: { memory, fileBackend },
      pause: async () => {
        for (const name of fs.readdirSync(spill)) listed.add(name);
        await gate.opened;
      },
    });
    const client = await scratch.connect(server, UPLOAD_SERVICE_ID);
    await using call = client.open({ deadlineMs: 0 });
    const digest = await send(call, 40 * MIB);
    // All of it is in the server before the handler has gone on.
    await eventually(() => expect(statsOf(server).spill.used).toBeGreaterThan(38 * MIB));
    expect(statsOf(server).work.used).toBeLessThanOrEqual(MIB);
    gate.open();
    expectSame(await call.readAll(), digest);
    await expectNothingHeld(server);
    expect(writes).toBeGreaterThan(500);
    expect([...listed]).toEqual([]);
    expect(statsOf(server).work.highWater).toBeLessThanOrEqual(MIB);
  });

  test.each([
    ["its quota is used up", 109],
    ["the disk is full", 108],
    ["the disk fails", 112],
    ["there is no memory", 12],
  ])("when %s, that call ends with %i and the twenty beside it do not notice", async (_what, code) => {
    const gate = new Gate();
    const fileBackend: FileBackend = {
      ...fs,
      write: (fd, from, offset, length, position, done) => {
        if (code !== 108 && code !== 112) return fs.write(fd, from, offset, length, position, done);
        const name = code === 108 ? "ENOSPC" : "EIO";
        setImmediate(() => done(Object.assign(new Error(name), { code: name, errno: -1 }), 0));
      },
    };
    const server = await serveUploads({
      server: {
        fileBackend,
        memory: {
          spillDirectory: scratch.folder,
          spillThresholdBytes: 256 * KIB,
          spillBytesPerCallMax: code === 109 ? 512 * KIB : 64 * MIB,
          // Two blocks for each of the twenty and for a part of the big one.
          workBytesMax: code === 12 ? 40 * 64 * KIB : 64 * MIB,
        },
      },
      pause: () => gate.opened,
    });
    const client = await scratch.connect(server, UPLOAD_SERVICE_ID);
    const small = patternFrom(9, 50_000);
    const beside = Array.from({ length: 20 }, () => client.open());
    for (const each of beside) await each.write(small.subarray(0, 1_000));
    await eventually(() => expect(statsOf(server).work.used).toBe(40 * 64 * KIB));
    const big = client.open();
    await expect(
      send(big, 4 * MIB).then(() => big.readAll()),
      "the big one",
    ).rejects.toMatchObject(aborted(code));
    gate.open();
    const digest = createHash("sha256").update(small).digest();
    for (const each of beside) {
      await each.end(small.subarray(1_000));
      expectSame(await each.readAll(), digest);
      each.close();
    }
    big.close();
    await expectNothingHeld(server);
    expect(server.handlers()).toMatchObject([{ running: 0, started: 21, failed: 1 }]);
  });
});

describe("what a call has goes with it", () => {
  test("a file that the handler leaves open is closed", async () => {
    fs.writeFileSync(join(scratch.folder, "x"), "content");
    const server = await serve(async (call) => {
      await call.readAll();
      const file = await call.files.open(join(scratch.folder, "x"));
      const into = call.arena.alloc(7);
      expect(await file.read(into, 0)).toBe(7);
      expect(statsOf(server)).toMatchObject({ files: { openDescriptors: 1 }, work: { used: 4_096 } });
      return into;
    });
    const client = await scratch.connect(server, SERVICE_ID);
    expect(Buffer.from(await client.call(utf8("?"))).toString()).toBe("content");
    await expectNothingHeld(server);
  });

  let running = 0;
  const abortedBy = async (client: RxClient): Promise<void> => {
    const call = client.open();
    await call.end(utf8("wait"));
    await eventually(() => expect(client.stats().counters.AckPacketsRead).toBeGreaterThan(0));
    await eventually(() => expect(running).toBe(1));
    call.abort(7);
  };

  test.each(["success", "throw", "client abort", "deadline", "socket close"] as const)(
    "an arena is cleared once, and what is linked to it released once: %s",
    async (how) => {
      running = 0;
      let released = 0;
      let arena: ServerCall["arena"] | null = null;
      const outcome = new Gate();
      const server = await serve(
        async (call) => {
          arena = call.arena;
          arena.alloc(10_000);
          arena.link({ release: () => void released++ });
          const buffer = call.makeBuffer();
          // The deadline may come at any of these waits.
          try {
            await buffer.write(new Uint8Array(100_000));
            const request = Buffer.from(await call.readAll()).toString();
            running++;
            if (request === "throw") throw new RxAbort(77);
            if (request === "wait") {
              await new Promise((_resolve, reject) => {
                call.signal.addEventListener("abort", () => reject(call.signal.reason as Error), {
                  once: true,
                });
              });
            }
            expect([released, arena.isCleared]).toEqual([0, false]);
            return await buffer.read(100_000);
          } finally {
            outcome.open();
          }
        },
        how === "deadline" ? 300 : 60_000,
      );
      const client = await scratch.connect(server, SERVICE_ID);
      if (how === "success") expect((await client.call(utf8(how))).length).toBe(100_000);
      else if (how === "throw") await expect(client.call(utf8(how))).rejects.toMatchObject(aborted(77));
      else if (how === "client abort") await abortedBy(client);
      else if (how === "deadline") await expect(client.call(utf8("wait"))).rejects.toThrow();
      else {
        const outcomeOfCall = expect(client.call(utf8("wait"))).rejects.toThrow();
        await eventually(() => expect(running).toBe(1));
        await server.close();
        await outcomeOfCall;
      }
      await outcome.opened;
      await eventually(() => expect(released).toBe(1));
      if (how !== "socket close") await expectNothingHeld(server);
      expect([released, (arena as ServerCall["arena"] | null)?.isCleared]).toEqual([1, true]);
      await server.close();
      await client.close();
      expect(released).toBe(1);
    },
  );

  test("what is asked for after the end says that the call has ended", async () => {
    let codes: unknown[] = [];
    const done = new Gate();
    const server = await serve(async (call) => {
      await call.readAll();
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
      // The end is told before what belongs to the call goes.
      await call.yield();
      const codeOf = (cause: { code?: unknown }): unknown => cause.code;
      codes = [
        await call.files.open(scratch.folder).catch(codeOf),
        await call.files.stat(scratch.folder).catch(codeOf),
        await Promise.resolve()
          .then(() => call.arena.alloc(1))
          .catch(codeOf),
        await Promise.resolve()
          .then(() => call.makeBuffer())
          .catch(codeOf),
        await call.yield(),
      ];
      done.open();
    });
    const client = await scratch.connect(server, SERVICE_ID);
    const call = client.open();
    await call.end(utf8("?"));
    await eventually(() => expect(server.running).toBe(1));
    call.close();
    await done.opened;
    expect(codes).toEqual([...new Array<string>(4).fill("RX_ERR_CALL_ENDED"), undefined]);
    await expectNothingHeld(server);
  });
});

test("yield() lets another call begin and end while a handler works without waiting for anything", async () => {
  let isOver = false;
  let yields = 0;
  const server = await serve(async (call) => {
    if ((await call.readAll()).length === 1) {
      while (!isOver && yields < 1_000_000) {
        yields++;
        await call.yield();
      }
    }
    return Uint8Array.of(isOver ? 1 : 0);
  });
  const client = await scratch.connect(server, SERVICE_ID);
  const worker = client.call(new Uint8Array(1));
  await eventually(() => expect(yields).toBeGreaterThan(0));
  await client.call(new Uint8Array(2));
  isOver = true;
  expect(await worker).toEqual(Uint8Array.of(1));
});
