// What happens to a connection as a whole: its abort, its challenge and response, the final ACKs of its calls.
import { AbortCode } from "../wire/abort.js";
import { AckReason } from "../wire/ack.js";
import { type Call, CallEvent, Completion, connectionOf } from "./call-object.js";
import { complete, notify } from "./call-state.js";
import { CHANNELS, type Connection, ConnState, ConnTime } from "./conn-object.js";
import type { Local } from "./local.js";
import { type SecurityContext, type SecurityVerdict, VERDICT_PENDING } from "./security-class.js";
import { Stat } from "./stats.js";
import { verifyHeld } from "./verify-data.js";

const CHALLENGE_INTERVAL_US = 2_000_000;
const CHALLENGES_MAX = 50;

/** Gives `connection` the context of its class; a service connection is unsecured until its class is satisfied. */
export function secureConnection(local: Local, connection: Connection): void {
  const securityClass = local.securityClass(connection.securityIndex);
  connection.securityClass = securityClass;
  if (securityClass === null) return;
  connection.verdicts = local.verdicts;
  connection.security = securityClass.createContext(connection);
  connection.state =
    connection.isService && securityClass.needsChallenge ? ConnState.Unsecured : ConnState.Secure;
}

/** The code runs for every live call of a connection; the table of channels may change under way. */
function eachCall(
  local: Local,
  connection: Connection,
  visit: (local: Local, call: Call, argument: number) => void,
  argument: number,
): void {
  for (let channel = 0; channel < CHANNELS; channel++) {
    const call = local.callAt(connection.callSlot(channel));
    if (call !== null) visit(local, call, argument);
  }
}

const failCall = (local: Local, call: Call, code: number): void =>
  complete(local, call, Completion.LocalError, code);
const endCall = (local: Local, call: Call, code: number): void =>
  complete(local, call, Completion.RemotelyAborted, code);

/** Ends the connection and its calls with `code` and tells the peer. */
export function abortConnection(local: Local, connection: Connection, code: number): void {
  if (connection.state === ConnState.Aborted) return;
  connection.state = ConnState.Aborted;
  connection.isRetired = true;
  connection.abortCode = code;
  connection.owesConnAbort = true;
  connection.owesChallenge = false;
  connection.owesResponse = false;
  eachCall(local, connection, failCall, code);
  local.scheduleConnection(connection);
}

/** The peer has ended the connection: every call on it ends, once. An ABORT is never answered. */
export function connectionAborted(local: Local, connection: Connection, code: number): void {
  if (connection.state === ConnState.Aborted) return;
  connection.state = ConnState.Aborted;
  connection.isRetired = true;
  connection.abortCode = code;
  connection.owesChallenge = false;
  connection.owesResponse = false;
  eachCall(local, connection, endCall, code);
}

/** A call waits for the connection to be secured: asks the client to show who it is, if that is not under way. */
export function challenge(local: Local, connection: Connection): void {
  if (connection.state !== ConnState.Unsecured) return;
  connection.state = ConnState.Challenging;
  connection.challenges = 0;
  repeatChallenge(local, connection);
}

/** Sends the CHALLENGE again every two seconds while a call waits for it (rx-behaviour.md section 12). */
function repeatChallenge(local: Local, connection: Connection): void {
  if (connection.active === 0) {
    connection.state = ConnState.Unsecured;
    return;
  }
  if (connection.challenges++ >= CHALLENGES_MAX) {
    eachCall(local, connection, failCall, AbortCode.RX_CALL_DEAD);
    connection.state = ConnState.Unsecured;
    return;
  }
  connection.owesChallenge = true;
  local.scheduleConnection(connection);
  setConnTime(local, connection, ConnTime.Challenge, CHALLENGE_INTERVAL_US);
}

/** A RESPONSE for a service connection. One that was not asked for is dropped. */
export function inputResponse(
  local: Local,
  connection: Connection,
  cksum: number,
  bytes: Uint8Array,
  offset: number,
  end: number,
): void {
  if (connection.state !== ConnState.Challenging) {
    local.stats.count(Stat.DropResponse);
    return;
  }
  const verdict = (connection.security as SecurityContext).verifyResponse(bytes, offset, end, cksum);
  if (verdict !== VERDICT_PENDING) takeVerdict(local, connection, verdict);
}

/** A CHALLENGE for a client connection; answered only while a call waits, so that it is of no use as an oracle. */
export function inputChallenge(
  local: Local,
  connection: Connection,
  bytes: Uint8Array,
  offset: number,
  end: number,
): void {
  const securityClass = connection.securityClass;
  if (
    securityClass === null ||
    !securityClass.needsChallenge ||
    connection.active === 0 ||
    connection.state === ConnState.Aborted
  ) {
    local.stats.count(Stat.DropChallenge);
    return;
  }
  // One answer a second is enough for an honest server.
  const now = local.clock[0] as number;
  const at = connection.timeAt + ConnTime.Challenge;
  const nextAllowed = connection.times[at] as number;
  if (nextAllowed !== Number.POSITIVE_INFINITY && now < nextAllowed) {
    local.stats.count(Stat.DropChallenge);
    return;
  }
  const verdict = (connection.security as SecurityContext).acceptChallenge(bytes, offset, end);
  if (verdict !== 0 && verdict !== VERDICT_PENDING) {
    abortConnection(local, connection, verdict);
    return;
  }
  connection.times[at] = now + 1_000_000;
  if (verdict === 0) takeVerdict(local, connection, 0);
}

/** The security class has decided about a RESPONSE (service) or a CHALLENGE (client). */
export function takeVerdict(local: Local, connection: Connection, verdict: SecurityVerdict): void {
  // Late: the connection has ended meanwhile, or another RESPONSE has secured it and its calls have been announced.
  if (connection.state === ConnState.Aborted) return;
  if (connection.isService && connection.state === ConnState.Secure) return;
  if (verdict !== 0) {
    abortConnection(local, connection, verdict);
  } else if (connection.isService) {
    connection.state = ConnState.Secure;
    connection.times[connection.timeAt + ConnTime.Challenge] = Number.POSITIVE_INFINITY;
    if (connection.peer !== null) local.provePeer(connection.peer);
    eachCall(local, connection, releaseHeld, 0);
  } else {
    connection.owesResponse = true;
    local.scheduleConnection(connection);
  }
}

/** Calls whose connection was not secure have been kept from their service; it learns of them now. */
function releaseHeld(local: Local, call: Call): void {
  const verdict = verifyHeld(local, call);
  if (verdict !== 0) abortConnection(local, connectionOf(call), verdict);
  else notify(local, call, CallEvent.NewCall | CallEvent.Readable);
}

/** Lets one of a connection's times fall due `delayUs` from now. */
function setConnTime(local: Local, connection: Connection, which: number, delayUs: number): void {
  connection.times[connection.timeAt + which] = (local.clock[0] as number) + delayUs;
  local.advanceTimer(local.connectionSlot(connection), connection.times, connection.timeAt + which);
}

/** The final ACK of a client call on `channel` goes out in a while, unless the next call makes it needless. */
export function proposeFinalAck(local: Local, connection: Connection, channel: number): void {
  connection.finalAcks |= 1 << channel;
  connection.setFinalAck(channel, AckReason.Idle, 0);
  if (connection.times[connection.timeAt + ConnTime.FinalAck] === Number.POSITIVE_INFINITY) {
    setConnTime(local, connection, ConnTime.FinalAck, local.config.finalAckDelayUs);
  }
}

/** Sends the final ACK now, for `reason`. `serial` is the packet that asks for it. */
export function repeatFinalAck(
  local: Local,
  connection: Connection,
  channel: number,
  reason: AckReason,
  serial: number,
): void {
  connection.finalAcksNow |= 1 << channel;
  connection.setFinalAck(channel, reason, serial);
  local.scheduleConnection(connection);
}

/** A connection's timer has come up. */
export function handleConnTimeout(local: Local, connection: Connection): void {
  const now = local.clock[0] as number;
  const { times, timeAt } = connection;
  if ((times[timeAt + ConnTime.FinalAck] as number) <= now) {
    times[timeAt + ConnTime.FinalAck] = Number.POSITIVE_INFINITY;
    connection.finalAcksNow |= connection.finalAcks;
    if (connection.finalAcksNow !== 0) local.scheduleConnection(connection);
  }
  if (connection.isService && (times[timeAt + ConnTime.Challenge] as number) <= now) {
    times[timeAt + ConnTime.Challenge] = Number.POSITIVE_INFINITY;
    if (connection.state === ConnState.Challenging) repeatChallenge(local, connection);
  }
  const next =
    (times[timeAt + ConnTime.FinalAck] as number) < (times[timeAt + ConnTime.Challenge] as number)
      ? ConnTime.FinalAck
      : ConnTime.Challenge;
  if (
    (times[timeAt + next] as number) !== Number.POSITIVE_INFINITY &&
    (connection.isService || next === ConnTime.FinalAck)
  ) {
    local.timers.set(local.connectionSlot(connection), times, timeAt + next);
  }
}
