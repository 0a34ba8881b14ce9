// ReceiveWindow against a model that knows every packet and every byte: whatever the order in which packets come and are
// read, skipped, dropped or waited for.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Placement, ReceiveWindow } from "../../../src/core/receive-window.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { ACK_MAX_SOFT } from "../../../src/wire/ack.js";

const BUFFERS = 64;
const SLACK_MAX = 4;

interface Packet {
  /** Bytes in each of the buffers that hold it. */
  readonly parts: readonly number[];
  readonly isLast: boolean;
}

/** What has come, as a list and not as a ring. */
class Model {
  readonly packets = new Map<number, Packet>();
  /** Bytes that went to the reader or were thrown away. */
  taken = 0;
  lastSeq = 0;

  get next(): number {
    let next = 1;
    while (this.packets.has(next)) next++;
    return next;
  }

  get top(): number {
    return Math.max(0, ...this.packets.keys());
  }

  /** Everything that has come in order. */
  get stream(): number[] {
    const bytes: number[] = [];
    for (let seq = 1; seq < this.next; seq++)
      bytes.push(...bytesOf(seq, sum(this.packets.get(seq)?.parts ?? [])));
    return bytes;
  }

  get bytesReceived(): number {
    return sum([...this.packets.values()].flatMap(({ parts }) => parts));
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

function bytesOf(seq: number, length: number): number[] {
  return Array.from({ length }, (_, i) => (seq * 37 + i) & 0xff);
}

class Bench {
  readonly pool = new BufferPool(BUFFERS, 1_500);
  readonly rx: ReceiveWindow;
  readonly slack: number;
  model = new Model();
  seen: number[] = [];

  constructor(window: number) {
    this.rx = new ReceiveWindow(this.pool, window);
    this.slack = Math.min(SLACK_MAX, window);
  }

  expected(seq: number, next: number): Placement {
    const { rx, model } = this;
    if (seq < 0 || seq >= rx.readSeq + rx.window + this.slack) return Placement.Beyond;
    if (seq < next) return Placement.Old;
    if (model.packets.has(seq)) return Placement.Held;
    return seq === next ? Placement.InOrder : Placement.Gap;
  }

  place(seq: number, parts: readonly number[], wantsLast: boolean): void {
    const { rx, pool, model } = this;
    const placement = rx.classify(seq);
    if (placement !== Placement.InOrder && placement !== Placement.Gap) return;
    const isLast = wantsLast && model.lastSeq === 0 && seq > model.top;
    if (model.lastSeq !== 0 && seq > model.lastSeq) return;
    if (pool.free < parts.length) return;
    const bytes = bytesOf(seq, sum(parts));
    let first = NO_BUFFER;
    for (let i = parts.length - 1; i >= 0; i--) {
      const length = parts[i] as number;
      const buffer = pool.take();
      // Somewhere inside the buffer, as behind a header or a security class's bytes.
      pool.start[buffer] = i * 5;
      pool.length[buffer] = length;
      const from = sum(parts.slice(0, i));
      pool.bytes.set(bytes.slice(from, from + length), pool.offsetOf(buffer) + i * 5);
      pool.next[buffer] = first;
      first = buffer;
    }
    rx.place(seq, first, isLast, seq * 3);
    model.packets.set(seq, { parts, isLast });
    if (isLast) model.lastSeq = seq;
    if (rx.isDiscarding) this.skipped();
  }

  read(count: number): void {
    const { rx, pool } = this;
    let left = count;
    for (let buffer = rx.peek(); buffer !== NO_BUFFER && left > 0; buffer = rx.peek()) {
      const part = Math.min(left, pool.length[buffer] as number);
      const from = pool.offsetOf(buffer) + (pool.start[buffer] as number);
      this.seen.push(...pool.bytes.subarray(from, from + part));
      rx.consume(buffer, part);
      left -= part;
    }
    const stream = this.model.stream;
    const got = Math.min(count, stream.length - this.model.taken);
    expect(this.seen).toEqual(stream.slice(this.model.taken, this.model.taken + got));
    this.model.taken += got;
    this.seen = [];
  }

  skipped(): void {
    this.model.taken = this.model.stream.length;
  }

  reset(): void {
    this.rx.reset();
    this.model = new Model();
    expect(this.pool.used).toBe(0);
  }

  check(): void {
    const { rx, pool, model } = this;
    const { next } = model;
    expect([rx.next, rx.top, rx.lastSeq]).toEqual([next, model.top, model.lastSeq]);
    expect(rx.bytesReceived).toBe(model.bytesReceived);
    expect(rx.isComplete).toBe(model.lastSeq !== 0 && next > model.lastSeq);
    expect(pool.used).toBe(rx.buffersHeld);
    // The limits that every ACK and every simulation relies on.
    expect(rx.readSeq <= rx.next && rx.next <= rx.readSeq + rx.window + this.slack).toBe(true);
    expect(rx.room >= this.slack && rx.room <= rx.window).toBe(true);
    if (rx.isDrained) expect(model.taken).toBe(model.stream.length);
    // Sequence numbers begin at 1, and those above 2^31 are negative.
    const seqs = [-1, ...Array.from({ length: rx.readSeq + rx.window + this.slack + 1 }, (_, i) => i + 1)];
    expect(seqs.map((seq) => rx.classify(seq))).toEqual(seqs.map((seq) => this.expected(seq, next)));
    const acks = new Uint8Array(ACK_MAX_SOFT + 1);
    const count = rx.fillAcks(acks);
    const wanted = Math.min(ACK_MAX_SOFT, Math.max(0, model.top - next + 1));
    const bits = Array.from({ length: wanted }, (_, i) => (model.packets.has(next + i) ? 1 : 0));
    expect([...acks.subarray(0, count)]).toEqual(bits);
  }
}

const placing = fc.record({
  kind: fc.constant("place" as const),
  ahead: fc.oneof(fc.constant(0), fc.nat({ max: 45 })),
  parts: fc.array(fc.constantFrom(0, 1, 3, 8), { minLength: 1, maxLength: 3 }),
  isLast: fc.constantFrom(false, false, false, true),
});
const reading = fc.record({ kind: fc.constant("read" as const), count: fc.nat({ max: 40 }) });
const waiting = fc.record({ kind: fc.constantFrom("skip" as const, "grant" as const, "ungrant" as const) });
const ending = fc.record({ kind: fc.constantFrom("discard" as const, "reset" as const) });
const action = fc.oneof(
  { weight: 40, arbitrary: placing },
  { weight: 15, arbitrary: reading },
  { weight: 6, arbitrary: waiting },
  { weight: 1, arbitrary: ending },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function play(bench: Bench, action: Action): void {
  const { rx, pool } = bench;
  switch (action.kind) {
    case "place":
      bench.place(rx.next + (action.ahead % (rx.window + 6)), action.parts, action.isLast);
      return;
    case "read":
      bench.read(action.count);
      return;
    case "grant":
      if (rx.granted === NO_BUFFER) rx.granted = pool.take();
      return;
    case "ungrant":
      rx.dropGrant();
      return;
    case "reset":
      bench.reset();
      return;
    default:
      rx.isDiscarding ||= action.kind === "discard";
      rx.skipInOrder();
      bench.skipped();
  }
}

describe("ReceiveWindow against a model", () => {
  test("any schedule of packets, reads, skips, discards and waits keeps every count, every byte and every buffer", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3, 4, 5, 8, 31, 32),
        fc.array(action, { maxLength: 80, size: "max" }),
        (window, actions) => {
          const bench = new Bench(window);
          for (const each of actions) {
            play(bench, each);
            bench.check();
          }
          bench.read(100_000);
          bench.check();
          bench.reset();
          bench.check();
        },
      ),
      { numRuns: 120, seed: 1 },
    );
  });
});
