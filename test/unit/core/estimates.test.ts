// Round trip, congestion window, loss detection by time.
import { describe, expect, test } from "vitest";
import { CongestionWindow } from "../../../src/core/congestion.js";
import type { Peer } from "../../../src/core/peer.js";
import { RttEstimator } from "../../../src/core/rtt.js";
import { Stat } from "../../../src/core/stats.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { stageService } from "./calls.js";
import type { Sent } from "./rig.js";

const PACKET = 1_412;

describe("RttEstimator (RFC 6298)", () => {
  test("first sample: SRTT = R, RTTVAR = R/2; before it one second", () => {
    const rtt = new RttEstimator();
    expect(rtt.rtoUs(0)).toBe(1_000_000);
    rtt.addSample(400_000);
    expect([rtt.srttUs, rtt.rttvarUs, rtt.minUs, rtt.samples]).toEqual([400_000, 200_000, 400_000, 1]);
    expect(rtt.rtoUs(0)).toBe(1_200_000);
  });

  test("later samples: gains of 1/8 and 1/4", () => {
    const rtt = new RttEstimator();
    rtt.addSample(400_000);
    rtt.addSample(800_000);
    expect([rtt.srttUs, rtt.rttvarUs, rtt.minUs]).toEqual([450_000, 250_000, 400_000]);
    for (let i = 0; i < 200; i++) rtt.addSample(100_000);
    expect(rtt.srttUs).toBeLessThan(101_000);
    expect(rtt.rtoUs(0)).toBeGreaterThanOrEqual(200_000);
    expect(rtt.minUs).toBe(100_000);
  });

  test("backing off doubles, to two seconds or twice the path's own timeout, so that a call has enough attempts", () => {
    const rtt = new RttEstimator();
    expect([0, 1, 2, 6, 60].map((n) => rtt.rtoUs(n))).toEqual([
      1_000_000, 2_000_000, 2_000_000, 2_000_000, 2_000_000,
    ]);
    for (let i = 0; i < 100; i++) rtt.addSample(10_000);
    expect([0, 1, 2, 3, 4, 9].map((n) => rtt.rtoUs(n))).toEqual([
      200_000, 400_000, 800_000, 1_600_000, 2_000_000, 2_000_000,
    ]);
    rtt.reset();
    for (let i = 0; i < 100; i++) rtt.addSample(3_000_000);
    const base = rtt.rtoUs(0);
    expect([rtt.rtoUs(1), rtt.rtoUs(5)]).toEqual([2 * base, 2 * base]);
  });

  test("the variation is that of the distance, whichever side of the estimate a sample falls on", () => {
    for (const sample of [300_000, 500_000]) {
      const rtt = new RttEstimator();
      rtt.addSample(400_000);
      rtt.addSample(sample);
      expect([rtt.rttvarUs, rtt.srttUs]).toEqual([175_000, sample === 300_000 ? 387_500 : 412_500]);
      expect(rtt.minUs).toBe(Math.min(sample, 400_000));
      expect(rtt.rtoUs(0)).toBe(rtt.srttUs + 700_000);
    }
  });

  test("no timeout is longer than a minute, and none of a known path shorter than 200 ms", () => {
    const rtt = new RttEstimator();
    rtt.addSample(50_000_000);
    expect([rtt.rtoUs(0), rtt.rtoUs(3)]).toEqual([60_000_000, 60_000_000]);
    rtt.reset();
    expect([rtt.samples, rtt.srttUs, rtt.rttvarUs, rtt.minUs, rtt.rtoUs(0)]).toEqual([0, 0, 0, 0, 1_000_000]);
    rtt.addSample(10);
    expect([rtt.rtoUs(0), rtt.rtoUs(1)]).toEqual([200_000, 400_000]);
  });

  test("however often it has doubled, a timeout is what it was after the first few times", () => {
    const rtt = new RttEstimator();
    for (let backoff = 1; backoff < 200; backoff++) expect(rtt.rtoUs(backoff)).toBe(2_000_000);
    rtt.addSample(40_000);
    for (let backoff = 4; backoff < 200; backoff++) expect(rtt.rtoUs(backoff)).toBe(2_000_000);
  });

  test("samples are counted to a million, which is as good as for ever", () => {
    const rtt = new RttEstimator();
    rtt.samples = 999_999;
    rtt.addSample(10);
    rtt.addSample(10);
    expect(rtt.samples).toBe(1_000_000);
  });

  test("nonsense samples are clamped to 1 us and one minute", () => {
    const rtt = new RttEstimator();
    rtt.addSample(-5);
    expect(rtt.srttUs).toBe(1);
    rtt.reset();
    rtt.addSample(2 ** 40);
    expect(rtt.srttUs).toBe(60_000_000);
  });
});

describe("CongestionWindow (RFC 5681)", () => {
  test("avoidance: one packet for each window acknowledged, and what is over counts for the next", () => {
    const cc = new CongestionWindow();
    cc.onLoss(5, 21, 20);
    expect([cc.cwnd, cc.ssthresh]).toEqual([5, 5]);
    const steps = [4, 1, 5, 1, 8, 30].map((count) => {
      cc.onAcknowledged(count);
      return [cc.cwnd, cc.credit];
    });
    expect(steps).toEqual([
      [5, 4],
      [6, 0],
      [6, 5],
      [7, 0],
      [8, 1],
      // However many one ACK has, it is one step.
      [9, 23],
    ]);
  });

  test("what one ACK has beyond the threshold counts as avoidance", () => {
    const cc = new CongestionWindow();
    cc.ssthresh = 13;
    cc.onAcknowledged(5);
    expect([cc.cwnd, cc.credit]).toEqual([13, 2]);
    cc.onAcknowledged(0);
    expect([cc.cwnd, cc.credit]).toEqual([13, 2]);
  });

  test("a loss or a timeout begins the count anew, and halves what was in flight or allowed, whichever is less", () => {
    for (const [flight, cwnd, half] of [
      [20, 9, 4],
      [9, 20, 4],
      [3, 20, 2],
      [40, 40, 20],
    ] as const) {
      const [lost, expired] = [new CongestionWindow(), new CongestionWindow()];
      for (const cc of [lost, expired]) Object.assign(cc, { cwnd, ssthresh: cwnd, credit: 3 });
      expect(lost.onLoss(7, 30, flight)).toBe(true);
      expired.onTimeout(30, flight);
      expect([lost.cwnd, lost.ssthresh, lost.credit, lost.recoverySeq]).toEqual([half, half, 0, 30]);
      expect([expired.cwnd, expired.ssthresh, expired.credit, expired.recoverySeq]).toEqual([1, half, 0, 30]);
    }
  });

  test("packets sent before a timeout that are found lost after it do not halve again", () => {
    const cc = new CongestionWindow();
    cc.onTimeout(30, 20);
    expect([cc.onLoss(29, 31, 20), cc.ssthresh, cc.onLoss(30, 31, 20)]).toEqual([false, 5, true]);
  });

  test("slow start adds what was acknowledged, avoidance one packet a window", () => {
    const cc = new CongestionWindow();
    cc.onAcknowledged(10);
    expect(cc.cwnd).toBe(20);
    cc.onLoss(5, 21, 20);
    expect([cc.cwnd, cc.ssthresh, cc.recoverySeq]).toEqual([10, 10, 21]);
    for (let i = 0; i < 10; i++) cc.onAcknowledged(1);
    expect(cc.cwnd).toBe(11);
  });

  test("losses of one window of data halve once; those after it again", () => {
    const cc = new CongestionWindow();
    cc.onAcknowledged(22);
    expect([cc.onLoss(5, 33, 32), cc.onLoss(6, 33, 31), cc.onLoss(32, 40, 20)]).toEqual([true, false, false]);
    expect(cc.cwnd).toBe(16);
    expect(cc.onLoss(33, 50, 16)).toBe(true);
    expect(cc.cwnd).toBe(8);
  });

  test("a timeout begins again with one packet", () => {
    const cc = new CongestionWindow();
    cc.onTimeout(30, 20);
    expect([cc.cwnd, cc.ssthresh]).toEqual([1, 5]);
    for (let i = 0; i < 4; i++) cc.onAcknowledged(1);
    expect(cc.cwnd).toBe(5);
  });

  test("stays between two packets and 256", () => {
    const cc = new CongestionWindow();
    for (let i = 0; i < 1_000; i++) cc.onAcknowledged(200);
    expect(cc.cwnd).toBe(256);
    for (let i = 1; i < 50; i++) cc.onLoss(i * 1_000, i * 1_000 + 1, 1);
    expect(cc.cwnd).toBe(2);
  });
});

/** A service call that has sent ten packets, over a path of 20 ms. */
function sending(): ReturnType<typeof stageService> & { first: Sent[]; peer: Peer } {
  const stage = stageService("AckRequest");
  const peer = stage.call.connection?.peer as Peer;
  for (let i = 0; i < 20; i++) peer.rtt.addSample(20_000);
  stage.handle.write(new Uint8Array(10 * PACKET), 0, 10 * PACKET);
  return { ...stage, first: stage.rig.poll(), peer };
}

const dataOf = (sent: readonly Sent[]): number[] =>
  sent.filter((one) => one.header.type === PacketType.Data).map((one) => one.header.seq);

describe("loss detection by time of sending (RFC 8985)", () => {
  test("a gap is given a reordering window before it counts as loss", () => {
    const { rig, talker, call } = sending();
    rig.nowUs += 21_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 3, soft: [0, 1, 1] }));
    expect([call.tx.lost, dataOf(rig.poll())]).toEqual([0, []]);
    expect(dataOf(rig.pass(6_000))).toEqual([1]);
  });

  test("a gap that is closed within the window is no loss, and the path is not slowed down", () => {
    const { rig, talker, call } = sending();
    const { cwnd } = call.congestion;
    rig.nowUs += 21_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 3, soft: [0, 1, 1] }));
    rig.nowUs += 2_000;
    rig.feed(talker.ack({ firstPacket: 4, previousPacket: 1 }));
    rig.pass(20_000);
    expect([rig.stat(Stat.DataPacketsResent), call.congestion.cwnd >= cwnd]).toEqual([0, true]);
  });

  test("each needless resend that the peer reports widens the reordering window", () => {
    const { rig, talker, call } = sending();
    const before = call.tx.reorderSteps;
    rig.feed(talker.ack({ firstPacket: 1, reason: 2, previousPacket: 1, soft: [1] }));
    expect(call.tx.reorderSteps).toBe(before + 1);
  });

  test("the first packet of an episode is resent whatever the congestion window", () => {
    const { rig, talker, call } = sending();
    rig.nowUs += 30_000;
    call.congestion.cwnd = 1;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 2, soft: [0, 1] }));
    expect(dataOf(rig.poll())).toEqual([1]);
  });

  test("a lost resend is found by what was sent after it", () => {
    const { rig, talker } = sending();
    rig.nowUs += 30_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 4, soft: [0, 1, 1, 1] }));
    expect(dataOf(rig.poll())).toContain(1);
    rig.nowUs += 1_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 10, soft: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1] }));
    rig.newCalls[0]?.write(new Uint8Array(PACKET), 0, PACKET);
    expect(dataOf(rig.poll())).toEqual([11]);
    rig.nowUs += 30_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 11, soft: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] }));
    expect(dataOf(rig.poll())).toEqual([1]);
  });

  test("nothing heard: a probe of the highest packet first, then all of them after the timeout, one at a time", () => {
    const { rig, call } = sending();
    const probe = rig.pass(60_000);
    expect(dataOf(probe)).toEqual([10]);
    expect(call.congestion.cwnd).toBeGreaterThan(1);
    const after = rig.pass(250_000);
    expect([dataOf(after), call.congestion.cwnd, call.tx.backoff]).toEqual([[1], 1, 1]);
  });

  test("on a path that is not known yet a PING goes along with what is sent again", () => {
    const stage = stageService("AckRequest");
    const peer = stage.call.connection?.peer as Peer;
    stage.call.pings.reset();
    expect(peer.rtt.samples).toBe(0);
    stage.handle.write(new Uint8Array(10), 0, 10);
    stage.rig.poll();
    const names = stage.rig.pass(1_050_000).map((sent) => sent.header.type);
    expect(names).toContain(PacketType.Data);
    expect(names).toContain(PacketType.Ack);
  });
});
