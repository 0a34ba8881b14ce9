// DEBUG packets: the questions of `rxdebug` and the answers, laid out as OpenAFS `rx.h` has them (version letter 'S').
// Readers serve our own tool: they check lengths and judge nothing. 32-bit fields are signed; show them with `>>> 0`.
import { assert } from "../util/assert.js";
import { getInt32, putInt32 } from "../util/bytes.js";
import { PacketFlag } from "./packet-type.js";

export * from "./debug-conn.js";
export * from "./debug-peer.js";
export * from "./debug-statistics.js";

export const DEBUG_REQUEST_SIZE = 8;
export const DEBUG_STATS_SIZE = 56;
export const DEBUG_ERROR_SIZE = 8;
/** The reply format that we speak, 'S': all fields below are there. */
export const DEBUG_VERSION = 0x53;
/** The tool counts up from 0 and stops at the first index that is not there, so an honest one never comes near this. */
export const DEBUG_INDEX_MAX = 0xfffff;

const BAD_TYPE = -8;

export const DebugRequestType = {
  GetStats: 1,
  /** The n-th connection with something going on. */
  GetConn: 2,
  GetAllConn: 3,
  RxStats: 4,
  GetPeer: 5,
} as const;

export type DebugRequestType = (typeof DebugRequestType)[keyof typeof DebugRequestType];

export class DebugRequest {
  /** A DebugRequestType, or any other number, which is answered by the error reply. */
  type = 0;
  index = 0;
}

/**
 * Reads a request; bytes after it are ignored.
 *
 * @returns false, with `out` unchanged, for what must be dropped: not from a client, too short, or an index out of
 * [0, DEBUG_INDEX_MAX] where the type uses one
 */
export function readDebugRequest(
  flags: number,
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: DebugRequest,
): boolean {
  if ((flags & PacketFlag.ClientInitiated) === 0 || end - offset < DEBUG_REQUEST_SIZE) return false;
  const type = getInt32(bytes, offset);
  const index = getInt32(bytes, offset + 4);
  if (isIndexed(type) && (index < 0 || index > DEBUG_INDEX_MAX)) return false;
  out.type = type;
  out.index = index;
  return true;
}

function isIndexed(type: number): boolean {
  return (
    type === DebugRequestType.GetConn ||
    type === DebugRequestType.GetAllConn ||
    type === DebugRequestType.GetPeer
  );
}

/** @returns the offset after the body, every byte of which is written; so do all writers of DEBUG bodies */
export function writeDebugRequest(bytes: Uint8Array, offset: number, request: DebugRequest): number {
  putInt32(bytes, offset, request.type);
  putInt32(bytes, offset + 4, request.index);
  return offset + DEBUG_REQUEST_SIZE;
}

/** The answer to a request type that we do not know. */
export function writeDebugError(bytes: Uint8Array, offset: number): number {
  putInt32(bytes, offset, BAD_TYPE);
  putInt32(bytes, offset + 4, BAD_TYPE);
  return offset + DEBUG_ERROR_SIZE;
}

export function isDebugError(bytes: Uint8Array, offset: number, end: number): boolean {
  return (
    end - offset === DEBUG_ERROR_SIZE &&
    getInt32(bytes, offset) === BAD_TYPE &&
    getInt32(bytes, offset + 4) === BAD_TYPE
  );
}

/** The answer to GetStats. */
export class DebugStats {
  freePackets = 0;
  packetReclaims = 0;
  callsExecuted = 0;
  waitingForPackets = 0;
  usedFds = 0;
  version = DEBUG_VERSION;
  /** Calls that wait for a handler now. */
  waiting = 0;
  idleThreads = 0;
  /** Calls that ever waited. */
  waited = 0;
  packets = 0;
}

export function writeDebugStats(bytes: Uint8Array, offset: number, stats: DebugStats): number {
  const end = offset + DEBUG_STATS_SIZE;
  assert(end <= bytes.length, "the DEBUG reply fits the buffer");
  bytes.fill(0, offset, end);
  putInt32(bytes, offset, stats.freePackets);
  putInt32(bytes, offset + 4, stats.packetReclaims);
  putInt32(bytes, offset + 8, stats.callsExecuted);
  bytes[offset + 12] = stats.waitingForPackets;
  bytes[offset + 13] = stats.usedFds;
  bytes[offset + 14] = stats.version;
  putInt32(bytes, offset + 16, stats.waiting);
  putInt32(bytes, offset + 20, stats.idleThreads);
  putInt32(bytes, offset + 24, stats.waited);
  putInt32(bytes, offset + 28, stats.packets);
  return end;
}

/** @returns false, with `out` unchanged, when the reply is too short; so do all readers of DEBUG bodies */
export function readDebugStats(bytes: Uint8Array, offset: number, end: number, out: DebugStats): boolean {
  if (end - offset < DEBUG_STATS_SIZE) return false;
  out.freePackets = getInt32(bytes, offset);
  out.packetReclaims = getInt32(bytes, offset + 4);
  out.callsExecuted = getInt32(bytes, offset + 8);
  out.waitingForPackets = bytes[offset + 12] as number;
  out.usedFds = bytes[offset + 13] as number;
  out.version = bytes[offset + 14] as number;
  out.waiting = getInt32(bytes, offset + 16);
  out.idleThreads = getInt32(bytes, offset + 20);
  out.waited = getInt32(bytes, offset + 24);
  out.packets = getInt32(bytes, offset + 28);
  return true;
}
