// One line of text about any datagram, for traces, tools and failing tests. Payload and security bodies are never shown.
import { ABORT_SIZE, abortCodeName, readAbortCode } from "./abort.js";
import { AckBody, ackReasonName, readAck } from "./ack.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_PEER_SIZE,
  DEBUG_STATS_SIZE,
  DebugRequest,
  DebugRequestType,
  isDebugError,
  RX_STATISTICS_SIZE,
  readDebugRequest,
} from "./debug.js";
import { CHANNEL_MASK, CID_MASK, HEADER_SIZE, MAX_DATAGRAM, PacketHeader, readHeader } from "./header.js";
import { countJumboSegments, jumboErrorName, jumboSegmentFlags, jumboSegmentOffset } from "./jumbo.js";
import { flagNames, PacketFlag, PacketType, packetTypeName } from "./packet-type.js";
import { isVersionRequest, readVersionText } from "./version.js";

const ACKS_SHOWN_MAX = 64;

/**
 * Describes the datagram in `length` bytes from `offset`, whatever is in it. Meant for people: the form may change.
 *
 * @returns one line of printable ASCII; what is wrong with a packet stands in it in `[brackets]`
 */
export function describePacket(bytes: Uint8Array, offset: number, length: number): string {
  if (!(Number.isInteger(offset) && Number.isInteger(length)) || offset < 0 || length < 0) {
    return "[no such range]";
  }
  if (offset + length > bytes.length)
    return `[range ends ${offset + length - bytes.length} bytes past the buffer]`;
  if (length < HEADER_SIZE) return `[short header: ${length} of ${HEADER_SIZE} bytes]`;
  const header = new PacketHeader();
  readHeader(bytes, offset, header);
  const end = offset + length;
  const body = describeBody(header, bytes, offset + HEADER_SIZE, end);
  const tooLong = length > MAX_DATAGRAM ? ` [longer than a datagram: ${length}]` : "";
  return `${describeHeader(header)}${body === "" ? "" : ` ${body}`}${tooLong}`;
}

function describeHeader(header: PacketHeader): string {
  const direction = header.flags & PacketFlag.ClientInitiated ? "c>s" : "s>c";
  const parts = [
    packetTypeName(header.type),
    direction,
    `epoch=${hex(header.epoch)}`,
    `cid=${hex(header.cid & CID_MASK)}`,
    `ch=${header.cid & CHANNEL_MASK}`,
    `call=${header.callNumber >>> 0}`,
  ];
  if (header.seq !== 0 || header.type === PacketType.Data) parts.push(`seq=${header.seq >>> 0}`);
  parts.push(`serial=${header.serial >>> 0}`, `service=${header.serviceId}`);
  // The direction shows the first flag already.
  const flags = flagNames(header.type, header.flags & ~PacketFlag.ClientInitiated);
  if (flags !== "") parts.push(`flags=${flags}`);
  if (header.userStatus !== 0) parts.push(`status=${header.userStatus}`);
  if (header.securityIndex !== 0) parts.push(`sec=${header.securityIndex}`);
  if (header.cksum !== 0) parts.push(`cksum=0x${header.cksum.toString(16).padStart(4, "0")}`);
  return parts.join(" ");
}

function describeBody(header: PacketHeader, bytes: Uint8Array, offset: number, end: number): string {
  switch (header.type) {
    case PacketType.Data:
      return describeData(header, bytes, offset, end);
    case PacketType.Ack:
      return describeAck(bytes, offset, end);
    case PacketType.Abort:
      return describeAbort(bytes, offset, end);
    case PacketType.Challenge:
    case PacketType.Response:
      return `len=${end - offset}`;
    case PacketType.Debug:
      return describeDebug(header.flags, bytes, offset, end);
    case PacketType.Version:
      return describeVersion(header.flags, bytes, offset, end);
    case PacketType.Busy:
    case PacketType.AckAll:
      return end === offset ? "" : `extra=${end - offset}`;
    default:
      return `len=${end - offset} [type carries nothing]`;
  }
}

function describeData(header: PacketHeader, bytes: Uint8Array, offset: number, end: number): string {
  const wrong: string[] = [];
  if (header.callNumber === 0) wrong.push(" [call 0]");
  if (header.seq === 0) wrong.push(" [seq 0]");
  const segments = countJumboSegments(bytes, offset, end, header.flags);
  const size = `len=${end - offset}`;
  if (segments < 0) return `${size} [jumbogram: ${jumboErrorName(segments)}]${wrong.join("")}`;
  if (segments === 1) return `${size}${wrong.join("")}`;
  const last = segments - 1;
  const lastSeq = (header.seq + last) >>> 0;
  const lastFlags = flagNames(PacketType.Data, jumboSegmentFlags(bytes, last, offset));
  const lastSize = end - jumboSegmentOffset(last, offset);
  return `${size} segments=${segments} to seq=${lastSeq} (len=${lastSize}${lastFlags === "" ? "" : ` ${lastFlags}`})${wrong.join("")}`;
}

function describeAck(bytes: Uint8Array, offset: number, end: number): string {
  const ack = new AckBody();
  if (!readAck(bytes, offset, end, ack)) return `[short ACK: ${end - offset} bytes]`;
  const parts = [
    ackReasonName(ack.reason),
    `first=${ack.firstPacket >>> 0}`,
    `previous=${ack.previousPacket >>> 0}`,
    `of=${ack.serial >>> 0}`,
  ];
  if (ack.nAcks > 0) parts.push(`acks=${describeSoftAcks(bytes, ack)}`);
  const claimed = bytes[offset + 17] as number;
  if (claimed > ack.nAcks) parts.push(`[nAcks ${claimed}, ${ack.nAcks} there]`);
  parts.push(describeTrailer(ack));
  return parts.join(" ");
}

// One sign for each packet from firstPacket on: + received, - missing.
function describeSoftAcks(bytes: Uint8Array, ack: AckBody): string {
  const shown = Math.min(ack.nAcks, ACKS_SHOWN_MAX);
  let text = "";
  for (let i = 0; i < shown; i++) text += (bytes[ack.acksOffset + i] as number) & 1 ? "+" : "-";
  return ack.nAcks > shown ? `${text}...(${ack.nAcks})` : text;
}

function describeTrailer(ack: AckBody): string {
  if (ack.trailerWords === 0) return "no trailer";
  const words = [
    `maxMtu=${ack.maxMtu >>> 0}`,
    `ifMtu=${ack.ifMtu >>> 0}`,
    `rwind=${ack.rwind >>> 0}`,
    `jumboMax=${ack.jumboMax >>> 0}`,
  ];
  return words.slice(0, ack.trailerWords).join(" ");
}

function describeAbort(bytes: Uint8Array, offset: number, end: number): string {
  if (end - offset < ABORT_SIZE) return `[short ABORT: ${end - offset} bytes]`;
  const code = readAbortCode(bytes, offset, end);
  if (code === 0) return "[code 0]";
  const name = abortCodeName(code);
  return name === String(code) ? `code=${code}` : `code=${code} ${name}`;
}

function describeVersion(flags: number, bytes: Uint8Array, offset: number, end: number): string {
  if (isVersionRequest(flags, bytes, offset, end)) return "request";
  if (flags & PacketFlag.ClientInitiated) return "[request without its zero byte]";
  if (end - offset <= 1) return "keepalive";
  return `reply="${readVersionText(bytes, offset, end)}"`;
}

function describeDebug(flags: number, bytes: Uint8Array, offset: number, end: number): string {
  if (flags & PacketFlag.ClientInitiated) {
    const request = new DebugRequest();
    if (!readDebugRequest(flags, bytes, offset, end, request)) return `[bad request: ${end - offset} bytes]`;
    return `request=${debugTypeName(request.type)} index=${request.index}`;
  }
  // A reply does not say what it answers; the sizes tell.
  switch (end - offset) {
    case DEBUG_STATS_SIZE:
      return "reply=Stats";
    case DEBUG_CONN_SIZE:
      return "reply=Conn";
    case DEBUG_PEER_SIZE:
      return "reply=Peer";
    case RX_STATISTICS_SIZE:
      return "reply=RxStatistics";
    default:
      return isDebugError(bytes, offset, end) ? "reply=BadType" : `reply len=${end - offset}`;
  }
}

function debugTypeName(type: number): string {
  for (const [name, value] of Object.entries(DebugRequestType)) if (value === type) return name;
  return `Type(${type})`;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
