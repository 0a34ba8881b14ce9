// Values to bytes, by RFC 4506: every byte that comes out has been written, the pads as zero.
import { assert } from "../util/assert.js";
import { copyBytes, putInt32 } from "../util/bytes.js";
import { integerOption, knownOptions } from "../util/options.js";
import { checkLength, padOf, XdrCursor, type XdrCursorOptions } from "./cursor.js";
import {
  fitsInt64,
  fitsUint64,
  putBigInt64,
  putFloat32,
  putFloat64,
  putInt64Number,
} from "./number-cells.js";
import { isLatin1, putLatin1, putUtf8, utf8Length } from "./text.js";
import { kindOf } from "./xdr-error.js";

const FIRST_BYTES = 256;
const MAX_BYTES = 16 * 1024 * 1024;
/** The greatest limit: more than any array of the platform holds would be a promise that cannot be kept. */
const MAX_BYTES_LIMIT = 2 ** 30;

export interface XdrWriterOptions extends XdrCursorOptions {
  /** Bytes of memory to begin with. Default 256. It doubles when they are used up. */
  readonly firstBytes?: number;
  /** The most that may be written, up to 1 GiB. Default 16 MiB. */
  readonly maxBytes?: number;
}

/**
 * Writes XDR into memory of its own that grows up to `maxBytes`, or into bytes of the caller's (`writeInto`). What a value's
 * type does not take is an XdrError; what of the value was written by then goes with truncate() or reset().
 */
export class XdrWriter extends XdrCursor {
  readonly #maxBytes: number;
  /** Our own memory; another one takes its place when it is used up. */
  #own: Uint8Array;
  #bytes: Uint8Array;
  #start = 0;
  #at = 0;
  /** Where `#bytes` ends for us, and where the greatest memory that may take its place would end. */
  #end: number;
  #limit: number;

  constructor(options: XdrWriterOptions = {}) {
    super(options);
    knownOptions("options", options, ["name", "depthMax", "firstBytes", "maxBytes"]);
    this.#maxBytes = integerOption("maxBytes", options.maxBytes, MAX_BYTES, 0, MAX_BYTES_LIMIT);
    const fallback = Math.min(FIRST_BYTES, this.#maxBytes);
    this.#own = new Uint8Array(integerOption("firstBytes", options.firstBytes, fallback, 0, this.#maxBytes));
    this.#bytes = this.#own;
    this.#end = this.#own.length;
    this.#limit = this.#maxBytes;
  }

  /** Begins again in memory of its own: what view() has given is written over. Bytes of writeInto() are given back. */
  reset(): this {
    this.#limit = this.#maxBytes;
    return this.#begin(this.#own, 0, this.#own.length);
  }

  /**
   * Begins anew in bytes[offset, end) of the caller's, which it keeps until reset(); it never writes outside them.
   *
   * @throws RxOptionError when the range is not within `bytes`
   */
  writeInto(bytes: Uint8Array, offset = 0, end = bytes.length): this {
    integerOption("end", end, 0, 0, bytes.length);
    integerOption("offset", offset, 0, 0, end);
    this.#limit = end;
    return this.#begin(bytes, offset, end);
  }

  /** The memory that is written to, for use with reserve(): another one whenever it has grown. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes written. */
  override get length(): number {
    return this.#at - this.#start;
  }

  /** What was written, as a view: good until the next write, truncate() or reset(). */
  view(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#start, this.length);
  }

  /** What was written, in an array of its own. */
  copy(): Uint8Array {
    const copy = new Uint8Array(this.length);
    copyBytes(copy, 0, this.#bytes, this.#start, this.length);
    return copy;
  }

  /** Forgets what was written after the first `length` bytes. */
  truncate(length: number): void {
    checkLength(length);
    assert(length <= this.length, "so much has been written");
    this.#at = this.#start + length;
    this.resetPlace();
  }

  /** Makes room for `length` bytes, no pad: @returns where in `bytes` they begin. The caller writes every one of them. */
  reserve(length: number): number {
    checkLength(length);
    return this.#reserve(length);
  }

  writeInt32(value: number): void {
    if (typeof value !== "number" || value !== (value | 0))
      throw this.error("an integer of 32 bits", kindOf(value));
    this.#putWord(value);
  }

  writeUint32(value: number): void {
    if (typeof value !== "number" || value !== value >>> 0)
      throw this.error("an unsigned integer of 32 bits", kindOf(value));
    this.#putWord(value);
  }

  writeInt16(value: number): void {
    if (typeof value !== "number" || value !== (value << 16) >> 16)
      throw this.error("an integer of 16 bits", kindOf(value));
    this.#putWord(value);
  }

  writeUint16(value: number): void {
    if (typeof value !== "number" || value !== (value & 0xffff))
      throw this.error("an unsigned integer of 16 bits", kindOf(value));
    this.#putWord(value);
  }

  /** A `char` of rxgen's: its sign fills the word. */
  writeInt8(value: number): void {
    if (typeof value !== "number" || value !== (value << 24) >> 24)
      throw this.error("an integer of 8 bits", kindOf(value));
    this.#putWord(value);
  }

  writeUint8(value: number): void {
    if (typeof value !== "number" || value !== (value & 0xff))
      throw this.error("an unsigned integer of 8 bits", kindOf(value));
    this.#putWord(value);
  }

  writeInt64(value: bigint): void {
    if (typeof value !== "bigint" || !fitsInt64(value)) {
      throw this.error("a bigint of 64 bits", kindOf(value));
    }
    const at = this.#reserve(8);
    putBigInt64(this.#bytes, at, value);
  }

  writeUint64(value: bigint): void {
    if (typeof value !== "bigint" || !fitsUint64(value)) {
      throw this.error("an unsigned bigint of 64 bits", kindOf(value));
    }
    const at = this.#reserve(8);
    putBigInt64(this.#bytes, at, value);
  }

  /** @param value a safe integer, at most 2^53 - 1 either way */
  writeInt64Number(value: number): void {
    if (!Number.isSafeInteger(value)) throw this.error("an integer of at most 53 bits", kindOf(value));
    const at = this.#reserve(8);
    putInt64Number(this.#bytes, at, value);
  }

  /** @param value a safe integer, 0 to 2^53 - 1 */
  writeUint64Number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw this.error("an unsigned integer of at most 53 bits", kindOf(value));
    }
    const at = this.#reserve(8);
    putInt64Number(this.#bytes, at, value);
  }

  writeBool(value: boolean): void {
    if (typeof value !== "boolean") throw this.error("a boolean", kindOf(value));
    this.#putWord(value ? 1 : 0);
  }

  /** Rounded to 24 bits of fraction. */
  writeFloat(value: number): void {
    if (typeof value !== "number" || (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))) {
      throw this.error("a number that a float holds", kindOf(value));
    }
    const at = this.#reserve(4);
    putFloat32(this.#bytes, at, value);
  }

  writeDouble(value: number): void {
    if (typeof value !== "number") throw this.error("a number", kindOf(value));
    const at = this.#reserve(8);
    putFloat64(this.#bytes, at, value);
  }

  writeEnum(value: number, values: ReadonlySet<number>): void {
    if (!values.has(value)) throw this.error(`one of ${[...values].join(", ")}`, kindOf(value));
    this.writeInt32(value);
  }

  /** The length or count of what follows. */
  writeCount(count: number, max: number): void {
    if (count > max) throw this.error(`at most ${max} elements`, `${count}`);
    this.writeUint32(count);
  }

  /** A fixed opaque: exactly `length` bytes, which are copied. */
  writeOpaque(value: Uint8Array, length: number): void {
    if (!(value instanceof Uint8Array)) throw this.error(`a Uint8Array of ${length} bytes`, kindOf(value));
    if (value.length !== length) throw this.error(`${length} bytes`, `${value.length}`);
    this.#putBytes(value);
  }

  /** A variable opaque of at most `max` bytes, which are copied. */
  writeOpaqueVar(value: Uint8Array, max: number): void {
    if (!(value instanceof Uint8Array))
      throw this.error(`a Uint8Array of at most ${max} bytes`, kindOf(value));
    if (value.length > max) throw this.error(`at most ${max} bytes`, `${value.length}`);
    this.writeUint32(value.length);
    this.#putBytes(value);
  }

  /** A string of at most `max` bytes of UTF-8. A zero character is refused: rxgen's C would not take it. */
  writeString(value: string, max: number): void {
    this.#checkText(value, max);
    const length = utf8Length(value);
    if (length < 0) throw this.error("a string of whole characters", "half of a surrogate pair");
    if (length > max) throw this.error(`a string of at most ${max} bytes`, `${length}`);
    const at = this.#reserveText(length);
    putUtf8(this.#bytes, at, value);
  }

  /** A string of at most `max` characters up to U+00FF, one byte each. A zero character is refused: rxgen's C would not take it. */
  writeLatin1(value: string, max: number): void {
    this.#checkText(value, max);
    if (!isLatin1(value)) throw this.error("characters up to U+00FF", "others");
    const at = this.#reserveText(value.length);
    putLatin1(this.#bytes, at, value);
  }

  // No character takes less than a byte: what is too long already need not be looked through.
  #checkText(value: string, max: number): void {
    if (typeof value !== "string") throw this.error(`a string of at most ${max} bytes`, kindOf(value));
    if (value.length > max)
      throw this.error(`a string of at most ${max} bytes`, `${value.length} characters`);
    if (value.includes("\0")) throw this.error("a string without a zero character", "one with");
  }

  #begin(bytes: Uint8Array, offset: number, end: number): this {
    this.#bytes = bytes;
    this.#start = offset;
    this.#at = offset;
    this.#end = end;
    this.resetPlace();
    return this;
  }

  #reserveText(length: number): number {
    this.#putWord(length);
    return this.#reservePadded(length);
  }

  #putBytes(value: Uint8Array): void {
    const at = this.#reservePadded(value.length);
    copyBytes(this.#bytes, at, value, 0, value.length);
  }

  #putWord(value: number): void {
    const at = this.#reserve(4);
    putInt32(this.#bytes, at, value);
  }

  #reservePadded(length: number): number {
    const at = this.#reserve(length + padOf(length));
    for (let i = at + length; i < this.#at; i++) this.#bytes[i] = 0;
    return at;
  }

  #reserve(length: number): number {
    if (length > this.#end - this.#at) this.#grow(length);
    const at = this.#at;
    this.#at = at + length;
    return at;
  }

  #grow(length: number): void {
    const needed = this.#at + length;
    if (needed > this.#limit) {
      throw this.error(`at most ${this.#limit - this.#start} bytes`, `${needed - this.#start}`);
    }
    const greater = new Uint8Array(Math.min(this.#limit, Math.max(needed, 2 * this.#end, FIRST_BYTES)));
    copyBytes(greater, 0, this.#own, 0, this.#at);
    this.#own = greater;
    this.#bytes = greater;
    this.#end = greater.length;
  }
}
