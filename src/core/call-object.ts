// A call: one request and its reply on one channel of a connection. Fields and their reset only; who changes the state
// stands in call-state.ts.

import { EventItem } from "../loop/event-cache.js";
import type { BufferPool } from "../memory/buffer-pool.js";
import type { SlotList } from "../util/slot-list.js";
import type { EndpointConfig } from "./config.js";
import { CongestionWindow } from "./congestion.js";
import type { Connection } from "./conn-object.js";
import type { ChunkRetirer } from "./lent-payloads.js";
import type { Peer } from "./peer.js";
import { PingLog } from "./ping-log.js";
import { ReceiveWindow } from "./receive-window.js";
import { TransmitWindow } from "./transmit-window.js";

/** States of a call (rx-behaviour.md section 3; the names are Linux's). */
export const CallState = {
  /** In a pool, or in a ring waiting for its packet. */
  Spare: 0,
  ClientAwaitConn: 1,
  ClientSendRequest: 2,
  ClientAwaitReply: 3,
  ClientRecvReply: 4,
  ServerPrealloc: 5,
  ServerRecvRequest: 6,
  ServerAckRequest: 7,
  ServerSendReply: 8,
  ServerAwaitAck: 9,
  Complete: 10,
} as const;
export type CallState = (typeof CallState)[keyof typeof CallState];

/** How a call ended. */
export const Completion = {
  None: 0,
  Succeeded: 1,
  RemotelyAborted: 2,
  LocallyAborted: 3,
  LocalError: 4,
  NetworkError: 5,
} as const;
export type Completion = (typeof Completion)[keyof typeof Completion];

/** What an owner is told, as bits. */
export const CallEvent = { NewCall: 1, Readable: 2, Writable: 4, Ended: 8 } as const;

/** Index of each deadline in `deadlines`; Infinity = not set. */
export const Deadline = { Ack: 0, Resend: 1, Keepalive: 2, Dead: 3, Progress: 4, Hard: 5, Count: 6 } as const;

/** What the resend timer stands for. */
export const ResendKind = { None: 0, Reorder: 1, TailProbe: 2, Timeout: 3 } as const;
export type ResendKind = (typeof ResendKind)[keyof typeof ResendKind];

/** Index of each time in `times`. */
export const CallTime = {
  LastHeard: 0,
  LastSent: 1,
  Begun: 2,
  Progress: 3,
  Count: 4,
} as const;

/** Whoever a call belongs to: told from the event cache's drain, never from the packet handler. */
export interface CallOwner {
  /** `events` are bits of CallEvent. */
  handleCallEvents(events: number): void;
  /** A detached call has succeeded: lets go of it at once, and runs no code of a user's. */
  releaseDetached(): void;
}

export class Call extends EventItem {
  readonly index: number;
  generation = 0;
  state: CallState = CallState.Spare;
  completion: Completion = Completion.None;
  abortCode = 0;
  isService = false;
  connection: Connection | null = null;
  channel = 0;
  callNumber = 0;
  serviceId = 0;
  /** Bits of CallEvent that the owner has not been told yet. */
  events = 0;
  owner: CallOwner | null = null;
  /** The owner waits for nothing but the end, and need not be told of a good one. */
  isDetached = false;
  /** The owner has let go: the object returns to its pool when the call is complete. */
  isReleased = false;
  /** Service: counted among the calls that wait for accept or reject. */
  isWaiting = false;
  /** Client: index of the bundle; -1 = none. */
  home = -1;
  /** Client: the queue for a channel that the call stands in. */
  waitingIn: SlotList | null = null;
  /** Reason and serial of the ACK to be sent; 0 = none. */
  ackReason = 0;
  ackSerial = 0;
  owesPing = false;
  resendKind: ResendKind = ResendKind.None;
  /** A tail loss probe has been sent since the last news. */
  hasProbed = false;
  /** The probe to send now is the highest packet, whatever its state. */
  owesProbe = false;
  /** The first lost packet goes out now, whatever the congestion window: a loss has just been found. */
  owesResend = false;
  /** The writer has had less room than it wanted. */
  wantsRoom = false;
  /** userStatus of the newest DATA received. */
  userStatus = 0;
  /** A request may have at most so many bytes. */
  receiveMaxBytes = Number.MAX_SAFE_INTEGER;
  readonly rx: ReceiveWindow;
  readonly tx: TransmitWindow;
  readonly congestion = new CongestionWindow();
  readonly pings = new PingLog();
  readonly deadlines = new Float64Array(Deadline.Count);
  readonly times = new Float64Array(CallTime.Count);

  constructor(index: number, pool: BufferPool, config: EndpointConfig, retirer: ChunkRetirer) {
    super();
    this.index = index;
    this.rx = new ReceiveWindow(pool, config.receiveWindowPackets);
    this.tx = new TransmitWindow(pool, config.transmitQueuePackets, retirer);
    this.deadlines.fill(Number.POSITIVE_INFINITY);
  }

  reset(): void {
    this.state = CallState.Spare;
    this.completion = Completion.None;
    this.abortCode = 0;
    this.isService = false;
    this.connection = null;
    this.channel = 0;
    this.callNumber = 0;
    this.serviceId = 0;
    this.events = 0;
    this.owner = null;
    this.isDetached = false;
    this.isReleased = false;
    this.isWaiting = false;
    this.home = -1;
    this.waitingIn = null;
    this.ackReason = 0;
    this.ackSerial = 0;
    this.owesPing = false;
    this.resendKind = ResendKind.None;
    this.hasProbed = false;
    this.owesProbe = false;
    this.owesResend = false;
    this.wantsRoom = false;
    this.userStatus = 0;
    this.receiveMaxBytes = Number.MAX_SAFE_INTEGER;
    this.rx.reset();
    this.tx.reset();
    this.congestion.reset();
    this.pings.reset();
    this.deadlines.fill(Number.POSITIVE_INFINITY);
    this.times.fill(0);
  }

  /** Live on the wire: taken from its ring or on a channel, and not complete. */
  get isLive(): boolean {
    return (
      this.state !== CallState.Complete &&
      this.state !== CallState.Spare &&
      this.state !== CallState.ServerPrealloc
    );
  }

  runEvent(): void {
    const events = this.events;
    this.events = 0;
    if (this.owner !== null) this.owner.handleCallEvents(events);
  }
}

/** Each call can wait for a buffer twice: to store the packet that comes next, and to write. */
export const WAITS_PER_CALL = 2;

/** The call's place in the pool's queues while its next packet waits. */
export function readingSlot(call: Call): number {
  return call.index * WAITS_PER_CALL;
}

/** The same for its writer. */
export function writingSlot(call: Call): number {
  return call.index * WAITS_PER_CALL + 1;
}

/** The connection of a call that is or was on the wire. */
export function connectionOf(call: Call): Connection {
  return call.connection as Connection;
}

/** The peer of a call that is or was on the wire. */
export function peerOf(call: Call): Peer {
  return (call.connection as Connection).peer as Peer;
}
