// Loss by time of sending: which packets are lost at which microsecond, and what is set when none is yet.
import { describe, expect, test } from "vitest";
import { type Call, Deadline, ResendKind } from "../../../src/core/call-object.js";
import { detectLosses, handleResendTimeout, noteDelivered } from "../../../src/core/rack.js";
import { TransmitCell, TransmitFlag } from "../../../src/core/transmit-window.js";
import { type Stage, stageService } from "./calls.js";
import { nameOf } from "./rig.js";

const PACKET = 1_412;
const RTT_US = 20_000;

/** Five packets sent 1 ms apart; time stands at the sending of the first. */
function sending(minUs = 8_000, srttUs = RTT_US): Stage & { sentAt: number; at: (us: number) => void } {
  const stage = stageService("AckRequest");
  const { rig, call, handle } = stage;
  const peer = call.connection?.peer;
  Object.assign(peer?.rtt as object, { samples: 9, srttUs, rttvarUs: 1_000, minUs });
  const sentAt = rig.nowUs;
  for (let n = 0; n < 5; n++) {
    rig.nowUs = sentAt + 1_000 * n;
    rig.endpoint.advance(rig.nowUs);
    handle.write(new Uint8Array(PACKET), 0, PACKET);
    rig.poll();
  }
  const at = (us: number): void => {
    rig.nowUs = sentAt + us;
    rig.endpoint.advance(rig.nowUs);
  };
  return { ...stage, sentAt, at };
}

function deliver(call: Call, seq: number): void {
  noteDelivered(call, seq & call.tx.mask);
  call.tx.markSoftAcked(seq);
  call.tx.highestAcked = Math.max(call.tx.highestAcked, seq);
}

function lostOf(call: Call): number[] {
  const lost: number[] = [];
  for (let seq = call.tx.first; seq < call.tx.next; seq++) {
    if (((call.tx.flags[seq & call.tx.mask] as number) & TransmitFlag.Lost) !== 0) lost.push(seq);
  }
  return lost;
}

/** When packet 1 is lost, counted from its sending, after packet 2 has been delivered. */
function lostAfter(minUs: number, srttUs: number, steps: number): number {
  const { rig, call, at } = sending(minUs, srttUs);
  call.tx.reorderSteps = steps;
  deliver(call, 2);
  at(5_000);
  detectLosses(rig.endpoint.local, call, true);
  if (lostOf(call).length > 0) return -1;
  expect(call.resendKind).toBe(ResendKind.Reorder);
  const dueUs = call.deadlines[Deadline.Resend] as number;
  for (const [us, lost] of [
    [dueUs - 1, []],
    [dueUs, [1]],
  ] as const) {
    rig.endpoint.advance(us);
    detectLosses(rig.endpoint.local, call, false);
    expect(lostOf(call)).toEqual(lost);
  }
  return dueUs - (call.tx.sentAt[1 & call.tx.mask] as number);
}

describe("a packet is lost", () => {
  test.each([
    // least round trip, smoothed one, steps, time since it was sent
    [8_000, RTT_US, 1, 22_000],
    [8_000, RTT_US, 3, 26_000],
    // The window is a round trip at most.
    [8_000, RTT_US, 10, 40_000],
    [8_000, RTT_US, 11, 40_000],
    [8_000, 80_000, 16, 112_000],
    // It has sixteen steps at most.
    [8_000, 80_000, 17, 112_000],
    // It is a millisecond at least, also where the round trip is less.
    [400, RTT_US, 5, 21_000],
    [4_000, RTT_US, 1, 21_000],
    [4_004, RTT_US, 1, 21_001],
    [100, 5_000, 16, 6_000],
  ])("with round trips of %i and %i us and %i steps, %i us after it was sent", (min, srtt, steps, us) => {
    expect(lostAfter(min, srtt, steps)).toBe(us);
  });

  test("with a very short path a millisecond after its round trip", () => {
    expect(lostAfter(100, 4_500, 1)).toBe(5_500);
  });

  test("only if something sent after it was delivered, whatever the time", () => {
    const { rig, call, at } = sending();
    deliver(call, 3);
    at(1_000_000);
    detectLosses(rig.endpoint.local, call, true);
    expect(lostOf(call)).toEqual([1, 2]);
  });

  test("each at its own time: the timer waits for the last of them", () => {
    const { rig, call, at, sentAt } = sending();
    deliver(call, 4);
    at(22_500);
    detectLosses(rig.endpoint.local, call, true);
    expect(lostOf(call)).toEqual([1]);
    expect([call.resendKind, (call.deadlines[Deadline.Resend] as number) - sentAt]).toEqual([
      ResendKind.Reorder,
      24_000,
    ]);
    at(24_000);
    detectLosses(rig.endpoint.local, call, false);
    expect(lostOf(call)).toEqual([1, 2, 3]);
  });

  test("of a burst, those with lower numbers than what was delivered", () => {
    const { rig, call, at, sentAt } = sending();
    for (let seq = 1; seq <= 5; seq++) call.tx.sentAt[seq & call.tx.mask] = sentAt;
    deliver(call, 3);
    at(22_000);
    detectLosses(rig.endpoint.local, call, true);
    expect(lostOf(call)).toEqual([1, 2]);
  });

  test("and the path slows down once, and is sent small datagrams", () => {
    const { rig, call, at } = sending();
    const peer = call.connection?.peer;
    if (!peer) throw new Error("no peer");
    peer.jumboMax = 4;
    peer.segments = 4;
    deliver(call, 4);
    at(100_000);
    detectLosses(rig.endpoint.local, call, true);
    // Five are outstanding, half of which is two.
    expect([call.congestion.cwnd, call.congestion.recoverySeq, call.owesResend, peer.segments]).toEqual([
      2,
      6,
      true,
      1,
    ]);
  });

  test("but a peer that has no buffer says nothing about the path", () => {
    const { rig, call, at } = sending();
    call.tx.isHeldBack = true;
    deliver(call, 4);
    at(100_000);
    detectLosses(rig.endpoint.local, call, true);
    expect([lostOf(call), call.congestion.cwnd, call.owesResend]).toEqual([[1, 2, 3], 10, false]);
  });

  test("what was sent twice tells nothing by its delivery", () => {
    const { call, at, rig } = sending();
    const { tx } = call;
    tx.markLost(5);
    at(9_000);
    tx.markSent(5, 999, rig.endpoint.local.clock);
    noteDelivered(call, 5 & tx.mask);
    expect(tx.cells[TransmitCell.RackSentAt]).toBe(0);
    noteDelivered(call, 4 & tx.mask);
    noteDelivered(call, 2 & tx.mask);
    expect(tx.cells[TransmitCell.RackSentAt]).toBe(tx.sentAt[4 & tx.mask]);
  });
});

describe("the timer when nothing may be lost soon", () => {
  test("is begun anew by news, and otherwise only if it stood for reordering or for nothing", () => {
    const { rig, call, at, sentAt } = sending();
    const { local } = rig.endpoint;
    const due = (): number => (call.deadlines[Deadline.Resend] as number) - sentAt;
    const before = due();
    at(6_000);
    detectLosses(local, call, false);
    expect(due()).toBe(before);
    detectLosses(local, call, true);
    expect([call.resendKind, due()]).toEqual([ResendKind.TailProbe, 56_000]);
    at(7_000);
    call.resendKind = ResendKind.Reorder;
    detectLosses(local, call, false);
    expect([call.resendKind, due()]).toEqual([ResendKind.TailProbe, 57_000]);
    at(8_000);
    call.deadlines[Deadline.Resend] = Number.POSITIVE_INFINITY;
    detectLosses(local, call, false);
    expect(due()).toBe(58_000);
  });
});

describe("when it comes up", () => {
  test("a timeout takes all for lost and begins again with one packet, unless the peer has no buffer", () => {
    for (const isHeldBack of [false, true]) {
      const { rig, call, at } = sending();
      const { tx } = call;
      deliver(call, 2);
      tx.isHeldBack = isHeldBack;
      call.hasProbed = true;
      call.resendKind = ResendKind.Timeout;
      at(300_000);
      handleResendTimeout(rig.endpoint.local, call);
      expect([lostOf(call), tx.backoff, call.hasProbed]).toEqual([[1, 3, 4, 5], 1, false]);
      expect([call.congestion.cwnd, call.congestion.recoverySeq]).toEqual(isHeldBack ? [10, 0] : [1, 6]);
      expect((call.deadlines[Deadline.Resend] as number) - rig.nowUs).toBe(400_000);
      expect(rig.names()).toEqual(["DATA 1"]);
    }
  });

  test("a probe is one packet, and the timeout follows", () => {
    const { rig, call, at } = sending();
    call.resendKind = ResendKind.TailProbe;
    at(60_000);
    handleResendTimeout(rig.endpoint.local, call);
    expect([call.hasProbed, call.owesProbe, call.resendKind]).toEqual([true, true, ResendKind.Timeout]);
    expect(rig.names()).toEqual(["DATA 5"]);
    expect([lostOf(call), call.tx.backoff]).toEqual([[], 0]);
  });

  test("what stands for nothing does nothing", () => {
    const { rig, call, at } = sending();
    call.resendKind = ResendKind.None;
    at(1_000_000);
    handleResendTimeout(rig.endpoint.local, call);
    expect([lostOf(call), rig.names()]).toEqual([[], []]);
  });

  test("a PING goes along while the path is not known and none is under way, with a probe as with a timeout", () => {
    for (const kind of [ResendKind.TailProbe, ResendKind.Timeout]) {
      for (const [samples, pingSerial, isAsked] of [
        [0, 0, true],
        [1, 0, false],
        [0, 77, false],
      ] as const) {
        const { rig, call, at } = sending();
        Object.assign(call.connection?.peer?.rtt as object, { samples });
        call.pings.reset();
        if (pingSerial !== 0) call.pings.note(pingSerial, Float64Array.of(0));
        call.resendKind = kind;
        at(2_000_000);
        handleResendTimeout(rig.endpoint.local, call);
        expect(rig.poll().map(nameOf).includes("ACK Ping")).toBe(isAsked);
      }
    }
  });
});
