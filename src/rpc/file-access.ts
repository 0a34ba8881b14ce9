// Files as a handler sees them. The edge provides them: on this floor there is neither a descriptor nor a system call.

/** Facts about a file at one moment. */
export interface FileFacts {
  readonly sizeBytes: number;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  /** Last change of the content, in whole milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Device and inode as text: two paths with the same identity are the same file while either is open. */
  readonly identity: string;
}

/** How to open, as in `fopen`: `x` fails where the file exists, `a` always writes at the end, whatever the position. */
export type FileFlags = "r" | "r+" | "w" | "w+" | "wx" | "wx+" | "a" | "a+" | "ax" | "ax+";

export interface FileOpenOptions {
  /** Permissions of a file that is made, before the umask, 0 to 0o777. Default 0o666. */
  readonly mode?: number;
  /**
   * Fails with ELOOP (abortCode 40 on Linux) where the last part of the path is a symbolic link; links before it are
   * followed. Default false.
   */
  readonly noFollow?: boolean;
}

/**
 * An open file. It belongs to the call that opened it and is closed with it at the latest.
 *
 * Operations fail with RX_ERR_FILE (`cause` is the system's error, `abortCode` its errno as AFS sends it: ENOSPC is 108,
 * EDQUOT 109, what has no such number 112), with RX_ERR_CALL_ENDED when the call is over, RX_ERR_LIMIT when too many
 * operations wait and RX_ERR_SOCKET_CLOSED when the socket is closed. Several may be under way at once, in any order.
 */
export interface RxFile {
  /** The path that it was opened by. */
  readonly path: string;
  /**
   * Reads from byte `position` on until `into` is full or the file ends. `into` is lent until the promise settles.
   * @returns how many bytes were read; fewer than `into.byteLength` only at the end of the file
   */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `from` from byte `position` on. `from` is lent until the promise settles. */
  write(from: Uint8Array, position: number): Promise<void>;
  stat(): Promise<FileFacts>;
  /** Closes it after what is under way; nothing more may be asked of it. Safe to call twice. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Errors are those of RxFile; wrong arguments reject with RxOptionError. */
export interface FileAccess {
  /**
   * Waits while as many files are open as may be, or as the system allows, until one of them is closed: a handler that
   * keeps a file open while it waits for another may wait for one that does the same, until the call's deadline.
   * Never waits for the other end of a pipe.
   *
   * @param flags default "r"
   */
  open(path: string, flags?: FileFlags, options?: FileOpenOptions): Promise<RxFile>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileFacts>;
  /** The absolute path without symbolic links, `.` and `..`. */
  realPath(path: string): Promise<string>;
}

/** The files of one call. */
export interface FileScope extends FileAccess {
  /** Closes what the call left open; operations that wait are dropped. Runs once, later calls do nothing. */
  release(): void;
}

export interface FileSystem {
  /** A scope for one call, which must be released when the call is over. */
  scope(): FileScope;
}
