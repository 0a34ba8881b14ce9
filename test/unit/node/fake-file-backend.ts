// A file backend whose answers are given by hand, and an event cache that is drained by hand.
import type { BigIntStats, StatsFs } from "node:fs";
import { EventCache } from "../../../src/loop/event-cache.js";
import type { FileBackend } from "../../../src/node/file-queue.js";

type Answer = (cause: NodeJS.ErrnoException | null, value?: unknown) => void;

export interface BackendCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly answer: Answer;
}

export class FakeFileBackend implements FileBackend {
  /** Calls without an answer, oldest first. */
  readonly pending: BackendCall[] = [];
  /** Every call as text. */
  readonly log: string[] = [];
  /** While set, every call throws it at once. */
  refusal: Error | null = null;

  open(path: string, flags: number, mode: number, done: (cause: null, fd: number) => void): void {
    this.#note("open", [path, flags, mode], done as Answer);
  }

  read(
    fd: number,
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (cause: null, count: number) => void,
  ): void {
    this.#note("read", [fd, into, offset, length, position], done as Answer);
  }

  write(
    fd: number,
    from: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (cause: null, count: number) => void,
  ): void {
    this.#note("write", [fd, from, offset, length, position], done as Answer);
  }

  stat(path: string, _options: object, done: (cause: null, stats: BigIntStats) => void): void {
    this.#note("stat", [path], done as Answer);
  }

  fstat(fd: number, _options: object, done: (cause: null, stats: BigIntStats) => void): void {
    this.#note("fstat", [fd], done as Answer);
  }

  statfs(path: string, done: (cause: null, stats: StatsFs) => void): void {
    this.#note("statfs", [path], done as Answer);
  }

  readonly realpath = {
    native: (path: string, done: (cause: null, resolved: string) => void): void =>
      this.#note("realpath", [path], done as Answer),
  };

  ftruncate(fd: number, length: number, done: (cause: null) => void): void {
    this.#note("ftruncate", [fd, length], done as Answer);
  }

  unlink(path: string, done: (cause: null) => void): void {
    this.#note("unlink", [path], done as Answer);
  }

  close(fd: number, done: (cause: null) => void): void {
    this.#note("close", [fd], done as Answer);
  }

  /** Answers the oldest call that `name` and, where given, the first argument fit. */
  answer(name: string, value?: unknown, first?: unknown): void {
    this.#take(name, first).answer(null, value);
  }

  fail(name: string, cause: NodeJS.ErrnoException, first?: unknown): void {
    this.#take(name, first).answer(cause);
  }

  #take(name: string, first: unknown): BackendCall {
    const at = this.pending.findIndex((c) => c.name === name && (first === undefined || c.args[0] === first));
    if (at < 0) throw new Error(`no ${name} is pending: ${this.pending.map((c) => c.name).join(", ")}`);
    return this.pending.splice(at, 1)[0] as BackendCall;
  }

  #note(name: string, args: readonly unknown[], answer: Answer): void {
    if (this.refusal !== null) throw this.refusal;
    this.log.push([name, ...args.filter((arg) => !(arg instanceof Uint8Array))].join(" "));
    this.pending.push({ name, args, answer });
  }
}

export function systemError(code: string, errno = 1): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: as told by the test`), { code, errno: -errno });
}

/** An event cache whose turns the test asks for, or that takes them by itself, as the driver's does. */
export class TestLoop {
  readonly faults: unknown[] = [];
  readonly cache: EventCache;
  hasAsked = false;

  constructor(drainsItself = false) {
    this.cache = new EventCache({
      nowUs: () => 0,
      arm: () => {
        this.hasAsked = true;
        if (drainsItself) setImmediate(() => this.cache.drain());
      },
      onFault: (cause) => this.faults.push(cause),
    });
  }

  /** Turns until nothing is left. */
  drain(): void {
    while (this.cache.count > 0) this.cache.drain();
  }
}
