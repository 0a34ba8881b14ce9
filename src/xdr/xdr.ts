// Everything that is called `xdr.` something: types by their names in the language of XDR, and whole values to bytes and back.
import { XdrReader } from "./reader.js";
import type { XdrType } from "./type.js";
import { XdrWriter } from "./writer.js";

export { array, lazy, linked, list, optional, struct, union } from "./composites.js";
export {
  bool,
  char,
  double,
  enumeration,
  float,
  hyper,
  hyperNumber,
  int,
  latin1,
  opaque,
  opaqueVar,
  opaqueVarView,
  opaqueView,
  short,
  string,
  uchar,
  uhyper,
  uhyperNumber,
  uint,
  ushort,
  voidType as void,
} from "./scalars.js";

/**
 * The value that all of `bytes` are.
 *
 * @param name what stands first in the path of an error
 * @throws XdrError when they are none, or more than one
 */
export function decode<T>(type: XdrType<T>, bytes: Uint8Array, name = "value"): T {
  const reader = new XdrReader(bytes, { name });
  const value = type.read(reader);
  reader.end();
  return value;
}

/**
 * The bytes of a value, in an array of its own.
 *
 * @param name what stands first in the path of an error
 * @throws XdrError when it does not fit its type, or takes more than 16 MiB
 */
export function encode<T>(type: XdrType<T>, value: T, name = "value"): Uint8Array {
  const writer = new XdrWriter({ name });
  type.write(writer, value);
  return writer.copy();
}
