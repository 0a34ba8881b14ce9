// A growable buffer with the budgets and the spill space that its tests look at.
import { expect } from "vitest";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { GrowableBuffer } from "../../../src/memory/growable-buffer.js";
import { FakeSpill } from "./fake-spill.js";

export const BLOCK = 8;

// What a spilled buffer may hold whatever its threshold: two blocks for the reader and four for the writer.
export const SPILLED_BYTES = 6 * BLOCK;

interface Setup {
  readonly thresholdBlocks?: number;
  readonly memoryBlocks?: number;
  readonly diskBlocks?: number;
  readonly hasSpill?: boolean;
}

/** A buffer whose writer writes the bytes 0, 1, 2, ... and whose reader checks that they come in this order. */
export class Bench {
  readonly spill = new FakeSpill();
  readonly memory: ByteBudget;
  readonly disk: ByteBudget;
  readonly buffer: GrowableBuffer;
  readonly thresholdBytes: number;
  written = 0;
  read = 0;
  changes = 0;
  isCleared = false;
  onChange: () => void = () => undefined;

  constructor({
    thresholdBlocks = 4,
    memoryBlocks = 1_000,
    diskBlocks = 1_000,
    hasSpill = true,
  }: Setup = {}) {
    this.memory = new ByteBudget(memoryBlocks * BLOCK);
    this.disk = new ByteBudget(diskBlocks * BLOCK);
    this.thresholdBytes = thresholdBlocks * BLOCK;
    this.buffer = new GrowableBuffer({
      memory: this.memory,
      disk: this.disk,
      thresholdBytes: this.thresholdBytes,
      blockBytes: BLOCK,
      spill: hasSpill ? this.spill : null,
      onChange: () => {
        this.changes++;
        this.onChange();
      },
    });
  }

  /** Writes up to `length` bytes; gives how many were taken. */
  write(length: number): number {
    const bytes = Uint8Array.from({ length: length + 2 }, (_, i) => byteAt(this.written + i - 1));
    const taken = this.buffer.write(bytes, 1, length);
    this.written += taken;
    return taken;
  }

  /** Writes `length` bytes, landing file operations whenever there is no room. */
  writeAll(length: number): void {
    let left = length - this.write(length);
    while (left > 0) {
      this.spill.land();
      left -= this.write(left);
    }
  }

  /** Reserves at least `room` and fills up to `length` bytes of it. False when there is no room. */
  reserve(room: number, length: number): boolean {
    const bytes = this.buffer.reserve(room);
    if (bytes === null) return false;
    expect(bytes.length).toBeGreaterThanOrEqual(room);
    const filled = Math.min(length, bytes.length);
    for (let i = 0; i < filled; i++) bytes[i] = byteAt(this.written + i);
    this.buffer.commit(filled);
    this.written += filled;
    return true;
  }

  /** Reads what lies together, up to `length` bytes; gives how many came. */
  take(length = Number.POSITIVE_INFINITY): number {
    const bytes = this.buffer.peek();
    if (bytes === null) return 0;
    const part = Math.min(bytes.length, length);
    expect(Array.from(bytes)).toEqual(Array.from(bytes, (_, i) => byteAt(this.read + i)));
    this.read += part;
    this.buffer.consume(part);
    return part;
  }

  /** Reads all there is, landing file operations whenever nothing is here. */
  takeAll(): void {
    while (this.take() > 0 || this.spill.pending.length > 0) {
      if (this.buffer.peek() === null && this.spill.pending.length > 0) this.spill.land();
    }
  }

  /** Everything that is counted in two places agrees. `othersBytes` of memory are held by others. */
  check(othersBytes = 0): void {
    expect(this.memory.used - othersBytes).toBe(this.buffer.memoryBytes);
    expect(this.disk.used).toBe(this.buffer.fileBytes);
    expect(this.buffer.memoryBytes).toBeLessThanOrEqual(Math.max(this.thresholdBytes, SPILLED_BYTES));
  }

  expectNothingHeld(): void {
    expect([this.memory.used, this.disk.used, this.buffer.memoryBytes, this.buffer.fileBytes]).toEqual([
      0, 0, 0, 0,
    ]);
    expect([this.spill.openFiles, this.buffer.length]).toEqual([0, 0]);
  }
}

export function byteAt(position: number): number {
  return (position * 7 + (position >> 5)) & 255;
}

/** A bench whose buffer has moved `blocks` blocks towards the file, with nothing in flight. */
export function spilledBench(blocks: number, setup: Setup = {}): Bench {
  const bench = new Bench(setup);
  bench.writeAll(blocks * BLOCK);
  bench.spill.landAll();
  expect(bench.buffer.isSpilled).toBe(true);
  return bench;
}
