// Addresses as the addon reads and writes them: six words of an Int32Array, no text.
import type { Address } from "../../util/address.js";
import { AddressWord } from "./binding.js";

/** Sets `out` to the address at `words[at]`. */
export function readAddress(words: Int32Array, at: number, out: Address): void {
  out.family = words[at + AddressWord.Family] === 6 ? 6 : 4;
  out.w0 = words[at + AddressWord.W0] as number;
  out.w1 = words[at + AddressWord.W1] as number;
  out.w2 = words[at + AddressWord.W2] as number;
  out.w3 = words[at + AddressWord.W3] as number;
  out.port = words[at + AddressWord.Port] as number;
}

/** Writes `address` to `words[at]`. */
export function writeAddress(words: Int32Array, at: number, address: Address): void {
  words[at + AddressWord.Family] = address.family;
  words[at + AddressWord.W0] = address.w0;
  words[at + AddressWord.W1] = address.w1;
  words[at + AddressWord.W2] = address.w2;
  words[at + AddressWord.W3] = address.w3;
  words[at + AddressWord.Port] = address.port;
}
