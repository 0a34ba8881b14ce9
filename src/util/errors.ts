// The errors that users of the library handle. Match on `code`; every code stands in this one table.

/** Every code of the library with what it means. A retired code is never used again for something else. */
export const RX_ERRORS = {
  RX_ERR_OPTION: "an option or argument has a wrong value",
  RX_ERR_BACKLOG_FULL: "the rings hold as many spare and waiting calls as the backlog allows",
  RX_ERR_CALL_ID_IN_USE: "the user id belongs to another call of this socket",
  RX_ERR_CALL_ID_UNKNOWN: "no unused charge has this user id",
  RX_ERR_NOT_LISTENING: "the service is not listening",
  RX_ERR_LISTENING: "the service is listening already",
  RX_ERR_SERVICE_IN_USE: "the service id is taken on this socket",
  RX_ERR_SERVICE_CLOSED: "the service has been closed",
  RX_ERR_NOTIFIER_MISSING: "a kernel-style service needs onNewCall and onDiscardCall before it listens",
  RX_ERR_WRONG_STYLE: "the operation belongs to the other style of service",
  RX_ERR_LIMIT: "a table of the endpoint is full",
  RX_ERR_CALL_ENDED: "the call has ended",
  RX_ERR_CALL_STATE: "the call is not in a state that allows this",
  RX_ERR_CALL_ABORTED: "the peer aborted the call",
  RX_ERR_CALL_FAILED: "the call was ended on this side",
  RX_ERR_CALL_TIMEOUT: "the call did not end in time",
  RX_ERR_CALL_CANCELLED: "the caller cancelled the call",
  RX_ERR_NETWORK: "the network reported an error for the peer",
  RX_ERR_END_OF_DATA: "the peer's data ended before what was asked for",
  RX_ERR_XDR: "bytes are no value of their XDR type, or a value does not fit it",
  RX_ERR_TOO_LARGE: "the data passes the limit of the call",
  RX_ERR_MEMORY: "the memory limit of the call or of the socket is reached",
  RX_ERR_SPILL_FULL: "a buffer cannot grow: its quota or the disk of its spill file is used up",
  RX_ERR_FILE: "a file operation failed",
  RX_ERR_KEYS: "a server's keys are missing, damaged, or open to others",
  RX_ERR_SOCKET_CLOSED: "the socket is closed",
  RX_ERR_SOCKET: "the operating system refused a socket operation",
} as const;

export type RxErrorCode = keyof typeof RX_ERRORS;

export interface RxErrorDetails {
  /** The code of the ABORT, sent or received, where there is one. */
  readonly abortCode?: number;
  readonly cause?: unknown;
}

/**
 * What goes wrong in use. `code` is stable; `abortCode` is the number on the wire where there is one.
 * A handler that throws an RxError with an `abortCode` ends its call with that code.
 */
export class RxError extends Error {
  override readonly name: string = "RxError";
  readonly code: RxErrorCode;
  readonly abortCode: number | undefined;

  constructor(code: RxErrorCode, message: string, details: RxErrorDetails = {}) {
    super(`${code}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.abortCode = details.abortCode;
  }
}

/** An option or argument with a wrong value: names it, what was expected and what came. */
export class RxOptionError extends RangeError {
  override readonly name = "RxOptionError";
  readonly code = "RX_ERR_OPTION" satisfies RxErrorCode;
  readonly option: string;
  readonly expected: string;
  readonly received: string;

  constructor(option: string, expected: string, received: unknown) {
    const shown = show(received);
    super(`RX_ERR_OPTION: ${option}: expected ${expected}, got ${shown}`);
    this.option = option;
    this.expected = expected;
    this.received = shown;
  }
}

// Names the kind of what came and its value where that is short; never calls into a foreign object.
function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
    case "bigint":
      return `${value}n`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default:
      if (value === null) return "null";
      return Array.isArray(value) ? "an array" : "an object";
  }
}
