// Loss detection by time of sending (RACK) and the tail loss probe (RFC 8985). A packet is lost when one sent after it has
// been delivered and a reordering window has passed.
import { type Call, Deadline, peerOf, ResendKind } from "./call-object.js";
import type { Local } from "./local.js";
import { proposePing } from "./propose-ack.js";
import { hasDeadline, setDeadline, setResendTimer } from "./timers.js";
import { TransmitCell, TransmitFlag } from "./transmit-window.js";

const REORDER_FLOOR_US = 1_000;
const REORDER_STEPS_MAX = 16;

/** Packet at ring place `place` was delivered: remembers its time of sending if it is the latest so far. */
export function noteDelivered(call: Call, place: number): void {
  const tx = call.tx;
  // A resent packet's ACK may belong to the first copy; its time would tell lies (RFC 8985 section 6.2, step 2).
  if (((tx.flags[place] as number) & TransmitFlag.Resent) !== 0) return;
  noteSentAtDelivered(call, tx.sentAt, place);
}

/** The packet sent at `times[at]` has been delivered, whatever it was: a PING counts as well. */
export function noteSentAtDelivered(call: Call, times: Float64Array, at: number): void {
  const cells = call.tx.cells;
  if ((times[at] as number) > (cells[TransmitCell.RackSentAt] as number)) {
    cells[TransmitCell.RackSentAt] = times[at] as number;
  }
}

function reorderWindowUs(call: Call): number {
  const rtt = peerOf(call).rtt;
  const steps = Math.min(call.tx.reorderSteps, REORDER_STEPS_MAX);
  return Math.min(
    Math.max((rtt.minUs >> 2) * steps, REORDER_FLOOR_US),
    Math.max(rtt.srttUs, REORDER_FLOOR_US),
  );
}

/**
 * Marks what is lost by now, and sets the timer: for what may be lost soon, else for what is in flight. A timeout that runs
 * is begun anew by news only (RFC 6298 (5.3)): who acknowledges nothing must not put it off.
 */
export function detectLosses(local: Local, call: Call, hasNews: boolean): void {
  const tx = call.tx;
  const rackSentAt = tx.cells[TransmitCell.RackSentAt] as number;
  const now = local.clock[0] as number;
  const windowUs = reorderWindowUs(call);
  const roundTripUs = peerOf(call).rtt.srttUs;
  let waitUs = 0;
  for (let seq = tx.first; seq < tx.next; seq++) {
    const place = seq & tx.mask;
    if (((tx.flags[place] as number) & (TransmitFlag.SoftAcked | TransmitFlag.Lost)) !== 0) continue;
    const sentAt = tx.sentAt[place] as number;
    // Packets of one burst share a time of sending; among them the order is that of their numbers.
    if (sentAt > rackSentAt || (sentAt === rackSentAt && seq >= tx.highestAcked)) continue;
    // Sent before something that has arrived: lost once the window after its own round trip has passed.
    const leftUs = sentAt + roundTripUs + windowUs - now;
    if (leftUs <= 0) {
      if (!tx.isHeldBack) {
        if (call.congestion.onLoss(seq, tx.next, tx.next - tx.first)) call.owesResend = true;
        peerOf(call).noteLoss();
      }
      tx.markLost(seq);
    } else if (leftUs > waitUs) {
      waitUs = leftUs;
    }
  }
  if (tx.lost > 0) local.scheduleCall(call);
  if (waitUs > 0) {
    call.resendKind = ResendKind.Reorder;
    setDeadline(local, call, Deadline.Resend, waitUs | 0);
  } else if (hasNews || call.resendKind === ResendKind.Reorder || !hasDeadline(call, Deadline.Resend)) {
    setResendTimer(local, call);
  }
}

/** The resend deadline has passed. */
export function handleResendTimeout(local: Local, call: Call): void {
  const tx = call.tx;
  switch (call.resendKind) {
    case ResendKind.None:
      return;
    case ResendKind.Reorder:
      detectLosses(local, call, false);
      return;
    case ResendKind.TailProbe:
      measureRoundTrip(local, call);
      call.hasProbed = true;
      call.owesProbe = true;
      setResendTimer(local, call);
      local.scheduleCall(call);
      return;
    case ResendKind.Timeout:
      measureRoundTrip(local, call);
      // A peer without a buffer says nothing about the path.
      if (!tx.isHeldBack) {
        call.congestion.onTimeout(tx.next, tx.next - tx.first);
        peerOf(call).noteLoss();
      }
      for (let seq = tx.first; seq < tx.next; seq++) tx.markLost(seq);
      tx.backoff++;
      call.hasProbed = false;
      setResendTimer(local, call);
      local.scheduleCall(call);
      return;
  }
}

// The echo of a packet that was sent twice measures nothing. On a path longer than the first timeout every packet is, so a
// PING goes along: its answer does.
function measureRoundTrip(local: Local, call: Call): void {
  if (peerOf(call).rtt.samples === 0 && call.pings.newestSerial === 0) proposePing(local, call);
}
