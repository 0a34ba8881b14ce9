// Deciding on an ACK. At most one is pending per call; the newest wins, but an answer to a PING is not pushed out.
import { AckReason } from "../wire/ack.js";
import { type Call, Deadline } from "./call-object.js";
import type { Local } from "./local.js";
import { clearDeadline, hasDeadline, setDeadline } from "./timers.js";

/** Sends an ACK with the next output. `serial` is the packet that provoked it, or 0. */
export function proposeAck(local: Local, call: Call, reason: AckReason, serial: number): void {
  if (call.ackReason !== AckReason.PingResponse || reason === AckReason.PingResponse) {
    call.ackReason = reason;
    call.ackSerial = serial;
  }
  clearDeadline(call, Deadline.Ack);
  local.scheduleCall(call);
}

/** Sends an ACK in a while, unless something makes it needless. */
export function proposeDelayedAck(local: Local, call: Call): void {
  if (call.ackReason === 0 && !hasDeadline(call, Deadline.Ack)) {
    setDeadline(local, call, Deadline.Ack, local.config.ackDelayUs);
  }
}

/** Sends a PING with the next output. */
export function proposePing(local: Local, call: Call): void {
  call.owesPing = true;
  local.scheduleCall(call);
}
