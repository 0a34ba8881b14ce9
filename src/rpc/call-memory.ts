// What calls may hold besides packet buffers: arenas and growable buffers, in memory and on disk, each under a limit of its own
// and all of them under the limits of the socket.
import { ByteBudget } from "../memory/byte-budget.js";
import type { SpillSpace } from "../memory/spill-file.js";
import { RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";

/** Limits of one socket; sizes in bytes. */
export interface MemoryOptions {
  /** Arenas and growable buffers of all calls, in memory; each of the latter takes 128 KiB at least. Default 64 MiB. */
  readonly workBytesMax?: number;
  /** The arena of one call. Default 1 MiB, at most `workBytesMax`. */
  readonly arenaBytesMax?: number;
  /** A growable buffer with more than this in memory moves to a file. Default 32 MiB, at most `workBytesMax`. */
  readonly spillThresholdBytes?: number;
  /** Files of one call's growable buffers. Default 1 GiB; 0 = none. */
  readonly spillBytesPerCallMax?: number;
  /** Files of all growable buffers. Default 4 GiB. */
  readonly spillBytesMax?: number;
  /** Where those files are made. Default: the system's folder for temporary files. */
  readonly spillDirectory?: string;
}

export const MEMORY_OPTION_NAMES = [
  "workBytesMax", "arenaBytesMax", "spillThresholdBytes", "spillBytesPerCallMax", "spillBytesMax", "spillDirectory",
] as const satisfies readonly (keyof MemoryOptions)[]; // biome-ignore format: a list of names

const MIB = 1024 * 1024;

/** The checked limits. */
export class MemoryLimits {
  readonly workBytesMax: number;
  readonly arenaBytesMax: number;
  readonly spillThresholdBytes: number;
  readonly spillBytesPerCallMax: number;
  readonly spillBytesMax: number;

  /** @throws RxOptionError naming the option that is wrong */
  constructor(options: MemoryOptions = {}) {
    knownOptions("memory", options, MEMORY_OPTION_NAMES);
    this.workBytesMax = integerOption("memory.workBytesMax", options.workBytesMax, 64 * MIB, 0);
    const { workBytesMax } = this;
    this.arenaBytesMax = partOf(workBytesMax, "memory.arenaBytesMax", options.arenaBytesMax, MIB);
    this.spillThresholdBytes = partOf(
      workBytesMax,
      "memory.spillThresholdBytes",
      options.spillThresholdBytes,
      32 * MIB,
    );
    this.spillBytesPerCallMax = integerOption(
      "memory.spillBytesPerCallMax",
      options.spillBytesPerCallMax,
      1024 * MIB,
      0,
    );
    this.spillBytesMax = integerOption("memory.spillBytesMax", options.spillBytesMax, 4096 * MIB, 0);
  }
}

// What one call may have of the memory of all. @throws RxOptionError when that is more than all
function partOf(workBytesMax: number, name: string, bytes: number | undefined, fallback: number): number {
  const wanted = integerOption(name, bytes, Math.min(fallback, workBytesMax), 0);
  if (wanted <= workBytesMax) return wanted;
  throw new RxOptionError(name, `at most ${workBytesMax} (memory.workBytesMax)`, wanted);
}

/** The accounts of one socket. */
export class CallMemory {
  readonly limits: MemoryLimits;
  /** Memory of all arenas and growable buffers. */
  readonly work: ByteBudget;
  /** Files of all growable buffers. */
  readonly disk: ByteBudget;
  readonly spill: SpillSpace;

  constructor(limits: MemoryLimits, spill: SpillSpace) {
    this.limits = limits;
    this.work = new ByteBudget(limits.workBytesMax);
    this.disk = new ByteBudget(limits.spillBytesMax);
    this.spill = spill;
  }
}
