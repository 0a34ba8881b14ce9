// Counts what the packet paths of floors 0 to 3 allocate. Run as a process of its own, so that nothing else allocates:
//   node --expose-gc --no-concurrent-recompilation --min-semi-space-size=512 --max-semi-space-size=512 test/alloc/packets.mjs [packets per path]
// Prints one JSON line: for each path the packets handled, the garbage collections, and the heap bytes per packet.
import { PerformanceObserver } from "node:perf_hooks";
import { Endpoint } from "../../dist/core/endpoint.js";
import { TRANSMIT_ROOM, Transmit } from "../../dist/core/output.js";
import { EventCache } from "../../dist/loop/event-cache.js";
import { nullSecurity } from "../../dist/security/null.js";
import { Address } from "../../dist/util/address.js";
import { putInt32 } from "../../dist/util/bytes.js";
import { AckBody, AckReason, writeAck } from "../../dist/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../dist/wire/header.js";
import { PacketFlag, PacketType } from "../../dist/wire/packet-type.js";

const PACKETS = Number(process.argv[2] ?? 250_000);
// In rounds with a pause between, so that what the runtime puts off until it is idle is done before the counting. The compiler
// works in our own thread: beside us it would be done, on a busy machine, at any time, and slow code boxes its numbers.
const WARM_UP = 40_000;
const WARM_UP_ROUNDS = 6;
// Microseconds: past 2^31 a number is boxed where it is stored in a field or passed to a call.
const START_US = 2 ** 33;
const SERVICE = 147;
const PAYLOAD = 152;

// The runtime reports its collections afterwards, each with the moment it began.
const collections = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) collections.push(entry.startTime);
}).observe({ entryTypes: ["gc"] });

let seed = 1;
const random = {
  int32() {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed;
  },
};

/** An endpoint without I/O, and the peer's side of one connection written by hand. */
class Rig {
  // Beside a text the number stays the object it is: what is measured is handed the same one, as a driver hands its own.
  now = [START_US, "us"];
  fed = 0;
  out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
  remote = Address.from("192.0.2.7", 7001);
  header = new PacketHeader();
  data = new Uint8Array(HEADER_SIZE + PAYLOAD);
  full = new Uint8Array(HEADER_SIZE + 1412);
  ack = new Uint8Array(HEADER_SIZE + 37);
  body = new AckBody();
  handle = null;
  wantsRoom = false;

  constructor() {
    this.events = new EventCache({
      nowUs: () => 0,
      arm: () => undefined,
      onFault: (cause) => {
        throw cause;
      },
    });
    this.endpoint = new Endpoint({
      options: { trusted: ["192.0.2.0/24"], connectionsMax: 256, tombstonesMax: 64 },
      random,
      events: this.events,
      host: { wantTransmit: () => undefined, wantTimer: () => undefined },
      security: [nullSecurity],
    });
    this.endpoint.advance(START_US);
    const listener = {
      handleCallEvents: (handle, events) => {
        if ((events & 8) !== 0) handle.release();
      },
    };
    this.service = this.endpoint.addService(
      {
        serviceId: SERVICE,
        style: "kernel",
        policy: { kind: "busy" },
        callsPerPeerMax: 512,
        requestMaxBytes: 2 ** 50,
        upgradeTo: 0,
      },
      {
        onNewCall: (handle) => {
          handle.listener = listener;
          this.handle = handle;
        },
        onDiscardCall: () => undefined,
      },
    );
    this.service.listen(32);
  }

  /** Fills in the header of a packet from the client. */
  write(bytes, type, flags, cid, callNumber, seq, serial) {
    const header = this.header;
    header.epoch = 0x9abcdef0 | 0;
    header.cid = cid;
    header.callNumber = callNumber;
    header.seq = seq;
    header.serial = serial;
    header.type = type;
    header.flags = flags | PacketFlag.ClientInitiated;
    header.userStatus = 0;
    header.securityIndex = 0;
    header.cksum = 0;
    header.serviceId = SERVICE;
    writeHeader(bytes, 0, header);
  }

  /** The datagram comes, and everything there is to send goes. Time passes every 64 datagrams. */
  feed(bytes) {
    if ((++this.fed & 63) === 0) this.now[0] += 3_200;
    this.endpoint.handleDatagram(this.now[0], this.remote, bytes, bytes.length);
    this.drain();
  }

  drain() {
    while (this.endpoint.pollTransmit(this.out));
  }
}

/** DATA in the middle of one long request, every packet in order, its reader wanting nothing of it. */
function dataPath() {
  const rig = new Rig();
  rig.service.chargeAccept(1n, null);
  rig.write(rig.data, PacketType.Data, 0, 0x1000, 1, 1, 1);
  rig.feed(rig.data);
  rig.events.drain();
  rig.handle.discardInput();
  let seq = 1;
  return (count) => {
    for (let i = 0; i < count; i++) {
      seq++;
      rig.write(rig.data, PacketType.Data, 0, 0x1000, 1, seq, seq);
      rig.feed(rig.data);
      if ((seq & 31) === 0) rig.events.drain();
    }
  };
}

/** ACKs of one long reply: each moves the window by one packet, and the next goes out. */
function ackPath() {
  const rig = new Rig();
  rig.service.chargeAccept(1n, null);
  rig.write(rig.data, PacketType.Data, PacketFlag.LastPacket, 0x1000, 1, 1, 1);
  rig.feed(rig.data);
  rig.events.drain();
  const chunk = new Uint8Array(1412);
  while (rig.handle.write(chunk, 0, 1412) === 1412);
  rig.drain();
  let first = 1;
  let serial = 1;
  return (count) => {
    for (let i = 0; i < count; i++) {
      first++;
      serial++;
      rig.body.firstPacket = first;
      rig.body.previousPacket = first;
      rig.body.serial = 0;
      rig.body.reason = AckReason.Idle;
      rig.body.nAcks = 0;
      rig.body.maxMtu = 1444;
      rig.body.ifMtu = 1444;
      rig.body.rwind = 32;
      rig.body.jumboMax = 1;
      rig.write(rig.ack, PacketType.Ack, PacketFlag.SlowStartOk, 0x1000, 1, 0, serial);
      writeAck(rig.ack, HEADER_SIZE, rig.body, rig.ack);
      rig.feed(rig.ack);
      rig.handle.write(chunk, 0, 1412);
      rig.drain();
      if ((serial & 31) === 0) rig.events.drain();
    }
  };
}

/** First packets for which the rings hold nothing: BUSY. */
function busyPath() {
  const rig = new Rig();
  let cid = 0x1000;
  return (count) => {
    for (let i = 0; i < count; i++) {
      cid = (cid + 4) | 0;
      rig.write(rig.data, PacketType.Data, PacketFlag.LastPacket, cid, 1, 1, 1);
      rig.feed(rig.data);
    }
  };
}

/**
 * First packets that are accepted. Charging makes the handle that its user keeps, so it stands outside of what is measured:
 * 32 charges, then 32 accepted calls, of which the first of each channel ends the one before.
 */
function acceptPath(isNewConnection) {
  const rig = new Rig();
  const handles = [];
  let userId = 0n;
  let callNumber = 0;
  let cid = 0x1000;
  const charge = () => {
    for (const handle of handles.splice(0)) handle.release();
    rig.drain();
    rig.events.drain();
    rig.now[0] += isNewConnection ? 700_000_000 : 100;
    if (isNewConnection) for (let i = 0; i < 8; i++) rig.endpoint.handleTimeout((rig.now[0] += 130_000_000));
    for (let i = 0; i < 32; i++) handles.push(rig.service.chargeAccept(userId++, null));
  };
  const accept = () => {
    for (let i = 0; i < 32; i++) {
      if (isNewConnection) {
        cid = (cid + 4) | 0;
        callNumber = 1;
      } else {
        cid = 0x1000 + (i & 3) + ((i >> 2) << 2);
        if (i === 0) callNumber++;
      }
      rig.write(rig.data, PacketType.Data, PacketFlag.LastPacket, cid, callNumber, 1, callNumber);
      rig.feed(rig.data);
    }
  };
  return { charge, accept, rig };
}

const heap = () => process.memoryUsage().heapUsed;

async function warmUp(run) {
  for (let i = 0; i < WARM_UP_ROUNDS; i++) {
    run(WARM_UP);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}

async function measure(name, run) {
  await warmUp(run);
  globalThis.gc();
  run(1_000);
  const from = performance.now();
  const before = heap();
  run(PACKETS);
  const used = heap() - before;
  return { name, packets: PACKETS, from, to: performance.now(), bytesPerPacket: used / PACKETS };
}

// What asking for the heap's size costs by itself: the median, since now and then it finds more.
// Of many, so that it is the cost of compiled code, as in the counting.
function costOfAsking() {
  const costs = new Float64Array(100_001);
  for (let i = 0; i < costs.length; i++) {
    const from = heap();
    costs[i] = heap() - from;
  }
  return costs.subarray(-1_001).sort()[500];
}

async function measureAccepts(name, path) {
  const rounds = Math.ceil(PACKETS / 32);
  await warmUp((count) => {
    for (let i = 0; i < count / 32; i++) {
      path.charge();
      path.accept();
    }
  });
  globalThis.gc();
  const empty = costOfAsking();
  const start = performance.now();
  let used = 0;
  let accepted = path.rig.service.counters.accepted;
  for (let i = 0; i < rounds; i++) {
    path.charge();
    const from = heap();
    path.accept();
    used += heap() - from;
  }
  accepted = path.rig.service.counters.accepted - accepted;
  used -= empty * rounds;
  return { name, packets: accepted, from: start, to: performance.now(), bytesPerPacket: used / accepted };
}

const results = [];
results.push(await measure("DATA", dataPath()));
results.push(await measure("ACK", ackPath()));
results.push(await measure("BUSY", busyPath()));
results.push(await measureAccepts("accept, known connection", acceptPath(false)));
results.push(await measureAccepts("accept, new connection", acceptPath(true)));
// Collections are reported asynchronously.
await new Promise((resolve) => setTimeout(resolve, 50));
const counted = results.map(({ name, packets, from, to, bytesPerPacket }) => ({
  name,
  packets,
  collections: collections.filter((at) => at >= from && at <= to).length,
  bytesPerPacket: Math.round(bytesPerPacket * 100) / 100,
}));
console.log(JSON.stringify(counted));
