// A connection: its identity, its four channels, its serials, and what it still owes the peer.
import { SlotList } from "../util/slot-list.js";
import type { AckReason } from "../wire/ack.js";
import type { Peer } from "./peer.js";
import type { RandomSource } from "./random-source.js";
import type { ConnectionFacts, SecurityClass, SecurityContext, SecurityVerdict } from "./security-class.js";

export const CHANNELS = 4;
export const NO_CALL = -1;

/** How the last call of a channel ended, as far as the peer may ask again. */
export const Outcome = { None: 0, Succeeded: 1, Aborted: 2 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

export const ConnState = { Spare: 0, Unsecured: 1, Challenging: 2, Secure: 3, Aborted: 4 } as const;
export type ConnState = (typeof ConnState)[keyof typeof ConnState];

/** Integers a connection keeps per channel; each is a run of four cells. */
const ChannelCell = {
  Slot: 0,
  CallNumber: 4,
  Outcome: 8,
  AbortCode: 12,
  LastSeq: 16,
  FinalReason: 20,
  FinalSerial: 24,
  Refused: 28,
  Count: 32,
} as const;

/** Times of a connection, in a table shared by all. */
export const ConnTime = { LastUse: 0, FinalAck: 1, Challenge: 2, Count: 3 } as const;

/** Cells shared by all connections: one array each instead of thousands of small ones. */
export class ConnectionCells {
  readonly ints: Int32Array;
  readonly times: Float64Array;

  constructor(connectionsMax: number) {
    this.ints = new Int32Array(connectionsMax * ChannelCell.Count);
    this.times = new Float64Array(connectionsMax * ConnTime.Count);
  }
}

// One serial in about so many is left out; an ACK that echoes it was guessed (threat: optimistic acknowledgement).
const SKIP_MASK = 0xff;

/** Where a verdict goes that a security class could not give at once. */
export interface VerdictSink {
  takeVerdict(connection: Connection, verdict: SecurityVerdict): void;
}

/** A client or service connection. Objects go round; `generation` tells their lives apart. */
export class Connection implements ConnectionFacts {
  readonly index: number;
  generation = 0;
  state: ConnState = 0;
  isService = false;
  epoch = 0;
  /** Without channel bits. */
  connectionId = 0;
  serviceId = 0;
  securityIndex = 0;
  hash = 0;
  peer: Peer | null = null;
  securityClass: SecurityClass | null = null;
  security: SecurityContext | null = null;
  verdicts: VerdictSink | null = null;
  /** Serial of the newest packet sent. */
  serial = 0;
  /** The serial that was left out last; 0 = none. */
  skippedSerial = 0;
  /** Calls that hold on to this connection, ended but unreleased ones included. */
  holds = 0;
  /** Calls on its channels. */
  active = 0;
  /** Client: asks for a service upgrade with its first call (rx-behaviour.md section 14). */
  wantsUpgrade = false;
  /** Client: the bundle it belongs to, or -1. */
  bundle = -1;
  /** Client: takes no new calls (call numbers used up, aborted, closing). */
  isRetired = false;
  /** Code of the connection's abort. */
  abortCode = 0;
  /** Channels whose final ACK, as bits 0..3, is due (at ConnTime.FinalAck, or now when repeated on demand). */
  finalAcks = 0;
  finalAcksNow = 0;
  /** Channels whose ABORT, as bits 0..3, is to be sent. */
  aborts = 0;
  owesConnAbort = false;
  owesChallenge = false;
  owesResponse = false;
  /** CHALLENGEs sent in this run. */
  challenges = 0;
  readonly #ints: Int32Array;
  readonly #at: number;
  readonly times: Float64Array;
  readonly timeAt: number;

  constructor(index: number, cells: ConnectionCells) {
    this.index = index;
    this.#ints = cells.ints;
    this.#at = index * ChannelCell.Count;
    this.times = cells.times;
    this.timeAt = index * ConnTime.Count;
    this.#clearCells();
  }

  reset(): void {
    this.state = ConnState.Spare;
    this.isService = false;
    this.epoch = 0;
    this.connectionId = 0;
    this.serviceId = 0;
    this.securityIndex = 0;
    this.hash = 0;
    this.peer = null;
    this.securityClass = null;
    this.security = null;
    this.verdicts = null;
    this.serial = 0;
    this.skippedSerial = 0;
    this.holds = 0;
    this.active = 0;
    this.wantsUpgrade = false;
    this.bundle = -1;
    this.isRetired = false;
    this.abortCode = 0;
    this.finalAcks = 0;
    this.finalAcksNow = 0;
    this.aborts = 0;
    this.owesConnAbort = false;
    this.owesChallenge = false;
    this.owesResponse = false;
    this.challenges = 0;
    this.#clearCells();
  }

  #clearCells(): void {
    this.#ints.fill(0, this.#at, this.#at + ChannelCell.Count);
    for (let channel = 0; channel < CHANNELS; channel++) this.setCallSlot(channel, NO_CALL);
    this.times[this.timeAt + ConnTime.LastUse] = 0;
    this.times[this.timeAt + ConnTime.FinalAck] = Number.POSITIVE_INFINITY;
    this.times[this.timeAt + ConnTime.Challenge] = Number.POSITIVE_INFINITY;
  }

  /** Slot of the call on a channel, or NO_CALL. */
  callSlot(channel: number): number {
    return this.#ints[this.#at + ChannelCell.Slot + channel] as number;
  }

  setCallSlot(channel: number, slot: number): void {
    this.#ints[this.#at + ChannelCell.Slot + channel] = slot;
  }

  /** Number of the current or last call of a channel; 0 = none yet. */
  callNumber(channel: number): number {
    return this.#ints[this.#at + ChannelCell.CallNumber + channel] as number;
  }

  setCallNumber(channel: number, callNumber: number): void {
    this.#ints[this.#at + ChannelCell.CallNumber + channel] = callNumber;
  }

  outcome(channel: number): Outcome {
    return this.#ints[this.#at + ChannelCell.Outcome + channel] as Outcome;
  }

  abortCodeOf(channel: number): number {
    return this.#ints[this.#at + ChannelCell.AbortCode + channel] as number;
  }

  /** Last sequence number the peer sent in the channel's finished call. */
  lastSeqOf(channel: number): number {
    return this.#ints[this.#at + ChannelCell.LastSeq + channel] as number;
  }

  setOutcome(channel: number, outcome: Outcome, abortCode: number, lastSeq: number): void {
    this.#ints[this.#at + ChannelCell.Outcome + channel] = outcome;
    this.#ints[this.#at + ChannelCell.AbortCode + channel] = abortCode;
    this.#ints[this.#at + ChannelCell.LastSeq + channel] = lastSeq;
  }

  /** Number of the call that was refused with BUSY last, by us or by the peer; 0 = none. */
  refused(channel: number): number {
    return this.#ints[this.#at + ChannelCell.Refused + channel] as number;
  }

  setRefused(channel: number, callNumber: number): void {
    this.#ints[this.#at + ChannelCell.Refused + channel] = callNumber;
  }

  /** Why the final ACK goes out. */
  finalReason(channel: number): AckReason {
    return this.#ints[this.#at + ChannelCell.FinalReason + channel] as AckReason;
  }

  /** Serial of the packet that the final ACK answers; 0 = none. */
  finalSerial(channel: number): number {
    return this.#ints[this.#at + ChannelCell.FinalSerial + channel] as number;
  }

  setFinalAck(channel: number, reason: AckReason, serial: number): void {
    this.#ints[this.#at + ChannelCell.FinalReason + channel] = reason;
    this.#ints[this.#at + ChannelCell.FinalSerial + channel] = serial;
  }

  resolve(verdict: SecurityVerdict): void {
    if (this.verdicts !== null) this.verdicts.takeVerdict(this, verdict);
  }

  /** The serial for the next packet. Leaves one out now and then, and 0 always. */
  nextSerial(random: RandomSource): number {
    let serial = (this.serial + 1) | 0;
    // The random word is drawn once per 16 serials: the gap need only be unpredictable, not frequent.
    if ((serial & 15) === 0 && (random.int32() & SKIP_MASK) < 16) {
      this.skippedSerial = serial;
      serial = (serial + 1) | 0;
    }
    if (serial === 0) serial = 1;
    this.serial = serial;
    return serial;
  }

  /** The serial for the next segment of a jumbogram: the one behind the last, whatever it is (rx-wire.md section 7.1). */
  followingSerial(): number {
    this.serial = (this.serial + 1) | 0;
    return this.serial;
  }
}

/** Lists of connections without calls, oldest first. */
export class IdleLists {
  readonly strangers: SlotList;
  readonly services: SlotList;
  readonly clients: SlotList;

  constructor(connectionsMax: number) {
    this.strangers = new SlotList(connectionsMax);
    this.services = new SlotList(connectionsMax);
    this.clients = new SlotList(connectionsMax);
  }

  remove(connection: Connection): void {
    this.strangers.remove(connection.index);
    this.services.remove(connection.index);
    this.clients.remove(connection.index);
  }
}
