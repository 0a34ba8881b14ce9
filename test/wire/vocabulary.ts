// The words of a wire script: packet types with their arguments, fields and flags; verbs with their actions; settings.
import { CallState, Completion } from "../../src/core/call-object.js";
import { ENDPOINT_OPTION_NAMES } from "../../src/core/config.js";
import { Stat } from "../../src/core/stats.js";
import { AckReason } from "../../src/wire/ack.js";
import { DebugRequestType } from "../../src/wire/debug.js";
import { PacketFlag, PacketType } from "../../src/wire/packet-type.js";
import { BAD, GOOD, SLOW } from "../unit/core/fake-security.js";

/**
 * How a field's value is written: a number (also `$name`, `$name+1`), a range of numbers, a list such as `1-4,6`, text, or
 * an address.
 */
export type FieldKind = "number" | "range" | "list" | "text" | "address";

const COMMON_FIELDS: Readonly<Record<string, FieldKind>> = {
  epoch: "number",
  cid: "number",
  channel: "number",
  call: "number",
  seq: "number",
  serial: "number",
  flags: "number",
  status: "number",
  sec: "number",
  cksum: "number",
  service: "number",
  len: "number",
  size: "number",
  from: "address",
  to: "address",
  as: "text",
};

interface PacketWord {
  readonly type: PacketType;
  readonly fields: Readonly<Record<string, FieldKind>>;
  /** The values of the word behind the type; "number" where it is one; null when there is none. */
  readonly argument: Readonly<Record<string, number>> | "number" | null;
}

const VERDICTS = { good: GOOD, bad: BAD, slow: SLOW } as const;

/** What may stand behind `>` and `<`. */
export const PACKETS: Readonly<Record<string, PacketWord>> = {
  DATA: {
    type: PacketType.Data,
    fields: { seq: "range", segments: "number", body: "number" },
    argument: null,
  },
  ACK: {
    type: PacketType.Ack,
    fields: {
      first: "number",
      previous: "number",
      of: "number",
      acks: "list",
      nacks: "number",
      rwind: "number",
      mtu: "number",
      ifmtu: "number",
      jumbo: "number",
      words: "number",
      space: "number",
      skew: "number",
    },
    argument: AckReason,
  },
  BUSY: { type: PacketType.Busy, fields: {}, argument: null },
  ABORT: { type: PacketType.Abort, fields: {}, argument: "number" },
  ACKALL: { type: PacketType.AckAll, fields: {}, argument: null },
  CHALLENGE: { type: PacketType.Challenge, fields: {}, argument: VERDICTS },
  RESPONSE: { type: PacketType.Response, fields: {}, argument: VERDICTS },
  DEBUG: {
    type: PacketType.Debug,
    fields: { index: "number" },
    argument: { ...DebugRequestType, Unknown: 77 },
  },
  PARAMS: { type: PacketType.Params, fields: {}, argument: null },
  VERSION: { type: PacketType.Version, fields: { text: "text" }, argument: null },
};

/** @returns how the field is written, or undefined for one that packets of this type do not have */
export function fieldKind(packet: string, field: string): FieldKind | undefined {
  const own = PACKETS[packet]?.fields ?? {};
  if (Object.hasOwn(own, field)) return own[field];
  return Object.hasOwn(COMMON_FIELDS, field) ? COMMON_FIELDS[field] : undefined;
}

/** Flags as words; `!word` says that one is not set. Two are names of one bit: see flagBit(). */
const FLAGS: Readonly<Record<string, number>> = {
  client: PacketFlag.ClientInitiated,
  "request-ack": PacketFlag.RequestAck,
  last: PacketFlag.LastPacket,
  more: PacketFlag.MorePackets,
  jumbo: PacketFlag.JumboPacket,
  "slow-start": PacketFlag.SlowStartOk,
};

/** @returns the bit that a flag's word means on packets of this type, or 0 when there is none */
export function flagBit(packet: string, word: string): number {
  if ((word === "jumbo" && packet !== "DATA") || (word === "slow-start" && packet !== "ACK")) return 0;
  return Object.hasOwn(FLAGS, word) ? (FLAGS[word] as number) : 0;
}

/** @returns the words of the bits in `flags`, for packets of this type */
export function flagWords(packet: string, flags: number): string[] {
  return Object.keys(FLAGS).filter((word) => (flags & flagBit(packet, word)) !== 0);
}

/** What follows an action: nothing, a number, a number or `all`, a time, or one of these words. */
export type ArgumentKind = "none" | "number" | "amount" | "time" | readonly string[];

/** Verbs and their actions; several actions may stand in one line. */
export const VERBS: Readonly<Record<string, Readonly<Record<string, ArgumentKind>>>> = {
  call: {
    begin: "none",
    accept: "none",
    reject: "number",
    read: "amount",
    discard: "none",
    write: "number",
    end: "none",
    abort: "number",
    limit: "time",
    release: "none",
    is: Object.keys(CallState),
    ended: Object.keys(Completion),
    code: "number",
    got: "number",
  },
  calls: { came: "number" },
  service: { stop: "none", open: "number", drain: "none" },
  client: { close: "none" },
  buffers: { take: "amount", give: "amount" },
  security: { verdict: "number" },
  network: { error: "none" },
  count: Object.fromEntries(Object.keys(Stat).map((name) => [name, "number" as const])),
  quiet: {},
};

/** What `endpoint` takes besides the endpoint's own options. */
const SETTINGS: readonly string[] = [
  ...["service", "backlog", "policy", "accept", "perPeer", "requestMax", "upgradeTo"],
  ...["connections", "upgrade", "security", "peer", "rtt", "seed"],
];

export function isSetting(name: string): boolean {
  return SETTINGS.includes(name) || ENDPOINT_OPTION_NAMES.includes(name);
}
