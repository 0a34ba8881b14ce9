// The DEBUG reply about one peer (OpenAFS `rx.h`, struct rx_debugPeer).
import { assert } from "../util/assert.js";
import { getInt32, getUint16, putInt32, putUint16 } from "../util/bytes.js";

export const DEBUG_PEER_SIZE = 132;

const END = -1;
const TWO_32 = 0x1_0000_0000;

/** The answer to GetPeer. OpenAFS leaves burst, skew, rate and timeout at 0 today. */
export class DebugPeer {
  /** IPv4 address as one word, first byte highest; 0 for an IPv6 peer, which the format cannot name. */
  host = 0;
  port = 0;
  ifMtu = 0;
  /** Unix time in seconds at which it became idle. */
  idleWhen = 0;
  refCount = 0;
  burstSize = 0;
  burst = 0;
  burstWaitSec = 0;
  burstWaitUsec = 0;
  /** Smoothed round trip in units of 1/8 ms. */
  rtt = 0;
  /** Deviation in units of 1/4 ms. */
  rttDev = 0;
  timeoutSec = 0;
  timeoutUsec = 0;
  /** DATA packets sent; `resent` counts the repeats. */
  sent = 0;
  resent = 0;
  inPacketSkew = 0;
  outPacketSkew = 0;
  rateFlag = 0;
  natMtu = 0;
  maxMtu = 0;
  maxDgramPackets = 0;
  ifDgramPackets = 0;
  mtu = 0;
  /** Congestion window in packets. */
  cwind = 0;
  dgramPackets = 0;
  congestSeq = 0;
  /** A count below 2^53; the wire has 64 bits. */
  bytesSent = 0;
  bytesReceived = 0;

  reset(): void {
    this.host = 0;
    this.port = 0;
    this.ifMtu = 0;
    this.idleWhen = 0;
    this.refCount = 0;
    this.burstSize = 0;
    this.burst = 0;
    this.burstWaitSec = 0;
    this.burstWaitUsec = 0;
    this.rtt = 0;
    this.rttDev = 0;
    this.timeoutSec = 0;
    this.timeoutUsec = 0;
    this.sent = 0;
    this.resent = 0;
    this.inPacketSkew = 0;
    this.outPacketSkew = 0;
    this.rateFlag = 0;
    this.natMtu = 0;
    this.maxMtu = 0;
    this.maxDgramPackets = 0;
    this.ifDgramPackets = 0;
    this.mtu = 0;
    this.cwind = 0;
    this.dgramPackets = 0;
    this.congestSeq = 0;
    this.bytesSent = 0;
    this.bytesReceived = 0;
  }
}

export function writeDebugPeer(bytes: Uint8Array, offset: number, peer: DebugPeer): number {
  const end = offset + DEBUG_PEER_SIZE;
  assert(end <= bytes.length, "the DEBUG reply fits the buffer");
  bytes.fill(0, offset, end);
  putInt32(bytes, offset, peer.host);
  putUint16(bytes, offset + 4, peer.port);
  putUint16(bytes, offset + 6, peer.ifMtu);
  putInt32(bytes, offset + 8, peer.idleWhen);
  putUint16(bytes, offset + 12, peer.refCount);
  bytes[offset + 14] = peer.burstSize;
  bytes[offset + 15] = peer.burst;
  putInt32(bytes, offset + 16, peer.burstWaitSec);
  putInt32(bytes, offset + 20, peer.burstWaitUsec);
  putInt32(bytes, offset + 24, peer.rtt);
  putInt32(bytes, offset + 28, peer.rttDev);
  putInt32(bytes, offset + 32, peer.timeoutSec);
  putInt32(bytes, offset + 36, peer.timeoutUsec);
  putInt32(bytes, offset + 40, peer.sent);
  putInt32(bytes, offset + 44, peer.resent);
  putInt32(bytes, offset + 48, peer.inPacketSkew);
  putInt32(bytes, offset + 52, peer.outPacketSkew);
  putInt32(bytes, offset + 56, peer.rateFlag);
  putUint16(bytes, offset + 60, peer.natMtu);
  putUint16(bytes, offset + 62, peer.maxMtu);
  putUint16(bytes, offset + 64, peer.maxDgramPackets);
  putUint16(bytes, offset + 66, peer.ifDgramPackets);
  putUint16(bytes, offset + 68, peer.mtu);
  putUint16(bytes, offset + 70, peer.cwind);
  putUint16(bytes, offset + 72, peer.dgramPackets);
  putUint16(bytes, offset + 74, peer.congestSeq);
  // Made 32-bit here: a number of 2^31 or more would be boxed to be passed on.
  putInt32(bytes, offset + 76, (peer.bytesSent / TWO_32) | 0);
  putInt32(bytes, offset + 80, peer.bytesSent | 0);
  putInt32(bytes, offset + 84, (peer.bytesReceived / TWO_32) | 0);
  putInt32(bytes, offset + 88, peer.bytesReceived | 0);
  return end;
}

export function readDebugPeer(bytes: Uint8Array, offset: number, end: number, out: DebugPeer): boolean {
  if (end - offset < DEBUG_PEER_SIZE) return false;
  out.host = getInt32(bytes, offset);
  out.port = getUint16(bytes, offset + 4);
  out.ifMtu = getUint16(bytes, offset + 6);
  out.idleWhen = getInt32(bytes, offset + 8);
  out.refCount = getUint16(bytes, offset + 12);
  out.burstSize = bytes[offset + 14] as number;
  out.burst = bytes[offset + 15] as number;
  out.burstWaitSec = getInt32(bytes, offset + 16);
  out.burstWaitUsec = getInt32(bytes, offset + 20);
  out.rtt = getInt32(bytes, offset + 24);
  out.rttDev = getInt32(bytes, offset + 28);
  out.timeoutSec = getInt32(bytes, offset + 32);
  out.timeoutUsec = getInt32(bytes, offset + 36);
  out.sent = getInt32(bytes, offset + 40);
  out.resent = getInt32(bytes, offset + 44);
  out.inPacketSkew = getInt32(bytes, offset + 48);
  out.outPacketSkew = getInt32(bytes, offset + 52);
  out.rateFlag = getInt32(bytes, offset + 56);
  out.natMtu = getUint16(bytes, offset + 60);
  out.maxMtu = getUint16(bytes, offset + 62);
  out.maxDgramPackets = getUint16(bytes, offset + 64);
  out.ifDgramPackets = getUint16(bytes, offset + 66);
  out.mtu = getUint16(bytes, offset + 68);
  out.cwind = getUint16(bytes, offset + 70);
  out.dgramPackets = getUint16(bytes, offset + 72);
  out.congestSeq = getUint16(bytes, offset + 74);
  out.bytesSent = getCount64(bytes, offset + 76);
  out.bytesReceived = getCount64(bytes, offset + 84);
  return true;
}

/** The answer to an index past the last peer. */
export function writeDebugPeerEnd(bytes: Uint8Array, offset: number): number {
  const end = offset + DEBUG_PEER_SIZE;
  assert(end <= bytes.length, "the DEBUG reply fits the buffer");
  bytes.fill(0, offset, end);
  putInt32(bytes, offset, END);
  return end;
}

/** @returns whether this answer says that there are no more peers */
export function isDebugPeerEnd(peer: DebugPeer): boolean {
  return peer.host === END;
}

function getCount64(bytes: Uint8Array, offset: number): number {
  return (getInt32(bytes, offset) >>> 0) * TWO_32 + (getInt32(bytes, offset + 4) >>> 0);
}
