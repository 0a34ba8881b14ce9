// How a request goes into its growable buffer: at the pace of the network, as far as there is room.
import { beforeEach, describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { CallMemory, MemoryLimits, type MemoryOptions } from "../../../src/rpc/call-memory.js";
import { CallResources } from "../../../src/rpc/call-resources.js";
import { Intake } from "../../../src/rpc/intake.js";
import { NextTurn } from "../../../src/rpc/next-turn.js";
import type { RpcContext } from "../../../src/rpc/rpc-context.js";
import type { RxError } from "../../../src/util/errors.js";
import { FakeSpill, systemError } from "../memory/fake-spill.js";
import { TestLoop } from "../node/fake-file-backend.js";

const BLOCK = 65_536;

/** What has come of a request and has not been taken. */
class FakeHandle implements Pick<CallHandle, "hasInput" | "isAtEnd" | "readInto"> {
  bytes: number[] = [];
  isLastIn = false;
  reads = 0;

  get hasInput(): boolean {
    return this.bytes.length > 0;
  }

  get isAtEnd(): boolean {
    return this.isLastIn && this.bytes.length === 0;
  }

  readInto(to: Uint8Array, offset: number, length: number): number {
    this.reads++;
    const part = this.bytes.splice(0, length);
    to.set(part, offset);
    return part.length;
  }
}

let handle: FakeHandle;
let spill: FakeSpill;
let memory: CallMemory;
let failures: RxError[];
let loop: TestLoop;
let owned: CallResources;

function intakeOf(options: MemoryOptions = {}, onFailure?: () => void): Intake {
  memory = new CallMemory(new MemoryLimits(options), spill);
  owned = new CallResources({ memory } as RpcContext);
  return new Intake(handle as unknown as CallHandle, owned, new NextTurn(loop.cache), (failure) => {
    failures.push(failure);
    onFailure?.();
  });
}

const counted = (from: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (from + i) & 255);

beforeEach(() => {
  handle = new FakeHandle();
  spill = new FakeSpill();
  failures = [];
  loop = new TestLoop();
});

describe("Intake", () => {
  test("takes what has come, whether or not anybody reads, and ends with the request", async () => {
    const intake = intakeOf();
    handle.bytes = counted(0, 1_000);
    intake.pump();
    expect([intake.stream.length, handle.bytes.length, intake.stream.isEnded]).toEqual([1_000, 0, false]);
    handle.bytes = counted(1_000, 2_000);
    handle.isLastIn = true;
    intake.pump();
    expect([intake.stream.length, intake.stream.isEnded]).toEqual([3_000, true]);
    expect([...(await intake.stream.read(3_000))]).toEqual(counted(0, 3_000));
    await expect(intake.stream.read(1)).rejects.toMatchObject({ code: "RX_ERR_END_OF_DATA" });
  });

  test("an empty request is an ended buffer that has cost nothing", () => {
    const intake = intakeOf();
    intake.pump();
    expect(intake.stream.isEnded).toBe(false);
    handle.isLastIn = true;
    intake.pump();
    expect([intake.stream.isEnded, handle.reads, memory.work.highWater]).toEqual([true, 0, 0]);
  });

  test("after the end nothing more is taken", () => {
    const intake = intakeOf();
    handle.isLastIn = true;
    intake.pump();
    handle.bytes = [1];
    intake.pump();
    expect([handle.reads, intake.stream.totalBytes]).toEqual([0, 0]);
  });

  test("a reader that waits is woken by what comes", async () => {
    const intake = intakeOf();
    const reading = intake.stream.read(3);
    handle.bytes = [7, 8];
    intake.pump();
    handle.bytes = [9];
    intake.pump();
    expect([...(await reading)]).toEqual([7, 8, 9]);
  });

  test("what the buffer has no room for stays where it is, and follows when the disk has taken some", async () => {
    const intake = intakeOf({ spillThresholdBytes: 2 * BLOCK });
    const total = 20 * BLOCK;
    handle.bytes = counted(0, total);
    handle.isLastIn = true;
    intake.pump();
    const left = handle.bytes.length;
    expect(left).toBeGreaterThan(10 * BLOCK);
    expect([intake.stream.isSpilled, spill.asked]).toEqual([true, ["open"]]);
    // Without a word from the disk there is no room, however often somebody looks.
    intake.pump();
    expect(handle.bytes.length).toBe(left);
    spill.landAll();
    expect([handle.bytes.length, intake.stream.isEnded]).toEqual([0, true]);
    expect(memory.work.highWater).toBeLessThanOrEqual(6 * BLOCK);
    let at = 0;
    const reading = (async () => {
      for await (const chunk of intake.stream) {
        expect(chunk.every((byte, i) => byte === ((at + i) & 255))).toBe(true);
        at += chunk.length;
      }
    })();
    let isOver = false;
    void reading.then(() => (isOver = true));
    while (!isOver) {
      loop.drain();
      spill.landAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([at, memory.work.used, memory.disk.used, failures]).toEqual([total, 0, 0, []]);
  });

  test.each([
    ["memory", { workBytesMax: BLOCK }, "RX_ERR_MEMORY", 12],
    ["the call's quota", { spillThresholdBytes: 0, spillBytesPerCallMax: BLOCK }, "RX_ERR_SPILL_FULL", 109],
    ["the quota of all", { spillThresholdBytes: 0, spillBytesMax: 0 }, "RX_ERR_SPILL_FULL", 109],
  ])("without %s it fails once, and takes nothing from there on", (_what, options, code, abortCode) => {
    const intake: Intake = intakeOf(options, () => intake.pump());
    handle.bytes = counted(0, 20 * BLOCK);
    handle.isLastIn = true;
    intake.pump();
    spill.landAll();
    expect(failures).toMatchObject([{ code, abortCode }]);
    expect(intake.stream.failure).toBe(failures[0]);
    const left = handle.bytes.length;
    expect(left).toBeGreaterThan(0);
    intake.pump();
    expect([handle.bytes.length, failures.length, intake.stream.isEnded]).toEqual([left, 1, false]);
    expect([memory.work.used, memory.disk.used, spill.openFiles]).toEqual([0, 0, 0]);
  });

  test("a disk that is full ends it when its answer comes", () => {
    const intake = intakeOf({ spillThresholdBytes: 0 });
    handle.bytes = counted(0, 20 * BLOCK);
    intake.pump();
    spill.landKind("open");
    expect(failures).toEqual([]);
    spill.landKind("write", systemError("ENOSPC"));
    expect(failures).toMatchObject([{ code: "RX_ERR_SPILL_FULL", abortCode: 108 }]);
  });

  test("goes with the call: no failure is told of, and what comes after is left", async () => {
    const intake = intakeOf({ spillThresholdBytes: 0 });
    handle.bytes = counted(0, 20 * BLOCK);
    intake.pump();
    const reading = intake.stream.read(10 * BLOCK);
    owned.release();
    await expect(reading).rejects.toMatchObject({ code: "RX_ERR_CALL_ENDED" });
    const left = handle.bytes.length;
    intake.pump();
    spill.landAll();
    expect([failures, handle.bytes.length, memory.work.used]).toEqual([[], left, 0]);
  });
});
