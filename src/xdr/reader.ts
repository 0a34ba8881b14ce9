// Bytes to values, by RFC 4506, lenient exactly where rxgen's C is: the pad is not looked at, any number but 0 is true.
import { copyBytes, getInt32 } from "../util/bytes.js";
import { integerOption, knownOptions } from "../util/options.js";
import { checkLength, padOf, XdrCursor, type XdrCursorOptions } from "./cursor.js";
import {
  getFloat32,
  getFloat64,
  getInt64,
  getInt64Number,
  getUint64,
  getUint64Number,
} from "./number-cells.js";
import { getLatin1, getUtf8, TextKind, textKind } from "./text.js";

const NOTHING = new Uint8Array(0);

/**
 * Reads XDR from bytes that it borrows from reset() to the next reset(). Whatever the bytes are, a read gives a value of its
 * type or throws an XdrError; nothing is allocated by a length or count before so many bytes are known to be there.
 * Lengths and bounds are integers from 0 on. After an error only reset() is of use.
 */
export class XdrReader extends XdrCursor {
  #bytes: Uint8Array = NOTHING;
  #start = 0;
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array = NOTHING, options: XdrCursorOptions = {}) {
    super(options);
    knownOptions("options", options, ["name", "depthMax"]);
    this.reset(bytes);
  }

  /**
   * Begins with bytes[offset, end). Without arguments it holds nothing any more.
   *
   * @throws RxOptionError when the range is not within `bytes`
   */
  reset(bytes: Uint8Array = NOTHING, offset = 0, end = bytes.length): this {
    integerOption("end", end, 0, 0, bytes.length);
    integerOption("offset", offset, 0, 0, end);
    this.#bytes = bytes;
    this.#start = offset;
    this.#at = offset;
    this.#end = end;
    this.resetPlace();
    return this;
  }

  /** The bytes that are lent, for use with take(). */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes read since reset(). */
  override get length(): number {
    return this.#at - this.#start;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Passes over `length` bytes, no pad: @returns where in `bytes` they begin. One check for a run of fixed size. */
  take(length: number): number {
    checkLength(length);
    return this.#take(length);
  }

  /** Passes over `length` bytes and their pad. */
  skip(length: number): void {
    this.#takePadded(length);
  }

  /** @throws XdrError when bytes are left. A server of rxgen's does not look. */
  end(): void {
    if (this.#at !== this.#end) throw this.error("the end", `${this.remaining} more bytes`);
  }

  readInt32(): number {
    return getInt32(this.#bytes, this.#take(4));
  }

  readUint32(): number {
    return getInt32(this.#bytes, this.#take(4)) >>> 0;
  }

  /** The low 16 bits of a word with their sign; the others are not looked at, as in rxgen's C. So for the next three. */
  readInt16(): number {
    return (this.readInt32() << 16) >> 16;
  }

  readUint16(): number {
    return this.readInt32() & 0xffff;
  }

  readInt8(): number {
    return (this.readInt32() << 24) >> 24;
  }

  readUint8(): number {
    return this.readInt32() & 0xff;
  }

  readInt64(): bigint {
    return getInt64(this.#bytes, this.#take(8));
  }

  readUint64(): bigint {
    return getUint64(this.#bytes, this.#take(8));
  }

  /** @throws XdrError beyond 2^53 - 1 either way */
  readInt64Number(): number {
    return this.#safe(getInt64Number(this.#bytes, this.#take(8)));
  }

  /** @throws XdrError beyond 2^53 - 1 */
  readUint64Number(): number {
    return this.#safe(getUint64Number(this.#bytes, this.#take(8)));
  }

  /** Any number but 0 is true, as in rxgen's C. The word before an optional value is read the same way. */
  readBool(): boolean {
    return this.readInt32() !== 0;
  }

  readFloat(): number {
    return getFloat32(this.#bytes, this.#take(4));
  }

  readDouble(): number {
    return getFloat64(this.#bytes, this.#take(8));
  }

  /** An enum that has `values`. For one that takes any number, as rxgen's C does, use readInt32(). */
  readEnum(values: ReadonlySet<number>): number {
    const value = this.readInt32();
    if (!values.has(value)) throw this.error(`one of ${[...values].join(", ")}`, `${value}`);
    return value;
  }

  /** The length of a variable opaque: at most `max`, and the bytes and their pad are there. */
  readLength(max: number): number {
    const length = this.readUint32();
    if (length > max) throw this.error(`at most ${max} bytes`, `${length}`);
    this.#need(length + padOf(length));
    return length;
  }

  /**
   * The count of a variable array: at most `max`, and as many elements could be in what is left.
   *
   * @param elementMinBytes the least that an element takes, 4 or more
   */
  readCount(max: number, elementMinBytes: number): number {
    const count = this.readUint32();
    if (count > max) throw this.error(`at most ${max} elements`, `${count}`);
    this.needElements(count, elementMinBytes);
    return count;
  }

  /** @throws XdrError unless `count` elements of `elementMinBytes` could be in what is left */
  needElements(count: number, elementMinBytes: number): void {
    if (count * elementMinBytes > this.remaining) {
      throw this.error(
        `${count} elements of ${elementMinBytes} bytes or more`,
        `${this.remaining} bytes that are left`,
      );
    }
  }

  /** A fixed opaque, copied: the caller's for good. */
  readOpaque(length: number): Uint8Array {
    const at = this.#takePadded(length);
    const copy = new Uint8Array(length);
    copyBytes(copy, 0, this.#bytes, at, length);
    return copy;
  }

  /** A fixed opaque as a view of the bytes that were lent: good for as long as they are. */
  readOpaqueView(length: number): Uint8Array {
    const at = this.#takePadded(length);
    return this.#view(at, length);
  }

  /** A variable opaque of at most `max` bytes, copied: the caller's for good. */
  readOpaqueVar(max: number): Uint8Array {
    return this.readOpaque(this.readLength(max));
  }

  /** A variable opaque of at most `max` bytes as a view of the bytes that were lent: good for as long as they are. */
  readOpaqueVarView(max: number): Uint8Array {
    return this.readOpaqueView(this.readLength(max));
  }

  /** A string of at most `max` bytes, in UTF-8. A zero byte in it is refused, as rxgen's C does. */
  readString(max: number): string {
    const length = this.#readTextLength(max);
    const kind = this.#textKind(length);
    const text = getUtf8(this.#bytes, this.#at, length, kind);
    if (text === null) throw this.error("a string in UTF-8", "other bytes");
    this.#at += length + padOf(length);
    return text;
  }

  /** A string of at most `max` bytes, one character each: it keeps any bytes. A zero byte in it is refused, as rxgen's C does. */
  readLatin1(max: number): string {
    const length = this.#readTextLength(max);
    const kind = this.#textKind(length);
    const text = getLatin1(this.#bytes, this.#at, length, kind);
    this.#at += length + padOf(length);
    return text;
  }

  #readTextLength(max: number): number {
    const length = this.readUint32();
    if (length > max) throw this.error(`a string of at most ${max} bytes`, `${length}`);
    this.#need(length + padOf(length));
    return length;
  }

  #textKind(length: number): TextKind {
    const kind = textKind(this.#bytes, this.#at, length);
    if (kind === TextKind.HasZero) throw this.error("a string without a zero byte", "one with");
    return kind;
  }

  #safe(value: number): number {
    if (!Number.isSafeInteger(value)) throw this.error("an integer of at most 53 bits", "a greater one");
    return value;
  }

  #need(length: number): void {
    if (length > this.#end - this.#at) throw this.error(`${length} bytes`, `${this.remaining}`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw this.error(`${length} bytes`, `${this.remaining}`);
    this.#at = at + length;
    return at;
  }

  #takePadded(length: number): number {
    checkLength(length);
    return this.#take(length + padOf(length));
  }

  // A Buffer's own subarray() would be a Buffer.
  #view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }
}
