// What the calls of one socket share besides its packets: the accounts of their memory, and the files.
import { tmpdir } from "node:os";
import type { EventCache } from "../loop/event-cache.js";
import { CallMemory, MemoryLimits, type MemoryOptions } from "../rpc/call-memory.js";
import { RxOptionError } from "../util/errors.js";
import { type FileOptions, fileLimits, NodeFileSystem } from "./file-access.js";
import { type FileBackend, type FileCounters, FileQueue } from "./file-queue.js";
import { SpillFiles } from "./spill-files.js";

export interface ResourceOptions {
  /** Limits of what calls hold in arenas and growable buffers. */
  readonly memory?: MemoryOptions;
  /** Limits of the file operations of handlers. */
  readonly files?: FileOptions;
  /** Stands in for `node:fs`: for tests that make a disk slow or full. */
  readonly fileBackend?: FileBackend;
}

export const RESOURCE_OPTION_NAMES = ["memory", "files", "fileBackend"] as const;

export class SocketResources {
  readonly memory: CallMemory;
  readonly files: NodeFileSystem;
  readonly #queue: FileQueue;

  constructor(events: EventCache, options: ResourceOptions) {
    const { directory, limits, files } = checkResources(options);
    this.#queue = new FileQueue({
      events,
      ...files,
      ...(options.fileBackend === undefined ? {} : { backend: options.fileBackend }),
    });
    this.files = new NodeFileSystem(this.#queue);
    this.memory = new CallMemory(limits, new SpillFiles(this.#queue, directory, warnOfSpilling));
  }

  get fileCounters(): Readonly<FileCounters> {
    return this.#queue.counters;
  }

  /** Ends every file operation. The event cache must be drained until it resolves. */
  close(): Promise<void> {
    return this.#queue.close();
  }
}

/** @throws RxOptionError naming the option that is wrong */
export function checkResources(options: ResourceOptions): {
  readonly limits: MemoryLimits;
  readonly files: Required<FileOptions>;
  readonly directory: string;
} {
  const limits = new MemoryLimits(options.memory);
  const directory = options.memory?.spillDirectory ?? tmpdir();
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    throw new RxOptionError("memory.spillDirectory", "the path of a folder", directory);
  }
  return { limits, files: fileLimits(options.files), directory };
}

function warnOfSpilling(text: string): void {
  process.emitWarning(text, { type: "RxSpillWarning", code: "RX_SPILL" });
}
