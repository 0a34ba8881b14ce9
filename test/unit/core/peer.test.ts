// What is known of a remote endpoint: when its round trip is measured anew, how many segments one datagram may hold, and what
// has gone to and fro.
import { describe, expect, test } from "vitest";
import { Peer, PeerCell } from "../../../src/core/peer.js";

const at = (timeUs: number): Float64Array => new Float64Array([timeUs]);

function cleanAcks(peer: Peer, count: number): number {
  for (let i = 0; i < count; i++) peer.noteCleanAck();
  return peer.segments;
}

describe("the round trip", () => {
  test("is measured until there are three samples, and then when none has come for more than a second", () => {
    const peer = new Peer(0);
    const beganUs = 2 ** 33;
    peer.cells[PeerCell.RttAt] = beganUs;
    const wanted: boolean[] = [];
    for (let samples = 0; samples < 4; samples++) {
      wanted.push(peer.wantsRtt(at(beganUs)));
      peer.rtt.addSample(1_000);
    }
    expect(wanted).toEqual([true, true, true, false]);
    expect([peer.wantsRtt(at(beganUs + 1_000_000)), peer.wantsRtt(at(beganUs + 1_000_001))]).toEqual([
      false,
      true,
    ]);
  });
});

describe("segments of one datagram", () => {
  test("grow by one after five clean ACKs, up to what the peer takes", () => {
    const peer = new Peer(0);
    expect(cleanAcks(peer, 100)).toBe(1);
    peer.takeJumboMax(3);
    expect([4, 1, 4, 1, 100].map((count) => cleanAcks(peer, count))).toEqual([1, 2, 2, 3, 3]);
  });

  test("fall to one with a loss, and stay there for 256 clean ACKs more", () => {
    const peer = new Peer(0);
    peer.takeJumboMax(4);
    cleanAcks(peer, 15);
    expect(peer.segments).toBe(4);
    peer.noteLoss();
    expect([peer.segments, cleanAcks(peer, 260), cleanAcks(peer, 1), cleanAcks(peer, 5)]).toEqual([
      1, 1, 2, 3,
    ]);
  });

  test("a loss of small datagrams does not put growing off", () => {
    const peer = new Peer(0);
    peer.takeJumboMax(4);
    cleanAcks(peer, 4);
    peer.noteLoss();
    expect(cleanAcks(peer, 1)).toBe(2);
  });

  test("a peer that takes more from here on is not sent more at once, one that takes none gets single packets", () => {
    const peer = new Peer(0);
    peer.takeJumboMax(2);
    cleanAcks(peer, 5);
    peer.takeJumboMax(6);
    expect([peer.segments, peer.jumboMax]).toEqual([2, 6]);
    peer.takeJumboMax(2);
    expect(peer.segments).toBe(2);
    peer.takeJumboMax(1);
    expect(peer.segments).toBe(1);
    peer.takeJumboMax(0);
    expect([peer.segments, peer.jumboMax]).toEqual([1, 0]);
  });
});

describe("what has gone to and fro", () => {
  test("is counted both ways, and charged to the budget of a stranger alone", () => {
    const peer = new Peer(0);
    peer.noteReceived(100);
    peer.noteReceived(1);
    peer.noteSent(40);
    expect([peer.credit, peer.cells[PeerCell.BytesIn]]).toEqual([263, 101]);
    peer.isProven = true;
    peer.noteReceived(10);
    peer.noteSent(2_000);
    expect([peer.credit, ...peer.cells]).toEqual([263, 0, 0, 111, 2_040, 2, 0]);
  });
});
