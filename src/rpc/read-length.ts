// How much may be asked for in one array.
import { RxOptionError } from "../util/errors.js";

const READ_BYTES_MAX = 2 ** 31 - 1;

/** @returns what is wrong with asking for `length` bytes in one array, or null */
export function readLengthError(length: number, name = "length"): RxOptionError | null {
  if (Number.isInteger(length) && length >= 0 && length <= READ_BYTES_MAX) return null;
  return new RxOptionError(name, `an integer from 0 to ${READ_BYTES_MAX}`, length);
}
