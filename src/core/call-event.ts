// A call's deadlines falling due: delayed ACK, resend, keepalive, silence, no progress, the hard limit.
import { AbortCode } from "../wire/abort.js";
import { AckReason } from "../wire/ack.js";
import { type Call, CallState, CallTime, Completion, Deadline } from "./call-object.js";
import { abortCall, complete, completeReply } from "./call-state.js";
import type { Local } from "./local.js";
import { proposeAck, proposePing } from "./propose-ack.js";
import { handleResendTimeout } from "./rack.js";
import { Stat } from "./stats.js";
import { clearDeadline, noteProgress, rescheduleCall, setDeadline } from "./timers.js";

// When the peer has been silent for a third of the dead time, PINGs come closer together: with heavy loss a few are not
// enough to tell a dead peer from an unlucky one.
const ANXIOUS_PING_US = 500_000;
// Unanswered questions for the hard ACK of a reply that was delivered: about three seconds.
const HARD_ACK_PROBES = 2;

/** Runs what is due at `clock[0]`, and re-enters the call under what comes next. */
export function handleCallTimeout(local: Local, call: Call): void {
  const now = local.clock[0] as number;
  const { deadlines } = call;
  if ((deadlines[Deadline.Hard] as number) <= now) return endOfTime(local, call);
  if ((deadlines[Deadline.Dead] as number) <= now && !isAlive(local, call)) return;
  if ((deadlines[Deadline.Progress] as number) <= now && !isProgressing(local, call)) return;
  if ((deadlines[Deadline.Ack] as number) <= now) {
    clearDeadline(call, Deadline.Ack);
    proposeAck(local, call, AckReason.Delay, 0);
  }
  if ((deadlines[Deadline.Resend] as number) <= now) {
    clearDeadline(call, Deadline.Resend);
    if (hasLeft(call)) return completeReply(local, call);
    handleResendTimeout(local, call);
  }
  if ((deadlines[Deadline.Keepalive] as number) <= now) keepAlive(local, call);
  rescheduleCall(local, call);
}

// The client has said that it has the whole reply, and does not answer the questions for its hard ACK: it has exited.
// OpenAFS's own server takes the soft ACKs for the end at once.
function hasLeft(call: Call): boolean {
  return call.state === CallState.ServerAwaitAck && call.tx.backoff > HARD_ACK_PROBES && call.tx.wasDelivered;
}

function endOfTime(local: Local, call: Call): void {
  local.stats.count(Stat.CallsTimedOut);
  if (call.state === CallState.ClientAwaitConn)
    complete(local, call, Completion.LocalError, AbortCode.RX_CALL_TIMEOUT);
  else abortCall(local, call, AbortCode.RX_CALL_TIMEOUT);
}

// Silence is judged by the newest sign of life, so that taking a packet costs one store and not a move of the timer.
function isAlive(local: Local, call: Call): boolean {
  const silentUs = (local.clock[0] as number) - (call.times[CallTime.LastHeard] as number);
  const leftUs = local.config.deadTimeUs - silentUs;
  if (leftUs > 0) {
    setDeadline(local, call, Deadline.Dead, leftUs);
    return true;
  }
  if (call.state === CallState.ServerAwaitAck && call.tx.wasDelivered) {
    // The whole reply was soft-acknowledged before the client fell silent: OpenAFS takes that for success, and so do we.
    completeReply(local, call);
    return false;
  }
  local.stats.count(Stat.CallsTimedOut);
  abortCall(local, call, AbortCode.RX_CALL_DEAD);
  return false;
}

/**
 * Whether the call waits for the peer, and not for our own handler or reader. A client waits for a reply as long as its
 * server answers PINGs: a handler may take its time, and between two parts of its reply as well.
 */
function waitsForPeer(call: Call): boolean {
  switch (call.state) {
    case CallState.ServerRecvRequest:
      // Our reader holding back the window is not the peer's fault.
      return call.rx.next - call.rx.readSeq < call.rx.window;
    case CallState.ServerSendReply:
    case CallState.ServerAwaitAck:
    case CallState.ClientSendRequest:
      return call.tx.first < call.tx.top;
    default:
      return false;
  }
}

function isProgressing(local: Local, call: Call): boolean {
  const limitUs =
    call.state === CallState.ServerRecvRequest ? local.config.requestProgressUs : local.config.sendProgressUs;
  if (!waitsForPeer(call)) noteProgress(local, call);
  const stuckUs = (local.clock[0] as number) - (call.times[CallTime.Progress] as number);
  if (stuckUs < limitUs) {
    setDeadline(local, call, Deadline.Progress, limitUs - stuckUs);
    return true;
  }
  local.stats.count(Stat.CallsTimedOut);
  abortCall(local, call, AbortCode.RX_CALL_TIMEOUT);
  return false;
}

function keepAlive(local: Local, call: Call): void {
  const now = local.clock[0] as number;
  const quietUs = now - (call.times[CallTime.LastSent] as number);
  const silentUs = now - (call.times[CallTime.LastHeard] as number);
  const isAnxious = silentUs * 3 > local.config.deadTimeUs;
  const intervalUs = isAnxious
    ? Math.min(ANXIOUS_PING_US, local.config.keepaliveUs)
    : local.config.keepaliveUs;
  if (call.connection === null || quietUs < intervalUs) {
    setDeadline(
      local,
      call,
      Deadline.Keepalive,
      call.connection === null ? intervalUs : intervalUs - quietUs,
    );
    return;
  }
  proposePing(local, call);
  if (isAnxious) repeatFirst(local, call);
  setDeadline(local, call, Deadline.Keepalive, intervalUs);
}

// A server that has not had the first packet does not know the call, and drops its PINGs. The retransmission timeout has
// become long by now; with heavy loss a few copies are not enough.
function repeatFirst(local: Local, call: Call): void {
  const { tx } = call;
  if (call.isService || tx.first > 1 || tx.next === 1 || tx.highestAcked > 0) return;
  tx.markLost(1);
  call.owesResend = true;
  local.scheduleCall(call);
}
