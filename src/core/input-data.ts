// A DATA packet, or a jumbogram of them, for a call: what is kept, what is dropped, and when it is acknowledged.
import { BufferClass } from "../memory/buffer-class.js";
import { NO_BUFFER } from "../memory/buffer-pool.js";
import { AbortCode } from "../wire/abort.js";
import { AckReason } from "../wire/ack.js";
import { HEADER_SIZE, type PacketHeader } from "../wire/header.js";
import {
  countJumboSegments,
  JUMBO_DATA_SIZE,
  jumboSegmentCksum,
  jumboSegmentFlags,
  jumboSegmentOffset,
} from "../wire/jumbo.js";
import { PacketFlag } from "../wire/packet-type.js";
import { takeForNextPacket, takeForPacketAhead } from "./call-buffers.js";
import { type Call, CallEvent, CallState, CallTime, Completion, connectionOf } from "./call-object.js";
import { abortCall, complete, enterAckRequest, enterRecvReply, notify } from "./call-state.js";
import { abortConnection, proposeFinalAck, repeatFinalAck } from "./conn-event.js";
import { ConnState } from "./conn-object.js";
import type { Local } from "./local.js";
import { proposeAck, proposeDelayedAck } from "./propose-ack.js";
import { Placement } from "./receive-window.js";
import { Stat } from "./stats.js";
import { noteProgress } from "./timers.js";
import { verifyPacket } from "./verify-data.js";

/** Segments of a jumbogram that we take; we advertise fewer. */
const SEGMENTS_MAX = 6;
// The most that any peer puts into one packet (rx-wire.md section 13, RX_MAX_PACKET_SIZE).
const PAYLOAD_MAX = 16_384;
// Every second packet is acknowledged at once (rx-behaviour.md section 4).
const UNACKED_MAX = 2;

/** Handles the DATA packet whose datagram is bytes[0, end). The header is changed while segments are walked. */
export function inputData(
  local: Local,
  call: Call,
  header: PacketHeader,
  bytes: Uint8Array,
  end: number,
): void {
  const segments = countJumboSegments(bytes, HEADER_SIZE, end, header.flags);
  if (segments < 0 || segments > SEGMENTS_MAX) {
    local.stats.count(Stat.DropJumbo);
    abortCall(local, call, AbortCode.RX_PROTOCOL_ERROR);
    return;
  }
  local.stats.cells[Stat.DataPacketsRead] = (local.stats.cells[Stat.DataPacketsRead] as number) + segments;
  call.times[CallTime.LastHeard] = local.clock[0] as number;
  beginReply(local, call);
  const before = call.rx.next;
  const reason =
    segments === 1
      ? inputSegment(local, call, header, bytes, HEADER_SIZE, end)
      : inputJumbo(local, call, header, bytes, end, segments);
  if (call.state === CallState.Complete) return;
  const { rx } = call;
  if (rx.next !== before) afterProgress(local, call);
  if (!call.isLive) {
    // A server that asks for an ACK of its last packet gets it at once.
    if (reason === AckReason.Requested)
      repeatFinalAck(local, connectionOf(call), call.channel, reason, header.serial);
    return;
  }
  acknowledge(local, call, reason, header.serial);
}

// The first DATA of a reply acknowledges the whole request, sent or not (rx-behaviour.md section 3.1).
function beginReply(local: Local, call: Call): void {
  if (call.state !== CallState.ClientSendRequest && call.state !== CallState.ClientAwaitReply) return;
  enterRecvReply(local, call);
  noteProgress(local, call);
}

function inputJumbo(
  local: Local,
  call: Call,
  header: PacketHeader,
  bytes: Uint8Array,
  end: number,
  segments: number,
): number {
  // Kept apart: the header is the only object at hand, and each segment inherits from it.
  const { seq, serial } = header;
  let worst = 0;
  for (let i = 0; i < segments; i++) {
    const from = jumboSegmentOffset(i, HEADER_SIZE);
    if (i > 0) {
      header.flags = jumboSegmentFlags(bytes, i, HEADER_SIZE);
      header.cksum = jumboSegmentCksum(bytes, i, HEADER_SIZE);
    }
    header.seq = (seq + i) | 0;
    header.serial = (serial + i) | 0;
    const to = i === segments - 1 ? end : from + JUMBO_DATA_SIZE;
    const reason = inputSegment(local, call, header, bytes, from, to);
    if (call.state === CallState.Complete) return 0;
    if (rank(reason) > rank(worst)) worst = reason;
  }
  return worst;
}

/** Of the reasons found in one datagram the most urgent counts (rx-behaviour.md section 4.2). */
function rank(reason: number): number {
  switch (reason) {
    case AckReason.OutOfSequence:
      return 7;
    case AckReason.NoSpace:
      return 6;
    case AckReason.ExceedsWindow:
      return 5;
    case AckReason.Duplicate:
      return 4;
    case AckReason.Requested:
      return 3;
    case AckReason.Delay:
      return 2;
    default:
      return reason === 0 ? 0 : 1;
  }
}

/** @returns the reason for which an ACK must go out at once, or 0. */
function inputSegment(
  local: Local,
  call: Call,
  header: PacketHeader,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  const { rx } = call;
  const { seq } = header;
  const isLast = (header.flags & PacketFlag.LastPacket) !== 0;
  const placement = rx.classify(seq);
  if (isPastEnd(rx.lastSeq, rx.top, seq, isLast)) {
    local.stats.count(Stat.DropBadSeq);
    abortCall(local, call, AbortCode.RX_PROTOCOL_ERROR);
    return 0;
  }
  if (placement === Placement.Old || placement === Placement.Held) {
    local.stats.count(Stat.DuplicatePacketsRead);
    return AckReason.Duplicate;
  }
  if (placement === Placement.Beyond) {
    local.stats.count(Stat.DropWindow);
    return AckReason.ExceedsWindow;
  }
  if (to - from > PAYLOAD_MAX) {
    local.stats.count(Stat.DropTooBig);
    return 0;
  }
  const hadGap = rx.top >= rx.next;
  const first =
    placement === Placement.InOrder ? takeForNextPacket(local, call, isLast) : takeForPacketAhead(local);
  const buffer = first === NO_BUFFER ? NO_BUFFER : store(local, first, bytes, from, to);
  if (buffer === NO_BUFFER) {
    local.stats.count(Stat.DropNoBuffer);
    // The peer is about to hear that the packet before it will be taken: that is not to be taken back.
    return rx.granted === NO_BUFFER ? AckReason.NoSpace : AckReason.OutOfSequence;
  }
  const verdict = verifyPacket(local, call, header, buffer);
  if (verdict !== 0) {
    local.buffers.give(buffer);
    abortConnection(local, connectionOf(call), verdict);
    return 0;
  }
  call.userStatus = header.userStatus;
  rx.place(seq, buffer, isLast, header.cksum);
  if (placement === Placement.Gap) return AckReason.OutOfSequence;
  if (hadGap) return rx.top >= rx.next ? AckReason.OutOfSequence : AckReason.Delay;
  return (header.flags & PacketFlag.RequestAck) !== 0 ? AckReason.Requested : 0;
}

// LAST on two sequence numbers, or data beyond LAST (rx-behaviour.md section 4.2).
function isPastEnd(lastSeq: number, top: number, seq: number, isLast: boolean): boolean {
  if (lastSeq !== 0) return seq > lastSeq || (isLast && seq !== lastSeq);
  return isLast && seq < top;
}

/** Copies bytes[from, to) into `first` and more behind it where it is too small. @returns `first`, or NO_BUFFER. */
function store(local: Local, first: number, bytes: Uint8Array, from: number, to: number): number {
  const pool = local.buffers;
  if (bytes.length <= pool.bufferBytes) {
    // The array is copied with the header and whatever lies behind the payload: that needs no view of a part of it.
    pool.bytes.set(bytes, pool.offsetOf(first));
    pool.start[first] = from;
    pool.length[first] = to - from;
    return first;
  }
  pool.fillScratch(bytes, from, to - from);
  return storeScratch(local, first, to - from);
}

function storeScratch(local: Local, first: number, length: number): number {
  const pool = local.buffers;
  let at = pool.scratchOffset;
  const end = at + length;
  let buffer = first;
  for (;;) {
    const part = Math.min(end - at, pool.bufferBytes);
    const to = pool.offsetOf(buffer);
    pool.bytes.copyWithin(to, at, at + part);
    pool.length[buffer] = part;
    at += part;
    if (at >= end) return first;
    const next = pool.take(BufferClass.NewCall);
    if (next === NO_BUFFER) {
      pool.give(first);
      return NO_BUFFER;
    }
    pool.next[buffer] = next;
    buffer = next;
  }
}

// Something came in order.
function afterProgress(local: Local, call: Call): void {
  const { rx } = call;
  noteProgress(local, call);
  if (rx.bytesReceived > call.receiveMaxBytes) {
    abortCall(local, call, call.isService ? AbortCode.RXGEN_SS_UNMARSHAL : AbortCode.RXGEN_CC_UNMARSHAL);
    return;
  }
  if (rx.isComplete && call.state === CallState.ServerRecvRequest) {
    // OpenAFS begins the next call on the channel with the last window it was told: leave it a wide one.
    if (rx.advertised !== 0 && rx.advertised < rx.window) proposeAck(local, call, AckReason.Idle, 0);
    enterAckRequest(local, call);
  }
  if (rx.isComplete && call.state === CallState.ClientRecvReply) {
    const connection = connectionOf(call);
    call.events |= CallEvent.Readable;
    complete(local, call, Completion.Succeeded, 0);
    proposeFinalAck(local, connection, call.channel);
    return;
  }
  if (connectionOf(call).state === ConnState.Secure) notify(local, call, CallEvent.Readable);
}

function acknowledge(local: Local, call: Call, reason: number, serial: number): void {
  const { rx } = call;
  rx.unacked++;
  if (rx.wouldInviteTooMuch && (reason === 0 || reason === AckReason.Requested)) {
    // What it invites would be dropped, and the peer would take that for loss. Reading sends the ACK, or time does.
    proposeDelayedAck(local, call);
  } else if (reason !== 0) {
    proposeAck(local, call, reason as AckReason, serial);
  } else if (call.state === CallState.ServerRecvRequest && rx.unacked >= UNACKED_MAX) {
    proposeAck(local, call, AckReason.Idle, serial);
  } else if (call.state === CallState.ClientRecvReply && rx.unacked >= UNACKED_MAX) {
    proposeAck(local, call, AckReason.Idle, serial);
  } else {
    // The reply will acknowledge a request that is complete; this is for a handler that takes its time.
    proposeDelayedAck(local, call);
  }
}
