// Rows about bytes and fields: headers, ACK bodies, serial numbers.
import { seqDiff } from "../../../dist/util/serial.js";
import { AckBody, AckReason, ackSize, readAck, writeAck } from "../../../dist/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../../dist/wire/header.js";
import { seededRandom } from "../statistics.mjs";
import { timeWithoutGarbage } from "./stage.mjs";

// As many datagrams go round as are worth reading ahead for: a single one would be in registers.
const DATAGRAMS = 256;
const DATAGRAM_BYTES = 180;
const SOFT_ACKS = 32;
const random = seededRandom(1);
const int32 = () => (random() * 0x1_0000_0000) | 0;

function makeDatagrams() {
  return Array.from({ length: DATAGRAMS }, () => Uint8Array.from({ length: DATAGRAM_BYTES }, int32));
}

function headerParse() {
  const datagrams = makeDatagrams();
  const header = new PacketHeader();
  return (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      readHeader(datagrams[i & (DATAGRAMS - 1)], 0, header);
      sum ^= header.serial + header.serviceId;
    }
    return sum;
  };
}

function headerWrite() {
  const datagrams = makeDatagrams();
  const header = new PacketHeader();
  readHeader(datagrams[0], 0, header);
  return (count) => {
    for (let i = 0; i < count; i++) {
      header.seq = i;
      header.serial = (header.serial + 1) | 0;
      writeHeader(datagrams[i & (DATAGRAMS - 1)], 0, header);
    }
    return header.serial;
  };
}

/** @param {number} softAcks */
function makeBody(softAcks) {
  const body = new AckBody();
  body.firstPacket = 1_000;
  body.reason = AckReason.Requested;
  body.nAcks = softAcks;
  body.maxMtu = 5_692;
  body.ifMtu = 1_444;
  body.rwind = 32;
  body.jumboMax = 4;
  return body;
}

/** @param {number} softAcks */
function ackBuild(softAcks) {
  const datagrams = makeDatagrams();
  const body = makeBody(softAcks);
  const acks = new Uint8Array(SOFT_ACKS).fill(1);
  return (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      body.firstPacket = i;
      body.serial = (body.serial + 1) | 0;
      sum ^= writeAck(datagrams[i & (DATAGRAMS - 1)], HEADER_SIZE, body, acks);
    }
    return sum;
  };
}

/** @param {number} softAcks */
function ackParse(softAcks) {
  const datagrams = makeDatagrams();
  const acks = new Uint8Array(SOFT_ACKS).fill(1);
  for (const bytes of datagrams) writeAck(bytes, HEADER_SIZE, makeBody(softAcks), acks);
  const body = new AckBody();
  const end = HEADER_SIZE + ackSize(softAcks);
  return (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      if (readAck(datagrams[i & (DATAGRAMS - 1)], HEADER_SIZE, end, body)) sum ^= body.rwind + body.nAcks;
    }
    return sum;
  };
}

function serial() {
  const numbers = Int32Array.from({ length: 1_024 }, int32);
  return (count) => {
    let ahead = 0;
    for (let i = 0; i < count; i++) if (seqDiff(numbers[i & 1_023], numbers[(i + 1) & 1_023]) > 0) ahead++;
    return ahead;
  };
}

/** @type {Record<string, (stage: import("./stage.mjs").Stage) => Promise<import("../memory/report.mjs").Finding>>} */
export const rows = {
  "header-parse": (stage) => timeWithoutGarbage(stage, [{ name: "parse", run: headerParse() }]),
  "header-write": (stage) => timeWithoutGarbage(stage, [{ name: "write", run: headerWrite() }]),
  "ack-parse": (stage) =>
    timeWithoutGarbage(stage, [
      { name: "no soft ACKs", run: ackParse(0) },
      { name: `${SOFT_ACKS} soft ACKs`, run: ackParse(SOFT_ACKS) },
    ]),
  "ack-build": (stage) =>
    timeWithoutGarbage(stage, [
      { name: "no soft ACKs", run: ackBuild(0) },
      { name: `${SOFT_ACKS} soft ACKs`, run: ackBuild(SOFT_ACKS) },
    ]),
  serial: (stage) => timeWithoutGarbage(stage, [{ name: "compare", run: serial() }]),
};
