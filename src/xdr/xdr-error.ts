// The one error of XDR: bytes that are no value of their type, or a value that does not fit its type.
import { RxError } from "../util/errors.js";

/**
 * What could not be read or written. The message has where, what was expected, what came and at which byte:
 * `request.names[3]: a string of at most 256 bytes, got 300 (at byte 24)`. It shows numbers and kinds, never text or bytes.
 */
export class XdrError extends RxError {
  override readonly name = "XdrError";
  /** The value's place: `request.names[3]`. */
  readonly path: string;
  readonly expected: string;
  readonly received: string;
  /** Bytes read or written before, from where the reader or writer began. */
  readonly offset: number;

  constructor(path: string, expected: string, received: string, offset: number) {
    super("RX_ERR_XDR", `${path}: ${expected}, got ${received} (at byte ${offset})`);
    this.path = path;
    this.expected = expected;
    this.received = received;
    this.offset = offset;
  }
}

const SHOWN_LIMIT = 2n ** 64n;

/** What a value is, for a message: a number as it stands, of anything else its kind alone, since it may be a secret. */
export function kindOf(value: unknown): string {
  switch (typeof value) {
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return value > -SHOWN_LIMIT && value < SHOWN_LIMIT ? `${value}n` : "a bigint of more than 64 bits";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "an array" : "an object";
    default:
      return `a ${typeof value}`;
  }
}
