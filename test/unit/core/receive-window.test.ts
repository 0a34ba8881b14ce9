import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Placement, ReceiveWindow } from "../../../src/core/receive-window.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";

function make(window = 32, buffers = 100): { pool: BufferPool; rx: ReceiveWindow } {
  const pool = new BufferPool(buffers, 1_500);
  return { pool, rx: new ReceiveWindow(pool, window) };
}

/** Puts packet `seq` with `length` bytes, each `seq`, in its place. */
function place(pool: BufferPool, rx: ReceiveWindow, seq: number, length = 4, isLast = false): Placement {
  const placement = rx.classify(seq);
  if (placement !== Placement.InOrder && placement !== Placement.Gap) return placement;
  const buffer = pool.take();
  pool.length[buffer] = length;
  pool.bytes.fill(seq, pool.offsetOf(buffer), pool.offsetOf(buffer) + length);
  rx.place(seq, buffer, isLast, seq * 3);
  return placement;
}

function readAll(pool: BufferPool, rx: ReceiveWindow): number[] {
  const out: number[] = [];
  for (let buffer = rx.peek(); buffer !== NO_BUFFER; buffer = rx.peek()) {
    out.push(pool.bytes[pool.offsetOf(buffer) + (pool.start[buffer] as number)] as number);
    rx.consume(buffer, 1);
  }
  return out;
}

describe("ReceiveWindow", () => {
  test("takes packets in any order within the window and gives them in order", () => {
    const { pool, rx } = make();
    expect(place(pool, rx, 3)).toBe(Placement.Gap);
    expect(place(pool, rx, 3)).toBe(Placement.Held);
    expect(readAll(pool, rx)).toEqual([]);
    expect(place(pool, rx, 1)).toBe(Placement.InOrder);
    expect(place(pool, rx, 1)).toBe(Placement.Old);
    const acks = new Uint8Array(255);
    expect([rx.fillAcks(acks), acks[0], acks[1]]).toEqual([2, 0, 1]);
    place(pool, rx, 2);
    expect([rx.next, rx.fillAcks(acks), rx.cksumAt(2), rx.bytesReceived]).toEqual([4, 0, 6, 12]);
    expect(readAll(pool, rx)).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    expect(pool.used).toBe(0);
  });

  test("knows when everything has come and when everything has been read; empty packets are passed over", () => {
    const { pool, rx } = make();
    place(pool, rx, 1, 0);
    place(pool, rx, 2, 2);
    place(pool, rx, 3, 0, true);
    expect([rx.isComplete, rx.isDrained]).toEqual([true, false]);
    expect(readAll(pool, rx)).toEqual([2, 2]);
    expect([rx.isDrained, pool.used]).toEqual([true, 0]);
  });

  test("what is discarded gives its buffers back at once, and later packets too", () => {
    const { pool, rx } = make();
    place(pool, rx, 1);
    place(pool, rx, 3);
    rx.isDiscarding = true;
    rx.skipInOrder();
    expect(pool.used).toBe(1);
    place(pool, rx, 2);
    expect([pool.used, rx.readSeq, rx.bytesReceived]).toEqual([0, 4, 12]);
  });

  test("packets beyond the window, and numbers that only a wrap could give, are Beyond", () => {
    const { rx } = make(8);
    expect(rx.classify(8)).toBe(Placement.Gap);
    for (const seq of [100, -1, -0x8000_0000, 0x7fff_ffff]) expect(rx.classify(seq)).toBe(Placement.Beyond);
  });

  test("the largest window acknowledges at most the 255 packets that the byte can count", () => {
    const { pool, rx } = make(255, 600);
    for (let seq = 2; seq < 300; seq++) place(pool, rx, seq);
    expect(rx.fillAcks(new Uint8Array(256))).toBe(255);
  });

  test("model: the reader gets each byte once and in order, and the pool all buffers back", () => {
    const action = fc.record({ kind: fc.nat({ max: 3 }), n: fc.nat({ max: 50 }) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(action, { maxLength: 150 }),
        (window, actions) => {
          const { pool, rx } = make(window, 200);
          const seen: number[] = [];
          const placed = new Set<number>();
          for (const { kind, n } of actions) {
            const seq = rx.readSeq + (n % (window + 2));
            if (kind < 3) {
              const placement = place(pool, rx, seq, n % 3);
              if (placement === Placement.InOrder || placement === Placement.Gap) placed.add(seq);
              else if (placement !== Placement.Beyond) expect(placed.has(seq)).toBe(true);
            } else {
              seen.push(...readAll(pool, rx));
            }
            let next = 1;
            while (placed.has(next)) next++;
            expect(rx.next).toBe(next);
            expect(pool.used).toBe(rx.buffersHeld);
          }
          seen.push(...readAll(pool, rx));
          expect(seen).toEqual(seen.toSorted((a, b) => a - b));
          rx.reset();
          expect(pool.used).toBe(0);
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });
});
