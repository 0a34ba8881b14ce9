// Setting a call's deadlines. One table per call, one heap per endpoint; a deadline that moves back costs one store:
// the heap is told only of what becomes earlier, and finds the truth when it fires.
import { type Call, CallState, CallTime, Deadline, peerOf, ResendKind } from "./call-object.js";
import type { Local } from "./local.js";

const NEVER = Number.POSITIVE_INFINITY;

// How long a peer may hold back the ACK of a last packet: OpenAFS 400 ms from a server, 100 ms otherwise.
const LAST_ACK_DELAY_US = 450_000;
const HARD_ACK_BACKOFF_MAX = 4;
const ACK_DELAY_US = 110_000;
// Timers of the hosts at both ends are no finer than this.
const PROBE_FLOOR_US = 10_000;
// Before a round trip is known (RFC 8985 section 7.2).
const PROBE_INITIAL_US = 1_000_000;

/** Lets deadline `which` fall due `delayUs` from now. */
export function setDeadline(local: Local, call: Call, which: number, delayUs: number): void {
  call.deadlines[which] = (local.clock[0] as number) + delayUs;
  local.advanceTimer(call.index, call.deadlines, which);
}

export function clearDeadline(call: Call, which: number): void {
  call.deadlines[which] = NEVER;
}

export function hasDeadline(call: Call, which: number): boolean {
  return call.deadlines[which] !== NEVER;
}

/** Re-enters the call under its earliest deadline. */
export function rescheduleCall(local: Local, call: Call): void {
  let earliest: number = 0;
  for (let which = 1; which < Deadline.Count; which++) {
    if ((call.deadlines[which] as number) < (call.deadlines[earliest] as number)) earliest = which;
  }
  local.timers.set(call.index, call.deadlines, earliest);
}

/** Starts the deadlines that run for the whole life of a call on the wire. */
export function startCallTimers(local: Local, call: Call): void {
  const now = local.clock[0] as number;
  call.times[CallTime.LastHeard] = now;
  call.times[CallTime.LastSent] = now;
  call.times[CallTime.Begun] = now;
  call.times[CallTime.Progress] = now;
  call.deadlines[Deadline.Dead] = now + local.config.deadTimeUs;
  // The first look; which limit holds is seen then.
  const progressUs = Math.min(local.config.requestProgressUs, local.config.sendProgressUs);
  call.deadlines[Deadline.Progress] = now + progressUs;
  setDeadline(local, call, Deadline.Keepalive, local.config.keepaliveUs);
  // As a rule the keepalive is the earliest of the three, and the heap need know no other.
  if (progressUs < local.config.keepaliveUs) {
    local.advanceTimer(call.index, call.deadlines, Deadline.Progress);
  }
}

/** The call has moved on: data came in order, or the peer has taken some for good. */
export function noteProgress(local: Local, call: Call): void {
  call.times[CallTime.Progress] = local.clock[0] as number;
}

/**
 * Sets the timer that guards what is in flight: a tail loss probe first, then the retransmission timeout
 * (RFC 8985 section 7.2, RFC 6298 section 5). Clears it when nothing is in flight.
 */
export function setResendTimer(local: Local, call: Call): void {
  const tx = call.tx;
  if (tx.inFlight + tx.lost === 0) {
    if (call.state === CallState.ServerAwaitAck && tx.first < tx.next) {
      awaitHardAck(local, call);
      return;
    }
    call.resendKind = ResendKind.None;
    clearDeadline(call, Deadline.Resend);
    return;
  }
  const rtt = peerOf(call).rtt;
  const rtoUs = rtt.rtoUs(tx.backoff);
  if (!call.hasProbed && tx.backoff === 0 && tx.lost === 0) {
    const probeUs = probeTimeoutUs(call, rtt.samples, rtt.srttUs);
    if (probeUs <= rtoUs || tx.isAllSent) {
      call.resendKind = ResendKind.TailProbe;
      setDeadline(local, call, Deadline.Resend, probeUs);
      return;
    }
  }
  call.resendKind = ResendKind.Timeout;
  setDeadline(local, call, Deadline.Resend, rtoUs);
}

// OpenAFS's client reads a reply to its end and may leave it at soft ACKs; it answers the last packet, sent once more, with
// the hard ACK. What is soft-acknowledged can still be taken back, so the reply is kept until then.
function awaitHardAck(local: Local, call: Call): void {
  const { tx } = call;
  call.resendKind = ResendKind.TailProbe;
  setDeadline(
    local,
    call,
    Deadline.Resend,
    LAST_ACK_DELAY_US * (1 << Math.min(tx.backoff, HARD_ACK_BACKOFF_MAX)),
  );
  tx.backoff++;
}

function probeTimeoutUs(call: Call, samples: number, srttUs: number): number {
  if (samples === 0) return PROBE_INITIAL_US;
  const tx = call.tx;
  // The last packet of a direction does not ask for an ACK, and the peer may sit on its answer.
  const heldBackUs = tx.isAllSent ? (call.isService ? LAST_ACK_DELAY_US : ACK_DELAY_US) : 0;
  return (2 * srttUs + PROBE_FLOOR_US + heldBackUs) | 0;
}
