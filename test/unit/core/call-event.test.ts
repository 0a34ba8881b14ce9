// A call's deadlines falling due, to the microsecond: who is dead, who is stuck, who is only slow, and when we ask.
import { describe, expect, test } from "vitest";
import { CallState, CallTime, Completion } from "../../../src/core/call-object.js";
import { Stat } from "../../../src/core/stats.js";
import { AckReason } from "../../../src/wire/ack.js";
import { openTestBundle, type Stage, stageClient, stageService } from "./calls.js";
import { Listener, nameOf, Rig, WANTS_ACK } from "./rig.js";

const SECOND_US = 1_000_000;
const PACKET = 1_412;

/** Lets time pass while the peer shows every second that it lives, and says nothing else. */
function passAlive(stage: Stage, durationUs: number): void {
  const { rig, talker, handle } = stage;
  const endUs = rig.nowUs + durationUs;
  while (rig.nowUs + SECOND_US < endUs && !handle.isEnded) {
    rig.pass(SECOND_US);
    // What is not valid any more is no sign of life.
    const firstPacket = stage.call.tx.first;
    rig.feed(talker.ack({ firstPacket, reason: AckReason.Ping }, { flags: WANTS_ACK }));
    rig.drain();
    rig.poll();
  }
  rig.pass(endUs - rig.nowUs);
}

/** Checks that the call ends `us` from now and not before, with `code`. */
function endsAfter(stage: Stage, us: number, code: number, pass = passAlive): void {
  const { rig, handle } = stage;
  pass(stage, us - 1);
  expect([handle.isEnded, rig.stat(Stat.CallsTimedOut)]).toEqual([false, 0]);
  rig.pass(1);
  expect([handle.isEnded, handle.abortCode, rig.stat(Stat.CallsTimedOut)]).toEqual([true, code, 1]);
}

const silently = (stage: Stage, us: number): void => void stage.rig.pass(us);

describe("silence", () => {
  test("kills a call after twenty seconds, counted from the last sign of life", () => {
    endsAfter(stageService("AckRequest"), 20 * SECOND_US, -1, silently);
    const stage = stageService("AckRequest");
    stage.rig.pass(7 * SECOND_US);
    stage.rig.feed(stage.talker.ack());
    endsAfter(stage, 20 * SECOND_US, -1, silently);
  });

  test("of a client that has soft-acknowledged all of its reply is success, of one that lacks a packet is not", () => {
    for (const [soft, completion] of [
      [[1, 1, 1], Completion.Succeeded],
      [[1, 0, 1], Completion.LocallyAborted],
    ] as const) {
      const stage = stageService("AckRequest");
      const { rig, talker, handle } = stage;
      handle.write(new Uint8Array(3 * PACKET), 0, 3 * PACKET);
      handle.end();
      rig.poll();
      rig.feed(talker.ack({ firstPacket: 1, previousPacket: 3, soft }));
      rig.pass(21 * SECOND_US);
      expect(handle.completion).toBe(completion);
    }
  });
});

describe("a request", () => {
  test("that does not go on is ended after thirty seconds, however alive its client is", () => {
    endsAfter(stageService("RecvRequest"), 30 * SECOND_US, -3);
  });

  test("that goes on has thirty seconds more", () => {
    const stage = stageService("RecvRequest");
    passAlive(stage, 20 * SECOND_US);
    stage.rig.feed(stage.talker.data(2));
    endsAfter(stage, 30 * SECOND_US, -3);
  });

  test("is not its client's fault while our reader has left no room in the window", () => {
    for (const [packets, isEnded] of [
      [3, true],
      [4, false],
    ] as const) {
      const stage = stageService("RecvRequest", { options: { receiveWindowPackets: 4 } });
      for (let seq = 2; seq <= packets; seq++) stage.rig.feed(stage.talker.data(seq));
      passAlive(stage, 45 * SECOND_US);
      expect(stage.handle.isEnded).toBe(isEnded);
    }
  });

  test("that is complete may keep its handler busy for as long as it likes", () => {
    const stage = stageService("AckRequest");
    passAlive(stage, 200 * SECOND_US);
    expect([stage.handle.isEnded, stage.call.state]).toEqual([false, CallState.ServerAckRequest]);
  });

  test("of ours that the server does not take is ended after sixty seconds, one that it has taken is not", () => {
    const stuck = stageClient("SendRequest");
    const progressUs = stuck.call.times[CallTime.Progress] as number;
    endsAfter(stuck, progressUs + 60 * SECOND_US - stuck.rig.nowUs, -3);
    const waiting = stageClient("AwaitReply");
    passAlive(waiting, 200 * SECOND_US);
    expect(waiting.handle.isEnded).toBe(false);
  });
});

describe("a reply", () => {
  test("that the client does not take is ended after sixty seconds without an ACK of more", () => {
    const stage = stageService("SendReply");
    endsAfter(stage, 60 * SECOND_US, -3);
    const going = stageService("SendReply");
    passAlive(going, 40 * SECOND_US);
    going.rig.feed(going.talker.ack({ firstPacket: 2 }));
    endsAfter(going, 60 * SECOND_US, -3);
  });

  test("of which the client has all that was written waits for its handler", () => {
    const stage = stageService("AckRequest");
    stage.handle.write(new Uint8Array(10), 0, 10);
    stage.rig.poll();
    stage.rig.feed(stage.talker.ack({ firstPacket: 2 }));
    passAlive(stage, 200 * SECOND_US);
    expect([stage.handle.isEnded, stage.call.state]).toEqual([false, CallState.ServerSendReply]);
  });

  test("that pauses between two parts is the server's own business", () => {
    const stage = stageClient("RecvReply");
    passAlive(stage, 200 * SECOND_US);
    expect(stage.handle.isEnded).toBe(false);
  });
});

describe("the hard limit", () => {
  test("ends a live call with an ABORT, one that has no channel without a word", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 5 }, () => rig.endpoint.beginCall(bundle, new Listener()));
    handles[4]?.limitTime(1_000);
    rig.pass(999);
    expect(handles[4]?.isEnded).toBe(false);
    expect(rig.pass(1).map(nameOf)).toEqual([]);
    expect([handles[4]?.completion, handles[4]?.abortCode]).toEqual([Completion.LocalError, -3]);
    handles[0]?.limitTime(1_000);
    expect(rig.pass(999).map(nameOf)).toEqual([]);
    expect(rig.pass(1).map(nameOf)).toEqual(["ABORT -3"]);
    expect([handles[0]?.completion, handles[0]?.abortCode]).toEqual([Completion.LocallyAborted, -3]);
    expect(rig.stat(Stat.CallsTimedOut)).toBe(2);
  });
});

describe("a PING", () => {
  /** Times of the PINGs in the next `us`, from now. */
  const pings = (stage: Stage, us: number): number[] => {
    const { rig } = stage;
    const beganUs = rig.nowUs;
    const times: number[] = [];
    while (rig.nowUs - beganUs < us) {
      const next = Math.min(rig.endpoint.nextTimeoutUs(), beganUs + us) - rig.nowUs;
      for (const sent of rig.pass(next)) if (nameOf(sent) === "ACK Ping") times.push(rig.nowUs - beganUs);
    }
    return times;
  };

  test("goes out when nothing was sent for two seconds, and not before", () => {
    const stage = stageService("AckRequest");
    const { rig, talker } = stage;
    rig.pass(1_300_000);
    rig.feed(talker.ping());
    expect(rig.names()).toEqual(["ACK PingResponse"]);
    expect(pings(stage, 5 * SECOND_US)).toEqual([2 * SECOND_US, 4 * SECOND_US]);
  });

  test("goes out every half second when the peer has been silent for more than a third of its time", () => {
    const stage = stageService("AckRequest", { options: { deadTimeMs: 15_000 } });
    expect(pings(stage, 8 * SECOND_US)).toEqual(
      [2, 4, 6, 6.5, 7, 7.5, 8].map((seconds) => seconds * SECOND_US),
    );
    const exactly = stageService("AckRequest", { options: { deadTimeMs: 18_000 } });
    expect(pings(exactly, 9 * SECOND_US)).toEqual([2, 4, 6, 8, 8.5, 9].map((seconds) => seconds * SECOND_US));
  });

  test("keeps to the keepalive where that is less than half a second", () => {
    const stage = stageService("AckRequest", { options: { deadTimeMs: 900, keepaliveMs: 200 } });
    expect(pings(stage, 899_000)).toEqual([200_000, 400_000, 600_000, 800_000]);
  });

  test("to a server that has acknowledged nothing takes the first packet along in the end", () => {
    const resent = (change: (stage: Stage) => void): number => {
      const stage = stageClient("AwaitReply");
      change(stage);
      const { rig } = stage;
      const sent = rig.pass(15 * SECOND_US);
      let count = 0;
      sent.forEach((one, i) => {
        const before = sent[i - 1];
        if (nameOf(one) === "DATA 1" && before !== undefined && nameOf(before) === "ACK Ping") count++;
      });
      return count;
    };
    expect(resent(() => undefined)).toBeGreaterThan(10);
    // It knows the call.
    expect(resent(({ rig, talker }) => rig.feed(talker.ack({ firstPacket: 1, soft: [1] })))).toBe(0);
    expect(resent(({ rig, talker }) => rig.feed(talker.ack({ firstPacket: 2 })))).toBe(0);
  });
});
