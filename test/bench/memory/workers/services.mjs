// What the measured servers answer. All of them check what comes: a digest of the request is part of each reply.
import { createHash } from "node:crypto";
import { service } from "../../../../dist/index.js";
import { makePayload, PIECE_BYTES, pause } from "./payload.mjs";
import { BUFFER_ID, EXCHANGE_ID, STREAM_ID } from "./service-ids.mjs";

const GIB = 1024 ** 3;
const SLOW_STEP_MS = 20;
// A pause shorter than this is more timer than pause.
const PAUSE_MIN_MS = 4;

/** How fast handlers read: 0 is as fast as they can. Set by the benchmark. */
export const pace = { bytesPerSecond: 0 };

/**
 * Request: 4 bytes of the number of the call, then its payload. Reply: the digest of the request, then a payload as long.
 * Some handlers read slowly and some write slowly.
 */
export const exchangeService = service({
  id: EXCHANGE_ID,
  name: "exchange",
  concurrency: 256,
  callsPerPeerMax: 512,
  deadlineMs: 60_000,
  call: async (call) => {
    const hash = createHash("sha256");
    const head = await call.read(4);
    hash.update(head);
    const number = new DataView(head.buffer).getUint32(0);
    let length = 0;
    let sincePause = 0;
    for await (const chunk of call) {
      hash.update(chunk);
      length += chunk.length;
      sincePause += chunk.length;
      if (number % 10 === 1 && sincePause >= PIECE_BYTES) {
        sincePause = 0;
        await pause(SLOW_STEP_MS);
      }
    }
    await call.write(new Uint8Array(hash.digest()));
    const reply = makePayload(number + 1_000_000, length);
    for (let at = 0; at < length; at += PIECE_BYTES) {
      await call.write(reply.subarray(at, at + PIECE_BYTES));
      if (number % 10 === 5) await pause(SLOW_STEP_MS);
    }
  },
});

/** Reads as a stream, at the pace that is set, and answers with the digest. */
export const streamService = service({
  id: STREAM_ID,
  name: "stream",
  maxRequestBytes: 4 * GIB,
  deadlineMs: 3_600_000,
  call: (call) => digestAtPace(call),
});

/** Takes all of it into call.buffer() before it reads any, so that all beyond the threshold goes through the file. */
export const bufferService = service({
  id: BUFFER_ID,
  name: "buffer",
  maxRequestBytes: 4 * GIB,
  deadlineMs: 3_600_000,
  call: async (call) => {
    const body = call.buffer();
    while (!body.isEnded && body.failure === null) await pause(5);
    return digestAtPace(body);
  },
});

/** @param {AsyncIterable<Uint8Array>} chunks */
async function digestAtPace(chunks) {
  const hash = createHash("sha256");
  const begin = performance.now();
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    if (pace.bytesPerSecond === 0) continue;
    const aheadMs = (bytes / pace.bytesPerSecond) * 1000 - (performance.now() - begin);
    if (aheadMs >= PAUSE_MIN_MS) await pause(aheadMs);
  }
  return new Uint8Array(hash.digest());
}
