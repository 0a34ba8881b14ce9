// The rxperf application: constants and the layout of its requests (spoken by OpenAFS's rxperf and by Linux's in-kernel server).
import { getInt32, putInt32 } from "../util/bytes.js";

export const RXPERF_SERVICE_ID = 147;
export const RXPERF_PORT = 7009;
export const RXPERF_VERSION = 3;
export const RXPERF_COOKIE = 0x4711;
/** OpenAFS refuses larger buffer sizes in the head of a request. */
export const RXPERF_BUFFER_MAX = 524_288;

export const RxperfOp = { Send: 0, Recv: 1, Rpc: 3, File: 4 } as const;
export type RxperfOp = (typeof RxperfOp)[keyof typeof RxperfOp];

/** version, opcode, read_size, write_size */
export const RXPERF_HEAD_BYTES = 16;
export const WORD_BYTES = 4;

/** Writes the 16 bytes that begin every request. */
function writeHead(bytes: Uint8Array, op: RxperfOp): void {
  putInt32(bytes, 0, RXPERF_VERSION);
  putInt32(bytes, 4, op);
  putInt32(bytes, 8, RXPERF_BUFFER_MAX);
  putInt32(bytes, 12, RXPERF_BUFFER_MAX);
}

/** The u32 at `offset`, unsigned. */
export function getWord(bytes: Uint8Array, offset: number): number {
  return getInt32(bytes, offset) >>> 0;
}

/** A request of `payload` bytes of zeros, with the numbers of its operation after the head and the cookie if it is wanted. */
export function buildRequest(
  op: RxperfOp,
  words: readonly number[],
  payload: number,
  cookie: boolean,
): Uint8Array {
  const fixed = RXPERF_HEAD_BYTES + words.length * WORD_BYTES;
  const bytes = new Uint8Array(fixed + payload + (cookie ? WORD_BYTES : 0));
  writeHead(bytes, op);
  words.forEach((word, i) => putInt32(bytes, RXPERF_HEAD_BYTES + i * WORD_BYTES, word));
  if (cookie) putInt32(bytes, fixed + payload, RXPERF_COOKIE);
  return bytes;
}
