// An ACK for a call, at its limits: which echoes measure the path, which ACKs are of yesterday, what a trailer changes.
import { describe, expect, test } from "vitest";
import { CallTime } from "../../../src/core/call-object.js";
import type { Peer } from "../../../src/core/peer.js";
import { Stat } from "../../../src/core/stats.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { type Stage, stageService } from "./calls.js";
import { FRIEND, nameOf, type Sent } from "./rig.js";

const PACKET = 1_412;
const isData = (sent: Sent): boolean => sent.header.type === PacketType.Data;

/** A service call that has sent `packets` over a path of 20 ms, and the serials it used. */
function sending(packets: number): Stage & { peer: Peer; serials: number[] } {
  const stage = stageService("AckRequest");
  const peer = stage.call.connection?.peer as Peer;
  for (let i = 0; i < 10; i++) peer.rtt.addSample(20_000);
  stage.handle.write(new Uint8Array(packets * PACKET), 0, packets * PACKET);
  const serials = stage.rig
    .poll()
    .filter(isData)
    .map((sent) => sent.header.serial);
  expect(serials.length).toBe(packets);
  return { ...stage, peer, serials };
}

describe("the echo of a serial", () => {
  test("of DATA measures the path unless the ACK was held back on purpose", () => {
    const measuring = Object.entries(AckReason).filter(([, reason]) => {
      const { rig, talker, peer, serials } = sending(3);
      const before = peer.rtt.samples;
      rig.nowUs += 5_000;
      rig.feed(talker.ack({ firstPacket: 1, reason, serial: serials[1] as number }));
      return peer.rtt.samples !== before;
    });
    expect(measuring.map(([name]) => name).sort()).toEqual(
      Object.keys(AckReason)
        .filter((name) => name !== "Delay" && name !== "Idle")
        .sort(),
    );
  });

  test("is looked for from the first packet that is not acknowledged to the last that was sent", () => {
    for (const [at, isThere] of [
      [0, false],
      [1, true],
      [2, true],
      [3, true],
    ] as const) {
      const { rig, talker, peer, serials } = sending(4);
      rig.feed(talker.ack({ firstPacket: 2 }));
      const before = peer.rtt.samples;
      rig.nowUs += 7_000;
      rig.feed(talker.ack({ firstPacket: 2, reason: AckReason.Requested, serial: serials[at] as number }));
      expect(peer.rtt.samples - before).toBe(isThere ? 1 : 0);
    }
  });

  test("is the time from the sending of that packet to now", () => {
    const { rig, talker, peer, handle, serials } = sending(1);
    rig.nowUs += 4_000;
    rig.endpoint.advance(rig.nowUs);
    handle.write(new Uint8Array(PACKET), 0, PACKET);
    const [second] = rig.poll();
    rig.nowUs += 3_000;
    peer.rtt.reset();
    const ack = (serial: number): Uint8Array =>
      talker.ack({ firstPacket: 1, reason: AckReason.Requested, serial });
    rig.feed(ack(second?.header.serial as number));
    expect(peer.rtt.srttUs).toBe(3_000);
    peer.rtt.reset();
    rig.feed(ack(serials[0] as number));
    expect(peer.rtt.srttUs).toBe(7_000);
    expect(rig.stat(Stat.RttMaxUs)).toBe(7_000);
  });

  test("0 is nobody's", () => {
    const { rig, talker, peer, call } = sending(2);
    const before = peer.rtt.samples;
    call.tx.serials.fill(0);
    rig.feed(talker.ack({ firstPacket: 1, reason: AckReason.Requested, serial: 0 }));
    expect(peer.rtt.samples).toBe(before);
  });

  test("of a PING measures the path only as the answer to it, and only once", () => {
    const { rig, talker, peer, call } = sending(1);
    call.owesPing = true;
    rig.endpoint.local.scheduleCall(call);
    const [ping] = rig.poll();
    const serial = ping?.header.serial as number;
    expect([ping && nameOf(ping), call.pings.newestSerial]).toEqual(["ACK Ping", serial]);
    rig.nowUs += 9_000;
    const samples = [AckReason.Requested, AckReason.PingResponse, AckReason.PingResponse].map((reason) => {
      rig.feed(talker.ack({ firstPacket: 1, reason, serial }));
      return peer.rtt.samples;
    });
    expect(samples).toEqual([10, 11, 11]);
    expect([call.pings.newestSerial, rig.stat(Stat.RttMinUs)]).toEqual([0, 9_000]);
  });
});

describe("an ACK of yesterday", () => {
  test("has a first packet, or with the same one a previous packet, that is lower; it is no sign of life", () => {
    const { rig, talker, call } = sending(8);
    rig.feed(talker.ack({ firstPacket: 4, previousPacket: 6 }));
    const heard = call.times[CallTime.LastHeard];
    rig.nowUs += 1_000;
    const stale: number[] = [];
    for (const [firstPacket, previousPacket] of [
      [3, 8],
      [4, 5],
      [4, 0],
    ] as const) {
      rig.feed(talker.ack({ firstPacket, previousPacket }));
      stale.push(rig.stat(Stat.DropStaleAck));
    }
    expect([stale, call.times[CallTime.LastHeard]]).toEqual([[1, 2, 3], heard]);
    rig.feed(talker.ack({ firstPacket: 4, previousPacket: 6 }));
    expect([rig.stat(Stat.DropStaleAck), call.times[CallTime.LastHeard]]).toEqual([3, rig.nowUs]);
    // A higher first packet is news whatever stands beside it.
    rig.feed(talker.ack({ firstPacket: 5, previousPacket: 1 }));
    expect([rig.stat(Stat.DropStaleAck), call.tx.first, call.tx.previousPacket]).toEqual([3, 5, 1]);
  });

  test("a previous packet below 0 or more than 255 beyond the first is another number, and is not judged or kept", () => {
    const { rig, talker, call } = sending(8);
    const previousAfter = (previousPacket: number): [number, number] => {
      rig.feed(talker.ack({ firstPacket: 2, previousPacket }));
      return [call.tx.previousPacket, rig.stat(Stat.DropStaleAck)];
    };
    expect(previousAfter(2 + 256)).toEqual([0, 0]);
    expect(previousAfter(-1)).toEqual([0, 0]);
    expect(previousAfter(2 + 255)).toEqual([257, 0]);
    expect(previousAfter(-7)).toEqual([257, 0]);
    expect(previousAfter(2 + 256)).toEqual([257, 0]);
    expect(previousAfter(256)).toEqual([257, 1]);
  });
});

describe("an ACK of what was never sent", () => {
  test("ends the call; one up to the last packet sent, and gaps reported beyond it, do not", () => {
    const cases: [string, { firstPacket: number; soft?: number[] }, boolean][] = [
      ["hard, the last one sent", { firstPacket: 4 }, true],
      ["hard, one more", { firstPacket: 5 }, false],
      ["soft, the last one sent", { firstPacket: 1, soft: [0, 0, 1] }, true],
      ["soft, one more", { firstPacket: 1, soft: [0, 0, 0, 1] }, false],
      ["soft, one more in the middle", { firstPacket: 1, soft: [1, 1, 1, 1, 0] }, false],
      ["a gap beyond", { firstPacket: 1, soft: [1, 1, 1, 0, 0, 0] }, true],
      ["soft right behind all", { firstPacket: 4, soft: [1] }, false],
      ["a gap right behind all", { firstPacket: 4, soft: [0, 0] }, true],
    ];
    for (const [what, body, isGood] of cases) {
      const { rig, talker, handle } = sending(3);
      rig.feed(talker.ack({ ...body, previousPacket: 3 }));
      rig.drain();
      expect([what, handle.isEnded, rig.stat(Stat.DropBadAck)]).toEqual([what, !isGood, isGood ? 0 : 1]);
      if (!isGood) expect([handle.abortCode, rig.names()]).toEqual([-5, ["ABORT -5"]]);
    }
  });
});

describe("the trailer", () => {
  /** What an ACK with this trailer, cut to `words`, makes of a peer and a window that were as they begin. */
  const after = (trailer: object, words = 4): [number, number, number] => {
    const { rig, talker, peer, call } = sending(1);
    const bytes = talker.ack({ firstPacket: 1, ...trailer });
    rig.feed(bytes.subarray(0, bytes.length - 4 * (4 - words)));
    return [peer.packetBytes, call.tx.peerWindow, peer.jumboMax];
  };

  test("is taken word by word, as far as it goes", () => {
    const trailer = { ifMtu: 1_000, maxMtu: 5_692, rwind: 7, jumboMax: 3 };
    expect([0, 1, 2, 3, 4].map((words) => after(trailer, words))).toEqual([
      [1_444, 32, 1],
      [1_444, 32, 1],
      [1_000, 32, 1],
      [1_000, 7, 1],
      [1_000, 7, 3],
    ]);
  });

  test("packets are as large as the smaller of its two sizes, from 548 to 1444 bytes", () => {
    const sizes = [
      [1_000, 900],
      [900, 1_000],
      [547, 5_692],
      [548, 5_692],
      [5_692, 0],
      [65_000, 65_000],
      [-1, 700],
    ].map(([ifMtu, maxMtu]) => after({ ifMtu, maxMtu })[0]);
    expect(sizes).toEqual([900, 900, 548, 548, 548, 1_444, 700]);
  });

  test("a jumbogram has no more segments than fit into the peer's datagrams, and six at most", () => {
    const segments = [
      [5_688, 6],
      [5_687, 6],
      [65_507, 6],
      [65_507, 7],
      [65_507, -1],
      [65_507, 2],
      [65_507, 0],
      [1_440, 4],
      [1_439, 4],
    ].map(([maxMtu, jumboMax]) => after({ maxMtu, jumboMax })[2]);
    expect(segments).toEqual([4, 3, 6, 6, 6, 2, 0, 1, 0]);
  });
});

describe("what an ACK has news of", () => {
  test("opens the congestion window only when the window, less one, was in use", () => {
    for (const [packets, opens] of [
      [8, 0],
      [9, 1],
      [10, 1],
    ] as const) {
      const { rig, talker, call } = sending(packets);
      expect(call.congestion.cwnd).toBe(10);
      rig.feed(talker.ack({ firstPacket: 2 }));
      expect(call.congestion.cwnd).toBe(10 + opens);
    }
  });

  test("each packet counts once, soft or hard", () => {
    const { rig, talker, call } = sending(10);
    const after = (body: object): number => {
      rig.feed(talker.ack(body));
      // The window stays in use.
      call.tx.inFlight += 100;
      const { cwnd } = call.congestion;
      call.tx.inFlight -= 100;
      return cwnd;
    };
    expect(after({ firstPacket: 2, previousPacket: 4, soft: [1, 0, 1] })).toBe(13);
    call.congestion.cwnd = 2;
    expect(after({ firstPacket: 3, previousPacket: 4, soft: [0, 1] })).toBe(2);
    expect(after({ firstPacket: 6, previousPacket: 5 })).toBe(4);
  });

  test("moves the progress of the call when the first packet moves, and not before", () => {
    const { rig, talker, call } = sending(4);
    const begun = rig.nowUs;
    rig.nowUs += 1_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 2, soft: [0, 1] }));
    expect(call.times[CallTime.Progress]).toBe(begun);
    rig.feed(talker.ack({ firstPacket: 2, previousPacket: 2 }));
    expect(call.times[CallTime.Progress]).toBe(rig.nowUs);
  });

  test("the highest packet acknowledged is the highest ever reported", () => {
    const { rig, talker, call } = sending(6);
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 5, soft: [0, 0, 1, 0, 1, 0] }));
    expect(call.tx.highestAcked).toBe(5);
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 5, soft: [0, 0, 0, 1, 0, 0] }));
    expect(call.tx.highestAcked).toBe(5);
  });

  test("a Duplicate widens the reordering window unless the timeout has spoken: then it says that", () => {
    const { rig, talker, call } = sending(3);
    const steps = call.tx.reorderSteps;
    rig.feed(talker.ack({ firstPacket: 1, reason: AckReason.Duplicate }));
    expect(call.tx.reorderSteps).toBe(steps + 1);
    rig.feed(talker.ack({ firstPacket: 1, reason: AckReason.OutOfSequence }));
    call.tx.backoff = 1;
    rig.feed(talker.ack({ firstPacket: 1, reason: AckReason.Duplicate }));
    expect(call.tx.reorderSteps).toBe(steps + 1);
  });

  test("ends doubling and allows a new probe; without news both stay as they are", () => {
    const { rig, talker, call } = sending(3);
    call.tx.backoff = 3;
    call.hasProbed = true;
    rig.feed(talker.ack({ firstPacket: 1 }));
    expect([call.tx.backoff, call.hasProbed]).toEqual([3, true]);
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 2, soft: [0, 1] }));
    expect([call.tx.backoff, call.hasProbed]).toEqual([0, false]);
  });

  test("clean ones let datagrams grow; those without news, or with a loss, do not", () => {
    const { rig, talker, peer, call } = sending(8);
    peer.takeJumboMax(4);
    for (let i = 0; i < 9; i++) rig.feed(talker.ack({ firstPacket: 1 }));
    expect(peer.cleanAcks).toBe(0);
    for (let n = 2; n < 6; n++) rig.feed(talker.ack({ firstPacket: n }));
    expect(peer.cleanAcks).toBe(4);
    call.tx.markLost(7);
    rig.feed(talker.ack({ firstPacket: 6 }));
    expect(peer.segments).toBe(1);
  });
});

describe("ACKALL", () => {
  test("counts as life and as progress, and as news of what it frees", () => {
    const { rig, talker, call } = sending(10);
    rig.nowUs += 2_000;
    call.tx.backoff = 2;
    rig.feed(talker.of(PacketType.AckAll));
    expect([call.tx.first, call.tx.inFlight, call.tx.backoff, call.congestion.cwnd]).toEqual([11, 0, 0, 20]);
    expect([call.times[CallTime.LastHeard], call.times[CallTime.Progress]]).toEqual([rig.nowUs, rig.nowUs]);
    const progressUs = rig.nowUs;
    rig.nowUs += 2_000;
    rig.feed(talker.of(PacketType.AckAll), FRIEND);
    expect([call.times[CallTime.LastHeard], call.times[CallTime.Progress]]).toEqual([rig.nowUs, progressUs]);
  });

  test("opens the congestion window only when the window, less one, was in use", () => {
    for (const [packets, cwnd] of [
      [8, 10],
      [9, 19],
      [10, 20],
    ] as const) {
      const { rig, talker, call } = sending(packets);
      rig.feed(talker.of(PacketType.AckAll));
      expect(call.congestion.cwnd).toBe(cwnd);
    }
  });
});
