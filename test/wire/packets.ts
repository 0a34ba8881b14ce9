// Packets of a wire script: made from a line for the endpoint under test, and what it has sent compared with a line.
import { ABORT_SIZE, writeAbortCode } from "../../src/wire/abort.js";
import { ACK_FIXED_SIZE, AckBody, AckReason, ackSize, writeAck } from "../../src/wire/ack.js";
import { DEBUG_REQUEST_SIZE, DebugRequest, writeDebugRequest } from "../../src/wire/debug.js";
import { CHANNEL_MASK, HEADER_SIZE, PacketHeader, writeHeader } from "../../src/wire/header.js";
import {
  countJumboSegments,
  JUMBO_DATA_SIZE,
  JUMBO_HEADER_SIZE,
  jumboSegmentFlags,
  jumboSegmentOffset,
  writeJumboHeader,
} from "../../src/wire/jumbo.js";
import { PacketFlag, PacketType } from "../../src/wire/packet-type.js";
import { readVersionText } from "../../src/wire/version.js";
import { filled } from "../unit/core/packets.js";
import type { Sent } from "../unit/core/rig.js";
import { nameOfAddress } from "./addresses.js";
import type { Field, PacketLine, Value } from "./script.js";
import { flagWords, PACKETS } from "./vocabulary.js";

/** What the packets of one call share. */
export interface Identity {
  readonly epoch: number;
  /** With the channel in it. */
  readonly cid: number;
  readonly callNumber: number;
  readonly serviceId: number;
  readonly securityIndex: number;
}

/** Serials by the names that lines gave them. */
export type Names = ReadonlyMap<string, number>;

const ACK_PAD_SIZE = 3;
const WORD_SIZE = 4;
const TRAILER_WORDS = 4;
/** What a peer's ACKs say unless a line says otherwise: OpenAFS's figures, but no jumbograms. */
const ACK_DEFAULTS = { rwind: 32, maxMtu: 5_692, ifMtu: 1_444, jumboMax: 1 } as const;

/** Looks up what a line says of a number. */
class Fields {
  readonly #line: PacketLine;
  readonly #names: Names;

  constructor(line: PacketLine, names: Names) {
    this.#line = line;
    this.#names = names;
  }

  number(name: string, fallback: number): number {
    const field = this.#line.fields.find((one) => one.name === name);
    return field === undefined ? fallback : numberOf(field.value, this.#names);
  }

  list(name: string): readonly number[] {
    const value = this.#line.fields.find((one) => one.name === name)?.value;
    return value?.kind === "list" ? value.numbers : [];
  }
}

function numberOf(value: Value, names: Names): number {
  if (value.kind === "number") return value.number;
  if (value.kind !== "name") throw new Error("the field is no number");
  const named = names.get(value.name);
  if (named === undefined) throw new Error(`no packet was named ${value.name} before`);
  return (named + value.plus) | 0;
}

/** The datagram that `line` describes, from the peer whose call is `identity`; `seq` is for DATA. */
export function encode(
  line: PacketLine,
  identity: Identity,
  isFromClient: boolean,
  serial: number,
  seq: number,
  names: Names,
): Uint8Array {
  const fields = new Fields(line, names);
  const type = (PACKETS[line.word] as (typeof PACKETS)[string]).type;
  const body = resized(bodyOf(line, type, seq, fields), type, fields);
  const header = new PacketHeader();
  header.epoch = fields.number("epoch", identity.epoch) | 0;
  const cid = fields.number("cid", identity.cid);
  header.cid = (cid & ~CHANNEL_MASK) | fields.number("channel", cid & CHANNEL_MASK);
  header.callNumber = fields.number("call", isOfConnection(type) ? 0 : identity.callNumber) | 0;
  header.seq = seq | 0;
  header.serial = fields.number("serial", serial) | 0;
  header.type = type;
  header.flags = fields.number("flags", headerFlags(line, type, isFromClient, fields));
  header.userStatus = fields.number("status", 0);
  header.securityIndex = fields.number("sec", identity.securityIndex);
  header.cksum = fields.number("cksum", 0);
  header.serviceId = fields.number("service", identity.serviceId);
  const size = fields.number("size", HEADER_SIZE + body.length);
  const bytes = new Uint8Array(Math.max(size, HEADER_SIZE + body.length));
  writeHeader(bytes, 0, header);
  bytes.set(body, HEADER_SIZE);
  if (type === PacketType.Ack && body.length > 17)
    bytes[HEADER_SIZE + 17] = fields.number("nacks", bytes[HEADER_SIZE + 17] ?? 0);
  return bytes.subarray(0, size).slice();
}

// A packet that is not DATA has its usual length; a line may say another.
function resized(body: Uint8Array, type: PacketType, fields: Fields): Uint8Array {
  const length = type === PacketType.Data ? body.length : fields.number("len", body.length);
  const wanted = new Uint8Array(length);
  wanted.set(body.subarray(0, length));
  return wanted;
}

function isOfConnection(type: PacketType): boolean {
  return type === PacketType.Challenge || type === PacketType.Response;
}

// A jumbogram's words are about its last segment; `flags=` is the header's own byte.
function headerFlags(line: PacketLine, type: PacketType, isFromClient: boolean, fields: Fields): number {
  let usual = isFromClient ? PacketFlag.ClientInitiated : 0;
  if (type === PacketType.Ack) usual |= PacketFlag.SlowStartOk;
  if (type === PacketType.Ack && line.argument === AckReason.Ping) usual |= PacketFlag.RequestAck;
  if (type === PacketType.Data && fields.number("segments", 1) > 1) return usual | PacketFlag.JumboPacket;
  return (usual | line.flagsSet) & ~line.flagsClear;
}

function bodyOf(line: PacketLine, type: PacketType, seq: number, fields: Fields): Uint8Array {
  switch (type) {
    case PacketType.Data:
      return dataBody(line, seq, fields);
    case PacketType.Ack:
      return ackBody(line, fields);
    case PacketType.Abort: {
      const body = new Uint8Array(ABORT_SIZE);
      writeAbortCode(body, 0, line.argument ?? 0);
      return body;
    }
    case PacketType.Challenge:
    case PacketType.Response:
      return Uint8Array.of(line.argument ?? 0);
    case PacketType.Debug: {
      const body = new Uint8Array(DEBUG_REQUEST_SIZE);
      const request = new DebugRequest();
      request.type = line.argument ?? 0;
      request.index = fields.number("index", 0);
      writeDebugRequest(body, 0, request);
      return body;
    }
    case PacketType.Version:
      return new Uint8Array(1);
    default:
      return new Uint8Array(0);
  }
}

// Every byte of a segment tells its sequence number, unless a line says what the first one is.
function dataBody(line: PacketLine, seq: number, fields: Fields): Uint8Array {
  const segments = fields.number("segments", 1);
  const last = fields.number("len", 8);
  const pitch = JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE;
  const body = new Uint8Array((segments - 1) * pitch + last);
  for (let i = 0; i < segments; i++) {
    const isLast = i === segments - 1;
    const flags = isLast ? line.flagsSet : PacketFlag.JumboPacket;
    if (i > 0) writeJumboHeader(body, i * pitch - JUMBO_HEADER_SIZE, flags, 0);
    body.set(filled(isLast ? last : JUMBO_DATA_SIZE, seq + i), i * pitch);
  }
  if (body.length > 0) body[0] = fields.number("body", body[0] as number);
  return body;
}

function ackBody(line: PacketLine, fields: Fields): Uint8Array {
  const ack = new AckBody();
  const received = fields.list("acks");
  const top = received.at(-1) ?? 0;
  ack.firstPacket = fields.number("first", 1) | 0;
  ack.previousPacket = fields.number("previous", Math.max(top, ack.firstPacket - 1)) | 0;
  ack.serial = fields.number("of", 0) | 0;
  ack.reason = line.argument ?? AckReason.Idle;
  ack.nAcks = top === 0 ? 0 : top - ack.firstPacket + 1;
  ack.bufferSpace = fields.number("space", 0);
  ack.maxSkew = fields.number("skew", 0);
  ack.maxMtu = fields.number("mtu", ACK_DEFAULTS.maxMtu) | 0;
  ack.ifMtu = fields.number("ifmtu", ACK_DEFAULTS.ifMtu) | 0;
  ack.rwind = fields.number("rwind", ACK_DEFAULTS.rwind) | 0;
  ack.jumboMax = fields.number("jumbo", ACK_DEFAULTS.jumboMax) | 0;
  const soft = new Uint8Array(ack.nAcks);
  for (const seq of received) soft[seq - ack.firstPacket] = 1;
  const body = new Uint8Array(ackSize(ack.nAcks));
  writeAck(body, 0, ack, soft);
  const words = fields.number("words", TRAILER_WORDS);
  return body.subarray(0, ACK_FIXED_SIZE + ack.nAcks + ACK_PAD_SIZE + words * WORD_SIZE);
}

/** What the endpoint has sent, by the names of the script's fields. */
interface View {
  readonly numbers: ReadonlyMap<string, number>;
  readonly texts: ReadonlyMap<string, string>;
  /** Of a jumbogram's last segment, else the header's. */
  readonly flags: number;
}

function viewOf(sent: Sent): View {
  const { header, bytes, ack } = sent;
  const numbers = new Map<string, number>([
    ["epoch", header.epoch],
    ["cid", header.cid],
    ["channel", header.cid & CHANNEL_MASK],
    ["call", header.callNumber],
    ["seq", header.seq],
    ["serial", header.serial],
    ["flags", header.flags],
    ["status", header.userStatus],
    ["sec", header.securityIndex],
    ["cksum", header.cksum],
    ["service", header.serviceId],
    ["size", bytes.length],
    ["len", bytes.length - HEADER_SIZE],
  ]);
  const texts = new Map<string, string>([["to", nameOfAddress(sent.remote)]]);
  let { flags } = header;
  if (header.type === PacketType.Data) {
    const segments = countJumboSegments(bytes, HEADER_SIZE, bytes.length, flags);
    if (segments < 1) throw new Error(`a bad jumbogram was sent (${segments})`);
    numbers.set("segments", segments);
    numbers.set("len", bytes.length - jumboSegmentOffset(segments - 1, HEADER_SIZE));
    numbers.set("body", bytes[HEADER_SIZE] ?? -1);
    if (segments > 1) flags = jumboSegmentFlags(bytes, segments - 1, HEADER_SIZE);
  } else if (ack !== null) {
    viewAck(ack, sent.acks, numbers, texts);
  } else if (header.type === PacketType.Version) {
    texts.set("text", readVersionText(bytes, HEADER_SIZE, bytes.length));
  }
  return { numbers, texts, flags };
}

function viewAck(
  ack: AckBody,
  acks: readonly number[],
  numbers: Map<string, number>,
  texts: Map<string, string>,
): void {
  const values: Record<string, number> = {
    first: ack.firstPacket,
    previous: ack.previousPacket,
    of: ack.serial,
    nacks: ack.nAcks,
    rwind: ack.rwind,
    mtu: ack.maxMtu,
    ifmtu: ack.ifMtu,
    jumbo: ack.jumboMax,
    words: ack.trailerWords,
    space: ack.bufferSpace,
    skew: ack.maxSkew,
  };
  for (const [name, value] of Object.entries(values)) numbers.set(name, value);
  const received = acks.flatMap((bit, i) => ((bit & 1) === 1 ? [ack.firstPacket + i] : []));
  texts.set("acks", listText(received));
}

function listText(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === n - 1) run[1] = n;
    else runs.push([n, n]);
  }
  if (runs.length === 0) return "none";
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** @returns in what `sent` differs from `line`, nothing when it is what was expected; `seq` is for a range */
export function differences(line: PacketLine, sent: Sent, seq: number | null, names: Names): string[] {
  const word = PACKETS[line.word] as (typeof PACKETS)[string];
  if (sent.header.type !== word.type) return ["another type"];
  const view = viewOf(sent);
  const found: string[] = [];
  const said = sent.header.type === PacketType.Abort ? sent.abortCode : sent.ack?.reason;
  if (line.argument !== null && said !== line.argument) {
    const name = Object.entries(word.argument ?? {}).find(([, value]) => value === said)?.[0];
    found.push(`it says ${name ?? said}`);
  }
  for (const name of flagWords(line.word, line.flagsSet & ~view.flags)) found.push(`flag ${name} is not set`);
  for (const name of flagWords(line.word, line.flagsClear & view.flags)) found.push(`flag ${name} is set`);
  if (seq !== null && view.numbers.get("seq") !== seq) found.push(`seq is ${view.numbers.get("seq")}`);
  for (const field of line.fields) {
    if (field.name === "as" || field.value.kind === "range") continue;
    const problem = fieldDifference(field, view, names);
    if (problem !== null) found.push(problem);
  }
  return found;
}

function fieldDifference(field: Field, view: View, names: Names): string | null {
  const { name, relation, value } = field;
  if (value.kind === "text" || value.kind === "list") {
    const wanted = value.kind === "text" ? value.text : listText(value.numbers);
    const text = view.texts.get(name) ?? "not there";
    return (text === wanted) === (relation === "=") ? null : `${name} is ${text}`;
  }
  const wanted = numberOf(value, names);
  const number = view.numbers.get(name);
  if (number === undefined) return `${name} is not there`;
  // 32-bit fields are signed inside, and go round.
  const diff = (number - wanted) | 0;
  const holds = { "=": diff === 0, "!=": diff !== 0, ">": diff > 0, "<": diff < 0 }[relation];
  return holds
    ? null
    : `${name} is ${number}${value.kind === "name" ? ` ($${value.name} is ${numberOf({ ...value, plus: 0 }, names)})` : ""}`;
}
