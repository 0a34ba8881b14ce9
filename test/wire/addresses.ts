// Addresses in wire scripts: `peer` is on loopback and trusted, `stranger` is not, others are written `address:port`.
import type { Address } from "../../src/util/address.js";
import { addressOf, FRIEND, STRANGER } from "../unit/core/rig.js";

const NAMED = new Map([
  ["peer", FRIEND],
  ["stranger", STRANGER],
]);

/** @throws Error when the text is none */
export function addressNamed(text: string): Address {
  const named = NAMED.get(text);
  if (named !== undefined) return named;
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (host === undefined) throw new Error(`"${text}" is no address`);
  return addressOf(host, Number(port));
}

/** The name in scripts of an address as the endpoint prints it. */
export function nameOfAddress(printed: string): string {
  for (const [name, address] of NAMED) if (address.toString() === printed) return name;
  return printed;
}
