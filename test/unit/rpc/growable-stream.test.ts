// A growable buffer behind promises: who waits for whom, what failures say, and that a long buffer lets others run.
import { beforeEach, describe, expect, test } from "vitest";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { GrowableBuffer } from "../../../src/memory/growable-buffer.js";
import { GrowableStream } from "../../../src/rpc/growable-stream.js";
import { NextTurn } from "../../../src/rpc/next-turn.js";
import { RxError } from "../../../src/util/errors.js";
import { FakeSpill, systemError } from "../memory/fake-spill.js";
import { TestLoop } from "../node/fake-file-backend.js";

const BLOCK = 16;
/** Before any file operation has landed, more than this finds no room: the threshold, and what waits to be written. */
const FULL = 64 * BLOCK;

let spill: FakeSpill;
let memory: ByteBudget;
let disk: ByteBudget;
let loop: TestLoop;

function make(thresholdBytes = 4 * BLOCK): GrowableStream {
  return new GrowableStream(
    (onChange) => new GrowableBuffer({ memory, disk, thresholdBytes, blockBytes: BLOCK, spill, onChange }),
    new NextTurn(loop.cache),
  );
}

beforeEach(() => {
  spill = new FakeSpill();
  memory = new ByteBudget(10_000);
  disk = new ByteBudget(10_000);
  loop = new TestLoop();
});

const counted = (length: number, from = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (from + i) & 255);

/** Lets every promise that can settle do so; no turn of the cache is taken and no file operation lands. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How a promise stands: its state is a fact by then. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "waiting";
  promise.then(
    () => (state = "resolved"),
    (cause: { code?: string }) => (state = cause.code ?? "rejected"),
  );
  await settled();
  return state;
}

/** Turns and file operations until `promise` has settled. */
async function finish<T>(promise: Promise<T>): Promise<T> {
  let isOver = false;
  const note = (): void => {
    isOver = true;
  };
  promise.then(note, note);
  for (let rounds = 0; !isOver; rounds++) {
    if (rounds > 1_000) throw new Error("it waits for ever");
    loop.drain();
    spill.landAll();
    await settled();
  }
  return promise;
}

async function collect(stream: GrowableStream): Promise<number[]> {
  const all: number[] = [];
  for await (const chunk of stream) all.push(...chunk);
  return all;
}

describe("reading", () => {
  test("read() takes exact lengths, whatever the blocks, and read(0) nothing", async () => {
    const stream = make();
    await stream.write(counted(50));
    expect([...(await stream.read(3))]).toEqual([0, 1, 2]);
    expect((await stream.read(0)).length).toBe(0);
    expect([...(await stream.read(40))]).toEqual([...counted(40, 3)]);
    expect([stream.length, stream.totalBytes]).toEqual([7, 50]);
    expect([...(await stream.read(7))]).toEqual([...counted(7, 43)]);
  });

  test("what read() returns is the reader's own", async () => {
    const stream = make();
    await stream.write(Uint8Array.of(1, 2));
    const bytes = await stream.read(2);
    await stream.write(Uint8Array.of(3, 4));
    expect([[...bytes], [...(await stream.read(2))]]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test("chunks come as they are there, until the end", async () => {
    const stream = make();
    await stream.write(counted(40));
    const reading = collect(stream);
    expect(await stateOf(reading)).toBe("waiting");
    await stream.write(counted(10, 40));
    expect(await stateOf(reading)).toBe("waiting");
    stream.end();
    expect(await reading).toEqual([...counted(50)]);
    expect([memory.used, stream.length]).toEqual([0, 0]);
  });

  test("a loop that is left gives back the chunk it had, and the next read goes on behind it", async () => {
    const stream = make();
    await stream.write(counted(40));
    for await (const chunk of stream) {
      expect([...chunk]).toEqual([...counted(16)]);
      break;
    }
    expect(stream.length).toBe(24);
    expect([...(await stream.read(24))]).toEqual([...counted(24, 16)]);
  });

  test("a read waits until all of it is there", async () => {
    const stream = make();
    const reading = stream.read(5);
    await stream.write(counted(3));
    expect(await stateOf(reading)).toBe("waiting");
    await stream.write(counted(3, 3));
    expect([...(await reading)]).toEqual([0, 1, 2, 3, 4]);
    expect([...(await stream.read(1))]).toEqual([5]);
  });

  test("an end before says how much there was", async () => {
    const stream = make();
    await stream.write(counted(3));
    const reading = stream.read(5);
    stream.end();
    await expect(reading).rejects.toMatchObject({
      code: "RX_ERR_END_OF_DATA",
      message: expect.stringContaining("3 of 5") as string,
    });
    expect(await collect(endedStream())).toEqual([]);
  });

  test("a second reader is refused, and costs the first nothing", async () => {
    const stream = make();
    const first = stream.read(1);
    await expect(stream.read(1)).rejects.toMatchObject({ code: "RX_ERR_CALL_STATE" });
    await stream.write(Uint8Array.of(9));
    expect([...(await first)]).toEqual([9]);
  });

  test.each([-1, 1.5, Number.NaN, "3" as unknown as number])("read(%s) is refused", async (length) => {
    await expect(make().read(length)).rejects.toMatchObject({ code: "RX_ERR_OPTION", option: "length" });
  });

  test("after eight chunks in a row everybody else has a turn, again and again", async () => {
    const stream = make(100 * BLOCK);
    await stream.write(counted(40 * BLOCK));
    stream.end();
    let chunks = 0;
    const reading = (async () => {
      for await (const chunk of stream) chunks += chunk.length / BLOCK;
    })();
    const seen: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      await settled();
      seen.push(chunks);
      loop.drain();
    }
    await reading;
    expect(seen).toEqual([8, 16, 24, 32, 40, 40]);
  });
});

function endedStream(): GrowableStream {
  const stream = make();
  stream.end();
  return stream;
}

describe("writing", () => {
  test("a long write waits for the disk, and every byte comes out in order", async () => {
    const stream = make();
    const bytes = counted(FULL);
    const writing = stream.write(bytes).then(() => stream.end());
    expect([await stateOf(writing), stream.isSpilled]).toEqual(["waiting", true]);
    expect(stream.totalBytes).toBeLessThan(FULL);
    await finish(writing);
    expect([stream.totalBytes, stream.length]).toEqual([FULL, FULL]);
    expect(stream.fileBytes).toBeGreaterThan(FULL / 2);
    expect(stream.memoryBytes).toBeLessThanOrEqual(6 * BLOCK);
    expect(await finish(collect(stream))).toEqual([...bytes]);
    expect([memory.used, disk.used, spill.openFiles]).toEqual([0, 0, 0]);
  });

  test("reader and writer go on side by side", async () => {
    const stream = make();
    const bytes = counted(FULL);
    const writing = stream.write(bytes).then(() => stream.end());
    const both = Promise.all([collect(stream), writing]);
    expect((await finish(both))[0]).toEqual([...bytes]);
  });

  test("reserve() lends room that commit() fills", async () => {
    const stream = make();
    const room = await stream.reserve(10);
    expect(room.length).toBeGreaterThanOrEqual(10);
    room.set([1, 2, 3]);
    stream.commit(2);
    stream.end();
    expect(await collect(stream)).toEqual([1, 2]);
  });

  test("reserve() waits for room", async () => {
    const stream = make();
    const writing = stream.write(counted(FULL));
    await finish(writing);
    let room = stream.reserve(BLOCK);
    while ((await stateOf(room)) === "resolved") {
      stream.commit(BLOCK);
      room = stream.reserve(BLOCK);
    }
    spill.landAll();
    expect((await room).length).toBe(BLOCK);
  });

  test.each([0, -1, 1.5, 65_537, Number.NaN])("reserve(%s) is refused", async (length) => {
    await expect(make().reserve(length)).rejects.toMatchObject({ code: "RX_ERR_OPTION", option: "length" });
  });

  test("what is no bytes is refused", async () => {
    await expect(make().write("x" as unknown as Uint8Array)).rejects.toMatchObject({ code: "RX_ERR_OPTION" });
  });

  test("after end() there is no more to write, and a second end() is nothing", async () => {
    const stream = make();
    stream.end();
    stream.end();
    const refused = { code: "RX_ERR_CALL_STATE" };
    await expect(stream.write(Uint8Array.of(1))).rejects.toMatchObject(refused);
    await expect(stream.reserve(1)).rejects.toMatchObject(refused);
    expect(() => stream.commit(0)).toThrow(expect.objectContaining(refused));
  });

  test("a second writer that would have to wait is refused, and costs the first nothing", async () => {
    const stream = make();
    const first = stream.write(counted(FULL));
    await settled();
    await expect(stream.write(counted(FULL))).rejects.toMatchObject({ code: "RX_ERR_CALL_STATE" });
    await finish(first);
    stream.end();
    expect(await finish(collect(stream))).toEqual([...counted(FULL)]);
  });
});

describe("failing", () => {
  test.each([
    ["ENOSPC", "RX_ERR_SPILL_FULL", 108],
    ["EDQUOT", "RX_ERR_SPILL_FULL", 109],
    ["EIO", "RX_ERR_FILE", 112],
  ])(
    "%s of the disk is told to the writer who waits and to whoever comes later",
    async (system, code, abortCode) => {
      const stream = make();
      const writing = stream.write(counted(FULL));
      await settled();
      const failed = expect(writing).rejects.toMatchObject({ code, abortCode });
      spill.land(0, systemError(system));
      await failed;
      const reading = stream.read(1);
      await expect(reading).rejects.toBe(stream.failure);
      await expect(stream.write(Uint8Array.of(1))).rejects.toBe(stream.failure);
      await expect(stream.reserve(1)).rejects.toBe(stream.failure);
      expect([stream.length, memory.used, disk.used]).toEqual([0, 0, 0]);
    },
  );

  test("a quota that is used up is a failure of its own", async () => {
    disk = new ByteBudget(3 * BLOCK);
    const stream = make();
    const outcome = expect(finish(stream.write(counted(FULL)))).rejects.toMatchObject({
      code: "RX_ERR_SPILL_FULL",
      abortCode: 109,
    });
    await outcome;
    expect([memory.used, disk.used, spill.openFiles]).toEqual([0, 0, 0]);
  });

  test("no memory at all is told to the first writer", async () => {
    memory = new ByteBudget(BLOCK);
    await expect(make().write(Uint8Array.of(1))).rejects.toMatchObject({
      code: "RX_ERR_MEMORY",
      abortCode: 12,
    });
  });

  test("the failure of the call reaches a reader who waits, and gives all memory back", async () => {
    const stream = make();
    await stream.write(counted(20));
    const reading = stream.read(30);
    await settled();
    const gone = new RxError("RX_ERR_CALL_ABORTED", "the peer has gone", { abortCode: 5 });
    stream.fail(gone);
    await expect(reading).rejects.toBe(gone);
    await expect(stream.write(Uint8Array.of(1))).rejects.toBe(gone);
    expect(() => stream.commit(1)).toThrow(gone);
    expect([memory.used, stream.length, stream.isSpilled]).toEqual([0, 0, false]);
  });

  test("and a writer who waits for the disk; what was on its way lands in nothing", async () => {
    const stream = make();
    const writing = stream.write(counted(FULL));
    await settled();
    spill.landKind("open");
    const gone = new RxError("RX_ERR_CALL_ABORTED", "the peer has gone");
    stream.fail(gone);
    await expect(writing).rejects.toBe(gone);
    spill.landAll();
    expect([memory.used, disk.used, spill.openFiles, stream.failure]).toEqual([0, 0, 0, gone]);
  });

  test("the first reason stays", async () => {
    const stream = make();
    const gone = new RxError("RX_ERR_CALL_ABORTED", "the peer has gone");
    stream.fail(gone);
    stream.fail(new RxError("RX_ERR_CALL_TIMEOUT", "too late"));
    stream.release();
    expect(stream.failure).toBe(gone);
    const full = make();
    memory = new ByteBudget(0);
    const poor = make();
    await expect(poor.write(Uint8Array.of(1))).rejects.toMatchObject({ code: "RX_ERR_MEMORY" });
    poor.fail(gone);
    expect([poor.failure?.code, full.failure]).toEqual(["RX_ERR_MEMORY", null]);
  });

  test("release() before the end of the call gives everything back; a loop with a chunk in hand stops", async () => {
    const stream = make();
    await stream.write(counted(40));
    const reading = (async () => {
      for await (const chunk of stream) if (chunk.length > 0) stream.release();
    })();
    await expect(reading).rejects.toMatchObject({ code: "RX_ERR_CALL_ENDED" });
    stream.release();
    expect(memory.used).toBe(0);
  });
});
