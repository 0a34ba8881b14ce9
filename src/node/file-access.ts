// Files for handlers, over a FileQueue: promises that settle in the event cache's drain, and errors as AFS sends them.
import { type BigIntStats, constants } from "node:fs";
import type {
  FileFacts,
  FileFlags,
  FileOpenOptions,
  FileScope,
  FileSystem,
  RxFile,
} from "../rpc/file-access.js";
import { AssertionError } from "../util/assert.js";
import { RxError, type RxErrorCode, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import type { FileQueue } from "./file-queue.js";
import { IN_FLIGHT_MAX, WAITING_MAX } from "./file-schedule.js";

export interface FileOptions {
  /**
   * File operations that run at once, 1 to 1 024. Default 4: the threads of libuv's pool, which name look-ups and
   * compression share. More helps only with a larger UV_THREADPOOL_SIZE.
   */
  readonly inFlightMax?: number;
  /** File operations of all calls that wait for those; more fail with RX_ERR_LIMIT. Default 4 096. */
  readonly waitingMax?: number;
  /** Files that handlers have open at once, in all; opening one more waits for a close. Default 1 024. */
  readonly openMax?: number;
}

const OPTION_NAMES = ["inFlightMax", "waitingMax", "openMax"] as const;
const OPEN_OPTION_NAMES = ["mode", "noFollow"] as const;
const COUNT_MAX = 1_048_576;

/** All limits as numbers. @throws RxOptionError for an option that is unknown or has a wrong value */
export function fileLimits(options: FileOptions = {}, name = "files"): Required<FileOptions> {
  knownOptions(name, options, OPTION_NAMES);
  return {
    inFlightMax: integerOption(`${name}.inFlightMax`, options.inFlightMax, IN_FLIGHT_MAX, 1, 1_024),
    waitingMax: integerOption(`${name}.waitingMax`, options.waitingMax, WAITING_MAX, 1, COUNT_MAX),
    openMax: integerOption(`${name}.openMax`, options.openMax, 1_024, 1, COUNT_MAX),
  };
}

const EBADF = 9;
const EINVAL = 22;
const VDISKFULL = 108;
const VOVERQUOTA = 109;
const VIO = 112;
const ENDS: ReadonlySet<RxErrorCode> = new Set(["RX_ERR_CALL_ENDED", "RX_ERR_SOCKET_CLOSED"]);
// From 101 on AFS has meanings of its own for what Unix uses as well.
const ERRNO_MAX = 100;

/** A system error as handlers see it. */
function fileError(cause: Error): RxError {
  return new RxError("RX_ERR_FILE", cause.message, { abortCode: fileAbortCode(cause), cause });
}

function fileAbortCode(cause: NodeJS.ErrnoException): number {
  if (cause.code === "ENOSPC") return VDISKFULL;
  if (cause.code === "EDQUOT") return VOVERQUOTA;
  const errno = -(cause.errno ?? 0);
  return Number.isInteger(errno) && errno > 0 && errno <= ERRNO_MAX ? errno : VIO;
}

// Opening a pipe would keep a thread of the pool until somebody opens its other end, and four such opens all of them.
// Windows has neither flag.
const NEVER_WAITS = (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
const FLAGS: ReadonlyMap<unknown, number> = new Map<FileFlags, number>([
  ["r", O_RDONLY],
  ["r+", O_RDWR],
  ["w", O_WRONLY | O_CREAT | O_TRUNC],
  ["w+", O_RDWR | O_CREAT | O_TRUNC],
  ["wx", O_WRONLY | O_CREAT | O_TRUNC | O_EXCL],
  ["wx+", O_RDWR | O_CREAT | O_TRUNC | O_EXCL],
  ["a", O_WRONLY | O_CREAT | O_APPEND],
  ["a+", O_RDWR | O_CREAT | O_APPEND],
  ["ax", O_WRONLY | O_CREAT | O_APPEND | O_EXCL],
  ["ax+", O_RDWR | O_CREAT | O_APPEND | O_EXCL],
]);

/** The files of this machine, for the calls of one socket. */
export class NodeFileSystem implements FileSystem {
  readonly #queue: FileQueue;

  /** @param queue stays the caller's to close, after every scope has been released */
  constructor(queue: FileQueue) {
    this.#queue = queue;
  }

  scope(): FileScope {
    return new CallFiles(this.#queue);
  }
}

// The owner in the queue of all that its call does.
class CallFiles implements FileScope {
  readonly #queue: FileQueue;
  readonly #open = new Set<OpenFile>();
  #isReleased = false;

  constructor(queue: FileQueue) {
    this.#queue = queue;
  }

  open(path: string, flags: FileFlags = "r", options: FileOpenOptions = {}): Promise<RxFile> {
    return begun<RxFile>((settle) => {
      checkPath(path);
      const open = openFlags(flags, options);
      const mode = integerOption("mode", options.mode, 0o666, 0, 0o777);
      this.#checkLife();
      this.#queue.open(this, path, open, mode, (cause, fd) => {
        if (cause !== null) {
          settle(cause);
          return;
        }
        const file = new OpenFile(this.#queue, this, this.#open, path, fd);
        this.#open.add(file);
        settle(null, file);
      });
    });
  }

  stat(path: string): Promise<FileFacts> {
    return begun<FileFacts>((settle) => {
      checkPath(path);
      this.#checkLife();
      this.#queue.stat(this, path, (cause, stats) => settleFacts(settle, cause, stats));
    });
  }

  realPath(path: string): Promise<string> {
    return begun<string>((settle) => {
      checkPath(path);
      this.#checkLife();
      this.#queue.realpath(this, path, settle);
    });
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#queue.cancel(this);
    for (const file of this.#open) file.abandon();
    this.#open.clear();
  }

  #checkLife(): void {
    if (this.#isReleased) throw callEnded();
  }
}

class OpenFile implements RxFile {
  readonly path: string;
  readonly #queue: FileQueue;
  readonly #scope: CallFiles;
  readonly #siblings: Set<OpenFile>;
  readonly #fd: number;
  #closing: Promise<void> | null = null;
  #isAbandoned = false;

  constructor(queue: FileQueue, scope: CallFiles, siblings: Set<OpenFile>, path: string, fd: number) {
    this.#queue = queue;
    this.#scope = scope;
    this.#siblings = siblings;
    this.path = path;
    this.#fd = fd;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return begun<number>((settle) => {
      checkTransfer("into", into, position);
      this.#checkOpen();
      this.#queue.read(this.#scope, this.#fd, into, 0, into.byteLength, position, settle);
    });
  }

  write(from: Uint8Array, position: number): Promise<void> {
    return begun<void>((settle) => {
      checkTransfer("from", from, position);
      this.#checkOpen();
      this.#queue.write(this.#scope, this.#fd, from, 0, from.byteLength, position, settle);
    });
  }

  stat(): Promise<FileFacts> {
    return begun<FileFacts>((settle) => {
      this.#checkOpen();
      this.#queue.fstat(this.#scope, this.#fd, (cause, stats) => settleFacts(settle, cause, stats));
    });
  }

  close(): Promise<void> {
    if (this.#isAbandoned) return Promise.resolve();
    this.#closing ??= begun<void>((settle) => {
      this.#siblings.delete(this);
      this.#queue.closeDescriptor(this.#fd, settle);
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Its call is over, and nobody waits for the close. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#queue.closeDescriptor(this.#fd, ignore);
  }

  #checkOpen(): void {
    if (this.#isAbandoned) throw callEnded();
    if (this.#closing !== null) {
      throw new RxError("RX_ERR_FILE", "the file has been closed", { abortCode: EBADF });
    }
  }
}

type Settle<T> = (cause: Error | null, value?: T) => void;

/** A promise for what `start` begins, which `start` may also refuse by a throw. It never settles within the call. */
function begun<T>(start: (settle: Settle<T>) => void): Promise<T> {
  let resolve: (value: T) => void = ignore;
  let reject: (cause: Error) => void = ignore;
  const promise = new Promise<T>((onValue, onCause) => {
    resolve = onValue;
    reject = onCause;
  });
  const settle: Settle<T> = (cause, value) => {
    if (cause === null) {
      resolve(value as T);
      return;
    }
    // A handler that ends while it reads ahead leaves a promise behind. That this fails because the call is over must not
    // count as a rejection that nobody handles: Node would end the process. Any other that nobody looks at is a mistake.
    if (cause instanceof RxError && ENDS.has(cause.code)) promise.catch(ignore);
    reject(cause instanceof RxError || cause instanceof RxOptionError ? cause : fileError(cause));
  };
  try {
    start(settle);
  } catch (cause) {
    if (cause instanceof AssertionError) throw cause;
    settle(cause as Error);
  }
  return promise;
}

function settleFacts(settle: Settle<FileFacts>, cause: Error | null, stats: BigIntStats): void {
  if (cause === null) settle(null, factsOf(stats));
  else settle(cause);
}

function callEnded(): RxError {
  return new RxError("RX_ERR_CALL_ENDED", "the call has ended, and its files are closed");
}

function openFlags(flags: FileFlags, options: FileOpenOptions): number {
  knownOptions("options", options, OPEN_OPTION_NAMES);
  const { noFollow } = options;
  if (noFollow !== undefined && typeof noFollow !== "boolean") {
    throw new RxOptionError("noFollow", "true or false", noFollow);
  }
  const open = FLAGS.get(flags);
  if (open === undefined) throw new RxOptionError("flags", `one of ${[...FLAGS.keys()].join(", ")}`, flags);
  return open | NEVER_WAITS | (noFollow === true ? NO_FOLLOW : 0);
}

// A path often comes from a peer: a zero byte in it is a wrong name, not a mistake of the handler's.
function checkPath(path: string): void {
  if (typeof path !== "string") throw new RxOptionError("path", "a string", path);
  if (path.includes("\0")) {
    throw new RxError("RX_ERR_FILE", "a path has a zero byte in it", { abortCode: EINVAL });
  }
}

function checkTransfer(name: string, bytes: Uint8Array, position: number): void {
  if (!(bytes instanceof Uint8Array)) throw new RxOptionError(name, "a Uint8Array", bytes);
  // So that the last byte has a position as well.
  const max = Number.MAX_SAFE_INTEGER - bytes.byteLength;
  if (!Number.isInteger(position) || position < 0 || position > max) {
    throw new RxOptionError("position", `an integer from 0 to ${max}`, position);
  }
}

function factsOf(stats: BigIntStats): FileFacts {
  return {
    sizeBytes: Number(stats.size),
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    modifiedMs: Number(stats.mtimeMs),
    identity: `${stats.dev}:${stats.ino}`,
  };
}

function ignore(): void {
  // Nobody waits for this.
}
