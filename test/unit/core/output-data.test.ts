// DATA packets on the wire: how many segments one datagram has, which packets ask for an ACK, when it is better to wait.
import { describe, expect, test } from "vitest";
import { type Call, CallState, CallTime } from "../../../src/core/call-object.js";
import { shouldGather } from "../../../src/core/output-data.js";
import { type Peer, PeerCell } from "../../../src/core/peer.js";
import { Stat } from "../../../src/core/stats.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { type Stage, stageClient, stageService } from "./calls.js";
import { LAST, type Sent, WANTS_ACK } from "./rig.js";

const FULL = 1_412;
const PITCH = FULL + 4;
const HEADER = 28;

/** A service call whose peer takes datagrams of `segments`, over a path of 20 ms. */
function replying(segments: number): Stage & { peer: Peer } {
  const stage = stageService("AckRequest");
  const peer = stage.call.connection?.peer as Peer;
  for (let i = 0; i < 10; i++) peer.rtt.addSample(20_000);
  peer.jumboMax = segments;
  peer.segments = segments;
  return { ...stage, peer };
}

function write(stage: Stage, bytes: number): void {
  stage.handle.write(
    Uint8Array.from({ length: bytes }, (_, i) => 1 + Math.trunc(i / FULL)),
    0,
    bytes,
  );
}

/** Of each datagram: its first packet, and the payload's bytes of each segment. */
function shapes(sent: readonly Sent[]): [number, number[]][] {
  return sent
    .filter((one) => one.header.type === PacketType.Data)
    .map((one) => {
      const sizes: number[] = [];
      let { flags } = one.header;
      let at = HEADER;
      for (; (flags & PacketFlag.JumboPacket) !== 0; at += PITCH) {
        sizes.push(FULL);
        flags = one.bytes[at + FULL] as number;
      }
      sizes.push(one.bytes.length - at);
      return [one.header.seq, sizes];
    });
}

const full = (count: number): number[] => new Array<number>(count).fill(FULL);
const dataOf = (sent: readonly Sent[]): Sent[] => sent.filter((one) => one.header.type === PacketType.Data);

describe("a datagram", () => {
  test("has as many full packets as its peer takes now, the last of all included", () => {
    const stage = replying(4);
    write(stage, 9 * FULL + 100);
    stage.handle.end();
    expect(shapes(stage.rig.poll())).toEqual([
      [1, full(4)],
      [5, full(4)],
      [9, [FULL, 100]],
    ]);
  });

  test("ends with the first packet that is not full", () => {
    const stage = replying(4);
    write(stage, 2 * FULL + 5);
    expect(shapes(stage.rig.poll())).toEqual([[1, [FULL, FULL, 5]]]);
    write(stage, 2 * FULL);
    expect(shapes(stage.rig.poll())).toEqual([[4, [FULL, FULL]]]);
  });

  test("has no more packets than the peer's window or the congestion window lets out", () => {
    for (const limit of ["peerWindow", "cwnd"] as const) {
      for (const packets of [1, 2, 3]) {
        const stage = replying(4);
        if (limit === "cwnd") stage.call.congestion.cwnd = packets;
        else stage.call.tx.peerWindow = packets;
        write(stage, 10 * FULL);
        expect([limit, shapes(stage.rig.poll())]).toEqual([limit, [[1, full(packets)]]]);
        expect([stage.call.tx.next, stage.call.tx.inFlight]).toEqual([packets + 1, packets]);
      }
    }
  });

  test("has one packet when that has been sent before, and no new one beside it", () => {
    const stage = replying(4);
    write(stage, 6 * FULL);
    stage.rig.poll();
    stage.call.tx.markLost(2);
    stage.call.tx.markLost(3);
    stage.rig.endpoint.local.scheduleCall(stage.call);
    expect(shapes(stage.rig.poll())).toEqual([
      [2, [FULL]],
      [3, [FULL]],
    ]);
  });

  test("has the bytes, serials and numbers of its packets, one after the other", () => {
    const stage = replying(3);
    write(stage, 3 * FULL);
    stage.handle.end();
    const [sent] = stage.rig.poll();
    const bytes = sent?.bytes as Uint8Array;
    expect([0, 1, 2].map((i) => bytes[HEADER + i * PITCH])).toEqual([1, 2, 3]);
    expect([0, 1, 2].map((i) => bytes[HEADER + i * PITCH + FULL - 1])).toEqual([1, 2, 3]);
    const { tx } = stage.call;
    const { serial } = sent?.header as { serial: number };
    expect([1, 2, 3].map((seq) => tx.serials[seq & tx.mask])).toEqual([serial, serial + 1, serial + 2]);
    // The end stands in the last segment, and only there.
    expect([sent?.header.flags, bytes[HEADER + FULL], bytes[HEADER + PITCH + FULL]]).toEqual([
      PacketFlag.JumboPacket,
      PacketFlag.JumboPacket,
      LAST,
    ]);
    expect(stage.call.state).toBe(CallState.ServerAwaitAck);
  });

  test("is counted packet by packet, and as a resend once", () => {
    const stage = replying(4);
    const { rig, peer, call } = stage;
    const cells = (): (number | undefined)[] => [
      rig.stat(Stat.DataPacketsSent),
      rig.stat(Stat.DataPacketsResent),
      rig.endpoint.local.stats.sentByType[PacketType.Data],
      peer.cells[PeerCell.PacketsResent],
    ];
    write(stage, 7 * FULL);
    rig.nowUs += 5;
    rig.endpoint.advance(rig.nowUs);
    rig.poll();
    expect([cells(), call.times[CallTime.LastSent]]).toEqual([[7, 0, 7, 0], rig.nowUs]);
    call.tx.markLost(1);
    rig.endpoint.local.scheduleCall(call);
    rig.poll();
    expect(cells()).toEqual([7, 1, 8, 1]);
  });
});

describe("an ACK is asked for", () => {
  const asked = (sent: readonly Sent[]): number[] =>
    dataOf(sent)
      .filter((one) => (one.header.flags & WANTS_ACK) !== 0)
      .map((one) => one.header.seq);

  test("by the newest packet there is, and by no other while the windows are wide and the path is known", () => {
    const stage = replying(1);
    write(stage, 8 * FULL);
    expect(asked(stage.rig.poll())).toEqual([8]);
  });

  test("by each packet while either window is four packets or less", () => {
    for (const limit of ["peerWindow", "cwnd"] as const) {
      for (const [packets, count] of [
        [4, 4],
        [5, 0],
      ] as const) {
        const stage = replying(1);
        if (limit === "cwnd") stage.call.congestion.cwnd = packets;
        else stage.call.tx.peerWindow = packets;
        write(stage, 8 * FULL);
        expect([limit, asked(stage.rig.poll()).length]).toEqual([limit, count]);
      }
    }
  });

  test("by each packet until the path has three samples", () => {
    for (const [samples, count] of [
      [2, 8],
      [3, 1],
    ] as const) {
      const stage = replying(1);
      stage.peer.rtt.reset();
      for (let i = 0; i < samples; i++) stage.peer.rtt.addSample(20_000);
      write(stage, 8 * FULL);
      expect(asked(stage.rig.poll()).length).toBe(count);
    }
  });

  test("by what goes again, but never by the last packet of all", () => {
    const stage = replying(1);
    write(stage, 5 * FULL);
    stage.handle.end();
    expect(asked(stage.rig.poll())).toEqual([]);
    for (const seq of [2, 5]) stage.call.tx.markLost(seq);
    stage.rig.endpoint.local.scheduleCall(stage.call);
    const again = stage.rig.poll();
    expect([asked(again), dataOf(again).map((one) => one.header.seq)]).toEqual([[2], [2, 5]]);
  });

  test("by a client in its own direction", () => {
    const { rig, handle } = stageClient("SendRequest");
    handle.write(new Uint8Array(10), 0, 10);
    const [sent] = rig.poll();
    expect(sent?.header.flags).toBe(PacketFlag.ClientInitiated | WANTS_ACK);
    handle.end();
    const [last] = rig.poll();
    expect(last?.header.flags).toBe(PacketFlag.ClientInitiated | LAST);
  });
});

describe("waiting until a whole datagram fits", () => {
  /** `queued` packets are ready, `inFlight` of those before them in flight, `room` more may go. */
  const gathers = (
    segments: number,
    inFlight: number,
    room: { peer?: number; congestion?: number },
    queued: number,
  ): boolean => {
    const tx = { first: 1, next: 1 + inFlight, top: 1 + inFlight + queued, inFlight, peerWindow: 0 };
    tx.peerWindow = inFlight + (room.peer ?? 100);
    const congestion = { cwnd: inFlight + (room.congestion ?? 100) };
    return shouldGather({ tx, congestion, connection: { peer: { segments } } } as unknown as Call);
  };

  test("is for those who have jumbograms, and two of them in flight", () => {
    expect([gathers(1, 50, { peer: 0 }, 10), gathers(2, 3, { peer: 1 }, 10)]).toEqual([false, false]);
    expect([gathers(2, 4, { peer: 1 }, 10), gathers(4, 7, { peer: 3 }, 10)]).toEqual([true, false]);
    expect(gathers(4, 8, { peer: 3 }, 10)).toBe(true);
  });

  test("ends when either window has room for one, whichever was in the way", () => {
    for (const window of ["peer", "congestion"] as const) {
      expect([0, 3, 4, 5].map((room) => gathers(4, 8, { [window]: room }, 10))).toEqual([
        true,
        true,
        false,
        false,
      ]);
    }
  });

  test("holds back new packets and none that go again", () => {
    const stage = replying(2);
    stage.call.tx.peerWindow = 5;
    write(stage, 10 * FULL);
    expect(shapes(stage.rig.poll())).toEqual([
      [1, full(2)],
      [3, full(2)],
    ]);
    stage.rig.feed(stage.talker.ack({ firstPacket: 3, previousPacket: 4, rwind: 5, jumboMax: 2 }));
    expect(shapes(stage.rig.poll())).toEqual([[5, full(2)]]);
    // Two datagrams are in flight, and room is for half of one.
    expect(shouldGather(stage.call)).toBe(true);
    stage.call.tx.markLost(3);
    // One more in its place, or there would be reason enough to go on.
    stage.call.tx.inFlight++;
    stage.rig.endpoint.local.scheduleCall(stage.call);
    expect([shouldGather(stage.call), shapes(stage.rig.poll())]).toEqual([true, [[3, full(1)]]]);
  });

  test("is for nothing when all that is there would go", () => {
    expect([1, 2, 3].map((queued) => gathers(4, 8, { peer: 2 }, queued))).toEqual([false, false, true]);
  });
});
