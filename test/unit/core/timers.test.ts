// How long each timer of a call runs, and which one guards what is in flight.
import { describe, expect, test } from "vitest";
import { type Call, CallTime, Deadline, ResendKind } from "../../../src/core/call-object.js";
import { proposeAck, proposeDelayedAck } from "../../../src/core/propose-ack.js";
import { clearDeadline, rescheduleCall, setDeadline, setResendTimer } from "../../../src/core/timers.js";
import { AckReason } from "../../../src/wire/ack.js";
import { type Stage, stageClient, stageService } from "./calls.js";
import { nameOf } from "./rig.js";

const PACKET = 1_412;

/** Kind and time of the timer that guards what is in flight. */
function guard(stage: Stage): [ResendKind, number] {
  const { call, rig } = stage;
  setResendTimer(rig.endpoint.local, call);
  return [call.resendKind, (call.deadlines[Deadline.Resend] as number) - rig.nowUs];
}

function knowPath(call: Call, srttUs: number, rttvarUs: number, samples = 3): void {
  Object.assign(call.connection?.peer?.rtt as object, { samples, srttUs, rttvarUs, minUs: srttUs });
}

function sending(side: "service" | "client", isEnded: boolean): Stage {
  const stage = side === "service" ? stageService("AckRequest") : stageClient("SendRequest");
  stage.handle.write(new Uint8Array(2 * PACKET), 0, 2 * PACKET);
  if (isEnded) stage.handle.end();
  stage.rig.poll();
  return stage;
}

describe("what guards packets in flight", () => {
  test.each([
    // side, the writer has ended, SRTT, variation, kind, time
    ["service", false, 20_000, 1_000, ResendKind.TailProbe, 50_000],
    ["service", true, 20_000, 1_000, ResendKind.TailProbe, 500_000],
    ["client", false, 20_000, 1_000, ResendKind.TailProbe, 50_000],
    ["client", true, 20_000, 1_000, ResendKind.TailProbe, 160_000],
    // A probe that would come after the timeout is of no use, except at the end.
    ["service", false, 95_000, 0, ResendKind.TailProbe, 200_000],
    ["service", false, 95_001, 0, ResendKind.Timeout, 200_000],
    ["client", false, 300_000, 10_000, ResendKind.Timeout, 340_000],
    ["client", true, 300_000, 10_000, ResendKind.TailProbe, 720_000],
  ] as const)("%s, ended: %s, round trip %i +- %i us", (side, isEnded, srttUs, rttvarUs, kind, us) => {
    const stage = sending(side, isEnded);
    knowPath(stage.call, srttUs, rttvarUs);
    expect(guard(stage)).toEqual([kind, us]);
  });

  test("on a path that is not known it is a probe after a second", () => {
    const stage = sending("service", true);
    stage.call.connection?.peer?.rtt.reset();
    expect(guard(stage)).toEqual([ResendKind.TailProbe, 1_000_000]);
  });

  test("after a probe, a timeout or a loss it is the timeout, doubled each time", () => {
    const stage = sending("service", false);
    const { call } = stage;
    knowPath(call, 50_000, 10_000);
    call.hasProbed = true;
    expect(guard(stage)).toEqual([ResendKind.Timeout, 200_000]);
    call.hasProbed = false;
    call.tx.backoff = 1;
    expect(guard(stage)).toEqual([ResendKind.Timeout, 400_000]);
    call.tx.backoff = 2;
    expect(guard(stage)).toEqual([ResendKind.Timeout, 800_000]);
    call.tx.backoff = 0;
    call.tx.markLost(1);
    expect(guard(stage)).toEqual([ResendKind.Timeout, 200_000]);
  });

  test("what is lost wants a guard as well, when nothing is in flight", () => {
    const stage = sending("service", false);
    for (const seq of [1, 2]) stage.call.tx.markLost(seq);
    expect(stage.call.tx.inFlight).toBe(0);
    expect(guard(stage)[0]).toBe(ResendKind.Timeout);
  });

  test("with nothing in flight there is none", () => {
    const stage = sending("service", false);
    for (const seq of [1, 2]) stage.call.tx.markSoftAcked(seq);
    expect(guard(stage)).toEqual([ResendKind.None, Number.POSITIVE_INFINITY]);
  });

  test("a whole reply that is only soft-acknowledged is asked for again, ever more rarely, up to 7.2 s", () => {
    const stage = sending("service", true);
    for (const seq of [1, 2]) stage.call.tx.markSoftAcked(seq);
    const times = Array.from({ length: 6 }, () => guard(stage));
    expect(times).toEqual(
      [450_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 7_200_000].map((us) => [ResendKind.TailProbe, us]),
    );
    expect(stage.call.tx.backoff).toBe(6);
    while (stage.call.tx.first < stage.call.tx.next) stage.call.tx.releaseFirst();
    expect(guard(stage)).toEqual([ResendKind.None, Number.POSITIVE_INFINITY]);
  });

  test("a request that is only soft-acknowledged waits for its reply", () => {
    const stage = sending("client", true);
    for (let seq = 1; seq < stage.call.tx.next; seq++) stage.call.tx.markSoftAcked(seq);
    expect(guard(stage)).toEqual([ResendKind.None, Number.POSITIVE_INFINITY]);
  });
});

describe("a call's deadlines", () => {
  test("begin with its life on the wire", () => {
    const { rig, call } = stageService("RecvRequest");
    const now = rig.nowUs;
    expect([CallTime.LastHeard, CallTime.Begun, CallTime.Progress].map((at) => call.times[at])).toEqual([
      now,
      now,
      now,
    ]);
    const left = [Deadline.Keepalive, Deadline.Dead, Deadline.Progress, Deadline.Hard].map(
      (which) => (call.deadlines[which] as number) - now,
    );
    expect(left).toEqual([2_000_000, 20_000_000, 30_000_000, Number.POSITIVE_INFINITY]);
  });

  test("the first look at the progress is at the shorter of the two limits, before the keepalive if need be", () => {
    for (const [requestProgressMs, sendProgressMs] of [
      [700, 900],
      [900, 700],
    ] as const) {
      const { rig, call } = stageService("RecvRequest", { options: { requestProgressMs, sendProgressMs } });
      expect((call.deadlines[Deadline.Progress] as number) - rig.nowUs).toBe(700_000);
      clearDeadline(call, Deadline.Ack);
      rescheduleCall(rig.endpoint.local, call);
      expect(rig.endpoint.local.timers.isDue(new Float64Array([rig.nowUs + 699_999]), 0)).toBe(false);
      expect(rig.endpoint.local.timers.isDue(new Float64Array([rig.nowUs + 700_000]), 0)).toBe(true);
    }
    const { rig, handle } = stageService("RecvRequest", { options: { requestProgressMs: 700 } });
    rig.pass(700_000);
    expect([handle.isEnded, handle.abortCode]).toEqual([true, -3]);
  });

  test("the heap knows the earliest, whichever it is", () => {
    for (let which = 0; which < Deadline.Count; which++) {
      const { rig, call } = stageService("RecvRequest");
      const { local } = rig.endpoint;
      setDeadline(local, call, which, 1_000);
      rescheduleCall(local, call);
      const key = new Float64Array(1);
      local.timers.peekKey(key, 0);
      expect([which, key[0]]).toEqual([which, rig.nowUs + 1_000]);
    }
  });
});

describe("the ACK that is due", () => {
  const pending = (call: Call): [number, number] => [call.ackReason, call.ackSerial];

  test("is the newest, but an answer to a PING gives way to another such answer only", () => {
    const { rig, call } = stageService("AckRequest");
    const { local } = rig.endpoint;
    proposeAck(local, call, AckReason.Duplicate, 1);
    proposeAck(local, call, AckReason.Requested, 2);
    expect(pending(call)).toEqual([AckReason.Requested, 2]);
    proposeAck(local, call, AckReason.PingResponse, 3);
    proposeAck(local, call, AckReason.OutOfSequence, 4);
    expect(pending(call)).toEqual([AckReason.PingResponse, 3]);
    proposeAck(local, call, AckReason.PingResponse, 5);
    expect(pending(call)).toEqual([AckReason.PingResponse, 5]);
    expect(rig.names()).toEqual(["ACK PingResponse"]);
  });

  test("makes a delayed one needless, and a delayed one is not put off by another", () => {
    const { rig, call } = stageService("AckRequest");
    const { local } = rig.endpoint;
    clearDeadline(call, Deadline.Ack);
    proposeDelayedAck(local, call);
    const dueUs = rig.nowUs + 100_000;
    expect(call.deadlines[Deadline.Ack]).toBe(dueUs);
    rig.nowUs += 60_000;
    rig.endpoint.advance(rig.nowUs);
    proposeDelayedAck(local, call);
    expect(call.deadlines[Deadline.Ack]).toBe(dueUs);
    proposeAck(local, call, AckReason.Idle, 0);
    expect(call.deadlines[Deadline.Ack]).toBe(Number.POSITIVE_INFINITY);
    proposeDelayedAck(local, call);
    expect(call.deadlines[Deadline.Ack]).toBe(Number.POSITIVE_INFINITY);
    expect(rig.names()).toEqual(["ACK Idle"]);
    expect(rig.pass(150_000).map(nameOf)).toEqual([]);
  });
});
