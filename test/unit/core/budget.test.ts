// What an address may be sent that has proved nothing: three bytes for each that came from it, whatever it sends and
// however often, counted from the outside.
import { describe, expect, test } from "vitest";
import type { EndpointOptions } from "../../../src/core/config.js";
import type { Service } from "../../../src/core/service.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketFlag, PacketType, packetTypeName } from "../../../src/wire/packet-type.js";
import { FakeSecurity } from "./fake-security.js";
import { clientTalker, type Talker } from "./packets.js";
import { LAST, Rig, SERVICE_ID, STRANGER, WANTS_ACK } from "./rig.js";

const FACTOR = 3;
const AT_ONCE = 12;
const LATER = 12;
const REPLY = new Uint8Array(64 * 1_412);
const OTHER_SERVICE = SERVICE_ID + 1;
const FAKE_INDEX = 2;

/** Counts both ways, and remembers the worst that ever was. */
class Ledger {
  readonly rig: Rig;
  readonly service: Service;
  bytesIn = 0;
  #nextId = 1n;
  bytesOut = 0;
  worst = 0;

  constructor(options: EndpointOptions = {}, backlog = 32) {
    this.rig = new Rig({ options, security: [nullSecurity, new FakeSecurity()] });
    this.service = this.rig.offer({}, backlog);
  }

  feed(bytes: Uint8Array): void {
    this.bytesIn += bytes.length;
    this.rig.feed(bytes, STRANGER);
    this.rig.drain();
    this.#count(this.rig.poll());
  }

  pass(us: number): void {
    this.#count(this.rig.pass(us));
  }

  /** The handler takes every new call, and has much to say. */
  answer(bytes = REPLY): void {
    for (const handle of this.rig.newCalls.splice(0)) {
      if (handle.isEnded) continue;
      this.service.accept(handle, this.#nextId++);
      handle.write(bytes, 0, bytes.length);
      this.rig.drain();
    }
    this.#count(this.rig.poll());
  }

  #count(sent: readonly { readonly bytes: Uint8Array }[]): void {
    for (const { bytes } of sent) {
      this.bytesOut += bytes.length;
      this.worst = Math.max(
        this.worst,
        this.bytesIn === 0 ? Number.POSITIVE_INFINITY : this.bytesOut / this.bytesIn,
      );
    }
  }
}

/** What happened before; the talker says it all. */
const STATES: Readonly<Record<string, (talker: Talker) => Ledger>> = {
  "nothing known": () => new Ledger(),
  "no spare call": () => new Ledger({ callsMax: 1 }, 0),
  "request under way": (talker) => {
    const ledger = new Ledger();
    ledger.feed(talker.data(1, 8));
    return ledger;
  },
  "reply waits for proof": (talker) => {
    const ledger = new Ledger();
    ledger.feed(talker.data(1, 8, LAST));
    ledger.answer();
    return ledger;
  },
  "reply waits, no spare call left": (talker) => {
    const ledger = new Ledger({ callsMax: 1 }, 1);
    ledger.feed(talker.data(1, 8, LAST));
    ledger.answer();
    return ledger;
  },
  "call aborted by us": (talker) => {
    const ledger = new Ledger();
    ledger.feed(talker.data(1, 8, LAST));
    const [handle] = ledger.rig.newCalls.splice(0);
    if (handle !== undefined) {
      ledger.service.accept(handle, 0n);
      handle.abort(42);
    }
    ledger.answer();
    return ledger;
  },
  "call aborted by the peer": (talker) => {
    const ledger = new Ledger();
    ledger.feed(talker.data(1, 8, LAST));
    ledger.answer();
    ledger.feed(talker.abort(7));
    return ledger;
  },
  draining: (talker) => {
    const ledger = new Ledger();
    ledger.feed(talker.data(1, 8, LAST));
    ledger.answer();
    ledger.rig.endpoint.drain();
    return ledger;
  },
};

/** Packets of every type, right and wrong. `n` counts the repeats. */
const PACKETS: Readonly<Record<string, (talker: Talker, n: number) => Uint8Array>> = {
  "empty DATA": (talker) => talker.data(1, 0, LAST),
  "DATA 1": (talker) => talker.data(1, 8, LAST),
  "DATA 1 that wants an ACK": (talker) => talker.data(1, 0, WANTS_ACK),
  "DATA in order": (talker, n) => talker.data(1 + n, 8),
  "DATA out of order": (talker, n) => talker.data(3 + 2 * n, 8),
  "DATA past the window": (talker, n) => talker.data(200 + n, 8),
  "LAST 2": (talker) => talker.data(2, 8, LAST),
  "full DATA": (talker) => talker.data(1, 1_412, LAST),
  "a new call on the channel": (talker, n) => next(talker, n).data(1, 0, LAST),
  "a new call on a new connection": (talker, n) => talker.with({ cid: 0x20_000 + 4 * n }).data(1, 0, LAST),
  "a new call under another service's id": (talker, n) =>
    next(talker, n).with({ serviceId: OTHER_SERVICE }).data(1, 0, LAST),
  "a new connection to another service": (talker, n) =>
    talker.with({ cid: 0x20_000 + 4 * n, serviceId: OTHER_SERVICE }).data(1, 0, LAST),
  "a security index nobody offers": (talker, n) =>
    talker.with({ cid: 0x20_000 + 4 * n, securityIndex: 9 }).data(1, 0, LAST),
  "DATA that is to be challenged": (talker, n) =>
    talker.with({ cid: 0x20_000 + 4 * n, securityIndex: FAKE_INDEX }).data(1, 0, LAST),
  "DATA of one challenged connection": (talker) =>
    talker.with({ cid: 0x30_000, securityIndex: FAKE_INDEX }).data(1, 0, LAST),
  ACK: (talker) => talker.ack(),
  "ACK of what was never sent": (talker) => talker.ack({ firstPacket: 100 }),
  PING: (talker) => talker.ping(),
  "PING for a new call": (talker, n) => next(talker, n).ping(),
  "a guessed answer to a PING": (talker, n) => talker.ack({ reason: AckReason.PingResponse, serial: n }),
  ABORT: (talker) => talker.abort(5),
  "ABORT of the connection": (talker) => talker.with({ callNumber: 0 }).abort(5),
  VERSION: (talker) => talker.of(PacketType.Version, new Uint8Array(1)),
  DEBUG: (talker, n) => talker.of(PacketType.Debug, Uint8Array.of(0, 0, 0, 1 + (n % 6), 0, 0, 0, 0)),
  ...Object.fromEntries(
    Array.from({ length: 16 }, (_, type) => [
      `bare ${packetTypeName(type)}`,
      (talker: Talker) => talker.of(type),
    ]),
  ),
  ...Object.fromEntries(
    [PacketType.Ack, PacketType.AckAll, PacketType.Busy, PacketType.Challenge, PacketType.Response].map(
      (type) => [`long ${packetTypeName(type)}`, (talker: Talker) => talker.of(type, new Uint8Array(60))],
    ),
  ),
};

function next(talker: Talker, n: number): Talker {
  return talker.with({ callNumber: (talker.shared.callNumber as number) + 1 + n });
}

function worstRatio(state: string, packet: string): number {
  const talker = clientTalker();
  const ledger = (STATES[state] as (talker: Talker) => Ledger)(talker);
  const make = PACKETS[packet] as (talker: Talker, n: number) => Uint8Array;
  for (let n = 0; n < AT_ONCE; n++) {
    ledger.feed(make(talker, n));
    ledger.answer();
  }
  for (let n = 0; n < LATER; n++) {
    ledger.pass(1_000_000);
    ledger.feed(make(talker, AT_ONCE + n));
    ledger.answer();
  }
  // Retransmissions, PINGs and challenges go on until the calls are given up.
  ledger.pass(120_000_000);
  return ledger.worst;
}

describe("an address that has proved nothing is never sent more than three times what it sent", () => {
  for (const state of Object.keys(STATES)) {
    test(state, ({ task }) => {
      const ratios: Record<string, number> = {};
      for (const packet of Object.keys(PACKETS)) ratios[`${packet}, ${state}`] = worstRatio(state, packet);
      Object.assign(task.meta, { ratios });
      const over = Object.entries(ratios).filter(([, ratio]) => ratio > FACTOR);
      expect(over).toEqual([]);
      // Somebody was answered, or nothing was measured.
      expect(Math.max(...Object.values(ratios))).toBeGreaterThan(0.5);
    });
  }
});

test("types without a name and flags without a meaning earn nothing", () => {
  const ledger = new Ledger();
  for (let type = 0; type < 256; type++) {
    if (type === PacketType.Data || type === PacketType.Version) continue;
    for (const flags of [0, PacketFlag.ClientInitiated, 0xff]) ledger.feed(clientTalker({ flags }).of(type));
  }
  ledger.pass(60_000_000);
  expect(ledger.bytesOut).toBe(0);
});
