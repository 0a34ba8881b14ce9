// Temporary files for buffers that have outgrown memory. None has a name that anybody could find or that could stay behind.
import { randomBytes } from "node:crypto";
import { constants, type StatsFs } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SpillFile, SpillSpace } from "../memory/spill-file.js";
import { RxError } from "../util/errors.js";
import type { FileQueue } from "./file-queue.js";

type Opened = (cause: Error | null, file: SpillFile | null) => void;
type Done = (cause: Error | null) => void;

const { O_RDWR, O_CREAT, O_EXCL } = constants;
// Node has no constant for Linux's flag, but passes numbers on. With O_EXCL nobody can link the file into a directory.
const TMPFILE = 0o20000000 | (constants.O_DIRECTORY ?? 0) | O_RDWR | O_EXCL;
const NAMED = O_RDWR | O_CREAT | O_EXCL | (constants.O_NOFOLLOW ?? 0);
const OWNER_ONLY = 0o600;
// How kernels and file systems without O_TMPFILE answer: open(2), "EISDIR" and "EOPNOTSUPP".
const WITHOUT_TMPFILE: ReadonlySet<string | undefined> = new Set([
  "EISDIR",
  "EOPNOTSUPP",
  "ENOTSUP",
  "EINVAL",
  "ENOENT",
]);
// `f_type` of tmpfs and ramfs, linux/magic.h.
const IN_MEMORY: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6]);
const VIO = 112;

export class SpillFiles implements SpillSpace {
  readonly #queue: FileQueue;
  readonly #directory: string;
  readonly #onWarning: (text: string) => void;
  #hasTmpfile = process.platform === "linux";
  #isChecked = false;

  /**
   * @param queue runs the operations; its close() closes the files as well
   * @param directory must exist and be writable. Default: the system's directory for temporary files
   * @param onWarning is told once, at the first open, when the directory lies in memory
   */
  constructor(queue: FileQueue, directory: string = tmpdir(), onWarning: (text: string) => void) {
    this.#queue = queue;
    this.#directory = directory;
    this.#onWarning = onWarning;
  }

  open(done: Opened): void {
    this.#check();
    if (this.#hasTmpfile) this.#openUnnamed(done);
    else this.#openNamed(done);
  }

  #openUnnamed(done: Opened): void {
    this.#queue.open(
      null,
      this.#directory,
      TMPFILE,
      OWNER_ONLY,
      (cause: NodeJS.ErrnoException | null, fd) => {
        if (cause === null) {
          done(null, new QueuedSpillFile(this.#queue, fd));
        } else if (WITHOUT_TMPFILE.has(cause.code)) {
          this.#openNamed(done);
        } else {
          done(cause, null);
        }
      },
    );
  }

  // The name is gone before a byte is written. Where it cannot be taken away the file is of no use.
  #openNamed(done: Opened): void {
    const path = join(this.#directory, `rxrpc-${randomBytes(16).toString("hex")}`);
    this.#queue.open(null, path, NAMED, OWNER_ONLY, (cause, fd) => {
      if (cause !== null) {
        // The queue was closed while the file was made: then it is there, and has its name.
        if (isQueueClosed(cause)) this.#queue.unlink(path, ignore);
        done(cause, null);
        return;
      }
      this.#queue.unlink(path, (unlinkCause) => {
        const file = new QueuedSpillFile(this.#queue, fd);
        if (unlinkCause === null) {
          // Only now is it certain that the directory is there and that the flag is what was refused.
          this.#hasTmpfile = false;
          done(null, file);
        } else {
          file.close();
          done(unlinkCause, null);
        }
      });
    });
  }

  // Beside the first open, not before it: what cannot be found out is no reason to refuse a file.
  #check(): void {
    if (this.#isChecked) return;
    this.#isChecked = true;
    this.#queue.statfs(null, this.#directory, (cause: Error | null, stats: StatsFs) => {
      if (cause !== null || !IN_MEMORY.has(stats.type)) return;
      this.#onWarning(
        `buffers spill to ${this.#directory}, which lies in memory: what is moved there goes on taking memory`,
      );
    });
  }
}

// Each file is an owner of its own in the queue, so that many of them and the calls' files take turns.
class QueuedSpillFile implements SpillFile {
  readonly #queue: FileQueue;
  readonly #fd: number;

  constructor(queue: FileQueue, fd: number) {
    this.#queue = queue;
    this.#fd = fd;
  }

  write(bytes: Uint8Array, position: number, done: Done): void {
    this.#queue.write(this, this.#fd, bytes, 0, bytes.byteLength, position, done);
  }

  read(into: Uint8Array, position: number, done: Done): void {
    const { byteLength } = into;
    this.#queue.read(this, this.#fd, into, 0, byteLength, position, (cause, bytesRead) => {
      if (cause === null && bytesRead < byteLength) {
        const expected = `${byteLength} bytes at ${position}`;
        done(
          new RxError("RX_ERR_FILE", `a spill file ended: ${expected}, got ${bytesRead}`, { abortCode: VIO }),
        );
      } else {
        done(cause);
      }
    });
  }

  truncate(done: Done): void {
    this.#queue.truncate(this, this.#fd, 0, done);
  }

  close(): void {
    this.#queue.closeDescriptor(this.#fd, ignore);
  }
}

function isQueueClosed(cause: Error): boolean {
  return cause instanceof RxError && cause.code === "RX_ERR_SOCKET_CLOSED";
}

function ignore(): void {
  // The bytes are of no use to anybody any more.
}
