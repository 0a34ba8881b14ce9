// What a FileQueue is asked to do: one object for each operation, the descriptor that it works on, and whose turn it is.
import type { BigIntStats, StatsFs } from "node:fs";
import { RxError } from "../util/errors.js";

type SystemError = NodeJS.ErrnoException | null;

/** What is used of `node:fs`. Every callback comes later and exactly once. */
export interface FileBackend {
  open(path: string, flags: number, mode: number, done: (cause: SystemError, fd: number) => void): void;
  read(
    fd: number,
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (cause: SystemError, count: number) => void,
  ): void;
  write(
    fd: number,
    from: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (cause: SystemError, count: number) => void,
  ): void;
  stat(
    path: string,
    options: { readonly bigint: true },
    done: (cause: SystemError, stats: BigIntStats) => void,
  ): void;
  fstat(
    fd: number,
    options: { readonly bigint: true },
    done: (cause: SystemError, stats: BigIntStats) => void,
  ): void;
  statfs(path: string, done: (cause: SystemError, stats: StatsFs) => void): void;
  readonly realpath: {
    /** One visit to the thread pool; the other realpath pays one for every part of the path. */
    native(path: string, done: (cause: SystemError, resolved: string) => void): void;
  };
  ftruncate(fd: number, length: number, done: (cause: SystemError) => void): void;
  unlink(path: string, done: (cause: SystemError) => void): void;
  close(fd: number, done: (cause: SystemError) => void): void;
}

/** Takes what the backend answers. */
export type Answer = (cause: Error | null, value?: unknown) => void;

/** One open descriptor. Its number is free for another file as soon as its close runs: nothing may be under way by then. */
export class Descriptor {
  readonly fd: number;
  /** It has one of the limited places for open files. */
  readonly isLimited: boolean;
  /** Operations asked for and not ended. */
  pending = 0;
  /** Set when a close has been asked for; it runs when nothing is pending. */
  closing: FileOperation | null = null;

  constructor(fd: number, isLimited: boolean) {
    this.fd = fd;
    this.isLimited = isLimited;
  }
}

/** An operation from the request to the delivery of its outcome. */
export class FileOperation {
  /** The next in the list it waits in. */
  next: FileOperation | null = null;
  /** Whose it is; null: the library's own. */
  readonly owner: object | null;
  /** What it works on; null where that is a path. */
  readonly descriptor: Descriptor | null;
  readonly #start: (backend: FileBackend, answer: Answer) => void;
  readonly #done: Answer;
  cause: Error | null = null;
  value: unknown = undefined;
  /** It was let in, and close() waits for it. */
  isAdmitted = false;
  /** It has been with the backend: its outcome counts among those that may wait for delivery. */
  isSubmitted = false;

  constructor(
    owner: object | null,
    descriptor: Descriptor | null,
    start: (backend: FileBackend, answer: Answer) => void,
    done: Answer,
  ) {
    this.owner = owner;
    this.descriptor = descriptor;
    this.#start = start;
    this.#done = done;
  }

  start(backend: FileBackend, answer: Answer): void {
    this.#start(backend, answer);
  }

  /** Takes a good answer, which may turn out to be a failure: then `cause` is set. @returns whether there is more to do */
  take(value: unknown): boolean {
    this.value = value;
    return false;
  }

  deliver(): void {
    this.#done(this.cause, this.value);
  }
}

export function closeOf(descriptor: Descriptor, done: (cause: Error | null) => void): FileOperation {
  return new FileOperation(null, descriptor, (backend, answer) => backend.close(descriptor.fd, answer), done);
}

export class OpenOperation extends FileOperation {
  /** It has one of the limited places for open files, which goes over to what it opens. */
  hasPlace = false;
  /** It has waited for a descriptor before. */
  hasWaited = false;
  /** How many descriptors had been closed when it was submitted. */
  closedBefore = 0;
  opened: Descriptor | null = null;
}

// AFS's code for a failing disk.
const VIO = 112;
// Answers of 0 bytes in a row after which a write has failed.
const ZEROS_MAX = 2;

/** A read or a write, which may take several goes. */
export class TransferOperation extends FileOperation {
  readonly #length: number;
  readonly #endsAtZero: boolean;
  #transferred = 0;
  #zeros = 0;

  /**
   * @param endsAtZero 0 bytes are the end of the file (a read), else a failure when they come twice in a row (a write)
   * @param start is told how many bytes have been transferred
   */
  constructor(
    owner: object | null,
    descriptor: Descriptor | null,
    length: number,
    endsAtZero: boolean,
    start: (backend: FileBackend, transferred: number, answer: Answer) => void,
    done: Answer,
  ) {
    super(owner, descriptor, (backend, answer) => start(backend, this.#transferred, answer), done);
    this.#length = length;
    this.#endsAtZero = endsAtZero;
    this.value = 0;
  }

  override take(value: unknown): boolean {
    const count = value as number;
    this.#transferred += count;
    this.value = this.#transferred;
    if (this.#transferred >= this.#length) return false;
    this.#zeros = count > 0 ? 0 : this.#zeros + 1;
    if (this.#zeros === 0) return true;
    if (this.#endsAtZero) return false;
    if (this.#zeros < ZEROS_MAX) return true;
    const sofar = `${this.#transferred} of ${this.#length} bytes`;
    this.cause = new RxError("RX_ERR_FILE", `a write stopped after ${sofar}`, { abortCode: VIO });
    return false;
  }
}

/** First in, first out, linked through the operations. */
export class OperationList {
  #first: FileOperation | null = null;
  #last: FileOperation | null = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(operation: FileOperation): void {
    operation.next = null;
    if (this.#last === null) this.#first = operation;
    else this.#last.next = operation;
    this.#last = operation;
    this.#count++;
  }

  unshift(operation: FileOperation): void {
    operation.next = this.#first;
    this.#first = operation;
    this.#last ??= operation;
    this.#count++;
  }

  shift(): FileOperation | null {
    return this.takeFirst(isAny);
  }

  /** Takes out the first that `isWanted`, or null. */
  takeFirst(isWanted: (operation: FileOperation) => boolean): FileOperation | null {
    let before: FileOperation | null = null;
    let operation = this.#first;
    while (operation !== null && !isWanted(operation)) {
      before = operation;
      operation = operation.next;
    }
    if (operation === null) return null;
    if (before === null) this.#first = operation.next;
    else before.next = operation.next;
    if (operation === this.#last) this.#last = before;
    operation.next = null;
    this.#count--;
    return operation;
  }
}

/**
 * Operations that wait, a line for each owner; the owners take turns:
 *
 *     call A: [read][read][read] ...        taken: A, B, C, A, C, A, ...
 *     call B: [stat]
 *     call C: [write][write]
 */
export class OwnerTurns {
  // In the order of their turns: who has had one is put in again at the end.
  readonly #lines = new Map<object | null, OperationList>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(operation: FileOperation): void {
    this.#line(operation.owner).push(operation);
    this.#count++;
  }

  /** To the front of its owner's line; the owner keeps its turn. */
  unshift(operation: FileOperation): void {
    this.#line(operation.owner).unshift(operation);
    this.#count++;
  }

  shift(): FileOperation | null {
    for (const [owner, line] of this.#lines) {
      this.#lines.delete(owner);
      const operation = line.shift();
      if (line.count > 0) this.#lines.set(owner, line);
      this.#count--;
      return operation;
    }
    return null;
  }

  /** Takes out all that `owner` has waiting. */
  takeOwner(owner: object | null): OperationList {
    const line = this.#lines.get(owner) ?? new OperationList();
    this.#lines.delete(owner);
    this.#count -= line.count;
    return line;
  }

  #line(owner: object | null): OperationList {
    let line = this.#lines.get(owner);
    if (line === undefined) {
      line = new OperationList();
      this.#lines.set(owner, line);
    }
    return line;
  }
}

function isAny(): boolean {
  return true;
}
