// What a call has besides packets: made when it is asked for, under the limits, and gone once.
import { beforeEach, describe, expect, test } from "vitest";
import { CallMemory, MemoryLimits, type MemoryOptions } from "../../../src/rpc/call-memory.js";
import { CallResources } from "../../../src/rpc/call-resources.js";
import type { FileScope } from "../../../src/rpc/file-access.js";
import { GrowableStream } from "../../../src/rpc/growable-stream.js";
import { NextTurn } from "../../../src/rpc/next-turn.js";
import type { RpcContext } from "../../../src/rpc/rpc-context.js";
import { FakeSpill } from "../memory/fake-spill.js";
import { TestLoop } from "../node/fake-file-backend.js";

const BLOCK = 65_536;

let spill: FakeSpill;
let memory: CallMemory;
let faults: [cause: unknown, where: string][];
/** What was asked of the file scopes, by the number of the scope. */
let files: string[];
let turn: NextTurn;

function resources(options: MemoryOptions = {}): CallResources {
  memory = new CallMemory(new MemoryLimits(options), spill);
  const context: Partial<RpcContext> = {
    memory,
    files: {
      scope: () => {
        const n = files.push("scope");
        return { release: () => void files.push(`release ${n}`) } as FileScope;
      },
    },
    reportFault: (cause, where) => void faults.push([cause, where]),
  };
  return new CallResources(context as RpcContext);
}

const streamOf = (from: CallResources): GrowableStream =>
  from.link(new GrowableStream((onChange) => from.makeBuffer(onChange), turn));

beforeEach(() => {
  spill = new FakeSpill();
  faults = [];
  files = [];
  turn = new NextTurn(new TestLoop().cache);
});

describe("CallResources", () => {
  test("nothing is charged and no scope is made before somebody asks", () => {
    const mine = resources();
    expect([memory.work.highWater, memory.disk.highWater, files]).toEqual([0, 0, []]);
    mine.release();
    expect([memory.work.highWater, files]).toEqual([0, []]);
  });

  test("the arena stays under its own limit and under that of all calls", () => {
    const mine = resources({ arenaBytesMax: 10_000, workBytesMax: 15_000 });
    mine.arena.alloc(10_000);
    const refused = { code: "RX_ERR_MEMORY", abortCode: 12 };
    expect(() => mine.arena.alloc(1)).toThrow(expect.objectContaining(refused));
    expect(memory.work.take(5_001)).toBe(false);
    expect(memory.work.take(5_000)).toBe(true);
  });

  test("there is one scope of files, released once with the call", () => {
    const mine = resources();
    expect(mine.files).toBe(mine.files);
    mine.release();
    mine.release();
    expect(files).toEqual(["scope", "release 1"]);
  });

  test("release() gives back what arena and buffers hold, and refuses more", async () => {
    const mine = resources();
    mine.arena.alloc(5_000);
    const stream = streamOf(mine);
    await stream.write(new Uint8Array(3 * BLOCK));
    expect(memory.work.used).toBe(5_000 + 3 * BLOCK);
    mine.release();
    expect([memory.work.used, stream.failure?.code, mine.arena.isCleared]).toEqual([
      0,
      "RX_ERR_CALL_ENDED",
      true,
    ]);
    for (const late of [() => mine.arena.alloc(1), () => streamOf(mine)]) {
      expect(late).toThrow(expect.objectContaining({ code: "RX_ERR_CALL_ENDED" }));
    }
    expect(memory.work.used).toBe(0);
  });

  test("files that are asked for after the end belong to a scope that is released at once", () => {
    const mine = resources();
    mine.release();
    void mine.files;
    void mine.files;
    expect(files).toEqual(["scope", "release 1"]);
  });

  test("all buffers of a call share its quota of disk", async () => {
    const mine = resources({ spillThresholdBytes: 2 * BLOCK, spillBytesPerCallMax: 3 * BLOCK });
    const streams = [streamOf(mine), streamOf(mine)];
    const writes = streams.map((stream) => stream.write(new Uint8Array(8 * BLOCK)).catch(() => undefined));
    await Promise.resolve();
    spill.landAll();
    await Promise.all(writes);
    expect(memory.disk.highWater).toBe(3 * BLOCK);
    const codes = streams.map((stream) => stream.failure?.abortCode);
    expect(codes.filter((code) => code === 109).length).toBe(1);
    mine.release();
    while (spill.pending.length > 0) spill.land();
    expect([memory.work.used, memory.disk.used, spill.openFiles]).toEqual([0, 0, 0]);
  });

  test("what a release() of a user's throws is reported, and the rest goes all the same", () => {
    const mine = resources();
    mine.arena.alloc(100);
    const wrong = new Error("release");
    const released: string[] = [];
    mine.arena.link({ release: () => void released.push("first") });
    mine.arena.link({
      release: () => {
        throw wrong;
      },
    });
    void mine.files;
    mine.release();
    expect(faults).toEqual([[wrong, "what a call's arena released"]]);
    expect([released, memory.work.used, files]).toEqual([["first"], 0, ["scope", "release 1"]]);
  });
});
