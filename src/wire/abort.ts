// The body of an ABORT and the codes known to travel in it.
import { getInt32, putInt32 } from "../util/bytes.js";

export const ABORT_SIZE = 4;

/** Codes of Rx itself (OpenAFS `rx.h`) and of its stub generator (`rx_user.h`). Positive codes belong to services and security classes. */
export const AbortCode = {
  /** No contact, or improperly ended. */
  RX_CALL_DEAD: -1,
  /** No such service, or a security index that is not offered. */
  RX_INVALID_OPERATION: -2,
  RX_CALL_TIMEOUT: -3,
  RX_EOF: -4,
  /** A malformed or impossible packet. */
  RX_PROTOCOL_ERROR: -5,
  RX_USER_ABORT: -6,
  /** Local to OpenAFS; never on the wire. */
  RX_ADDRINUSE: -7,
  /** Packet too big. In a DEBUG reply the same number means a bad request type. */
  RX_MSGSIZE: -8,
  /** From OpenAFS 1.6. */
  RX_CALL_IDLE: -9,
  /** From OpenAFS 1.6. */
  RX_CALL_BUSY: -10,
  /** The server starts or stops; AFS calls the number VRESTARTING. */
  RX_RESTARTING: -100,
  RXGEN_CC_MARSHAL: -450,
  RXGEN_CC_UNMARSHAL: -451,
  RXGEN_SS_MARSHAL: -452,
  RXGEN_SS_UNMARSHAL: -453,
  RXGEN_DECODE: -454,
  /** Unknown operation. */
  RXGEN_OPCODE: -455,
  RXGEN_SS_XDRFREE: -456,
  RXGEN_CC_XDRFREE: -457,
} as const;

export type AbortCode = (typeof AbortCode)[keyof typeof AbortCode];

/** @returns the code of the ABORT body in bytes[offset, end), or 0, which no ABORT may carry, when it is not there: drop either. */
export function readAbortCode(bytes: Uint8Array, offset: number, end: number): number {
  return end - offset < ABORT_SIZE ? 0 : getInt32(bytes, offset);
}

/** @returns the offset after the body */
export function writeAbortCode(bytes: Uint8Array, offset: number, code: number): number {
  putInt32(bytes, offset, code);
  return offset + ABORT_SIZE;
}

const AFS_FIRST = 101;
const AFS_NAMES: readonly string[] = [
  "VSALVAGE",
  "VNOVNODE",
  "VNOVOL",
  "VVOLEXISTS",
  "VNOSERVICE",
  "VOFFLINE",
  "VONLINE",
  "VDISKFULL",
  "VOVERQUOTA",
  "VBUSY",
  "VMOVED",
  "VIO",
];

const RXKAD_FIRST = 19270400;
const RXKAD_NAMES: readonly string[] = [
  "RXKADINCONSISTENCY",
  "RXKADPACKETSHORT",
  "RXKADLEVELFAIL",
  "RXKADTICKETLEN",
  "RXKADOUTOFSEQUENCE",
  "RXKADNOAUTH",
  "RXKADBADKEY",
  "RXKADBADTICKET",
  "RXKADUNKNOWNKEY",
  "RXKADEXPIRED",
  "RXKADSEALEDINCON",
  "RXKADDATALEN",
  "RXKADILLEGALLEVEL",
];

// From offset 3 on OpenAFS and Linux number the failures of rxgk differently, so both names are shown, OpenAFS's first.
const RXGK_FIRST = 1233242880;
const RXGK_NAMES: readonly string[] = [
  "RXGK_INCONSISTENCY",
  "RXGK_PACKETSHORT",
  "RXGK_BADCHALLENGE",
  "RXGK_BADETYPE or RXGK_SEALEDINCON",
  "RXGK_BADLEVEL or RXGK_NOTAUTH",
  "RXGK_BADKEYNO or RXGK_EXPIRED",
  "RXGK_EXPIRED or RXGK_BADLEVEL",
  "RXGK_NOTAUTH or RXGK_BADKEYNO",
  "RXGK_BAD_TOKEN or RXGK_NOTRXGK",
  "RXGK_SEALED_INCON or RXGK_UNSUPPORTED",
  "RXGK_DATA_LEN or RXGK_GSSERROR",
  "RXGK_BAD_QOP",
];

const RX_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(AbortCode).map(([name, code]) => [code, name]),
);

/** @returns the name of a code of Rx, rxgen, rxkad, rxgk or AFS, and the number itself for any other. */
export function abortCodeName(code: number): string {
  return (
    RX_NAMES.get(code) ??
    AFS_NAMES[code - AFS_FIRST] ??
    RXKAD_NAMES[code - RXKAD_FIRST] ??
    RXGK_NAMES[code - RXGK_FIRST] ??
    String(code)
  );
}
