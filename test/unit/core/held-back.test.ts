// A sender whose peer has no buffer: what NoSpace costs it, and what it does not.
import { describe, expect, test } from "vitest";
import type { Call } from "../../../src/core/call-object.js";
import { peerOf } from "../../../src/core/call-object.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import type { Talker } from "./packets.js";
import { Listener, Rig, type Sent } from "./rig.js";

const PACKET = 1_412;
const ROUND_TRIP_US = 1_000;
/** The timeout after two expiries with the shortest round trips: 200 ms, doubled twice. */
const HELD_BACK_US = 800_000;

interface Sending {
  readonly rig: Rig;
  readonly call: Call;
  readonly talker: Talker;
  /** Sequence numbers of the DATA packets that are to be sent now. */
  readonly sends: () => number[];
  readonly says: (reason: AckReason, firstPacket?: number, serial?: number) => number[];
}

const seqs = (sent: readonly Sent[]): number[] =>
  sent.filter(({ header }) => header.type === PacketType.Data).map(({ header }) => header.seq);

/** A client's call with a measured round trip, that has sent packets 1 to `sent` of `queued`, and no ACK of any. */
function stage(sent = 4, queued = sent, rwind = sent): Sending {
  const rig = new Rig();
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  const call = handle.call as Call;
  const talker = serverTalker(call);
  for (let i = 0; i < 8; i++) peerOf(call).rtt.addSample(ROUND_TRIP_US);
  call.tx.peerWindow = rwind;
  const sends = (): number[] => {
    rig.drain();
    return seqs(rig.poll());
  };
  const says = (reason: AckReason, firstPacket = 1, serial = 0): number[] => {
    rig.feed(talker.ack({ reason, firstPacket, serial, rwind, jumboMax: 1 }));
    return sends();
  };
  handle.write(new Uint8Array(queued * PACKET), 0, queued * PACKET);
  expect(sends().length).toBe(sent);
  return { rig, call, talker, sends, says };
}

/** Answers each packet with NoSpace, at once. @returns when packets were sent, in microseconds from now, and which */
function refuseFor(sending: Sending, durationUs: number): { atUs: number[]; sent: number[][] } {
  const { rig, says } = sending;
  const atUs: number[] = [];
  const sent: number[][] = [];
  for (let us = 10_000; us <= durationUs; us += 10_000) {
    const now = seqs(rig.pass(10_000));
    if (now.length === 0) continue;
    atUs.push(us);
    sent.push(now);
    expect(says(AckReason.NoSpace)).toEqual([]);
  }
  return { atUs, sent };
}

describe("a sender that is told NoSpace", () => {
  test("sends nothing new, and takes it neither for loss nor for an acknowledgement", () => {
    const { call, says, sends } = stage(4, 8);
    const { cwnd, ssthresh } = call.congestion;
    expect(says(AckReason.NoSpace)).toEqual([]);
    call.tx.peerWindow = 8;
    expect(sends()).toEqual([]);
    const { congestion, tx } = call;
    expect([congestion.cwnd, congestion.ssthresh, tx.inFlight, tx.first]).toEqual([cwnd, ssthresh, 4, 1]);
  });

  test("sends nothing new as a tail loss probe either", () => {
    const { rig, call, says } = stage(4, 8);
    says(AckReason.NoSpace);
    call.tx.peerWindow = 8;
    const probes = seqs(rig.pass(100_000));
    expect(probes.filter((seq) => seq > 4)).toEqual([]);
  });

  test("does not shrink its window for packets whose loss it finds by time, as it would without", () => {
    for (const [reason, shrinks] of [
      [AckReason.NoSpace, false],
      [AckReason.OutOfSequence, true],
    ] as const) {
      const { rig, call, talker, sends } = stage(2, 4, 2);
      rig.pass(5_000);
      call.tx.peerWindow = 4;
      rig.endpoint.local.scheduleCall(call);
      expect(sends()).toEqual([3, 4]);
      const before = call.congestion.cwnd;
      rig.feed(talker.ack({ reason, serial: call.tx.serials[4 & call.tx.mask] as number, rwind: 4 }));
      rig.pass(5_000);
      expect([call.tx.isHeldBack, call.congestion.cwnd < before]).toEqual([!shrinks, shrinks]);
      // Lost they are all the same.
      expect((call.tx.serials[1 & call.tx.mask] as number) > 4 || call.tx.lost > 0).toBe(true);
    }
  });

  test("offers one packet at a time, about every 0.8 s and no more rarely, for as long as it is told so", () => {
    const sending = stage(8, 20);
    const { cwnd, ssthresh } = sending.call.congestion;
    expect(sending.says(AckReason.NoSpace)).toEqual([]);
    const { atUs, sent } = refuseFor(sending, 18_000_000);
    // A tail loss probe, and from then on the first packet alone.
    expect(sent[0]?.length).toBe(1);
    expect(new Set(sent.slice(1).map(String))).toEqual(new Set(["1"]));
    const pauses = atUs.map((us, i) => us - (atUs[i - 1] ?? 0));
    expect(pauses.slice(-10)).toEqual(new Array<number>(10).fill(HELD_BACK_US));
    expect(Math.max(...pauses)).toBe(HELD_BACK_US);
    expect(sending.call.tx.inFlight).toBe(1);
    expect([sending.call.congestion.cwnd, sending.call.congestion.ssthresh]).toEqual([cwnd, ssthresh]);
  });

  test.each(["Idle", "Requested", "Duplicate", "OutOfSequence", "PingResponse", "Delay"] as const)(
    "the next ACK with reason %s sends the first packet at once",
    (name) => {
      const { says } = stage(8, 20);
      expect(says(AckReason.NoSpace)).toEqual([]);
      expect(says(AckReason[name])).toEqual([1]);
      // Once: without another NoSpace the same ACK brings nothing.
      expect(says(AckReason[name])).toEqual([]);
    },
  );

  test("all that was refused follows when the peer has a buffer again, in order", () => {
    const sending = stage(8, 20);
    sending.says(AckReason.NoSpace);
    refuseFor(sending, 3_000_000);
    expect(sending.says(AckReason.Idle)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(sending.says(AckReason.Idle, 9)).toEqual([9, 10, 11, 12, 13, 14, 15, 16]);
  });

  test("what the peer has acknowledged is not sent again: the first packet is the first that it lacks", () => {
    const { says } = stage(8, 8);
    expect(says(AckReason.NoSpace, 4)).toEqual([]);
    expect(says(AckReason.Idle, 6)).toEqual([6]);
    says(AckReason.NoSpace, 6);
    expect(says(AckReason.Idle, 9)).toEqual([]);
  });

  test("forged NoSpace and Idle in turn earn at most one packet a pair, and NoSpace alone none", () => {
    const { call, says } = stage(8, 20);
    let earned = 0;
    for (let pair = 0; pair < 200; pair++) {
      expect(says(AckReason.NoSpace)).toEqual([]);
      const sent = says(AckReason.Idle);
      expect(sent.length).toBeLessThanOrEqual(1);
      earned += sent.length;
    }
    expect(earned).toBeLessThanOrEqual(200);
    for (let i = 0; i < 200; i++) expect(says(AckReason.NoSpace)).toEqual([]);
    expect([call.tx.inFlight, call.tx.lost]).toEqual([8, 0]);
  });
});
