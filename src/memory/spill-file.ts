// What the floors ask of the outside when bytes must leave memory: a place for temporary files. The edge provides it.

/**
 * One temporary file without a name. Every callback comes later, never from within the call that asked for it, and
 * exactly once. The bytes handed to `write` and `read` are lent until their callback has come.
 */
export interface SpillFile {
  /** Writes all of `bytes` from byte `position` on, or fails. */
  write(bytes: Uint8Array, position: number, done: (cause: Error | null) => void): void;
  /** Fills `into` whole from byte `position` on, or fails: what is asked for has been written before. */
  read(into: Uint8Array, position: number, done: (cause: Error | null) => void): void;
  /** Cuts the file to length 0, which gives its disk space back. Asked for only while nothing else is in flight. */
  truncate(done: (cause: Error | null) => void): void;
  /** Ends it, after what is in flight; the callbacks of that still come. Nothing is asked of the file afterwards. */
  close(): void;
}

/** Where spill files come from. */
export interface SpillSpace {
  /** A new, empty file, which whoever asked must close; or the reason why there is none. */
  open(done: (cause: Error | null, file: SpillFile | null) => void): void;
}
