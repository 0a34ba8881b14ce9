// A spill space whose operations end when the test says so, and which checks what it is asked.
import type { SpillFile, SpillSpace } from "../../../src/memory/spill-file.js";

type SpillKind = "open" | "write" | "read" | "truncate";

interface Operation {
  readonly kind: SpillKind;
  /** Ends it, with an error or by doing it. */
  readonly land: (cause: Error | null) => void;
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: said the system`), { code });
}

/** Asks of the buffer what the contract of a spill file asks; a breach throws in the buffer's face. */
export class FakeSpill implements SpillSpace {
  /** What has been asked for and has not ended, oldest first. */
  readonly pending: Operation[] = [];
  /** Every operation ever asked for. */
  readonly asked: SpillKind[] = [];
  readonly files: FakeFile[] = [];
  /** Length that the files may reach together before a write ends with ENOSPC. */
  diskBytes = Number.POSITIVE_INFINITY;

  get openFiles(): number {
    return this.files.filter((file) => !file.isClosed).length;
  }

  open(done: (cause: Error | null, file: SpillFile | null) => void): void {
    this.ask("open", (cause) => {
      if (cause !== null) {
        done(cause, null);
        return;
      }
      const file = new FakeFile(this);
      this.files.push(file);
      done(null, file);
    });
  }

  ask(kind: SpillKind, land: (cause: Error | null) => void): void {
    if (this.pending.some((operation) => operation.kind === kind))
      throw new Error(`two of ${kind} at a time`);
    this.asked.push(kind);
    this.pending.push({ kind, land });
  }

  /** Ends the pending operation `index`, by default the oldest; with `cause`, it fails. */
  land(index = 0, cause: Error | null = null): void {
    const [operation] = this.pending.splice(index % this.pending.length, 1);
    if (operation === undefined) throw new Error("nothing is pending");
    operation.land(cause);
  }

  /** Ends the pending operation of this kind. */
  landKind(kind: SpillKind, cause: Error | null = null): void {
    const index = this.pending.findIndex((operation) => operation.kind === kind);
    if (index < 0) throw new Error(`no ${kind} is pending`);
    this.land(index, cause);
  }

  landAll(): void {
    while (this.pending.length > 0) this.land();
  }
}

class FakeFile implements SpillFile {
  readonly #spill: FakeSpill;
  isClosed = false;
  bytes = new Uint8Array(0);
  /** For each byte, whether it was written since the file was last empty. */
  isWritten: boolean[] = [];

  constructor(spill: FakeSpill) {
    this.#spill = spill;
  }

  write(bytes: Uint8Array, position: number, done: (cause: Error | null) => void): void {
    this.#checkUse();
    const asked = bytes.slice();
    if (asked.length === 0) throw new Error("a write of nothing");
    this.#spill.ask("write", (cause) => {
      if (asked.some((byte, i) => byte !== bytes[i])) throw new Error("lent bytes were changed");
      const end = position + asked.length;
      if (cause === null && end > this.#spill.diskBytes) {
        done(systemError("ENOSPC"));
        return;
      }
      if (cause === null) this.#put(asked, position, end);
      done(cause);
    });
  }

  read(into: Uint8Array, position: number, done: (cause: Error | null) => void): void {
    this.#checkUse();
    if (into.length === 0) throw new Error("a read of nothing");
    for (let i = 0; i < into.length; i++) {
      if (this.isWritten[position + i] !== true) throw new Error("a read of what was not written");
    }
    // What is read must not be overwritten meanwhile: the bytes are those of the end of the operation.
    this.#spill.ask("read", (cause) => {
      if (cause === null) into.set(this.bytes.subarray(position, position + into.length));
      done(cause);
    });
  }

  truncate(done: (cause: Error | null) => void): void {
    this.#checkUse();
    if (this.#spill.pending.length > 0) throw new Error("truncated while something is in flight");
    this.#spill.ask("truncate", (cause) => {
      if (cause === null) {
        this.bytes = new Uint8Array(0);
        this.isWritten = [];
      }
      done(cause);
    });
  }

  close(): void {
    if (this.isClosed) throw new Error("closed twice");
    this.isClosed = true;
  }

  #checkUse(): void {
    if (this.isClosed) throw new Error("a closed file is used");
    if (this.#spill.pending.some(({ kind }) => kind === "truncate"))
      throw new Error("used while it is truncated");
  }

  #put(bytes: Uint8Array, position: number, end: number): void {
    if (end > this.bytes.length) {
      const longer = new Uint8Array(end);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(bytes, position);
    for (let i = position; i < end; i++) this.isWritten[i] = true;
  }
}
