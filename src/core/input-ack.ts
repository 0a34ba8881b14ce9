// An ACK for a call: what the peer has, what it lacks, how much it will take.

import { AbortCode } from "../wire/abort.js";
import type { AckBody } from "../wire/ack.js";
import { AckReason, clampTrailerWord } from "../wire/ack.js";
import { HEADER_SIZE, MAX_DATAGRAM, type PacketHeader } from "../wire/header.js";
import { JUMBO_DATA_SIZE, JUMBO_HEADER_SIZE } from "../wire/jumbo.js";
import { PacketFlag } from "../wire/packet-type.js";
import { noteQueueRoom } from "./call-buffers.js";
import { type Call, CallState, CallTime, connectionOf, Deadline, peerOf, ResendKind } from "./call-object.js";
import { abortCall, completeReply } from "./call-state.js";
import { PACKET_BYTES_MAX } from "./config.js";
import { abortConnection } from "./conn-event.js";
import type { Local } from "./local.js";
import { type Peer, PeerCell } from "./peer.js";
import { proposeAck } from "./propose-ack.js";
import { detectLosses, noteDelivered, noteSentAtDelivered } from "./rack.js";
import { Stat } from "./stats.js";
import { noteProgress, setDeadline, setResendTimer } from "./timers.js";
import { TransmitFlag } from "./transmit-window.js";

const PEER_WINDOW_MAX = 255;
// Peers accept no smaller packets (rx-wire.md section 13), and no trailer makes us send larger ones.
const PACKET_BYTES_MIN = 548;
const JUMBO_MAX = 6;
// A packet that found no buffer, or got lost while the peer is heard, is offered again every 0.8 s on a short path.
const HEARD_PAUSE_US = 800_000;

/** Handles an ACK whose body has been read from `bytes`. */
export function inputAck(
  local: Local,
  call: Call,
  header: PacketHeader,
  ack: AckBody,
  bytes: Uint8Array,
): void {
  const connection = connectionOf(call);
  if (ack.serial !== 0 && ack.serial === connection.skippedSerial) {
    // Nothing was ever sent under this serial: the peer acknowledges what it cannot have seen.
    abortConnection(local, connection, AbortCode.RX_PROTOCOL_ERROR);
    return;
  }
  answer(local, call, header, ack);
  if (!isCurrent(call, ack)) {
    local.stats.count(Stat.DropStaleAck);
    return;
  }
  if (!coversOnlyWhatWasSent(call, ack, bytes)) {
    local.stats.count(Stat.DropBadAck);
    abortCall(local, call, AbortCode.RX_PROTOCOL_ERROR);
    return;
  }
  // Only a valid ACK is a sign of life: a peer that repeats old ones keeps no call alive.
  call.times[CallTime.LastHeard] = local.clock[0] as number;
  takeEcho(local, call, ack);
  takeTrailer(call, peerOf(call), ack);
  takeAcknowledgements(local, call, ack, bytes);
}

/** A PING, and any ACK that asks for one, is answered at once, valid or not (rx-behaviour.md section 7.1). */
function answer(local: Local, call: Call, header: PacketHeader, ack: AckBody): void {
  if (ack.reason === AckReason.Ping) proposeAck(local, call, AckReason.PingResponse, header.serial);
  else if ((header.flags & PacketFlag.RequestAck) !== 0)
    proposeAck(local, call, AckReason.Requested, header.serial);
}

// An ACK that was overtaken by a newer one says nothing new. A previousPacket far ahead is a serial (old peers) and is not
// judged.
function isCurrent(call: Call, ack: AckBody): boolean {
  const tx = call.tx;
  if (ack.firstPacket < tx.first) return false;
  if (ack.firstPacket > tx.first) return true;
  return ack.previousPacket >= tx.previousPacket || isForeignNumber(call, ack.previousPacket);
}

// Old peers put a serial into previousPacket, others leave garbage there (rx-wire.md section 8).
function isForeignNumber(call: Call, previousPacket: number): boolean {
  return previousPacket < 0 || previousPacket > call.tx.first + PEER_WINDOW_MAX;
}

function coversOnlyWhatWasSent(call: Call, ack: AckBody, bytes: Uint8Array): boolean {
  const tx = call.tx;
  if (ack.firstPacket > tx.next) return false;
  for (let i = ack.nAcks - 1; i >= 0 && ack.firstPacket + i >= tx.next; i--) {
    if (((bytes[ack.acksOffset + i] as number) & 1) !== 0) return false;
  }
  return true;
}

// The ACK echoes the serial of the packet that provoked it: a round trip, a proof of address, and a time for RACK.
function takeEcho(local: Local, call: Call, ack: AckBody): void {
  if (ack.serial === 0) return;
  const now = local.clock[0] as number;
  const peer = peerOf(call);
  const { pings } = call;
  const ping = pings.find(ack.serial);
  if (ping >= 0) {
    local.provePeer(peer);
    noteSentAtDelivered(call, pings.sentAt, ping);
    if (ack.reason === AckReason.PingResponse) {
      pings.forget(ping);
      takeRtt(local, peer, now - (pings.sentAt[ping] as number));
    }
    return;
  }
  const tx = call.tx;
  for (let seq = tx.next - 1; seq >= tx.first; seq--) {
    const place = seq & tx.mask;
    if (tx.serials[place] !== ack.serial) continue;
    local.provePeer(peer);
    // What was dropped on arrival says nothing of what was sent before it: two such packets would call each other lost for ever.
    if (!isRefusal(ack.reason)) noteSentAtDelivered(call, tx.sentAt, place);
    const isFirstCopy = ((tx.flags[place] as number) & TransmitFlag.Resent) === 0;
    // A delayed ACK measures the delay; the echo of a resent packet may mean either copy (Karn).
    if (isFirstCopy && ack.reason !== AckReason.Delay && ack.reason !== AckReason.Idle) {
      takeRtt(local, peer, now - (tx.sentAt[place] as number));
    }
    return;
  }
}

function takeRtt(local: Local, peer: Peer, rttUs: number): void {
  peer.rtt.addSample(rttUs);
  peer.cells[PeerCell.RttAt] = local.clock[0] as number;
  local.stats.addRtt(rttUs);
}

function takeTrailer(call: Call, peer: Peer, ack: AckBody): void {
  if (ack.trailerWords >= 2) {
    const ifMtu = clampTrailerWord(ack.ifMtu, PACKET_BYTES_MIN, PACKET_BYTES_MAX);
    const maxMtu = clampTrailerWord(ack.maxMtu, PACKET_BYTES_MIN, PACKET_BYTES_MAX);
    peer.packetBytes = ifMtu < maxMtu ? ifMtu : maxMtu;
  }
  if (ack.trailerWords >= 3) call.tx.peerWindow = clampTrailerWord(ack.rwind, 1, PEER_WINDOW_MAX);
  if (ack.trailerWords >= 4) {
    const maxMtu = clampTrailerWord(ack.maxMtu, PACKET_BYTES_MIN, MAX_DATAGRAM);
    const fitting = Math.trunc(
      (maxMtu - HEADER_SIZE + JUMBO_HEADER_SIZE) / (JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE),
    );
    peer.takeJumboMax(Math.min(clampTrailerWord(ack.jumboMax, 0, JUMBO_MAX), fitting));
  }
}

function takeAcknowledgements(local: Local, call: Call, ack: AckBody, bytes: Uint8Array): void {
  const tx = call.tx;
  const wasLimited = tx.inFlight >= call.congestion.cwnd - 1;
  let news = 0;
  if (ack.firstPacket > tx.first) noteProgress(local, call);
  while (tx.first < ack.firstPacket) {
    noteDelivered(call, tx.first & tx.mask);
    if (tx.releaseFirst()) news++;
  }
  if (!isForeignNumber(call, ack.previousPacket)) tx.previousPacket = ack.previousPacket;
  for (let i = 0; i < ack.nAcks; i++) {
    const seq = ack.firstPacket + i;
    if (seq >= tx.next) break;
    if (((bytes[ack.acksOffset + i] as number) & 1) === 0) {
      tx.revokeSoftAck(seq);
    } else {
      noteDelivered(call, seq & tx.mask);
      if (tx.markSoftAcked(seq)) news++;
      if (seq > tx.highestAcked) tx.highestAcked = seq;
    }
  }
  if (ack.reason === AckReason.Duplicate && tx.backoff === 0) tx.reorderSteps++;
  takeSpace(local, call, ack);
  afterAcknowledgements(local, call, news, wasLimited);
}

// The packet came and was dropped, for want of a buffer or of room in the window.
function isRefusal(reason: number): boolean {
  return reason === AckReason.NoSpace || reason === AckReason.ExceedsWindow;
}

// A refusal: the peer lives and the path is good, but it cannot take the packet, whatever window it advertises. The next ACK
// with another reason says that it can, and the first packet goes at once. One ACK buys one packet.
function takeSpace(local: Local, call: Call, ack: AckBody): void {
  const { tx } = call;
  if (isRefusal(ack.reason)) {
    tx.isHeldBack = true;
    return;
  }
  if (!tx.isHeldBack) return;
  tx.isHeldBack = false;
  if (tx.first >= tx.next) return;
  tx.markLost(tx.first);
  call.owesResend = true;
  local.scheduleCall(call);
}

// The peer is heard, and still lacks what was sent: the path is no longer what made the timeout double, and round trips that
// vary by seconds make it long by itself. That would leave a few tries in the time in which a service wants progress.
function hasten(local: Local, call: Call): void {
  const { tx, deadlines } = call;
  if (tx.backoff === 0 || tx.inFlight + tx.lost === 0) return;
  const { rtt } = peerOf(call);
  const pauseUs = Math.max(2 * (rtt.samples === 0 ? rtt.rtoUs(0) : rtt.srttUs), HEARD_PAUSE_US) | 0;
  if ((deadlines[Deadline.Resend] as number) <= (local.clock[0] as number) + pauseUs) return;
  call.resendKind = ResendKind.Timeout;
  setDeadline(local, call, Deadline.Resend, pauseUs);
}

/** Everything sent so far is hard-acknowledged (rx-wire.md section 9.1). */
export function inputAckAll(local: Local, call: Call): void {
  const tx = call.tx;
  const wasLimited = tx.inFlight >= call.congestion.cwnd - 1;
  let news = 0;
  call.times[CallTime.LastHeard] = local.clock[0] as number;
  if (tx.first < tx.next) noteProgress(local, call);
  while (tx.first < tx.next) if (tx.releaseFirst()) news++;
  afterAcknowledgements(local, call, news, wasLimited);
}

function afterAcknowledgements(local: Local, call: Call, news: number, wasLimited: boolean): void {
  const tx = call.tx;
  if (news > 0) {
    tx.backoff = 0;
    call.hasProbed = false;
    if (tx.lost === 0) peerOf(call).noteCleanAck();
    if (wasLimited) call.congestion.onAcknowledged(news);
  }
  if (tx.isAcknowledged && call.state === CallState.ServerAwaitAck) {
    completeReply(local, call);
    return;
  }
  if (tx.first < tx.next) detectLosses(local, call, news > 0);
  else setResendTimer(local, call);
  if (news === 0) hasten(local, call);
  if (tx.hasWork) local.scheduleCall(call);
  noteQueueRoom(local, call);
}
