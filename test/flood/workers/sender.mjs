// What sender.c does, for where there is no compiler. Usage: sender.mjs PORT FILE
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { answerCommands } from "../../bench/workers/worker.mjs";
import { Pace } from "./pace.mjs";

const SOCKETS = 16;
// At full speed: enough that the socket always has one to send, few enough that the loop turns.
const BURST_MAX = 256;

const port = Number(process.argv[2]);
const packets = readPackets(String(process.argv[3]));
const sockets = await Promise.all(Array.from({ length: SOCKETS }, openSocket));

answerCommands(async ({ op, rate, seconds }) => {
  if (op !== "flood") throw new RangeError(`expected op "flood", got "${op}"`);
  let next = 0;
  return new Pace(rate, BURST_MAX).run(seconds, (count) => {
    for (let i = 0; i < count; i++, next++) {
      sockets[next % SOCKETS]?.send(/** @type {Buffer} */ (packets[next % packets.length]));
    }
    return count;
  });
});

/** @param {string} path */
function readPackets(path) {
  const bytes = readFileSync(path);
  const parts = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return parts;
}

async function openSocket() {
  const socket = createSocket({ type: "udp4", sendBufferSize: 4 << 20 });
  // What is sent to a server that has gone is told to nobody.
  socket.on("error", () => {});
  socket.connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}
