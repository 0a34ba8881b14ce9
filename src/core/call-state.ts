// Every change of a call's state. The table of allowed steps is the documentation, and is asserted.
import { EventClass } from "../loop/event-cache.js";
import { assert } from "../util/assert.js";
import {
  type Call,
  CallEvent,
  CallState,
  Completion,
  connectionOf,
  Deadline,
  peerOf,
  readingSlot,
  writingSlot,
} from "./call-object.js";
import { type Connection, ConnTime, NO_CALL, Outcome } from "./conn-object.js";
import type { Local } from "./local.js";
import { Stat } from "./stats.js";
import { clearDeadline, noteProgress, startCallTimers } from "./timers.js";

const bit = (...states: CallState[]): number =>
  states.reduce<number>((bits, state) => bits | (1 << state), 0);

/** From each state, the states that may follow, as bits. */
const STEPS: readonly number[] = [
  /* Spare */ bit(CallState.ServerPrealloc, CallState.ClientAwaitConn),
  /* ClientAwaitConn */ bit(CallState.ClientSendRequest, CallState.Complete),
  /* ClientSendRequest */ bit(CallState.ClientAwaitReply, CallState.ClientRecvReply, CallState.Complete),
  /* ClientAwaitReply */ bit(CallState.ClientRecvReply, CallState.Complete),
  /* ClientRecvReply */ bit(CallState.Complete),
  /* ServerPrealloc */ bit(CallState.ServerRecvRequest, CallState.Spare),
  /* ServerRecvRequest */ bit(CallState.ServerAckRequest, CallState.Complete),
  /* ServerAckRequest */ bit(CallState.ServerSendReply, CallState.Complete),
  /* ServerSendReply */ bit(CallState.ServerAwaitAck, CallState.Complete),
  /* ServerAwaitAck */ bit(CallState.Complete),
  /* Complete */ bit(CallState.Spare),
];

function enter(call: Call, state: CallState): void {
  assert(((STEPS[call.state] as number) & (1 << state)) !== 0, "call state step is not allowed");
  call.state = state;
}

/** A spare service call is charged into a backlog. */
export function enterPrealloc(call: Call): void {
  enter(call, CallState.ServerPrealloc);
  call.isService = true;
}

/** A charged call is matched with a packet. The caller has set connection, channel and numbers. */
export function enterRecvRequest(local: Local, call: Call): void {
  enter(call, CallState.ServerRecvRequest);
  attachToChannel(local, call);
}

/** The whole request is in. */
export function enterAckRequest(local: Local, call: Call): void {
  enter(call, CallState.ServerAckRequest);
  // What the handler has written so far may go out now; the reply acknowledges the request.
  if (call.tx.hasWork) enterSendReply(local, call);
}

/** The reply begins. */
export function enterSendReply(local: Local, call: Call): void {
  enter(call, CallState.ServerSendReply);
  clearDeadline(call, Deadline.Ack);
  noteProgress(local, call);
  local.scheduleCall(call);
}

/** The last packet of the reply has been sent. */
export function enterAwaitAck(call: Call): void {
  enter(call, CallState.ServerAwaitAck);
}

/** A client call waits for a channel. */
export function enterAwaitConn(call: Call): void {
  enter(call, CallState.ClientAwaitConn);
}

/** A client call has its channel. The caller has set connection, channel and numbers. */
export function enterSendRequest(local: Local, call: Call): void {
  enter(call, CallState.ClientSendRequest);
  attachToChannel(local, call);
}

/** The last packet of the request has been sent. */
export function enterAwaitReply(call: Call): void {
  enter(call, CallState.ClientAwaitReply);
}

/** The first packet of the reply has come: it acknowledges the whole request. */
export function enterRecvReply(local: Local, call: Call): void {
  enter(call, CallState.ClientRecvReply);
  // Whatever the writer still writes is not sent any more.
  local.buffers.waiters.remove(writingSlot(call));
  call.tx.releaseAll();
  call.tx.inFlight = 0;
  call.tx.lost = 0;
  clearDeadline(call, Deadline.Resend);
}

/** Tells the owner from the event cache. */
export function notify(local: Local, call: Call, events: number): void {
  call.events |= events;
  local.events.put(call, classOf(call.events));
}

function classOf(events: number): EventClass {
  if ((events & CallEvent.NewCall) !== 0) return EventClass.NewCall;
  return (events & CallEvent.Ended) !== 0 ? EventClass.Control : EventClass.Data;
}

/** The call ends here and now, whatever its state; its buffers for sending go at once, what the reader has not taken stays. */
export function complete(local: Local, call: Call, completion: Completion, abortCode: number): void {
  close(local, call, completion, abortCode);
  notify(local, call, CallEvent.Ended);
}

/**
 * The client has the whole reply. A call that its service is done with goes back to its pool here: to tell nobody anything
 * would take a turn of the loop. The caller must not touch it afterwards.
 */
export function completeReply(local: Local, call: Call): void {
  close(local, call, Completion.Succeeded, 0);
  if (call.isDetached && call.owner !== null) call.owner.releaseDetached();
  else notify(local, call, CallEvent.Ended);
}

function close(local: Local, call: Call, completion: Completion, abortCode: number): void {
  assert(call.state !== CallState.Complete, "call completed twice");
  const wasOnWire = call.connection !== null;
  enter(call, CallState.Complete);
  call.completion = completion;
  call.abortCode = abortCode;
  call.ackReason = 0;
  call.owesPing = false;
  local.timers.remove(call.index);
  local.unscheduleCall(call);
  local.blockedCalls.remove(call.index);
  endWaits(local, call);
  call.tx.releaseAll();
  call.waitingIn?.remove(call.index);
  call.waitingIn = null;
  if (wasOnWire) leaveChannel(local, call);
  countEnd(local, completion);
}

// The call waits no longer; what was handed over to it goes to the next.
function endWaits(local: Local, call: Call): void {
  const { waiters } = local.buffers;
  waiters.remove(readingSlot(call));
  waiters.remove(writingSlot(call));
  call.rx.dropGrant();
}

/** Ends the call with an ABORT to the peer. */
export function abortCall(local: Local, call: Call, abortCode: number): void {
  const connection = call.connection;
  complete(local, call, Completion.LocallyAborted, abortCode);
  if (connection !== null && connection.peer !== null) {
    connection.aborts |= 1 << call.channel;
    local.scheduleConnection(connection);
  }
}

/** The owner lets go of the call. */
export function release(local: Local, call: Call): void {
  call.isReleased = true;
  call.owner = null;
  if (call.state === CallState.Complete) recycle(local, call);
}

/** A complete and released call returns to the pool. */
function recycle(local: Local, call: Call): void {
  local.events.withdraw(call);
  const connection = call.connection;
  if (connection !== null) {
    connection.holds--;
    if (connection.holds === 0 && connection.active === 0) enterIdle(local, connection);
  }
  local.calls.give(call);
}

function attachToChannel(local: Local, call: Call): void {
  const connection = connectionOf(call);
  assert(connection.callSlot(call.channel) === NO_CALL, "channel is taken");
  connection.setCallSlot(call.channel, call.index);
  connection.setCallNumber(call.channel, call.callNumber);
  connection.setOutcome(call.channel, Outcome.None, 0, 0);
  connection.setRefused(call.channel, 0);
  // The new call number is the final acknowledgement of the call before.
  connection.finalAcks &= ~(1 << call.channel);
  connection.finalAcksNow &= ~(1 << call.channel);
  connection.aborts &= ~(1 << call.channel);
  if (connection.active++ === 0) local.connections.idle.remove(connection);
  connection.holds++;
  if (call.isService) {
    const peer = peerOf(call);
    peer.activeCalls++;
    if (!peer.isProven) local.strangerCalls.push(call.index);
  }
  startCallTimers(local, call);
}

function leaveChannel(local: Local, call: Call): void {
  const connection = connectionOf(call);
  assert(connection.callSlot(call.channel) === call.index, "call is not on its channel");
  connection.setCallSlot(call.channel, NO_CALL);
  connection.active--;
  const outcome = call.completion === Completion.Succeeded ? Outcome.Succeeded : Outcome.Aborted;
  // The peer of a call that it aborted itself learns -1 if it asks again (rx-behaviour.md section 2.1). A call that ended with
  // its connection keeps the connection's code: the one ABORT that said so may have been lost.
  const code = call.completion === Completion.RemotelyAborted ? -1 : call.abortCode;
  connection.setOutcome(call.channel, outcome, code, call.rx.lastSeq);
  connection.times[connection.timeAt + ConnTime.LastUse] = local.clock[0] as number;
  local.strangerCalls.remove(call.index);
  if (call.isService) peerOf(call).activeCalls--;
  else if (connection.bundle >= 0) local.noteFreed(connection.bundle);
}

function enterIdle(local: Local, connection: Connection): void {
  const idle = local.connections.idle;
  const list = connection.isService
    ? connection.peer?.isProven === true
      ? idle.services
      : idle.strangers
    : idle.clients;
  list.push(connection.index);
}

function countEnd(local: Local, completion: Completion): void {
  local.stats.count(completion === Completion.Succeeded ? Stat.CallsSucceeded : Stat.CallsAborted);
}
