// The DEBUG reply with the counters of a whole Rx (OpenAFS `rx.h`, struct rx_statistics): 71 numbers, kept as an array.
import { assert } from "../util/assert.js";
import { getInt32, putInt32 } from "../util/bytes.js";

export const RX_STATISTICS_COUNT = 71;
/** The stock tool warns unless the reply has exactly this size. */
export const RX_STATISTICS_SIZE = 4 * RX_STATISTICS_COUNT;

/** Where each counter stands in the array. Packet types 1 to 13 are counted at `PacketsRead + type - 1` and `PacketsSent + type - 1`. */
export const RxStatistic = {
  PacketRequests: 0,
  ReceivePktAllocFailures: 1,
  SendPktAllocFailures: 2,
  SpecialPktAllocFailures: 3,
  SocketGreedy: 4,
  BogusPacketOnRead: 5,
  /** IPv4 address with its bytes reversed: servers swap it with the counters although it is in network order already. */
  BogusHost: 6,
  NoPacketOnRead: 7,
  NoPacketBuffersOnRead: 8,
  Selects: 9,
  SendSelects: 10,
  PacketsRead: 11,
  DataPacketsRead: 24,
  AckPacketsRead: 25,
  DupPacketsRead: 26,
  SpuriousPacketsRead: 27,
  PacketsSent: 28,
  AckPacketsSent: 41,
  PingPacketsSent: 42,
  AbortPacketsSent: 43,
  BusyPacketsSent: 44,
  DataPacketsSent: 45,
  DataPacketsReSent: 46,
  DataPacketsPushed: 47,
  IgnoreAckedPacket: 48,
  TotalRttSec: 49,
  TotalRttUsec: 50,
  /** 9999999 until there is a sample. */
  MinRttSec: 51,
  MinRttUsec: 52,
  MaxRttSec: 53,
  MaxRttUsec: 54,
  RttSamples: 55,
  ServerConns: 56,
  ClientConns: 57,
  PeerStructs: 58,
  CallStructs: 59,
  FreeCallStructs: 60,
  NetSendFailures: 61,
  FatalErrors: 62,
  IgnorePacketDally: 63,
  ReceiveCbufPktAllocFailures: 64,
  SendCbufPktAllocFailures: 65,
  Busies: 66,
} as const;

export type RxStatistic = (typeof RxStatistic)[keyof typeof RxStatistic];

const TYPE_NAMES: readonly string[] = [
  "data",
  "ack",
  "busy",
  "abort",
  "ackall",
  "challenge",
  "response",
  "debug",
  "params",
  "unused10",
  "unused11",
  "unused12",
  "version",
];

/** The name of each entry of the array, for people; the four spares at the end are `spare0` to `spare3`. */
export const RX_STATISTIC_NAMES: readonly string[] = entryNames();

function entryNames(): string[] {
  const names: string[] = [];
  for (const [name, index] of Object.entries(RxStatistic)) {
    names[index] = name.charAt(0).toLowerCase() + name.slice(1);
  }
  for (const [i, type] of TYPE_NAMES.entries()) {
    names[RxStatistic.PacketsRead + i] = `packetsRead.${type}`;
    names[RxStatistic.PacketsSent + i] = `packetsSent.${type}`;
  }
  for (let i = RxStatistic.Busies + 1; i < RX_STATISTICS_COUNT; i++) {
    names[i] = `spare${i - RxStatistic.Busies - 1}`;
  }
  return names;
}

export function writeRxStatistics(bytes: Uint8Array, offset: number, values: Int32Array): number {
  const end = offset + RX_STATISTICS_SIZE;
  assert(values.length === RX_STATISTICS_COUNT, "the statistics have 71 entries");
  assert(end <= bytes.length, "the DEBUG reply fits the buffer");
  for (let i = 0; i < RX_STATISTICS_COUNT; i++) putInt32(bytes, offset + 4 * i, values[i] as number);
  return end;
}

/** @returns false, with `out` unchanged, when the reply is too short */
export function readRxStatistics(bytes: Uint8Array, offset: number, end: number, out: Int32Array): boolean {
  assert(out.length === RX_STATISTICS_COUNT, "the statistics have 71 entries");
  if (end - offset < RX_STATISTICS_SIZE) return false;
  for (let i = 0; i < RX_STATISTICS_COUNT; i++) out[i] = getInt32(bytes, offset + 4 * i);
  return true;
}
