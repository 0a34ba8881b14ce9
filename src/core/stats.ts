// Counters of an endpoint. Plain cells, read when somebody asks; why a packet was dropped is one of them.
import { PacketType } from "../wire/packet-type.js";

/** Index of each counter. */
export const Stat = {
  DataPacketsRead: 0,
  AckPacketsRead: 1,
  DuplicatePacketsRead: 2,
  DataPacketsSent: 3,
  DataPacketsResent: 4,
  AckPacketsSent: 5,
  PingPacketsSent: 6,
  BusyPacketsSent: 7,
  AbortPacketsSent: 8,
  CallsStarted: 9,
  CallsAccepted: 10,
  CallsSucceeded: 11,
  CallsAborted: 12,
  CallsTimedOut: 13,
  RttSamples: 14,
  RttTotalUs: 15,
  RttMinUs: 16,
  RttMaxUs: 17,
  /** New calls that were refused because no buffer was left for their requests. */
  BuffersRefused: 18,
  RefusalsWithheld: 19,
  BudgetWithheld: 20,
  ConnectionsReaped: 21,
  NotifierFaults: 22,
  // Why a packet got no further.
  DropShort: 23,
  DropLong: 24,
  DropSource: 25,
  DropType: 26,
  DropDirection: 27,
  DropUnknownConnection: 28,
  DropOtherAddress: 29,
  DropSecurityIndex: 30,
  DropOldCall: 31,
  DropUnknownCall: 32,
  DropBadSeq: 33,
  DropBadAck: 34,
  DropStaleAck: 35,
  DropJumbo: 36,
  DropWindow: 37,
  DropNoBuffer: 38,
  DropPolicy: 39,
  DropStrangerLimit: 40,
  DropTombstones: 41,
  DropVersion: 42,
  DropDebug: 43,
  DropChallenge: 44,
  DropResponse: 45,
  DropFinished: 46,
  DropTooBig: 47,
  DropRefusal: 48,
} as const;
export type Stat = (typeof Stat)[keyof typeof Stat];

const STAT_COUNT = 49;
const TYPE_COUNT = PacketType.Version + 1;

export class Stats {
  readonly cells = new Float64Array(STAT_COUNT);
  /** Packets by type, as rxdebug counts them. */
  readonly readByType = new Float64Array(TYPE_COUNT);
  readonly sentByType = new Float64Array(TYPE_COUNT);

  count(stat: Stat): void {
    this.cells[stat] = (this.cells[stat] as number) + 1;
  }

  value(stat: Stat): number {
    return this.cells[stat] as number;
  }

  addRtt(rttUs: number): void {
    const cells = this.cells;
    const first = cells[Stat.RttSamples] === 0;
    cells[Stat.RttSamples] = (cells[Stat.RttSamples] as number) + 1;
    cells[Stat.RttTotalUs] = (cells[Stat.RttTotalUs] as number) + rttUs;
    if (first || rttUs < (cells[Stat.RttMinUs] as number)) cells[Stat.RttMinUs] = rttUs;
    if (rttUs > (cells[Stat.RttMaxUs] as number)) cells[Stat.RttMaxUs] = rttUs;
  }

  /** All counters by name, for people and metrics. */
  snapshot(): Record<keyof typeof Stat, number> {
    const out = {} as Record<keyof typeof Stat, number>;
    for (const name of Object.keys(Stat) as (keyof typeof Stat)[]) out[name] = this.value(Stat[name]);
    return out;
  }
}
