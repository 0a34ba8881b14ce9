// Sends datagrams as fast as one process can. Usage: flood.mjs PORT
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { answerCommands } from "../../workers/worker.mjs";

// An ACK of a client for a connection that is not there: it is read and looked up, and nothing is sent back.
const HEADER_BYTES = 28;
const ACK_BODY_BYTES = 40;
const TYPE_AT = 20;
const FLAGS_AT = 21;
const ACK_TYPE = 2;
const CLIENT_INITIATED = 1;
const OUTSTANDING = 64;

const socket = createSocket({ type: "udp4", sendBufferSize: 4 << 20 });
socket.connect(Number(process.argv[2]), "127.0.0.1");
await once(socket, "connect");

const datagram = Buffer.alloc(HEADER_BYTES + ACK_BODY_BYTES);
datagram.writeUInt32BE(0xdead_beef, 0);
datagram.writeUInt32BE(0x0bad_cafc, 4);
datagram.writeUInt32BE(1, 8);
datagram[TYPE_AT] = ACK_TYPE;
datagram[FLAGS_AT] = CLIENT_INITIATED;

answerCommands(async ({ op, seconds }) => {
  if (op !== "flood") throw new RangeError(`expected op "flood", got "${op}"`);
  return flood(seconds);
});

/**
 * @param {number} seconds
 * @returns {Promise<import("../../workers/worker.mjs").Answer>}
 */
function flood(seconds) {
  return new Promise((resolve) => {
    const begin = performance.now();
    const end = begin + seconds * 1000;
    let ok = 0;
    let failed = 0;
    let underWay = 0;
    /** @param {Error | null} error */
    const sent = (error) => {
      if (error === null) ok++;
      else failed++;
      underWay--;
      if (performance.now() < end) send();
      else if (underWay === 0) resolve({ ok, failed, seconds: (performance.now() - begin) / 1000 });
    };
    const send = () => {
      underWay++;
      socket.send(datagram, sent);
    };
    for (let i = 0; i < OUTSTANDING; i++) send();
  });
}
