// Whatever comes in, in whatever state: nothing is thrown, counts stay true, and in the end nothing is left.
import fc from "fast-check";
import { describe, test } from "vitest";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { checkLedger, StepChecker } from "../../sim/checkers.js";
import { CLIENT_STATES, SERVICE_STATES, type Stage, stageClient, stageService } from "./calls.js";
import { FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker, type Talker } from "./packets.js";
import { addressOf, FRIEND, LAST, Listener, Rig, STRANGER } from "./rig.js";

// The same runs each time; other numbers find other things.
const SETTINGS = {
  numRuns: Number(process.env["RXRPC_FUZZ_RUNS"] ?? 300),
  seed: Number(process.env["RXRPC_FUZZ_SEED"] ?? 1),
};
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const nearby = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -2, max: 40 }) },
  { weight: 1, arbitrary: int32 },
);

type Step = (stage: Stage) => void;

const from = fc.constantFrom(
  FRIEND,
  FRIEND,
  FRIEND,
  STRANGER,
  addressOf("127.0.0.1", 7002),
  addressOf("fe80::1", 7001),
);
const numbered = (talker: Talker, delta: number, channel: number): Talker =>
  talker.with({
    callNumber: (talker.shared.callNumber as number) + delta,
    cid: ((talker.shared.cid as number) & ~3) | channel,
  });

/** A packet of the connection, most of its fields sensible and any of them not. */
const packetStep: fc.Arbitrary<Step> = fc
  .record({
    delta: fc.constantFrom(0, 0, 0, 0, 1, -1, 2),
    channel: fc.constantFrom(0, 0, 0, 1),
    kind: fc.nat({ max: 9 }),
    seq: nearby,
    size: fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(1_412, 1_500, 5_000, 17_000)),
    flags: fc.constantFrom(0, 0, LAST, PacketFlag.RequestAck, PacketFlag.JumboPacket, 0xff),
    first: nearby,
    previous: nearby,
    serial: nearby,
    reason: fc.nat({ max: 12 }),
    soft: fc.array(fc.nat({ max: 3 }), { maxLength: 40 }),
    type: fc.nat({ max: 255 }),
    from,
  })
  .map((p) => {
    return ({ rig, talker, call }: Stage) => {
      const t = numbered(talker, p.delta, p.channel);
      const base = call.tx.first;
      const bytes = [
        () => t.data(p.seq, p.size, p.flags),
        () => t.data(call.rx.next, p.size, p.flags),
        () => t.jumbo(p.seq, 1 + (p.size % 7), p.size % 1_412, p.flags),
        () =>
          t.ack({
            firstPacket: base + p.first,
            previousPacket: p.previous,
            serial: p.serial,
            reason: p.reason,
            soft: p.soft,
          }),
        () =>
          t.ack({
            firstPacket: base,
            previousPacket: base + p.previous,
            reason: AckReason.Requested,
            soft: p.soft,
            rwind: p.seq,
          }),
        () => t.ping(),
        () => t.abort(p.seq, p.from === FRIEND ? {} : { callNumber: 0 }),
        () => t.of(PacketType.AckAll),
        () => t.of(PacketType.Busy),
        () =>
          t.of(p.type, new Uint8Array(p.size % 64), {
            callNumber: p.delta === 0 ? 0 : p.seq,
            flags: p.flags,
          }),
      ][p.kind]?.();
      if (bytes !== undefined) rig.feed(bytes, p.kind === 0 ? p.from : FRIEND);
    };
  });

/** A whole packet with some of its bytes changed, or cut. */
const damagedStep: fc.Arbitrary<Step> = fc
  .record({
    kind: fc.nat({ max: 3 }),
    changes: fc.array(fc.record({ at: fc.nat({ max: 80 }), to: fc.nat({ max: 255 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    cut: fc.option(fc.nat({ max: 80 })),
  })
  .map(({ kind, changes, cut }) => {
    return ({ rig, talker }: Stage) => {
      const whole = [
        talker.data(2, 20),
        talker.ack({ firstPacket: 1, soft: [1, 0, 1] }),
        talker.abort(5),
        talker.jumbo(2, 2, 10),
      ][kind];
      if (whole === undefined) return;
      for (const { at, to } of changes) if (at < whole.length) whole[at] = to;
      rig.feed(cut === null ? whole : whole.slice(0, cut));
    };
  });

const bytesStep: fc.Arbitrary<Step> = fc.record({ bytes: fc.uint8Array({ maxLength: 120 }), from }).map(
  ({ bytes, from: remote }) =>
    ({ rig }: Stage) =>
      rig.feed(bytes, remote),
);

/** What a user does meanwhile. */
const userStep: fc.Arbitrary<Step> = fc
  .record({
    kind: fc.nat({ max: 9 }),
    amount: fc.nat({ max: 20_000 }),
    timeUs: fc.constantFrom(100, 20_000, 500_000, 5_000_000, 61_000_000),
  })
  .map(({ kind, amount, timeUs }) => {
    return ({ rig, handle }: Stage) => {
      const isOpen = handle.call !== null && !handle.isEnded && handle.call.tx.lastSeq === 0;
      switch (kind) {
        case 0:
          if (isOpen) handle.write(new Uint8Array(amount), 0, amount);
          return;
        case 1:
          if (isOpen) handle.end();
          return;
        case 2:
          handle.readInto(new Uint8Array(amount), 0, amount);
          return;
        case 3:
          handle.discardInput();
          return;
        case 4:
          if (amount < 2_000) handle.abort(amount + 1);
          return;
        case 5:
          if (amount < 2_000) handle.release();
          return;
        case 6:
          rig.poll();
          return;
        case 7:
          rig.drain();
          return;
        default:
          rig.pass(timeUs);
      }
    };
  });

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: packetStep },
    { weight: 2, arbitrary: damagedStep },
    { weight: 1, arbitrary: bytesStep },
    { weight: 3, arbitrary: userStep },
  ),
  { maxLength: 30 },
);

function play(stage: Stage, list: readonly Step[]): void {
  const { rig } = stage;
  const checker = new StepChecker();
  for (const step of list) {
    step(stage);
    checker.check(rig);
  }
  for (const handle of [stage.handle, ...rig.newCalls]) {
    if (handle.call?.isLive === true) handle.abort(1);
    handle.release();
  }
  rig.endpoint.abortAllCalls(1);
  rig.drain();
  rig.poll();
  rig.pass(15 * 60 * 1_000_000);
  checkLedger(rig);
}

describe("handleDatagram under fuzz", () => {
  for (const state of SERVICE_STATES) {
    test(`service, ${state}: never throws, leaves nothing`, () => {
      fc.assert(
        fc.property(steps, (list) => play(stageService(state), list)),
        SETTINGS,
      );
    });
  }

  for (const state of CLIENT_STATES) {
    test(`client, ${state}: never throws, leaves nothing`, () => {
      fc.assert(
        fc.property(steps, (list) => play(stageClient(state), list)),
        SETTINGS,
      );
    });
  }

  test("service with a pool of 8 buffers and 4 calls, to a stranger: never throws, leaves nothing", () => {
    const options = { buffersMax: 8, callsMax: 5, trusted: [] };
    fc.assert(
      fc.property(steps, (list) => play(stageService("AckRequest", { options }, STRANGER), list)),
      SETTINGS,
    );
  });

  test("secured service connection: never throws, leaves nothing", () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (list, isSecure) => {
        const fake = new FakeSecurity();
        const rig = new Rig({ security: [nullSecurity, fake] });
        const service = rig.offer();
        const talker = clientTalker({ securityIndex: 2 });
        rig.feed(talker.data(1, 20));
        const slot =
          rig.endpoint.local.connections.find(talker.shared.epoch as number, 0x1000, true)?.callSlot(0) ?? -1;
        const call = rig.endpoint.local.calls.at(slot);
        if (isSecure) rig.feed(talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(GOOD)));
        rig.drain();
        const handle = call.owner as Stage["handle"];
        if (isSecure) service.accept(handle, 1n);
        play({ rig, talker, handle, call, listener: new Listener() }, list);
        if (fake.live !== 0) throw new Error(`${fake.live} security contexts are left`);
      }),
      SETTINGS,
    );
  });
});
