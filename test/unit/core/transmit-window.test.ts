import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransmitFlag, TransmitWindow } from "../../../src/core/transmit-window.js";
import { BufferPool } from "../../../src/memory/buffer-pool.js";
import { FakeSecurity } from "./fake-security.js";

const PACKET = 1_412;
const now = new Float64Array([2 ** 33]);

const NO_RETIRER = {
  retireChunk: () => {
    throw new Error("nothing is lent here");
  },
};

function make(buffers = 100, queueMax = 64): { pool: BufferPool; tx: TransmitWindow } {
  const pool = new BufferPool(buffers, 1_500);
  const tx = new TransmitWindow(pool, queueMax, NO_RETIRER);
  tx.prepare(null, 1_444);
  return { pool, tx };
}

function sendAll(tx: TransmitWindow, cwnd = 256): number[] {
  const sent: number[] = [];
  for (let seq = tx.sendable(cwnd); seq !== 0; seq = tx.sendable(cwnd)) {
    if (seq === tx.top) tx.seal();
    tx.markSent(seq, seq + 1_000, now);
    sent.push(seq);
  }
  return sent;
}

describe("TransmitWindow", () => {
  test("cuts what is written into packets, the last of them when it is sent", () => {
    const { tx, pool } = make();
    expect(tx.write(new Uint8Array(3_000), 0, 3_000)).toBe(3_000);
    expect([tx.top, pool.used, tx.hasWork, tx.isWritable]).toEqual([3, 3, true, true]);
    expect(sendAll(tx)).toEqual([1, 2, 3]);
    expect(tx.write(new Uint8Array(10), 0, 10)).toBe(10);
    tx.end();
    expect([tx.lastSeq, tx.isAllSent, tx.isAcknowledged]).toEqual([4, false, false]);
    expect(sendAll(tx)).toEqual([4]);
    expect(tx.isAllSent).toBe(true);
    while (tx.first <= 4) tx.releaseFirst();
    expect([tx.isAcknowledged, pool.used, tx.inFlight]).toEqual([true, 0, 0]);
  });

  test("an empty direction is one empty packet, for which no buffer is needed", () => {
    const { tx, pool } = make(8);
    const taken = Array.from({ length: 8 }, () => pool.take());
    expect(pool.free).toBe(0);
    tx.end();
    expect([tx.lastSeq, sendAll(tx), tx.isAllSent]).toEqual([1, [1], true]);
    for (const buffer of taken) pool.give(buffer);
  });

  test("takes no more than the queue or the pool holds, and says when there is room again", () => {
    const { tx } = make(100, 4);
    expect(tx.write(new Uint8Array(20_000), 0, 20_000)).toBe(4 * PACKET);
    expect(tx.isWritable).toBe(false);
    sendAll(tx);
    tx.releaseFirst();
    expect(tx.isWritable).toBe(true);
    const small = make(8, 64);
    // One is kept for those who come before a reply.
    expect(small.tx.write(new Uint8Array(20_000), 0, 20_000)).toBe(7 * PACKET);
    expect([small.tx.isWritable, small.pool.failedTakes]).toEqual([false, 1]);
  });

  test("to write or to end once more behind the last packet is a mistake of ours", () => {
    const { tx } = make();
    tx.end();
    expect(() => tx.write(new Uint8Array(1), 0, 1)).toThrow("write after the last packet");
    expect(() => tx.end()).toThrow("ended twice");
    expect([tx.isWritable, tx.couldUseBuffer, tx.wantsBuffer]).toEqual([false, false, false]);
  });

  test("leaves room for what a security class adds, within the packet", () => {
    const pool = new BufferPool(10, 1_500);
    const tx = new TransmitWindow(pool, 8, NO_RETIRER);
    tx.prepare(new FakeSecurity(), 1_000);
    expect([tx.dataBytes, tx.headRoom]).toEqual([1_000 - 28 - 6, 4]);
    tx.write(new Uint8Array(5), 0, 5);
    expect(pool.start[pool.count - 1 - 9]).toBe(4);
  });

  test("sends no more than the peer's window and the congestion window, lost packets first", () => {
    const { tx } = make();
    tx.write(new Uint8Array(20 * PACKET), 0, 20 * PACKET);
    tx.peerWindow = 6;
    expect(sendAll(tx, 4)).toEqual([1, 2, 3, 4]);
    expect(sendAll(tx)).toEqual([5, 6]);
    tx.markLost(2);
    tx.markLost(4);
    expect([tx.inFlight, tx.lost, tx.firstLost()]).toEqual([4, 2, 2]);
    expect(sendAll(tx)).toEqual([2, 4]);
    expect((tx.flags[2 & tx.mask] as number) & TransmitFlag.Resent).not.toBe(0);
  });

  test("a probe is the next new packet, else the highest that is not acknowledged, else the last of all", () => {
    const { tx } = make();
    tx.write(new Uint8Array(4 * PACKET), 0, 4 * PACKET);
    tx.end();
    tx.peerWindow = 3;
    sendAll(tx);
    expect(tx.probe()).toBe(3);
    tx.peerWindow = 4;
    expect(tx.probe()).toBe(4);
    sendAll(tx);
    tx.markSoftAcked(4);
    expect(tx.probe()).toBe(3);
    for (const seq of [1, 2, 3]) tx.markSoftAcked(seq);
    // It asks for the hard ACK of what the peer has.
    expect(tx.probe()).toBe(4);
    while (tx.first < tx.next) tx.releaseFirst();
    expect(tx.probe()).toBe(0);
  });

  test("a probe of a packet in flight does not count it twice", () => {
    const { tx } = make();
    tx.write(new Uint8Array(10), 0, 10);
    sendAll(tx);
    tx.markSent(1, 7, now);
    expect(tx.inFlight).toBe(1);
    tx.releaseFirst();
    expect(tx.inFlight).toBe(0);
  });

  test("model: whatever is acknowledged, lost and taken back, the counts are those of the flags and no buffer is lost", () => {
    const action = fc.record({ kind: fc.nat({ max: 7 }), n: fc.nat({ max: 70 }) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const { tx, pool } = make(40, 16);
        let written = 0;
        for (const { kind, n } of actions) {
          const seq = tx.first + (n % Math.max(1, tx.next - tx.first));
          const isSent = tx.first < tx.next;
          if (kind === 0 && tx.lastSeq === 0) written += tx.write(new Uint8Array(n * 40), 0, n * 40);
          else if (kind === 1) sendAll(tx, n);
          else if (kind === 2 && isSent) tx.markLost(seq);
          else if (kind === 3 && isSent) tx.markSoftAcked(seq);
          else if (kind === 4 && isSent) tx.revokeSoftAck(seq);
          else if (kind === 5 && isSent) tx.releaseFirst();
          else if (kind === 6 && n === 0 && tx.lastSeq === 0) tx.end();
          else if (kind === 7 && tx.probe() !== 0) tx.markSent(tx.probe(), n, now);
          let inFlight = 0;
          let lost = 0;
          for (let s = tx.first; s < tx.next; s++) {
            const flags = tx.flags[s & tx.mask] as number;
            if ((flags & TransmitFlag.Lost) !== 0) lost++;
            else if ((flags & TransmitFlag.SoftAcked) === 0) inFlight++;
          }
          expect([tx.inFlight, tx.lost]).toEqual([inFlight, lost]);
          expect(pool.used).toBe(tx.buffersHeld);
        }
        expect(written).toBeGreaterThanOrEqual(0);
        tx.reset();
        expect([pool.used, tx.buffersHeld]).toEqual([0, 0]);
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
