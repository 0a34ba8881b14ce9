// Calls and the buffer pool: which class a call's need belongs to, what it does when there is no buffer, and what it does with
// one that it has waited for. A call that waits is paused, not stopped: its timers run on, and it ends without a buffer.
import { BufferClass } from "../memory/buffer-class.js";
import { NO_BUFFER } from "../memory/buffer-pool.js";
import { AckReason } from "../wire/ack.js";
import { type Call, CallEvent, readingSlot, WAITS_PER_CALL, writingSlot } from "./call-object.js";
import { notify } from "./call-state.js";
import type { Local } from "./local.js";
import { proposeAck } from "./propose-ack.js";

/** The class of the next packet in order. */
function readingClass(call: Call, isLast: boolean): BufferClass {
  // What is dropped at once takes its buffer for no time at all.
  if (call.rx.isDiscarding) return BufferClass.End;
  if (call.isService && call.rx.next === 1) return BufferClass.NewCall;
  if (isLast) return BufferClass.End;
  return call.isService ? BufferClass.Request : BufferClass.Reply;
}

/** Whether the first packet of a new call could be stored: if not, the call is refused before it is made. */
export function hasBufferForNewCall(local: Local): boolean {
  return local.buffers.freeFor(BufferClass.NewCall) > 0;
}

/**
 * A buffer for the packet that comes next in order, or NO_BUFFER: then the call waits for one, and its peer is told when
 * there is.
 */
export function takeForNextPacket(local: Local, call: Call, isLast: boolean): number {
  const { rx } = call;
  const { buffers } = local;
  if (rx.granted !== NO_BUFFER) {
    const granted = rx.granted;
    rx.granted = NO_BUFFER;
    return granted;
  }
  const bufferClass = readingClass(call, isLast);
  const buffer = buffers.take(bufferClass);
  if (buffer === NO_BUFFER) buffers.wait(readingSlot(call), bufferClass);
  else buffers.waiters.remove(readingSlot(call));
  return buffer;
}

/**
 * A buffer for a packet behind a gap, or NO_BUFFER. The last eighth is for packets that a reader can use at once: those
 * behind a gap must not keep out the one that closes it, here or in a call that waits.
 */
export function takeForPacketAhead(local: Local): number {
  const { buffers } = local;
  if (buffers.free <= buffers.count >> 3) return NO_BUFFER;
  return buffers.take(BufferClass.NewCall);
}

/** The writer has had less room than it wanted: it is told when there is more, in the queue or in the pool. */
export function waitForRoom(local: Local, call: Call): void {
  call.wantsRoom = true;
  if (call.tx.wantsBuffer) local.buffers.wait(writingSlot(call), call.tx.bufferClass);
}

/** The transmit queue has become shorter: a writer that waited for that may go on, or waits for a buffer now. */
export function noteQueueRoom(local: Local, call: Call): void {
  if (!call.wantsRoom) return;
  if (call.tx.isWritable) {
    tellWriter(local, call);
  } else if (call.tx.wantsBuffer) {
    local.buffers.wait(writingSlot(call), call.tx.bufferClass);
  }
}

/** A buffer for whoever has waited longest. @returns whether it is still wanted */
export function takeOffer(local: Local, slot: number, buffer: number): boolean {
  const call = local.calls.at(Math.trunc(slot / WAITS_PER_CALL));
  if (!call.isLive) return false;
  return slot === writingSlot(call) ? offerToWriter(local, call, buffer) : offerToReader(local, call, buffer);
}

function offerToReader(local: Local, call: Call, buffer: number): boolean {
  if (call.rx.isComplete || call.rx.granted !== NO_BUFFER) return false;
  call.rx.granted = buffer;
  // The packet was dropped: this ACK says that it would be taken now.
  proposeAck(local, call, AckReason.Idle, 0);
  return true;
}

// That there is a buffer does not say that the writer still writes: it only lifts the pause, and stays until it does or ends.
function offerToWriter(local: Local, call: Call, buffer: number): boolean {
  // Others may be free as well by now: that is no reason to pass this one on, the writer has left the queue for it.
  if (!call.wantsRoom || !call.tx.couldUseBuffer) return false;
  call.tx.granted = buffer;
  tellWriter(local, call);
  return true;
}

function tellWriter(local: Local, call: Call): void {
  call.wantsRoom = false;
  notify(local, call, CallEvent.Writable);
}
