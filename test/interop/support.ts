// What the interoperation tests share: the payload pattern of the C peer, servers with short timeouts, and the ledger of
// a socket that has come to rest.
import { expect } from "vitest";
import {
  type CallOptions,
  type RpcServer,
  type RpcServerOptions,
  RpcServer as Server,
  type ServiceDefinition,
  type SocketStats,
} from "../../src/index.js";
import type { RxperfTarget } from "../../src/rxperf/client.js";
import {
  buildRequest,
  getWord,
  RXPERF_COOKIE,
  RXPERF_SERVICE_ID,
  RxperfOp,
} from "../../src/rxperf/protocol.js";
import { eventually } from "../eventually.js";

export { RXPERF_SERVICE_ID };

/** Operations that only the C server knows. */
export const PeerOp = { Abort: 100, Sleep: 101, Echo: 102 } as const;

/** What the C peer and we answer when the payload is not the pattern. */
export const ABORT_WRONG_PAYLOAD = 7001;

/** Byte `i` of a payload that is checked. */
export const patternAt = (i: number): number => (i * 7 + (i >> 8) * 13 + 3) & 255;

// It repeats after so many bytes; twice its length makes any piece of up to one length contiguous.
const PERIOD = 65_536;
const PATTERN = Uint8Array.from({ length: 2 * PERIOD }, (_, i) => patternAt(i));

/** `length` bytes of the pattern from `at` on; not to be changed. */
export function patternFrom(at: number, length: number): Uint8Array {
  const start = at % PERIOD;
  if (length <= PERIOD) return PATTERN.subarray(start, start + length);
  return Uint8Array.from({ length }, (_, i) => PATTERN[(start + i) % PERIOD] as number);
}

/** Times far shorter than the defaults, for calls that are to be given up. One that is to live may not on a busy machine. */
export const SHORT_TIMES = {
  deadTimeMs: 1_500,
  keepaliveMs: 300,
  requestProgressMs: 1_000,
  sendProgressMs: 1_000,
} as const satisfies RpcServerOptions;

/** Times that a call of OUTLASTING_MS outlasts, and long enough for the peer's process to have its turn within them. */
export const OUTLASTED_TIMES = {
  deadTimeMs: 5_000,
  keepaliveMs: 500,
  requestProgressMs: 4_000,
  sendProgressMs: 4_000,
} as const satisfies RpcServerOptions;
export const OUTLASTING_MS = 8_000;

/** A started server on a free port of 127.0.0.1. Faults fail the test that caused them, unless they are asked for. */
export async function startServer(
  definitions: readonly ServiceDefinition[],
  options: RpcServerOptions = {},
): Promise<RpcServer> {
  const server = new Server({ onFault: rethrowLater, ...options });
  for (const definition of definitions) server.add(definition);
  await server.start();
  return server;
}

// Out of the packet path, where vitest sees it as an unhandled error.
function rethrowLater(cause: unknown): void {
  setImmediate(() => {
    throw cause;
  });
}

/** What live calls hold: nothing, once a socket is at rest. Spare calls in the rings are not counted. */
export function heldByCalls(stats: SocketStats): { readonly calls: number; readonly buffers: number } {
  const spare = stats.services.reduce((sum, service) => sum + service.spare, 0);
  return { calls: stats.calls.used - spare, buffers: stats.buffers.used };
}

/** Waits until every call has given back what it held; fails when one does not. */
export async function expectAtRest(socket: { stats(): SocketStats | readonly SocketStats[] }): Promise<void> {
  await eventually(() => {
    const now = socket.stats();
    for (const stats of isList(now) ? now : [now]) {
      expect(heldByCalls(stats)).toEqual({ calls: 0, buffers: 0 });
    }
  });
}

// Array.isArray() does not narrow a readonly array.
function isList(stats: SocketStats | readonly SocketStats[]): stats is readonly SocketStats[] {
  return Array.isArray(stats);
}

// How long a machine takes for its megabytes is not the tests' business: their own limit is enough.
const UNHURRIED: CallOptions = { deadlineMs: 0 };

/** SEND: `bytes` of the pattern in one streamed call. */
export async function patternSend(
  target: RxperfTarget,
  bytes: number,
  options: CallOptions = {},
): Promise<void> {
  await using call = target.open({ ...UNHURRIED, ...options });
  await call.write(buildRequest(RxperfOp.Send, [bytes], 0, false));
  for (let at = 0; at < bytes; at += PERIOD) await call.write(patternFrom(at, Math.min(PERIOD, bytes - at)));
  await call.end();
  expectCookie(await call.readAll(), 0);
}

/** RECV: every byte of a streamed reply is compared. */
export async function patternRecv(
  target: RxperfTarget,
  bytes: number,
  options: CallOptions = {},
): Promise<void> {
  await using call = target.open({ ...UNHURRIED, ...options });
  await call.end(buildRequest(RxperfOp.Recv, [bytes], 0, false));
  for (let at = 0; at < bytes; ) {
    const length = Math.min(PERIOD, bytes - at);
    expectPattern(await call.read(length), at);
    at += length;
  }
  expectCookie(await call.readAll(), 0);
}

/** RPC: `sendBytes` there and `recvBytes` back, both of them the pattern, in one small call. */
export async function patternRpc(
  target: RxperfTarget,
  sendBytes: number,
  recvBytes: number,
  options: CallOptions = {},
): Promise<void> {
  const head = buildRequest(RxperfOp.Rpc, [sendBytes, recvBytes], 0, false);
  const reply = await target.call(joined(head, patternFrom(0, sendBytes)), { ...UNHURRIED, ...options });
  expectPattern(reply.subarray(0, recvBytes), 0);
  expectCookie(reply, recvBytes);
}

/** One call of an operation that only the C server knows; its reply. */
export function peerCall(
  target: RxperfTarget,
  op: (typeof PeerOp)[keyof typeof PeerOp],
  argument: number,
  payload: Uint8Array = new Uint8Array(0),
  options: CallOptions = {},
): Promise<Uint8Array> {
  const head = buildRequest(op as unknown as RxperfOp, [argument], 0, false);
  return target.call(joined(head, payload), { ...UNHURRIED, ...options });
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Compares with the pattern; names the first wrong byte, not a megabyte of them. */
export function expectPattern(bytes: Uint8Array, at: number): void {
  if (Buffer.compare(bytes, patternFrom(at, bytes.length)) === 0) return;
  const wrong = bytes.findIndex((byte, i) => byte !== patternAt(at + i));
  expect.fail(`byte ${at + wrong} is ${bytes[wrong]}, not ${patternAt(at + wrong)}`);
}

function expectCookie(reply: Uint8Array, dataBytes: number): void {
  expect(reply.length).toBe(dataBytes + 4);
  expect(getWord(reply, dataBytes)).toBe(RXPERF_COOKIE);
}
