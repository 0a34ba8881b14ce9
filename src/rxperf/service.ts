// The rxperf service: answers OpenAFS's and our own throughput clients.
import { RxAbort } from "../rpc/call-error.js";
import type { ServerCall } from "../rpc/server-call.js";
import { type ServiceDefinition, service } from "../rpc/service-definition.js";
import { putInt32 } from "../util/bytes.js";
import { RxError } from "../util/errors.js";
import { functionOption, integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import {
  getWord,
  RXPERF_BUFFER_MAX,
  RXPERF_COOKIE,
  RXPERF_HEAD_BYTES,
  RXPERF_SERVICE_ID,
  RXPERF_VERSION,
  RxperfOp,
  WORD_BYTES,
} from "./protocol.js";

export interface RxperfOptions {
  /** Service id. Default 147. */
  readonly id?: number;
  /** Handlers at once. Default 256. */
  readonly concurrency?: number;
  /** Bytes that one call may send or ask for. Default 4 GiB - 1, all that the protocol can say. */
  readonly maxBytes?: number;
  /** What is sent as data and expected as data; zeros, unexamined, by default. For tests that look at every byte. */
  readonly pattern?: (index: number) => number;
}

const MAX_BYTES = 0xffffffff;
// Data is written in pieces of so many bytes: a few packets at a time keep the transmit queue full.
const CHUNK_BYTES = 65_536;
const ZEROS = new Uint8Array(CHUNK_BYTES);
const LIST_MAX = 65_536;

/**
 * The service as a definition for RpcServer.add().
 * @throws RxOptionError naming the option that is wrong
 */
export function rxperfService(options: RxperfOptions = {}): ServiceDefinition {
  knownOptions("rxperf", options, ["id", "concurrency", "maxBytes", "pattern"]);
  const maxBytes = integerOption("maxBytes", options.maxBytes, MAX_BYTES, 0, MAX_BYTES);
  const data = new PatternData(functionOption("pattern", options.pattern));
  return service({
    id: options.id ?? RXPERF_SERVICE_ID,
    name: "rxperf",
    concurrency: options.concurrency ?? 256,
    // FILE's list stands before the data.
    maxRequestBytes: maxBytes + RXPERF_HEAD_BYTES + (LIST_MAX + 4) * WORD_BYTES,
    maxReplyBytes: maxBytes + WORD_BYTES,
    // 4 GiB at 10 Mbit/s take an hour; a call that does not move is ended by the progress limits.
    deadlineMs: 3_600_000,
    call: (call) => answer(call, maxBytes, data),
  });
}

async function answer(call: ServerCall, maxBytes: number, data: PatternData): Promise<void> {
  try {
    const head = await call.read(RXPERF_HEAD_BYTES + WORD_BYTES);
    if (getWord(head, 0) !== RXPERF_VERSION)
      throw new RxAbort(AbortCode.RX_USER_ABORT, "not rxperf version 3");
    if (getWord(head, 8) > RXPERF_BUFFER_MAX || getWord(head, 12) > RXPERF_BUFFER_MAX) {
      throw new RxAbort(AbortCode.RX_CALL_DEAD, "buffer sizes above 512 KiB");
    }
    const first = getWord(head, RXPERF_HEAD_BYTES);
    switch (getWord(head, 4)) {
      case RxperfOp.Send:
        await data.receive(call, bounded(first, maxBytes));
        return await sendCookie(call);
      case RxperfOp.Recv:
        await data.send(call, bounded(first, maxBytes), true);
        return;
      case RxperfOp.Rpc:
        return await answerRpc(call, bounded(first, maxBytes), maxBytes, data);
      case RxperfOp.File:
        return await answerFile(call, first, maxBytes, data);
      default:
        throw new RxAbort(AbortCode.RXGEN_OPCODE, "unknown rxperf operation");
    }
  } catch (cause) {
    // A request that is shorter than it says (rxperf section 3).
    if (cause instanceof RxError && cause.code === "RX_ERR_END_OF_DATA") {
      throw new RxAbort(AbortCode.RXGEN_SS_UNMARSHAL, "the request is shorter than it says");
    }
    throw cause;
  }
}

async function answerRpc(
  call: ServerCall,
  requestBytes: number,
  maxBytes: number,
  data: PatternData,
): Promise<void> {
  const replyBytes = bounded(getWord(await call.read(WORD_BYTES), 0), maxBytes);
  await data.receive(call, requestBytes);
  await data.send(call, replyBytes, true);
}

/** A list of entries, each a number of words moved in the direction in force; an entry of 0 turns the direction. */
async function answerFile(
  call: ServerCall,
  count: number,
  maxBytes: number,
  data: PatternData,
): Promise<void> {
  if (count > LIST_MAX)
    throw new RxAbort(AbortCode.RXGEN_SS_UNMARSHAL, `a list of more than ${LIST_MAX} entries`);
  const list = await call.read(count * WORD_BYTES);
  let isReceiving = true;
  for (let i = 0; i < count; i++) {
    const words = getWord(list, i * WORD_BYTES);
    if (words === 0) isReceiving = !isReceiving;
    const bytes = bounded(words * WORD_BYTES, maxBytes);
    if (isReceiving) await data.receive(call, bytes);
    else await data.send(call, bytes, false);
  }
}

function bounded(bytes: number, maxBytes: number): number {
  if (bytes > maxBytes)
    throw new RxAbort(AbortCode.RXGEN_SS_UNMARSHAL, `more than ${maxBytes} bytes asked for`);
  return bytes;
}

function sendCookie(call: ServerCall): Promise<void> {
  const cookie = new Uint8Array(WORD_BYTES);
  putInt32(cookie, 0, RXPERF_COOKIE);
  return call.write(cookie);
}

/** The data of an rxperf call: zeros that nobody looks at, or a pattern that is checked byte for byte. */
class PatternData {
  readonly #pattern: ((index: number) => number) | undefined;
  /** The newest chunk of zeros, with room for the cookie. */
  #zeros = new Uint8Array(0);

  constructor(pattern: ((index: number) => number) | undefined) {
    this.#pattern = pattern;
  }

  /** Takes in exactly `bytes`. */
  receive(call: ServerCall, bytes: number): Promise<void> {
    return this.#pattern === undefined ? call.skip(bytes) : this.#receiveChecked(call, bytes, this.#pattern);
  }

  /** Writes `bytes` of data, and the cookie behind them if it is wanted. */
  send(call: ServerCall, bytes: number, cookie: boolean): Promise<void> {
    return bytes <= CHUNK_BYTES ? this.#sendLast(call, 0, bytes, cookie) : this.#sendAll(call, bytes, cookie);
  }

  async #receiveChecked(call: ServerCall, bytes: number, pattern: (index: number) => number): Promise<void> {
    for (let at = 0; at < bytes; ) {
      const part = await call.read(Math.min(CHUNK_BYTES, bytes - at));
      this.#check(part, at, pattern);
      at += part.length;
    }
  }

  async #sendAll(call: ServerCall, bytes: number, cookie: boolean): Promise<void> {
    let at = 0;
    while (bytes - at > CHUNK_BYTES) {
      await call.write(this.#pattern === undefined ? ZEROS : this.#chunk(at, CHUNK_BYTES, 0));
      at += CHUNK_BYTES;
    }
    await this.#sendLast(call, at, bytes - at, cookie);
  }

  #sendLast(call: ServerCall, at: number, bytes: number, cookie: boolean): Promise<void> {
    const last = this.#chunk(at, bytes, cookie ? WORD_BYTES : 0);
    if (cookie) putInt32(last, bytes, RXPERF_COOKIE);
    return call.write(last);
  }

  // What write() is given it copies at once, so that equal chunks of zeros can be one array.
  #chunk(at: number, length: number, extra: number): Uint8Array {
    if (this.#pattern === undefined && this.#zeros.length === length + extra) return this.#zeros;
    const chunk = new Uint8Array(length + extra);
    if (this.#pattern !== undefined) for (let i = 0; i < length; i++) chunk[i] = this.#pattern(at + i);
    else this.#zeros = chunk;
    return chunk;
  }

  #check(part: Uint8Array, at: number, pattern: (index: number) => number): void {
    for (let i = 0; i < part.length; i++) {
      if (part[i] !== (pattern(at + i) & 0xff)) {
        throw new RxAbort(WRONG_BYTES, `byte ${at + i} of the data is wrong`);
      }
    }
  }
}

/** Abort code of a call whose data does not match the expected pattern. */
const WRONG_BYTES = 7_001;
