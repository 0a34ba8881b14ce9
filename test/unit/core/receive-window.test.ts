import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { Placement, ReceiveWindow } from "../../../src/core/receive-window.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { clientTalker } from "./packets.js";
import { nameOf, Rig } from "./rig.js";

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

describe("ReceiveWindow.room, the window to advertise", () => {
  test("follows the buffers that are free for a request, never below a jumbogram's four packets", () => {
    const { pool, rx } = make(32, 100);
    const kept = pool.keptFrom(BufferClass.Request);
    for (let free = 100; free >= 0; free--) {
      expect([free, rx.room]).toEqual([free, Math.min(32, Math.max(4, free - kept))]);
      pool.take();
    }
  });

  test("comes back with the buffers", () => {
    const { pool, rx } = make(32, 100);
    const taken = Array.from({ length: 100 }, () => pool.take());
    expect(rx.room).toBe(4);
    for (const buffer of taken.splice(0, 20)) pool.give(buffer);
    expect(rx.room).toBe(20 - pool.keptFrom(BufferClass.Request));
    for (const buffer of taken) pool.give(buffer);
    expect(rx.room).toBe(32);
  });

  test("is narrowed by what the reader has not taken, and by packets in order only", () => {
    const { pool, rx } = make(8, 100);
    const rooms = [1, 2, 4, 3, 5, 6, 7, 8].map((seq) => {
      place(pool, rx, seq);
      return rx.room;
    });
    expect(rooms).toEqual([7, 6, 6, 4, 4, 4, 4, 4]);
    readAll(pool, rx);
    expect(rx.room).toBe(8);
  });

  test("a window of less than four packets is advertised as it is", () => {
    const { pool, rx } = make(2, 10);
    for (let i = 0; i < 10; i++) pool.take();
    expect(rx.room).toBe(2);
  });

  test("what is advertised is taken: four packets beyond a window that is full", () => {
    const { pool, rx } = make(8, 100);
    for (let seq = 1; seq <= 8; seq++) place(pool, rx, seq);
    expect([rx.room, rx.classify(9), rx.classify(12), rx.classify(13)]).toEqual([
      4,
      Placement.InOrder,
      Placement.Gap,
      Placement.Beyond,
    ]);
  });

  test("is wide when all has come, whatever is free: the next call on the channel begins with it", () => {
    const { pool, rx } = make(32, 10);
    place(pool, rx, 1, 4, true);
    while (pool.free > 0) pool.take();
    expect([rx.isComplete, rx.room]).toEqual([true, 32]);
  });

  test("to put two packets into one place, or to take more than there is, is a mistake of ours", () => {
    const { pool, rx } = make(32, 10);
    place(pool, rx, 1, 4);
    expect(() => rx.place(1, pool.take(), false, 0)).toThrow("receive window place is taken");
    expect(() => rx.consume(rx.peek(), 5)).toThrow("consumed more than the buffer holds");
    rx.consume(rx.peek(), 4);
    expect([rx.peek(), rx.readSeq]).toEqual([NO_BUFFER, 2]);
  });

  test("a buffer that was handed over counts as held, and goes back once", () => {
    const { pool, rx } = make(32, 10);
    rx.granted = pool.take();
    expect([rx.buffersHeld, pool.used]).toEqual([1, 1]);
    rx.dropGrant();
    rx.dropGrant();
    expect([rx.buffersHeld, pool.used, rx.granted]).toEqual([0, 0, NO_BUFFER]);
    rx.granted = pool.take();
    rx.reset();
    expect([pool.used, rx.granted]).toEqual([0, NO_BUFFER]);
  });

  test("every ACK on the wire says it in its rwind", () => {
    const rig = new Rig({ options: { buffersMax: 40, receiveWindowPackets: 32 } });
    rig.offer();
    const { buffers } = rig.endpoint.local;
    const talker = clientTalker();
    rig.exchange(talker.data(1));
    const rwinds: number[] = [];
    const expected: number[] = [];
    for (let serial = 1_000; buffers.free > 0; serial++) {
      rig.feed(talker.ping(serial));
      expected.push(Math.max(4, Math.min(31, buffers.free - buffers.keptFrom(BufferClass.Request))));
      for (const sent of rig.poll())
        if (nameOf(sent) === "ACK PingResponse") rwinds.push(sent.ack?.rwind as number);
      buffers.take();
    }
    expect([rwinds[0], rwinds.at(-1), rwinds.length]).toEqual([31, 4, 39]);
    expect(rwinds).toEqual(expected);
  });

  test("a reader that opens the window far beyond what the newest ACK said has its peer told", () => {
    const rig = new Rig({ options: { buffersMax: 100, receiveWindowPackets: 16 } });
    rig.offer();
    const talker = clientTalker();
    for (let seq = 1; seq <= 12; seq++) rig.exchange(talker.data(seq));
    const handle = rig.newCalls[0] as CallHandle;
    handle.skip(3 * 8);
    expect(rig.names()).toEqual([]);
    handle.skip(6 * 8);
    const [told] = rig.poll();
    expect([told?.ack?.firstPacket, told?.ack?.rwind]).toEqual([13, 13]);
  });
});
