// A mix of what strangers can send: junk, replays of real calls, new calls from many ports, calls that earn BUSY.
// Usage: mix.mjs PORT SEED
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { RxSocket } from "../../../dist/index.js";
import { answerCommands } from "../../bench/workers/worker.mjs";
import { makeJunk } from "./junk-packets.mjs";
import { Pace } from "./pace.mjs";
import { CLIENT_INITIATED, LAST_PACKET, makePacket, Random, Type } from "./packets.mjs";
import { ECHO_ID, NARROW_ID } from "./service-ids.mjs";

const JUNK_PACKETS = 2048;
const PORTS = 256;
const HOSTS = 64;
const RECORDED_CALLS = 32;
const BURST_MAX = 64;

const port = Number(process.argv[2]);
const random = new Random(Number(process.argv[3]));
const junk = makeJunk(random.next() >>> 1, JUNK_PACKETS);
const sockets = await Promise.all(Array.from({ length: PORTS }, (_, i) => openSocket(i)));
const replays = await record();

/** @type {((at: number) => void)[]} each sends one datagram; they take turns */
const ways = [
  (at) => socketAt(at).send(/** @type {Buffer} */ (junk[at % junk.length])),
  (at) => replays.again(at),
  (at) => socketAt(at).send(newCall(ECHO_ID)),
  (at) => socketAt(at % 4).send(newCall(NARROW_ID)),
];

answerCommands(async ({ op, rate, seconds }) => {
  if (op !== "flood") throw new RangeError(`expected op "flood", got "${op}"`);
  let next = 0;
  const sent = await new Pace(rate, BURST_MAX).run(seconds, (count) => {
    for (let i = 0; i < count; i++, next++) ways[next % ways.length]?.(Math.floor(next / ways.length));
    return count;
  });
  return sent;
});

/** @param {number} at */
function socketAt(at) {
  return /** @type {import("node:dgram").Socket} */ (sockets[at % sockets.length]);
}

/** @param {number} serviceId */
function newCall(serviceId) {
  return makePacket(
    {
      epoch: random.next() | 0x8000_0000,
      cid: random.next(),
      type: Type.Data,
      flags: CLIENT_INITIATED | LAST_PACKET,
      seq: 1,
      serviceId,
    },
    Buffer.alloc(32),
  );
}

/** @param {number} i */
async function openSocket(i) {
  const socket = createSocket({ type: "udp4", sendBufferSize: 1 << 20 });
  // What is sent to a server that has gone is told to nobody.
  socket.on("error", () => {});
  await bindTo(socket, `127.101.${i % HOSTS}.1`);
  socket.connect(port, "127.0.0.1");
  await once(socket, "connect");
  // Replies are not read: a stranger that never proves its address.
  return socket;
}

/**
 * A host of its own where the system has all of 127.0.0.0/8 on its loopback.
 *
 * @param {import("node:dgram").Socket} socket
 * @param {string} host
 */
function bindTo(socket, host) {
  return new Promise((resolve) => {
    socket.once("listening", () => resolve(undefined));
    socket.once("error", () => socket.bind(0, "127.0.0.1"));
    socket.bind(0, host);
  });
}

/** Real calls, whose packets are sent again and again: from the address they came from, and from others. */
async function record() {
  /** @type {Buffer[]} */
  const packets = [];
  /** @type {import("../../../dist/index.js").DatagramTransport | undefined} */
  let inner;
  const recorder = (/** @type {import("../../../dist/index.js").DatagramTransport} */ transport) => {
    inner = transport;
    return {
      local: transport.local,
      counters: transport.counters,
      open: (sink) => transport.open(sink),
      close: () => transport.close(),
      send: (bytes, offset, length, remote, host) => {
        packets.push(Buffer.from(bytes.subarray(offset, offset + length)));
        to ??= Object.assign(Object.create(Object.getPrototypeOf(remote)), remote);
        return transport.send(bytes, offset, length, remote, host);
      },
    };
  };
  /** @type {any} */
  let to;
  const socket = await RxSocket.bind({ wrapTransport: recorder });
  const connection = socket.connect({ host: "127.0.0.1", port, serviceId: ECHO_ID });
  const calls = Array.from({ length: RECORDED_CALLS }, (_, i) =>
    connection.call(new Uint8Array(64 << (i % 6))),
  );
  await Promise.all(calls);
  return {
    /** @param {number} at */
    again: (at) => {
      const bytes = /** @type {Buffer} */ (packets[(at >> 1) % packets.length]);
      if ((at & 1) === 0) socketAt(at).send(bytes);
      else inner?.send(bytes, 0, bytes.length, to, "127.0.0.1");
    },
  };
}
