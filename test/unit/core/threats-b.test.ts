// ACKs and sending: a receiver that lies, old peers, paths that lose.
import { describe, expect, test } from "vitest";
import { type Call, CallState, CallTime, Completion } from "../../../src/core/call-object.js";
import type { Peer } from "../../../src/core/peer.js";
import { Stat } from "../../../src/core/stats.js";
import { Prng } from "../../../src/transport/prng.js";
import { AckReason } from "../../../src/wire/ack.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { type Stage, stageService } from "./calls.js";
import { clientTalker, filled } from "./packets.js";
import { FRIEND, LAST, nameOf, type Sent, STRANGER } from "./rig.js";

const PACKET = 1_412;

/** A service call with `packets` of its reply sent (as many as the first window lets out) and none acknowledged. */
function replying(packets: number): Stage & { sent: Sent[]; peer: Peer } {
  const stage = stageService("AckRequest");
  // Round trips of 20 ms, known.
  stage.rig.pass(20_000);
  const peer = stage.call.connection?.peer as Peer;
  for (let i = 0; i < 8; i++) peer.rtt.addSample(20_000);
  stage.handle.write(new Uint8Array(packets * PACKET), 0, packets * PACKET);
  const sent = stage.rig.poll();
  return { ...stage, sent, peer };
}

const dataOf = (sent: readonly Sent[]): number[] =>
  sent.filter((one) => one.header.type === PacketType.Data).map((one) => one.header.seq);

function heardAt(call: Call): number {
  return call.times[CallTime.LastHeard] as number;
}

describe("B: ACKs and sending", () => {
  test("B1: an ACK whose first packet moves backwards is ignored and does not count as life", () => {
    const { rig, talker, call } = replying(8);
    rig.feed(talker.ack({ firstPacket: 5 }));
    const heard = heardAt(call);
    rig.nowUs += 100_000;
    rig.feed(talker.ack({ firstPacket: 3, soft: [1, 1, 1, 1, 1, 1] }));
    expect([call.tx.first, heardAt(call), rig.stat(Stat.DropStaleAck)]).toEqual([5, heard, 1]);
    expect(call.tx.highestAcked).toBeLessThan(8);
  });

  test("B2: the same first packet with a smaller previous packet inside the window is ignored, not loss", () => {
    const { rig, talker, call } = replying(8);
    rig.feed(talker.ack({ firstPacket: 2, previousPacket: 6, soft: [1, 1, 1, 1, 1] }));
    const { inFlight, lost } = call.tx;
    rig.nowUs += 100_000;
    rig.feed(talker.ack({ firstPacket: 2, previousPacket: 4, soft: [0, 0, 1] }));
    expect([call.tx.inFlight, call.tx.lost, rig.stat(Stat.DropStaleAck)]).toEqual([inFlight, lost, 1]);
  });

  test("B3: a previous packet far beyond the window is not trusted, and the rest of the ACK is taken", () => {
    for (const foreign of [0x7fff_0000, -5, 100_000]) {
      const { rig, talker, call } = replying(8);
      rig.feed(talker.ack({ firstPacket: 2, previousPacket: foreign, soft: [1] }));
      expect([call.tx.first, call.tx.highestAcked]).toEqual([2, 2]);
      // What an honest number says later still counts.
      rig.feed(talker.ack({ firstPacket: 2, previousPacket: 4, soft: [1, 1, 1] }));
      expect(call.tx.highestAcked).toBe(4);
      // And a foreign number where nothing has moved does not make the ACK an old one.
      rig.feed(talker.ack({ firstPacket: 2, previousPacket: foreign, soft: [1, 1, 1, 1] }));
      expect(call.tx.highestAcked).toBe(5);
    }
  });

  test("B4: ACK of packets never sent, hard or soft, aborts the call and frees nothing", () => {
    for (const lie of [
      { firstPacket: 6 },
      { firstPacket: 1, soft: [0, 0, 0, 0, 1] },
      { firstPacket: 0x7fff_ffff },
    ]) {
      const { rig, talker, call, handle } = replying(4);
      const { first, peerWindow } = call.tx;
      expect(rig.exchange(talker.ack({ ...lie, rwind: 200 }))).toEqual(["ABORT -5"]);
      expect([handle.completion, handle.abortCode, first, peerWindow]).toEqual([
        Completion.LocallyAborted,
        -5,
        1,
        32,
      ]);
    }
  });

  test("B5: an ACK that echoes a serial we left out aborts the connection and is no round trip", () => {
    const { rig, talker, call, handle, peer } = replying(4);
    const connection = call.connection;
    if (connection === null) throw new Error("no connection");
    connection.skippedSerial = 4711;
    const { samples } = peer.rtt;
    expect(rig.exchange(talker.ack({ firstPacket: 2, serial: 4711, reason: AckReason.Requested }))).toEqual([
      "ABORT -5",
    ]);
    expect([handle.isEnded, peer.rtt.samples]).toEqual([true, samples]);
    expect(rig.exchange(talker.with({ callNumber: 3 }).data(1))).toEqual(["ABORT -5"]);
  });

  test("B5: serials are left out now and then, never 0, and never twice the same", () => {
    const { call } = replying(1);
    const connection = call.connection;
    if (connection === null) throw new Error("no connection");
    let left = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const prng = new Prng(seed);
      connection.serial = -500;
      let before = connection.serial;
      for (let i = 0; i < 1_000; i++) {
        const serial = connection.nextSerial(prng);
        expect(serial).not.toBe(0);
        const gap = (serial - before) | 0;
        if (gap === 2 && serial !== 1) {
          left++;
          expect(connection.skippedSerial).toBe(serial - 1);
        } else if (serial !== 1) {
          expect(gap).toBe(1);
        }
        before = serial;
      }
    }
    expect(left).toBeGreaterThan(20);
    expect(left).toBeLessThan(300);
  });

  test("B6: more acks claimed than bytes present, or than the window: only what is there and was sent is used", () => {
    const { rig, talker, call } = replying(4);
    // The datagram ends after two acks; what lies behind it in the same memory says that everything has come.
    const short = talker.ack({ firstPacket: 1, soft: [1, 0] }).slice(0, HEADER_SIZE + 20);
    short[HEADER_SIZE + 17] = 255;
    const memory = new Uint8Array(1_000).fill(1);
    memory.set(short);
    rig.endpoint.handleDatagram(rig.nowUs, FRIEND, memory, short.length);
    expect([call.tx.highestAcked, call.tx.inFlight]).toEqual([1, 3]);
    rig.feed(
      talker.ack({
        firstPacket: 1,
        previousPacket: 4,
        soft: [1, 1, 1, 1, ...new Array<number>(251).fill(0)],
      }),
    );
    expect([call.state, call.tx.inFlight]).toEqual([CallState.ServerSendReply, 0]);
    rig.feed(talker.of(PacketType.Ack, new Uint8Array(17)));
    expect(rig.stat(Stat.DropBadAck)).toBe(1);
  });

  test("B7: a soft ACK that is taken back: the data is kept until the hard ACK, and sent again", () => {
    const { rig, talker, call } = replying(4);
    rig.nowUs += 30_000;
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 4, soft: [1, 1, 1, 1] }));
    expect([call.tx.inFlight, rig.buffersUsed]).toEqual([0, 5]);
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 4, soft: [0, 1, 1, 1] }));
    const again = [...rig.poll(), ...rig.pass(1_000_000)];
    expect(dataOf(again)).toContain(1);
    const resent = again.find((one) => one.header.type === PacketType.Data && one.header.seq === 1);
    expect(resent?.bytes.length).toBe(HEADER_SIZE + PACKET);
    rig.feed(talker.ack({ firstPacket: 5, previousPacket: 4 }));
    expect(rig.buffersUsed).toBe(1);
  });

  test("B8: a trailer MTU of 0, 27, 2^31 or 2^32-1 is clamped", () => {
    for (const [mtu, expected] of [
      [0, 548],
      [27, 548],
      [-0x8000_0000, 1_444],
      [-1, 1_444],
      [1_000, 1_000],
    ] as const) {
      const { rig, talker, peer } = replying(1);
      rig.feed(talker.ack({ firstPacket: 2, ifMtu: mtu, maxMtu: -1 }));
      expect(peer.packetBytes).toBe(expected);
      // The next call's packets are as large as that, and not empty.
      rig.exchange(talker.with({ cid: 0x1001, callNumber: 1 }).data(1, 8, LAST));
      expect(rig.newCalls[1]?.call?.tx.dataBytes).toBe(Math.min(expected - HEADER_SIZE, PACKET));
    }
  });

  test("B9: a receive window of 0 is taken as 1, one above 255 as 255", () => {
    const { rig, talker, call } = replying(8);
    rig.feed(talker.ack({ firstPacket: 9, previousPacket: 8, rwind: 0 }));
    call.connection?.peer?.rtt.reset();
    const bytes = new Uint8Array(4 * PACKET);
    rig.newCalls[0]?.write(bytes, 0, bytes.length);
    expect([call.tx.peerWindow, dataOf(rig.poll())]).toEqual([1, [9]]);
    rig.feed(talker.ack({ firstPacket: 10, previousPacket: 9, rwind: -1 }));
    expect([call.tx.peerWindow, dataOf(rig.poll())]).toEqual([255, [10, 11, 12]]);
  });

  test("B10: a window kept shut with every PING answered ends the call after 60 s without progress", () => {
    const { rig, talker, handle, listener } = replying(40);
    const beganUs = rig.nowUs;
    // The peer takes the first packets late, so that the time counts from there.
    rig.pass(10_000_000);
    rig.exchange(talker.ack({ firstPacket: 2, rwind: 1 }));
    while (!handle.isEnded && rig.nowUs - beganUs < 200_000_000) {
      rig.pass(1_000_000);
      if (!handle.isEnded)
        rig.exchange(
          talker.ack({ firstPacket: 2, previousPacket: 1, rwind: 1, reason: AckReason.PingResponse }),
        );
    }
    expect(handle.abortCode).toBe(-3);
    expect(listener.ends).toBe(1);
    expect(rig.nowUs - beganUs).toBeGreaterThan(69_000_000);
    expect(rig.nowUs - beganUs).toBeLessThan(75_000_000);
  });

  test("B10: a handler that pauses between two parts of its reply is no stuck peer", () => {
    const { rig, talker, handle, call } = replying(1);
    rig.exchange(talker.ack({ firstPacket: 2, previousPacket: 1 }));
    // Its deadlines come up at 30, 90 and 150 s; just before the last it writes again.
    for (let s = 0; s < 149; s++) {
      rig.pass(1_000_000);
      rig.exchange(talker.ack({ firstPacket: 2, previousPacket: 1 }));
    }
    handle.write(new Uint8Array(10), 0, 10);
    expect(dataOf(rig.poll())).toEqual([2]);
    rig.pass(2_000_000);
    expect([handle.isEnded, call.tx.first]).toEqual([false, 2]);
  });

  test("B11: a flood of PINGs while nothing is sent leaves one pending ACK, and the newest wins", () => {
    const { rig, talker } = stageService("RecvRequest");
    for (let serial = 1; serial <= 1_000; serial++) rig.feed(talker.ping(serial));
    const sent = rig.poll();
    expect(sent.map(nameOf)).toEqual(["ACK PingResponse"]);
    expect(sent[0]?.ack?.serial).toBe(1_000);
  });

  test("B11: an answer to a PING is not pushed out by other reasons", () => {
    const { rig, talker } = stageService("RecvRequest");
    rig.feed(talker.ping(5));
    rig.feed(talker.data(1));
    expect(rig.names()).toEqual(["ACK PingResponse"]);
  });

  test("B12: trailers of 0 to 4 words and ACKALL are accepted", () => {
    for (let words = 0; words <= 4; words++) {
      const { rig, talker, handle } = stageService("AwaitAck");
      const whole = talker.ack({ firstPacket: 2 });
      rig.feed(whole.slice(0, whole.length - 16 + words * 4));
      expect(handle.isEnded).toBe(true);
    }
    const bare = stageService("AwaitAck");
    bare.rig.feed(bare.talker.ack({ firstPacket: 2 }).slice(0, HEADER_SIZE + 18));
    expect(bare.handle.isEnded).toBe(true);
    const all = stageService("AwaitAck");
    all.rig.feed(all.talker.of(PacketType.AckAll));
    expect(all.handle.isEnded).toBe(true);
  });

  test("B12: ACKALL in the middle of a reply frees what was sent, and lets the writer go on", () => {
    const { rig, talker, call, handle } = replying(64);
    const sent = call.tx.next - 1;
    expect(handle.write(new Uint8Array(10), 0, 10)).toBe(0);
    rig.feed(talker.of(PacketType.AckAll));
    rig.drain();
    expect([call.tx.first, call.tx.inFlight]).toEqual([sent + 1, 0]);
    expect(call.wantsRoom).toBe(false);
    expect(dataOf(rig.poll())[0]).toBe(sent + 1);
  });

  test("B13: round trips are measured only from first copies and immediate ACKs", () => {
    const { rig, talker, sent, peer, call } = replying(4);
    const serialOf = (seq: number): number =>
      sent.find((one) => one.header.type === PacketType.Data && one.header.seq === seq)?.header
        .serial as number;
    const before = peer.rtt.samples;
    rig.nowUs += 25_000;
    rig.feed(talker.ack({ firstPacket: 1, serial: serialOf(1), reason: AckReason.Delay, soft: [1] }));
    rig.feed(talker.ack({ firstPacket: 1, serial: 0, reason: AckReason.Requested, soft: [1] }));
    rig.feed(talker.ack({ firstPacket: 1, serial: 99_999, reason: AckReason.Requested, soft: [1] }));
    expect(peer.rtt.samples).toBe(before);
    rig.feed(
      talker.ack({
        firstPacket: 1,
        serial: serialOf(2),
        reason: AckReason.Requested,
        previousPacket: 2,
        soft: [1, 1],
      }),
    );
    expect(peer.rtt.samples).toBe(before + 1);
    const [resent] = rig.pass(2_000_000).filter((one) => one.header.type === PacketType.Data);
    if (resent === undefined) throw new Error("nothing was sent again");
    rig.feed(
      talker.ack({
        firstPacket: 1,
        serial: resent.header.serial,
        reason: AckReason.Requested,
        previousPacket: 4,
        soft: [1, 1, 1, 1],
      }),
    );
    expect(peer.rtt.samples).toBe(before + 1);
    expect(call.tx.inFlight).toBe(0);
  });

  test("B13: the retransmission timeout stays between its floor and its ceiling", () => {
    const { peer } = replying(1);
    for (let i = 0; i < 100; i++) peer.rtt.addSample(1);
    expect(peer.rtt.rtoUs(0)).toBe(200_000);
    for (let i = 0; i < 100; i++) peer.rtt.addSample(i % 2 === 0 ? 2e9 : 0);
    expect(peer.rtt.rtoUs(6)).toBe(60_000_000);
  });

  test("B14: ACKs that give and take back cause each packet to be sent at most about once a round trip", () => {
    const { rig, talker, call } = replying(32);
    let resent = 0;
    const windowUs = 100_000;
    for (let i = 0; i < 400; i++) {
      rig.nowUs += windowUs / 400;
      const soft = new Array<number>(call.tx.next - 1).fill(i % 2);
      soft[soft.length - 1] = 1;
      rig.feed(talker.ack({ firstPacket: 1, previousPacket: call.tx.next - 1, soft }));
      resent += rig.poll().filter((one) => one.header.type === PacketType.Data).length;
    }
    // Five round trips of 20 ms, at most a window of 32 in each.
    expect(resent).toBeLessThan(7 * 32);
  });

  test("B14: three duplicate ACKs with a gap resend the missing packet once", () => {
    const { rig, talker } = replying(8);
    rig.nowUs += 30_000;
    let resent: number[] = [];
    for (let i = 0; i < 20; i++) {
      rig.feed(
        talker.ack({
          firstPacket: 1,
          previousPacket: 4,
          soft: [0, 1, 1, 1],
          reason: AckReason.OutOfSequence,
        }),
      );
      resent = [...resent, ...dataOf(rig.poll()).filter((seq) => seq < 5)];
      rig.nowUs += 100;
    }
    expect(resent).toEqual([1]);
  });

  test("B15: after losses datagrams are small again", () => {
    const { rig, talker, call, peer } = replying(0);
    rig.newCalls[0]?.write(new Uint8Array(64 * PACKET), 0, 64 * PACKET);
    let largest = 0;
    for (let i = 0; i < 20; i++) {
      for (const one of rig.poll()) largest = Math.max(largest, one.bytes.length);
      rig.nowUs += 20_000;
      rig.feed(
        talker.ack({ firstPacket: call.tx.next, previousPacket: call.tx.next - 1, rwind: 32, jumboMax: 4 }),
      );
      rig.newCalls[0]?.write(new Uint8Array(PACKET * 8), 0, PACKET * 8);
    }
    expect(largest).toBeGreaterThan(1_444);
    rig.poll();
    // The path swallows everything: after the timeout only small packets go out.
    const after = rig.pass(3_000_000).filter((one) => one.header.type === PacketType.Data);
    expect(after.length).toBeGreaterThan(0);
    for (const one of after) expect(one.bytes.length).toBeLessThanOrEqual(1_444);
    expect(peer.segments).toBe(1);
  });

  test("B15: a stranger is sent small datagrams, whatever it says that it takes", () => {
    const { rig, call, handle } = stageService("AckRequest", {}, STRANGER);
    const peer = call.connection?.peer as Peer;
    peer.noteReceived(100_000);
    peer.takeJumboMax(4);
    peer.segments = 4;
    handle.write(new Uint8Array(20 * PACKET), 0, 20 * PACKET);
    const sent = rig.poll().filter((one) => one.header.type === PacketType.Data);
    expect([peer.isProven, sent.length > 4]).toEqual([false, true]);
    for (const one of sent) expect(one.bytes.length).toBeLessThanOrEqual(1_444);
  });

  test("B16: every byte of an ACK is written, pads are zero", () => {
    const { rig, talker } = stageService("RecvRequest");
    rig.feed(talker.data(3));
    rig.feed(talker.data(5));
    const [sent] = rig.poll();
    if (sent === undefined || sent.ack === null) throw new Error("no ACK");
    expect(sent.acks).toEqual([0, 1, 0, 1]);
    const pads = sent.ack.acksOffset + sent.ack.nAcks;
    expect([...sent.bytes.subarray(pads, pads + 3)]).toEqual([0, 0, 0]);
    expect(sent.bytes.length).toBe(pads + 3 + 16);
    expect(new DataView(sent.bytes.buffer, sent.bytes.byteOffset).getUint32(HEADER_SIZE)).toBe(0);
  });

  test("a client's request is answered even when its talker is odd: two requests, same bytes", () => {
    const { rig } = stageService("Succeeded");
    const odd = clientTalker({ cid: 0x9001, callNumber: -3 });
    rig.exchange(odd.data(1, filled(8, 1), LAST));
    expect(rig.newCalls.length).toBe(2);
  });
});
