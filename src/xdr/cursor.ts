// What reader and writer share: where in the value they are, for messages, and how deep a recursive type has gone.
import { RxOptionError } from "../util/errors.js";
import { integerOption } from "../util/options.js";
import { XdrError } from "./xdr-error.js";

/** Values of a recursive type within one another, unless the reader or writer was told otherwise. */
const DEPTH_MAX = 32;

/** The limit that an option may set: each level costs some frames of the stack. */
const DEPTH_LIMIT = 256;

/** Bytes from the end of a run of `length` to the next multiple of four. */
export function padOf(length: number): number {
  return -length & 3;
}

/** @throws RxOptionError unless `length` is an integer from 0 */
export function checkLength(length: number): void {
  if (!Number.isInteger(length) || length < 0) throw new RxOptionError("length", "an integer from 0", length);
}

export interface XdrCursorOptions {
  /** What stands first in the path of an error. Default "value". */
  readonly name?: string;
  /** Values of a recursive type within one another, 1 to 256. Default 32. */
  readonly depthMax?: number;
}

/**
 * The place in a value. Whoever reads or writes a thing with parts calls enter(), then at() before each part, then leave();
 * a recursive type calls descend() and ascend(). After an error all of it is stale until the next reset().
 */
export abstract class XdrCursor {
  readonly #name: string;
  readonly #depthMax: number;
  #depth = 0;
  /** Segments [0, #level) are the path; what lies behind is left over. */
  readonly #segments: (string | number)[] = [];
  #level = 0;

  constructor(options: XdrCursorOptions) {
    this.#name = options.name ?? "value";
    this.#depthMax = integerOption("depthMax", options.depthMax, DEPTH_MAX, 1, DEPTH_LIMIT);
  }

  /** Bytes read or written since the last reset. */
  abstract get length(): number;

  /** Begins a value that has parts. */
  enter(): void {
    this.#segments[this.#level++] = "";
  }

  /** Names the part that comes: a field or the index of an element. */
  at(segment: string | number): void {
    this.#segments[this.#level - 1] = segment;
  }

  leave(): void {
    this.#level--;
  }

  /** @throws XdrError when values of recursive types lie deeper than `depthMax` */
  descend(): void {
    if (this.#depth >= this.#depthMax) throw this.error(`at most ${this.#depthMax} levels`, "more");
    this.#depth++;
  }

  ascend(): void {
    this.#depth--;
  }

  /** The place: `value`, `value.names[3]`. */
  get path(): string {
    let path = this.#name;
    for (const segment of this.#segments.slice(0, this.#level)) {
      if (typeof segment === "number") path += `[${segment}]`;
      else if (segment !== "") path += `.${segment}`;
    }
    return path;
  }

  /** The error to throw for what is read or written here. */
  error(expected: string, received: string): XdrError {
    return new XdrError(this.path, expected, received, this.length);
  }

  protected resetPlace(): void {
    this.#depth = 0;
    this.#level = 0;
  }
}
