// Refuses new calls in the core, without a socket, and counts what that allocates. Prints one line of JSON. Run it with
//   node --expose-gc --min-semi-space-size=512 --max-semi-space-size=512 refusals.mjs COUNT
import { PerformanceObserver } from "node:perf_hooks";
import { Endpoint } from "../../../dist/core/endpoint.js";
import { TRANSMIT_ROOM, Transmit } from "../../../dist/core/output.js";
import { EventCache } from "../../../dist/loop/event-cache.js";
import { nullSecurity } from "../../../dist/security/null.js";
import { Address } from "../../../dist/util/address.js";
import { CLIENT_INITIATED, LAST_PACKET, makePacket, Random, Type } from "./packets.mjs";
import { ECHO_ID, NOBODYS_ID } from "./service-ids.mjs";

const REFUSALS = Number(process.argv[2] ?? 1_000_000);
const WARM_UP = 40_000;
const WARM_UP_ROUNDS = 6;
const ADDRESSES = 256;
// Past 2^31 a number is boxed where it is stored in a field or passed to a call.
const START_US = 2 ** 33;
const STEP_US = 50;

/** @type {number[]} */
const collections = [];
new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) collections.push(startTime);
}).observe({ entryTypes: ["gc"] });

class Refuser {
  // Handed over as a driver does it: the number stays the object that it is.
  now = [START_US, "us"];
  sent = 0;
  out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
  remotes;
  packet;

  /**
   * @param {number} serviceId
   * @param {boolean} isTrusted
   */
  constructor(serviceId, isTrusted) {
    const random = new Random(1);
    this.endpoint = new Endpoint({
      options: { trusted: isTrusted ? ["10.0.0.0/8"] : [] },
      random: { int32: () => random.next() | 0 },
      events: new EventCache({
        nowUs: () => 0,
        arm: () => undefined,
        onFault: (cause) => {
          throw cause;
        },
      }),
      host: { wantTransmit: () => undefined, wantTimer: () => undefined },
      security: [nullSecurity],
    });
    this.endpoint.advance(START_US);
    const settings = { serviceId: ECHO_ID, style: "kernel", policy: { kind: "busy" } };
    const limits = { callsPerPeerMax: 512, requestMaxBytes: 2 ** 50, upgradeTo: 0 };
    const notifier = { onNewCall: () => undefined, onDiscardCall: () => undefined };
    // Listening, with nothing charged: every call is refused.
    this.endpoint.addService({ ...settings, ...limits }, notifier).listen(32);
    this.remotes = Array.from({ length: ADDRESSES }, (_, i) => Address.from(`10.0.${i}.1`, 7001));
    const flags = CLIENT_INITIATED | LAST_PACKET;
    this.packet = makePacket({ type: Type.Data, flags, seq: 1, serviceId }, Buffer.alloc(64));
  }

  /** @param {number} count */
  run(count) {
    const { packet, remotes, endpoint, out, now } = this;
    for (let i = 0; i < count; i++) {
      if ((i & 31) === 0) now[0] += 32 * STEP_US;
      // Another connection each time.
      packet[5] = i >> 16;
      packet[6] = i >> 8;
      packet[7] = (i << 2) & 0xff;
      endpoint.handleDatagram(now[0], remotes[i & (ADDRESSES - 1)], packet, packet.length);
      while (endpoint.pollTransmit(out)) this.sent++;
    }
  }
}

const results = [];
for (const [name, serviceId, isTrusted] of /** @type {const} */ ([
  ["BUSY", ECHO_ID, true],
  ["ABORT", NOBODYS_ID, true],
  ["BUSY to strangers", ECHO_ID, false],
  ["ABORT to strangers", NOBODYS_ID, false],
])) {
  const refuser = new Refuser(serviceId, isTrusted);
  for (let i = 0; i < WARM_UP_ROUNDS; i++) {
    refuser.run(WARM_UP);
    // The compiler works beside us: it has done its part before the counting.
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  globalThis.gc?.();
  refuser.run(1_000);
  refuser.sent = 0;
  const from = performance.now();
  const before = process.memoryUsage().heapUsed;
  refuser.run(REFUSALS);
  const used = process.memoryUsage().heapUsed - before;
  const to = performance.now();
  results.push({ name, refused: REFUSALS, sent: refuser.sent, used, from, to });
}
// Collections are reported afterwards.
await new Promise((resolve) => setTimeout(resolve, 50));
const paths = results.map(({ name, refused, sent, used, from, to }) => ({
  name,
  refused,
  sent,
  collections: collections.filter((at) => at >= from && at <= to).length,
  bytesEach: used / refused,
  perSecond: (refused * 1000) / (to - from),
}));
console.log(JSON.stringify({ paths }));
