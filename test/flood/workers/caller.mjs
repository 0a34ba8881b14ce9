// Offers calls at a rate, whatever becomes of them: an Rx client by hand, one packet each way. Usage: caller.mjs PORT SERVICE
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { answerCommands } from "../../bench/workers/worker.mjs";
import { Pace } from "./pace.mjs";
import {
  ackBody,
  CLIENT_INITIATED,
  HEADER_BYTES,
  LAST_PACKET,
  makePacket,
  Reason,
  Type,
} from "./packets.mjs";

const SOCKETS = 8;
const CONNECTIONS = 16;
const CHANNELS = 4;
const REQUEST_BYTES = 16;
const BURST_MAX = 64;
// A call that nothing is heard of for so long is given up; the next on its channel takes its place.
const LOST_MS = 1_000;
const FIRST_EPOCH = 0x8abc_de00;
const SLOW_START_OK = 0x20;

const port = Number(process.argv[2]);
const serviceId = Number(process.argv[3]);

/** One channel, with at most one call. */
class Lane {
  callNumber = 0;
  serial = 0;
  startedMs = 0;
  isBusy = false;

  /**
   * @param {import("node:dgram").Socket} socket
   * @param {number} epoch of the socket's own: epoch and cid name a connection whatever address it comes from
   * @param {number} cid
   */
  constructor(socket, epoch, cid) {
    this.socket = socket;
    this.epoch = epoch;
    this.cid = cid;
    this.request = makePacket(
      { epoch, cid, type: Type.Data, flags: CLIENT_INITIATED | LAST_PACKET, seq: 1, serviceId },
      Buffer.alloc(REQUEST_BYTES),
    );
  }

  begin() {
    this.isBusy = true;
    this.startedMs = performance.now();
    this.request.writeUInt32BE(++this.callNumber, 8);
    this.request.writeUInt32BE(++this.serial, 16);
    this.socket.send(this.request);
  }

  /** @param {{ firstPacket?: number, serial?: number, reason?: number }} fields */
  acknowledge(fields) {
    const { epoch, cid, callNumber } = this;
    const head = { epoch, cid, callNumber, serial: ++this.serial, serviceId };
    const flags = CLIENT_INITIATED | SLOW_START_OK;
    this.socket.send(makePacket({ ...head, type: Type.Ack, flags }, ackBody(fields)));
  }
}

/** @type {Lane[]} lanes without a call */
const free = [];
/** @type {Lane[]} */
const lanes = [];
let counts = newCounts();
let whenFree = () => {};

for (let s = 0; s < SOCKETS; s++) await openSocket(FIRST_EPOCH + s);

answerCommands(async ({ op, rate, outstanding, seconds }) => {
  counts = newCounts();
  switch (op) {
    case "closed":
      return finish(await closed(outstanding, seconds));
    case "open":
      return finish((await new Pace(rate, BURST_MAX).run(seconds, offer)).seconds);
    default:
      throw new RangeError(`no such op: ${op}`);
  }
});

function newCounts() {
  return { offered: 0, done: 0, busy: 0, aborted: 0, lost: 0 };
}

/** @param {number} seconds */
function finish(seconds) {
  return { ...counts, seconds, perSecond: counts.done / seconds };
}

/** @param {number} count */
function offer(count) {
  let begun = 0;
  if (free.length < count) giveUpLost();
  for (; begun < count; begun++) {
    const lane = free.pop();
    if (lane === undefined) break;
    lane.begin();
  }
  counts.offered += begun;
  return begun;
}

function giveUpLost() {
  const before = performance.now() - LOST_MS;
  for (const lane of lanes) {
    if (!lane.isBusy || lane.startedMs > before) continue;
    counts.lost++;
    lane.isBusy = false;
    free.unshift(lane);
  }
}

/**
 * @param {number} outstanding
 * @param {number} seconds
 */
function closed(outstanding, seconds) {
  const begin = performance.now();
  return /** @type {Promise<number>} */ (
    new Promise((resolve) => {
      whenFree = () => void offer(1);
      offer(outstanding);
      setTimeout(() => {
        whenFree = () => {};
        const took = (performance.now() - begin) / 1000;
        // What is under way comes to its end before the next measurement.
        setTimeout(() => resolve(took), 100);
      }, seconds * 1000);
    })
  );
}

/** @param {number} epoch */
async function openSocket(epoch) {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  socket.connect(port, "127.0.0.1");
  await once(socket, "connect");
  /** @type {Lane[]} */
  const own = [];
  for (let i = 0; i < CONNECTIONS * CHANNELS; i++) own.push(new Lane(socket, epoch, 4 + i));
  lanes.push(...own);
  free.push(...own);
  socket.on("message", (message) => {
    const lane = own[message.readUInt32BE(4) - 4];
    if (lane !== undefined && message.readUInt32BE(8) === lane.callNumber) handle(lane, message);
  });
}

/**
 * @param {Lane} lane
 * @param {Buffer} message
 */
function handle(lane, message) {
  switch (message[20]) {
    case Type.Ack:
      if (message[HEADER_BYTES + 16] === Reason.Ping)
        lane.acknowledge({ reason: Reason.PingResponse, serial: message.readUInt32BE(16) });
      return;
    case Type.Data:
      lane.acknowledge({ firstPacket: message.readUInt32BE(12) + 1, serial: message.readUInt32BE(16) });
      if (((message[21] ?? 0) & LAST_PACKET) !== 0) end(lane, "done");
      return;
    case Type.Busy:
      return end(lane, "busy");
    case Type.Abort:
      return end(lane, "aborted");
  }
}

/**
 * @param {Lane} lane
 * @param {"done" | "busy" | "aborted"} how
 */
function end(lane, how) {
  if (!lane.isBusy) return;
  lane.isBusy = false;
  counts[how]++;
  free.push(lane);
  whenFree();
}
