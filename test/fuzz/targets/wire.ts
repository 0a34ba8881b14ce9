// The readers of wire/: each is put to a datagram at two offsets, among two kinds of foreign bytes, and to a plain reading
// of the format. What it writes back must be what it read.
import { abortCodeName, readAbortCode, writeAbortCode } from "../../../src/wire/abort.js";
import {
  AckBody,
  ackReasonName,
  ackSize,
  clampTrailerWord,
  readAck,
  writeAck,
} from "../../../src/wire/ack.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_PEER_SIZE,
  DEBUG_STATS_SIZE,
  DebugConn,
  DebugPeer,
  DebugRequest,
  DebugStats,
  isDebugError,
  RX_STATISTICS_COUNT,
  RX_STATISTICS_SIZE,
  readDebugConn,
  readDebugPeer,
  readDebugRequest,
  readDebugStats,
  readRxStatistics,
  writeDebugConn,
  writeDebugPeer,
  writeDebugRequest,
  writeDebugStats,
  writeRxStatistics,
} from "../../../src/wire/debug.js";
import { describePacket } from "../../../src/wire/describe.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../../src/wire/header.js";
import {
  countJumboSegments,
  JUMBO_DATA_SIZE,
  JUMBO_SEGMENTS_MAX,
  JumboError,
  jumboErrorName,
  jumboSegmentCksum,
  jumboSegmentFlags,
  jumboSegmentOffset,
} from "../../../src/wire/jumbo.js";
import { flagNames, PacketFlag, packetTypeName } from "../../../src/wire/packet-type.js";
import {
  isVersionRequest,
  readVersionText,
  VERSION_REPLY_SIZE,
  writeVersionReply,
} from "../../../src/wire/version.js";
import { clientTalker } from "../../unit/core/packets.js";
import { holds, type Target } from "../target.js";
import { mutateDatagram } from "./layout.js";

const BYTES_MAX = 70_000;
const t = clientTalker({ serial: 1 });

/** Seeds of every reader: the packets of a call. */
const PACKETS: Readonly<Record<string, Uint8Array>> = {
  "data-last": t.data(1, 20, PacketFlag.LastPacket, { serial: 2 }),
  "jumbo-three": t.jumbo(1, 3, 10, PacketFlag.LastPacket, { serial: 3 }),
  "ack-soft": t.ack({ firstPacket: 4, previousPacket: 9, serial: 3, soft: [1, 0, 1] }, { serial: 4 }),
  ping: t.ping(5),
  abort: t.abort(-5, { serial: 6 }),
  busy: t.of(3, undefined, { serial: 7, flags: 0 }),
  "version-request": t.of(13, Uint8Array.of(0), { serial: 8 }),
  "debug-conn-request": t.of(8, Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 7), { serial: 9 }),
  challenge: t.of(6, new Uint8Array(20), { serial: 10 }),
};

const reply = (type: number, size: number): Uint8Array =>
  t.with({ flags: 0 }).of(
    type,
    Uint8Array.from({ length: size }, (_, i) => i * 7),
    { serial: 11 },
  );

function target(
  name: string,
  seeds: Readonly<Record<string, Uint8Array>>,
  check: (at: Placed) => unknown,
): Target {
  return {
    name,
    recordBytes: 1,
    bytesMax: BYTES_MAX,
    weight: 1,
    seeds,
    run(input) {
      const results = PLACES.map(([before, behind, fill]) =>
        JSON.stringify(check(place(input, before, behind, fill))),
      );
      for (const result of results)
        holds(
          result === results[0],
          `${name}: depends on the bytes around the packet: ${results[0]} against ${result}`,
        );
    },
    describe: (input) => [describePacket(input, 0, input.length)],
    mutate: mutateDatagram,
  };
}

interface Placed {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly body: number;
  readonly end: number;
  /** The packet alone, for the plain reading. */
  readonly view: DataView;
}

const PLACES: readonly (readonly [number, number, number])[] = [
  [0, 0, 0],
  [13, 400, 0],
  [13, 400, 0xff],
];

function place(input: Uint8Array, before: number, behind: number, fill: number): Placed {
  const bytes = new Uint8Array(before + input.length + behind).fill(fill);
  bytes.set(input, before);
  return {
    bytes,
    offset: before,
    body: before + HEADER_SIZE,
    end: before + input.length,
    view: new DataView(bytes.buffer, before, input.length),
  };
}

function checkHeader({ bytes, offset, end, view }: Placed): unknown {
  if (end - offset < HEADER_SIZE) return null;
  const header = new PacketHeader();
  readHeader(bytes, offset, header);
  const plain = [0, 4, 8, 12, 16].map((at) => view.getInt32(at));
  plain.push(view.getUint8(20), view.getUint8(21), view.getUint8(22), view.getUint8(23));
  plain.push(view.getUint16(24), view.getUint16(26));
  same("header", Object.values(header), plain);
  const copy = new Uint8Array(HEADER_SIZE).fill(0x33);
  writeHeader(copy, 0, header);
  sameBytes("header written back", copy, bytes.subarray(offset, offset + HEADER_SIZE));
  return [header, packetTypeName(header.type), flagNames(header.type, header.flags)];
}

function checkAck({ bytes, offset, body, end, view }: Placed): unknown {
  const ack = new AckBody();
  const isRead = readAck(bytes, body, end, ack);
  const size = end - body;
  holds(isRead === size >= 18, `an ACK of ${size} bytes was ${isRead ? "" : "not "}read`);
  if (!isRead) {
    same("an ACK that was not read", ack, new AckBody());
    return null;
  }
  const at = HEADER_SIZE;
  const nAcks = Math.min(view.getUint8(at + 17), size - 18);
  const trailer = at + 18 + nAcks + 3;
  const words = Math.max(0, Math.min(4, Math.floor((view.byteLength - trailer) / 4)));
  const word = (i: number): number => (i < words ? view.getInt32(trailer + 4 * i) : 0);
  const plain = { bufferSpace: view.getUint16(at), maxSkew: view.getUint16(at + 2) };
  same(
    "ACK",
    { ...ack, acksOffset: ack.acksOffset - offset },
    {
      ...plain,
      firstPacket: view.getInt32(at + 4),
      previousPacket: view.getInt32(at + 8),
      serial: view.getInt32(at + 12),
      reason: view.getUint8(at + 16),
      nAcks,
      acksOffset: at + 18,
      trailerWords: words,
      maxMtu: word(0),
      ifMtu: word(1),
      rwind: word(2),
      jumboMax: word(3),
    },
  );
  const acks = bytes.slice(ack.acksOffset, ack.acksOffset + ack.nAcks);
  const copy = new Uint8Array(ackSize(nAcks)).fill(0x33);
  holds(writeAck(copy, 0, ack, acks) === copy.length, "the size of an ACK is ackSize()");
  const again = new AckBody();
  readAck(copy, 0, copy.length, again);
  same("ACK written and read again", { ...again, acksOffset: 0 }, { ...ack, acksOffset: 0, trailerWords: 4 });
  sameBytes("acks[] written and read again", copy.slice(again.acksOffset, again.acksOffset + nAcks), acks);
  for (const value of [ack.maxMtu, ack.ifMtu, ack.rwind, ack.jumboMax]) {
    const clamped = clampTrailerWord(value, 1, 255);
    holds(clamped === Math.min(255, Math.max(1, value >>> 0)), `${value} clamped to ${clamped}`);
  }
  return [{ ...ack, acksOffset: 0 }, [...acks], ackReasonName(ack.reason)];
}

function checkJumbo({ bytes, offset, body, end, view }: Placed): unknown {
  if (end < body) return null;
  const flags = view.getUint8(21);
  const segments = countJumboSegments(bytes, body, end, flags);
  same("segments", segments, countPlainly(view, flags));
  if (segments < 0) return [segments, jumboErrorName(segments)];
  let bytesSeen = 0;
  const facts: number[] = [];
  for (let i = 0; i < segments; i++) {
    const from = jumboSegmentOffset(i, body);
    const to = i === segments - 1 ? end : from + JUMBO_DATA_SIZE;
    holds(from >= body && from <= to && to <= end, `segment ${i} lies outside the packet`);
    bytesSeen += to - from;
    if (i > 0) facts.push(jumboSegmentFlags(bytes, i, body), jumboSegmentCksum(bytes, i, body));
  }
  holds(bytesSeen === end - body - 4 * (segments - 1), "segments and sub-headers fill the packet");
  return [segments, facts, offset - offset];
}

// Segment by segment, as the format is told.
function countPlainly(view: DataView, flags: number): number {
  let left = view.byteLength - HEADER_SIZE;
  let at = HEADER_SIZE;
  for (let n = 1, now = flags; ; n++) {
    if ((now & 0x20) === 0) return n;
    if ((now & 4) !== 0) return JumboError.LastInside;
    if (n === JUMBO_SEGMENTS_MAX) return JumboError.TooMany;
    if (left < 1_416) return JumboError.TooShort;
    now = view.getUint8(at + 1_412);
    at += 1_416;
    left -= 1_416;
  }
}

function checkAbort({ bytes, body, end, view }: Placed): unknown {
  const code = readAbortCode(bytes, body, end);
  holds(code === (view.byteLength >= HEADER_SIZE + 4 ? view.getInt32(HEADER_SIZE) : 0), `ABORT ${code}`);
  const copy = new Uint8Array(4);
  writeAbortCode(copy, 0, code);
  holds(readAbortCode(copy, 0, 4) === code, "an ABORT code reads back");
  return [code, printable(abortCodeName(code))];
}

function checkVersion({ bytes, body, end, view }: Placed): unknown {
  if (end < body) return null;
  const flags = view.getUint8(21);
  const isRequest = isVersionRequest(flags, bytes, body, end);
  holds(isRequest === ((flags & 1) === 1 && end > body && bytes[body] === 0), "what a VERSION request is");
  const text = printable(readVersionText(bytes, body, end));
  const size = 1 + ((end - body) % VERSION_REPLY_SIZE);
  const copy = new Uint8Array(size).fill(0x33);
  writeVersionReply(copy, 0, bytes.subarray(body, end), size);
  holds(copy[size - 1] === 0, "a VERSION reply ends with a NUL");
  const again = readVersionText(copy, 0, size);
  holds(text.startsWith(again) || again.length >= size - 1, `${text} comes back as ${again}`);
  return [isRequest, text, again];
}

function checkDebug({ bytes, body, end, view }: Placed): unknown {
  if (end < body) return null;
  const size = end - body;
  const request = new DebugRequest();
  if (readDebugRequest(view.getUint8(21), bytes, body, end, request)) {
    const copy = new Uint8Array(8);
    writeDebugRequest(copy, 0, request);
    sameBytes("DEBUG request written back", copy, bytes.subarray(body, body + 8));
    const isIndexed = request.type === 2 || request.type === 3 || request.type === 5;
    holds(!isIndexed || (request.index >= 0 && request.index <= 0xfffff), `DEBUG index ${request.index}`);
  } else {
    same("a DEBUG request that was not read", request, new DebugRequest());
  }
  const stats = new DebugStats();
  holds(readDebugStats(bytes, body, end, stats) === size >= DEBUG_STATS_SIZE, "DEBUG stats by size");
  const conn = new DebugConn();
  holds(readDebugConn(bytes, body, end, conn) === size >= DEBUG_CONN_SIZE, "DEBUG conn by size");
  const peer = new DebugPeer();
  holds(readDebugPeer(bytes, body, end, peer) === size >= DEBUG_PEER_SIZE, "DEBUG peer by size");
  const numbers = new Int32Array(RX_STATISTICS_COUNT);
  holds(readRxStatistics(bytes, body, end, numbers) === size >= RX_STATISTICS_SIZE, "rx_statistics by size");
  const copies = [
    again(
      DEBUG_STATS_SIZE,
      (to) => writeDebugStats(to, 0, stats),
      (from) => {
        const back = new DebugStats();
        readDebugStats(from, 0, from.length, back);
        same("DEBUG stats written and read again", back, stats);
      },
    ),
    again(
      DEBUG_CONN_SIZE,
      (to) => writeDebugConn(to, 0, conn),
      (from) => {
        const back = new DebugConn();
        readDebugConn(from, 0, from.length, back);
        same("DEBUG conn written and read again", back, conn);
      },
    ),
    again(
      RX_STATISTICS_SIZE,
      (to) => writeRxStatistics(to, 0, numbers),
      (from) => {
        const back = new Int32Array(RX_STATISTICS_COUNT);
        readRxStatistics(from, 0, from.length, back);
        same("rx_statistics written and read again", [...back], [...numbers]);
      },
    ),
  ];
  // Counts of 2^53 and above cannot be told apart by a number.
  if (peer.bytesSent <= Number.MAX_SAFE_INTEGER && peer.bytesReceived <= Number.MAX_SAFE_INTEGER) {
    copies.push(
      again(
        DEBUG_PEER_SIZE,
        (to) => writeDebugPeer(to, 0, peer),
        (from) => {
          const back = new DebugPeer();
          readDebugPeer(from, 0, from.length, back);
          same("DEBUG peer written and read again", back, peer);
        },
      ),
    );
  }
  return [request, copies, isDebugError(bytes, body, end)];
}

// Written into memory of two fillings: every byte must be the writer's.
function again(size: number, write: (to: Uint8Array) => number, read: (from: Uint8Array) => void): string {
  const [a, b] = [0x33, 0xcc].map((fill) => {
    const to = new Uint8Array(size).fill(fill);
    holds(write(to) === size, "a writer returns where it ended");
    return to;
  }) as [Uint8Array, Uint8Array];
  sameBytes("a DEBUG body in memory of two fillings", a, b);
  read(a);
  return Buffer.from(a).toString("hex");
}

function checkDescribe({ bytes, offset, end }: Placed): unknown {
  return printable(describePacket(bytes, offset, end - offset));
}

function printable(text: string): string {
  holds(/^[\x20-\x7e]*$/.test(text), `not one line of printable ASCII: ${JSON.stringify(text)}`);
  return text;
}

function same(what: string, got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  holds(a === b, `${what}: expected ${b}, got ${a}`);
}

function sameBytes(what: string, got: Uint8Array, expected: Uint8Array): void {
  holds(Buffer.compare(got, expected) === 0, `${what}: the bytes differ`);
}

const ACKS = { "ack-soft": PACKETS["ack-soft"] as Uint8Array, ping: PACKETS["ping"] as Uint8Array };
const DEBUGS = {
  "debug-conn-request": PACKETS["debug-conn-request"] as Uint8Array,
  "debug-stats-reply": reply(8, DEBUG_STATS_SIZE),
  "debug-conn-reply": reply(8, DEBUG_CONN_SIZE),
  "debug-peer-reply": reply(8, DEBUG_PEER_SIZE),
  "debug-statistics-reply": reply(8, RX_STATISTICS_SIZE),
};
const VERSIONS = {
  "version-request": PACKETS["version-request"] as Uint8Array,
  "version-reply": reply(13, VERSION_REPLY_SIZE),
};

export const WIRE_TARGETS: readonly Target[] = [
  target("header", PACKETS, checkHeader),
  target("ack", ACKS, checkAck),
  target("jumbo", { "jumbo-three": PACKETS["jumbo-three"] as Uint8Array }, checkJumbo),
  target("abort", { abort: PACKETS["abort"] as Uint8Array }, checkAbort),
  target("version", VERSIONS, checkVersion),
  target("debug", DEBUGS, checkDebug),
  target("describe", { ...PACKETS, ...DEBUGS, ...VERSIONS }, checkDescribe),
];
