// The client side of rxperf: one call of each operation, checked for the right length and the cookie.
import type { CallOptions, ClientCall } from "../rpc/client-call.js";
import { RxError } from "../util/errors.js";
import { integerOption } from "../util/options.js";
import { buildRequest, getWord, RXPERF_COOKIE, RxperfOp, WORD_BYTES } from "./protocol.js";

/** What rxperf needs of a client: RxClient and RxConnection both are one. */
export interface RxperfTarget {
  call(request: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
  open(options?: CallOptions): ClientCall;
}

const CHUNK_BYTES = 65_536;
const ZEROS = new Uint8Array(CHUNK_BYTES);
// What the protocol can say.
const BYTES_MAX = 0xffffffff;

export interface RxperfCallOptions extends CallOptions {
  /** Ends the request with the cookie, as Linux since v6.14 demands and OpenAFS ignores. Default false. */
  readonly cookie?: boolean;
}

/** `sendBytes` there and `recvBytes` back in one small call. @throws RxError as RxConnection.call(), RX_ERR_END_OF_DATA */
export class RxperfRpc {
  readonly #request: Uint8Array;
  readonly #recvBytes: number;

  /** Builds the request once: it is the same for every call. @throws RxOptionError unless both are from 0 to 4 GiB - 1 */
  constructor(sendBytes: number, recvBytes: number, cookie = false) {
    checkBytes("sendBytes", sendBytes);
    checkBytes("recvBytes", recvBytes);
    this.#request = buildRequest(RxperfOp.Rpc, [sendBytes, recvBytes], sendBytes, cookie);
    this.#recvBytes = recvBytes;
  }

  async call(target: RxperfTarget, options?: CallOptions): Promise<void> {
    checkReply(await target.call(this.#request, options), this.#recvBytes);
  }
}

/** Sends `bytes` bytes of zeros, at most 4 GiB - 1. `onProgress` is told how many have been queued. */
export function rxperfSend(
  target: RxperfTarget,
  bytes: number,
  options: RxperfCallOptions = {},
  onProgress?: (bytes: number) => void,
): Promise<void> {
  return withStream(target, bytes, options, async (stream, cookie) => {
    await stream.write(buildRequest(RxperfOp.Send, [bytes], 0, false));
    for (let at = 0; at < bytes; ) {
      const part = Math.min(CHUNK_BYTES, bytes - at);
      await stream.write(ZEROS.subarray(0, part));
      at += part;
      onProgress?.(at);
    }
    if (cookie) await stream.write(cookieBytes());
    await stream.end();
    checkReply(await stream.readAll(), 0);
  });
}

/** Asks for `bytes` bytes, at most 4 GiB - 1, and takes them in. `onProgress` is told how many have come. */
export function rxperfRecv(
  target: RxperfTarget,
  bytes: number,
  options: RxperfCallOptions = {},
  onProgress?: (bytes: number) => void,
): Promise<void> {
  return withStream(target, bytes, options, async (stream, cookie) => {
    await stream.end(buildRequest(RxperfOp.Recv, [bytes], 0, cookie));
    const tail = new Uint8Array(WORD_BYTES);
    let got = 0;
    for await (const chunk of stream) {
      for (let i = Math.max(0, bytes - got); i < chunk.length; i++) {
        if (got + i - bytes < WORD_BYTES) tail[got + i - bytes] = chunk[i] as number;
      }
      got += chunk.length;
      onProgress?.(Math.min(got, bytes));
    }
    checkLength(got, bytes);
    checkCookie(getWord(tail, 0));
  });
}

// Opens the call of one operation, and closes it however the operation ends.
async function withStream(
  target: RxperfTarget,
  bytes: number,
  options: RxperfCallOptions,
  operate: (stream: ClientCall, cookie: boolean) => Promise<void>,
): Promise<void> {
  checkBytes("bytes", bytes);
  const { cookie = false, ...call } = options;
  await using stream = target.open(call);
  await operate(stream, cookie);
}

function checkBytes(name: string, bytes: number): void {
  // Absent is no number of bytes either.
  integerOption(name, bytes ?? null, 0, 0, BYTES_MAX);
}

function cookieBytes(): Uint8Array {
  return buildRequest(RxperfOp.Send, [], 0, true).subarray(-WORD_BYTES);
}

function checkReply(reply: Uint8Array, dataBytes: number): void {
  checkLength(reply.length, dataBytes);
  checkCookie(getWord(reply, dataBytes));
}

function checkLength(length: number, dataBytes: number): void {
  if (length === dataBytes + WORD_BYTES) return;
  throw new RxError(
    "RX_ERR_END_OF_DATA",
    `a reply of ${dataBytes + WORD_BYTES} bytes was expected, ${length} came`,
  );
}

function checkCookie(cookie: number): void {
  if (cookie === RXPERF_COOKIE) return;
  throw new RxError(
    "RX_ERR_CALL_FAILED",
    `the reply ends with ${cookie}, not with the cookie ${RXPERF_COOKIE}`,
  );
}
