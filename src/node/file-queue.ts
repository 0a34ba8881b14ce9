// File operations beside the network, as callers see them. When they run stands in file-schedule.ts.
// Callbacks of `node:fs`, never its promises: those would run user code past the event cache.
import type * as fs from "node:fs";
import {
  type Answer,
  closeOf,
  type FileBackend,
  FileOperation,
  OpenOperation,
  TransferOperation,
} from "./file-operation.js";
import { type FileCounters, type FileQueueOptions, FileSchedule } from "./file-schedule.js";

export type { FileBackend } from "./file-operation.js";
export type { FileCounters, FileQueueOptions } from "./file-schedule.js";

const BIGINT = { bigint: true } as const;

type Done = (cause: Error | null) => void;
type Start = (backend: FileBackend, answer: Answer) => void;

/**
 * Every `done` is called exactly once, from the event cache's drain and never from within the call that asked for it;
 * bytes are lent until then. A cause is the system's own error, or an RxError: RX_ERR_LIMIT when too many wait,
 * RX_ERR_CALL_ENDED after cancel(), RX_ERR_SOCKET_CLOSED after close(). An owner is any object that stands for a call:
 * owners take turns. Null is the library itself, whose opens are not counted in `openMax`. Arguments are checked by
 * whoever hands them in.
 */
export class FileQueue {
  readonly #schedule: FileSchedule;

  constructor(options: FileQueueOptions) {
    this.#schedule = new FileSchedule(options);
  }

  get counters(): Readonly<FileCounters> {
    return this.#schedule.counters;
  }

  /** `done` owns the descriptor, which must be closed by closeDescriptor(). After a failure `fd` is -1. */
  open(
    owner: object | null,
    path: string,
    flags: number,
    mode: number,
    done: (cause: Error | null, fd: number) => void,
  ): void {
    const operation = new OpenOperation(
      owner,
      null,
      (backend, answer) => backend.open(path, flags, mode, answer),
      (cause, fd) => done(cause, cause === null ? (fd as number) : -1),
    );
    this.#schedule.enterOpen(operation);
  }

  /** Reads until `length` bytes are there or the file ends; `done` is told how many came, after a failure too. */
  read(
    owner: object | null,
    fd: number,
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (cause: Error | null, bytesRead: number) => void,
  ): void {
    const start = (backend: FileBackend, count: number, answer: Answer): void =>
      backend.read(fd, into, offset + count, length - count, position + count, answer);
    this.#schedule.enter(
      new TransferOperation(owner, this.#schedule.descriptorOf(fd), length, true, start, done as Answer),
    );
  }

  /** Writes all of `length` bytes or fails; then some of them may have been written. */
  write(
    owner: object | null,
    fd: number,
    from: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: Done,
  ): void {
    const start = (backend: FileBackend, count: number, answer: Answer): void =>
      backend.write(fd, from, offset + count, length - count, position + count, answer);
    this.#schedule.enter(
      new TransferOperation(owner, this.#schedule.descriptorOf(fd), length, false, start, done),
    );
  }

  /** Follows symbolic links. `stats` are there unless there is a cause; so with the outcomes of the others. */
  stat(owner: object | null, path: string, done: (cause: Error | null, stats: fs.BigIntStats) => void): void {
    const start: Start = (backend, answer) => backend.stat(path, BIGINT, answer);
    this.#schedule.enter(new FileOperation(owner, null, start, done as Answer));
  }

  fstat(owner: object | null, fd: number, done: (cause: Error | null, stats: fs.BigIntStats) => void): void {
    const start: Start = (backend, answer) => backend.fstat(fd, BIGINT, answer);
    this.#schedule.enter(new FileOperation(owner, this.#schedule.descriptorOf(fd), start, done as Answer));
  }

  /** Facts about the file system that `path` lies on. */
  statfs(owner: object | null, path: string, done: (cause: Error | null, stats: fs.StatsFs) => void): void {
    const start: Start = (backend, answer) => backend.statfs(path, answer);
    this.#schedule.enter(new FileOperation(owner, null, start, done as Answer));
  }

  realpath(owner: object | null, path: string, done: (cause: Error | null, resolved: string) => void): void {
    const start: Start = (backend, answer) => backend.realpath.native(path, answer);
    this.#schedule.enter(new FileOperation(owner, null, start, done as Answer));
  }

  /** Cuts or lengthens the file to `length` bytes. */
  truncate(owner: object | null, fd: number, length: number, done: Done): void {
    const start: Start = (backend, answer) => backend.ftruncate(fd, length, answer);
    this.#schedule.enter(new FileOperation(owner, this.#schedule.descriptorOf(fd), start, done));
  }

  /** Takes away the name of a temporary file of ours. Is never refused: it runs after close() too. */
  unlink(path: string, done: Done): void {
    const start: Start = (backend, answer) => backend.unlink(path, answer);
    this.#schedule.enterCleanup(new FileOperation(null, null, start, done));
  }

  /**
   * Closes `fd` after what was asked of it before; nothing may be asked of it afterwards. Is never refused and outlives
   * cancel(). With a cause the descriptor is gone all the same.
   */
  closeDescriptor(fd: number, done: Done): void {
    const descriptor = this.#schedule.descriptorOf(fd);
    // Null: it has been closed with the queue, or is about to be.
    if (descriptor === null) this.#schedule.putOutcome(new FileOperation(null, null, startsNever, done));
    else this.#schedule.enterClose(closeOf(descriptor, done));
  }

  /**
   * `owner` is at its end, for good: what it has waiting is dropped, what is in flight ends and comes to nothing, and a
   * file that is still opened for it is closed. Descriptors that were delivered are its to close.
   */
  cancel(owner: object): void {
    this.#schedule.cancel(owner);
  }

  /**
   * Ends it: what waits fails, what is in flight is waited for, every descriptor is closed. The event cache must be
   * drained until the promise resolves: the last outcomes go through it. Safe to call twice.
   */
  close(): Promise<void> {
    return this.#schedule.close();
  }
}

function startsNever(): void {
  // Its outcome was there before it could start.
}
