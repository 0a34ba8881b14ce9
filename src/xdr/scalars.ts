// Types without parts. Each is one call of the reader and one of the writer.
import { RxOptionError } from "../util/errors.js";
import { integerOption } from "../util/options.js";
import { padOf } from "./cursor.js";
import type { XdrReader } from "./reader.js";
import type { XdrType } from "./type.js";
import type { XdrWriter } from "./writer.js";

/** The longest that the wire can say. */
export const LENGTH_MAX = 0xffff_ffff;

function word<T>(
  bytes: number,
  read: (reader: XdrReader) => T,
  write: (writer: XdrWriter, value: T) => void,
): XdrType<T> {
  return { minBytes: bytes, maxBytes: bytes, read, write };
}

/** 32 bits, a number. */
export const int: XdrType<number> = word(
  4,
  (r) => r.readInt32(),
  (w, v) => w.writeInt32(v),
);
/** 32 bits without sign, a number. */
export const uint: XdrType<number> = word(
  4,
  (r) => r.readUint32(),
  (w, v) => w.writeUint32(v),
);
/** 64 bits, a bigint. */
export const hyper: XdrType<bigint> = word(
  8,
  (r) => r.readInt64(),
  (w, v) => w.writeInt64(v),
);
/** 64 bits without sign, a bigint. */
export const uhyper: XdrType<bigint> = word(
  8,
  (r) => r.readUint64(),
  (w, v) => w.writeUint64(v),
);
/** 64 bits, a number: what is beyond 2^53 - 1 either way is refused. */
export const hyperNumber: XdrType<number> = word(
  8,
  (r) => r.readInt64Number(),
  (w, v) => w.writeInt64Number(v),
);
/** 64 bits without sign, a number: what is beyond 2^53 - 1 is refused. */
export const uhyperNumber: XdrType<number> = word(
  8,
  (r) => r.readUint64Number(),
  (w, v) => w.writeUint64Number(v),
);
/** rxgen's short: a word of which 16 bits count. */
export const short: XdrType<number> = word(
  4,
  (r) => r.readInt16(),
  (w, v) => w.writeInt16(v),
);
export const ushort: XdrType<number> = word(
  4,
  (r) => r.readUint16(),
  (w, v) => w.writeUint16(v),
);
/** rxgen's char: a word of which 8 bits count, their sign in all others. */
export const char: XdrType<number> = word(
  4,
  (r) => r.readInt8(),
  (w, v) => w.writeInt8(v),
);
export const uchar: XdrType<number> = word(
  4,
  (r) => r.readUint8(),
  (w, v) => w.writeUint8(v),
);
/** Reads any number but 0 as true, as rxgen's C does; writes 0 or 1. */
export const bool: XdrType<boolean> = word(
  4,
  (r) => r.readBool(),
  (w, v) => w.writeBool(v),
);
/** 32 bits of floating point; numbers are rounded, and refused when they become infinite by that. */
export const float: XdrType<number> = word(
  4,
  (r) => r.readFloat(),
  (w, v) => w.writeFloat(v),
);
/** 64 bits of floating point. */
export const double: XdrType<number> = word(
  8,
  (r) => r.readDouble(),
  (w, v) => w.writeDouble(v),
);

/** Nothing on the wire: the arm of a union. */
export const voidType: XdrType<undefined> = word<undefined>(
  0,
  () => undefined,
  (w, v: unknown) => {
    if (v !== undefined) throw w.error("no value", "one");
  },
);

/**
 * One of `members`, by its number. rxgen's C takes any number: with a peer that may send others, use `int`.
 *
 * @throws RxOptionError when a member is no integer of 32 bits, or there is none
 */
export function enumeration<const M extends Readonly<Record<string, number>>>(
  members: M,
): XdrType<M[keyof M]> {
  const values = new Set(Object.values(members));
  if (values.size === 0) throw new RxOptionError("members", "at least one member", members);
  for (const [name, value] of Object.entries(members)) {
    if (typeof value !== "number" || value !== (value | 0))
      throw new RxOptionError(`members.${name}`, "an integer of 32 bits", value);
  }
  return word(
    4,
    (r) => r.readEnum(values) as M[keyof M],
    (w, v) => w.writeEnum(v, values),
  );
}

function fixed(length: number, read: (reader: XdrReader) => Uint8Array): XdrType<Uint8Array> {
  return word(length + padOf(length), read, (w, v) => w.writeOpaque(v, length));
}

function variable<T>(
  max: number,
  read: (reader: XdrReader) => T,
  write: (writer: XdrWriter, value: T) => void,
): XdrType<T> {
  return { minBytes: 4, maxBytes: 4 + max + padOf(max), read, write };
}

function lengthOption(name: string, value: number): number {
  return integerOption(name, value, 0, 0, LENGTH_MAX);
}

/** Exactly `length` bytes. What is read is a copy. */
export function opaque(length: number): XdrType<Uint8Array> {
  lengthOption("length", length);
  return fixed(length, (r) => r.readOpaque(length));
}

/** As opaque(), but what is read is a view of the reader's bytes, good for as long as these are lent. */
export function opaqueView(length: number): XdrType<Uint8Array> {
  lengthOption("length", length);
  return fixed(length, (r) => r.readOpaqueView(length));
}

/** At most `max` bytes. What is read is a copy. */
export function opaqueVar(max: number): XdrType<Uint8Array> {
  lengthOption("max", max);
  return variable(
    max,
    (r) => r.readOpaqueVar(max),
    (w, v) => w.writeOpaqueVar(v, max),
  );
}

/** As opaqueVar(), but what is read is a view of the reader's bytes, good for as long as these are lent. */
export function opaqueVarView(max: number): XdrType<Uint8Array> {
  lengthOption("max", max);
  return variable(
    max,
    (r) => r.readOpaqueVarView(max),
    (w, v) => w.writeOpaqueVar(v, max),
  );
}

/** Text of at most `max` bytes of UTF-8, without zero characters: rxgen's C refuses these. */
export function string(max: number): XdrType<string> {
  lengthOption("max", max);
  return variable(
    max,
    (r) => r.readString(max),
    (w, v) => w.writeString(v, max),
  );
}

/** At most `max` bytes but zero, one character each: for names that may be in any encoding. */
export function latin1(max: number): XdrType<string> {
  lengthOption("max", max);
  return variable(
    max,
    (r) => r.readLatin1(max),
    (w, v) => w.writeLatin1(v, max),
  );
}
