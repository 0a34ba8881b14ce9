// The DEBUG reply about one connection (OpenAFS `rx.h`, struct rx_debugConn with struct rx_securityObjectStats inside).
import { assert } from "../util/assert.js";
import { getInt32, getUint16, putInt32, putUint16 } from "../util/bytes.js";

export const DEBUG_CONN_SIZE = 176;

const CHANNELS = 4;
const END = -1;

/** Values of `DebugConn.type`. */
export const DebugConnType = { Client: 0, Server: 1 } as const;

/** Bits of `DebugConn.flags`. */
export const DebugConnFlag = {
  MakeCallWaiting: 1,
  DestroyMe: 2,
  UsingPacketCksum: 4,
  KnowWindow: 8,
  Reset: 16,
  Busy: 32,
  AttachWait: 64,
  MakeCallActive: 128,
} as const;

/** Values of `DebugConn.callState`. An unused channel is NotInit. */
export const DebugCallState = { NotInit: 0, PreCall: 1, Active: 2, Dally: 3, Hold: 4, Reset: 5 } as const;

/** Values of `DebugConn.callMode`. */
export const DebugCallMode = { None: 0, Sending: 1, Receiving: 2, Error: 3, Eof: 4 } as const;

/** Bits of `DebugConn.callFlags`. */
export const DebugCallFlag = {
  ReaderWait: 1,
  WaitWindowAlloc: 2,
  WaitWindowSend: 4,
  WaitPackets: 8,
  WaitProc: 16,
  ReceiveDone: 32,
  Cleared: 64,
} as const;

/** Bits of `DebugConn.callOther`: which queues of the call hold packets. */
export const DebugCallOther = { InReceiveQueue: 1, InTransmitQueue: 2 } as const;

/** Values of `DebugSecurityStats.type`. */
export const DebugSecurityType = { Unknown: 0, Null: 1, Vab: 2, Rxkad: 3, Rxgk: 4 } as const;

/** What the security class tells about a connection; all zero where it tells nothing. */
export class DebugSecurityStats {
  type = 0;
  level = 0;
  flags = 0;
  /** Unix time in seconds. */
  expires = 0;
  packetsReceived = 0;
  packetsSent = 0;
  bytesReceived = 0;
  bytesSent = 0;

  reset(): void {
    this.type = 0;
    this.level = 0;
    this.flags = 0;
    this.expires = 0;
    this.packetsReceived = 0;
    this.packetsSent = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
  }
}

/** The answer to GetConn and GetAllConn. Arrays have one entry per channel. */
export class DebugConn {
  /** IPv4 address of the peer as one word, first byte highest; 0 for an IPv6 peer, which the format cannot name. */
  host = 0;
  cid = 0;
  serial = 0;
  readonly callNumber = new Int32Array(CHANNELS);
  error = 0;
  port = 0;
  flags = 0;
  type = 0;
  securityIndex = 0;
  readonly callState = new Uint8Array(CHANNELS);
  readonly callMode = new Uint8Array(CHANNELS);
  readonly callFlags = new Uint8Array(CHANNELS);
  readonly callOther = new Uint8Array(CHANNELS);
  readonly security = new DebugSecurityStats();
  epoch = 0;
  natMtu = 0;

  reset(): void {
    this.host = 0;
    this.cid = 0;
    this.serial = 0;
    this.callNumber.fill(0);
    this.error = 0;
    this.port = 0;
    this.flags = 0;
    this.type = 0;
    this.securityIndex = 0;
    this.callState.fill(0);
    this.callMode.fill(0);
    this.callFlags.fill(0);
    this.callOther.fill(0);
    this.security.reset();
    this.epoch = 0;
    this.natMtu = 0;
  }
}

export function writeDebugConn(bytes: Uint8Array, offset: number, conn: DebugConn): number {
  const end = offset + DEBUG_CONN_SIZE;
  assert(end <= bytes.length, "the DEBUG reply fits the buffer");
  bytes.fill(0, offset, end);
  putInt32(bytes, offset, conn.host);
  putInt32(bytes, offset + 4, conn.cid);
  putInt32(bytes, offset + 8, conn.serial);
  putInt32(bytes, offset + 28, conn.error);
  putUint16(bytes, offset + 32, conn.port);
  bytes[offset + 34] = conn.flags;
  bytes[offset + 35] = conn.type;
  bytes[offset + 36] = conn.securityIndex;
  for (let channel = 0; channel < CHANNELS; channel++) {
    putInt32(bytes, offset + 12 + 4 * channel, conn.callNumber[channel] as number);
    bytes[offset + 40 + channel] = conn.callState[channel] as number;
    bytes[offset + 44 + channel] = conn.callMode[channel] as number;
    bytes[offset + 48 + channel] = conn.callFlags[channel] as number;
    bytes[offset + 52 + channel] = conn.callOther[channel] as number;
  }
  writeSecurityStats(bytes, offset + 56, conn.security);
  putInt32(bytes, offset + 132, conn.epoch);
  putInt32(bytes, offset + 136, conn.natMtu);
  return end;
}

function writeSecurityStats(bytes: Uint8Array, offset: number, stats: DebugSecurityStats): void {
  bytes[offset] = stats.type;
  bytes[offset + 1] = stats.level;
  putInt32(bytes, offset + 12, stats.flags);
  putInt32(bytes, offset + 16, stats.expires);
  putInt32(bytes, offset + 20, stats.packetsReceived);
  putInt32(bytes, offset + 24, stats.packetsSent);
  putInt32(bytes, offset + 28, stats.bytesReceived);
  putInt32(bytes, offset + 32, stats.bytesSent);
}

export function readDebugConn(bytes: Uint8Array, offset: number, end: number, out: DebugConn): boolean {
  if (end - offset < DEBUG_CONN_SIZE) return false;
  out.host = getInt32(bytes, offset);
  out.cid = getInt32(bytes, offset + 4);
  out.serial = getInt32(bytes, offset + 8);
  out.error = getInt32(bytes, offset + 28);
  out.port = getUint16(bytes, offset + 32);
  out.flags = bytes[offset + 34] as number;
  out.type = bytes[offset + 35] as number;
  out.securityIndex = bytes[offset + 36] as number;
  for (let channel = 0; channel < CHANNELS; channel++) {
    out.callNumber[channel] = getInt32(bytes, offset + 12 + 4 * channel);
    out.callState[channel] = bytes[offset + 40 + channel] as number;
    out.callMode[channel] = bytes[offset + 44 + channel] as number;
    out.callFlags[channel] = bytes[offset + 48 + channel] as number;
    out.callOther[channel] = bytes[offset + 52 + channel] as number;
  }
  readSecurityStats(bytes, offset + 56, out.security);
  out.epoch = getInt32(bytes, offset + 132);
  out.natMtu = getInt32(bytes, offset + 136);
  return true;
}

function readSecurityStats(bytes: Uint8Array, offset: number, out: DebugSecurityStats): void {
  out.type = bytes[offset] as number;
  out.level = bytes[offset + 1] as number;
  out.flags = getInt32(bytes, offset + 12);
  out.expires = getInt32(bytes, offset + 16);
  out.packetsReceived = getInt32(bytes, offset + 20);
  out.packetsSent = getInt32(bytes, offset + 24);
  out.bytesReceived = getInt32(bytes, offset + 28);
  out.bytesSent = getInt32(bytes, offset + 32);
}

/** The answer to an index past the last connection. */
export function writeDebugConnEnd(bytes: Uint8Array, offset: number): number {
  const end = offset + DEBUG_CONN_SIZE;
  assert(end <= bytes.length, "the DEBUG reply fits the buffer");
  bytes.fill(0, offset, end);
  putInt32(bytes, offset + 4, END);
  return end;
}

/** @returns whether this answer says that there are no more connections */
export function isDebugConnEnd(conn: DebugConn): boolean {
  return conn.cid === END;
}
