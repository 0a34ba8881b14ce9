// TransmitWindow against a model that keeps each packet as a record: whatever is written, lent, sent, acknowledged, taken
// back, lost and probed, in any order.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransmitFlag, TransmitWindow } from "../../../src/core/transmit-window.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { SharedChunk } from "../../../src/memory/shared-chunk.js";

const BUFFERS = 24;
const PACKET = 1_412;
const CWND_MAX = 40;

const State = { Queued: 0, InFlight: 1, Acked: 2, Lost: 3 } as const;

interface Packet {
  state: number;
  wasSent: boolean;
  wasResent: boolean;
}

/** The stream that a writer writes: what stands at a place tells the place. Longer than any schedule can write. */
const STREAM = new Uint8Array(1 << 20);
for (let at = 0; at < STREAM.length; at++) STREAM[at] = at * 131 + (at >> 8);

class Bench {
  readonly pool = new BufferPool(BUFFERS, 1_500);
  readonly retired: SharedChunk[] = [];
  readonly chunks: SharedChunk[] = [];
  readonly tx: TransmitWindow;
  readonly now = new Float64Array([2 ** 33]);
  /** By sequence number, from `first`. */
  packets = new Map<number, Packet>();
  written = 0;
  /** Bytes of the packets that the peer has for good. */
  gone = 0;
  #serial = 1_000;

  constructor(queueMax: number) {
    this.tx = new TransmitWindow(this.pool, queueMax, {
      retireChunk: (chunk) => void this.retired.push(chunk),
    });
    this.tx.prepare(null, 1_444);
    this.noteQueued();
  }

  /** Packets that have come into being since the last look. */
  noteQueued(): void {
    for (let seq = this.tx.first; seq < this.tx.top; seq++) {
      if (!this.packets.has(seq))
        this.packets.set(seq, { state: State.Queued, wasSent: false, wasResent: false });
    }
  }

  write(length: number): void {
    const couldWrite = this.tx.isWritable;
    const taken = this.tx.write(STREAM, this.written, length);
    expect(taken <= length).toBe(true);
    if (length > 0) expect(taken > 0).toBe(couldWrite);
    this.written += taken;
  }

  lend(length: number): void {
    const chunk = new SharedChunk(STREAM.slice(this.written, this.written + length));
    this.chunks.push(chunk);
    this.written += this.tx.lend(chunk, 0, length);
  }

  send(cwnd: number): void {
    for (;;) {
      const seq = this.tx.sendable(cwnd);
      expect(seq).toBe(this.#sendable(cwnd));
      if (seq === 0) return;
      if (seq === this.tx.top) this.tx.seal();
      this.noteQueued();
      this.markSent(seq);
    }
  }

  // What may go out now, found by walking over the records.
  #sendable(cwnd: number): number {
    const { tx } = this;
    if (this.#count(State.InFlight) >= (tx.isHeldBack ? 1 : cwnd)) return 0;
    const lost = [...this.packets].find(([, { state }]) => state === State.Lost);
    if (lost !== undefined) return lost[0];
    if (tx.next >= tx.first + tx.peerWindow) return 0;
    const queued = [...this.packets].find(([, { wasSent }]) => !wasSent);
    if (queued !== undefined) return queued[0];
    return this.#unsealed > 0 ? tx.top : 0;
  }

  // Bytes written that no packet holds yet.
  get #unsealed(): number {
    let packed = this.gone;
    for (const seq of this.packets.keys()) packed += this.tx.payloadBytes(seq);
    return this.written - packed;
  }

  markSent(seq: number): void {
    this.tx.markSent(seq, this.#serial++, this.now);
    const packet = this.packets.get(seq) as Packet;
    packet.wasResent = packet.wasSent;
    packet.wasSent = true;
    packet.state = State.InFlight;
  }

  probe(): void {
    const seq = this.tx.probe();
    if (seq === 0) return;
    // What the peer has is sent again only where nothing else is left: the last packet, to ask for the hard ACK.
    const isAllAcked = this.#count(State.Acked) === this.packets.size;
    if (this.packets.get(seq)?.state === State.Acked)
      expect([seq, isAllAcked]).toEqual([this.tx.lastSeq, true]);
    this.markSent(seq);
  }

  pick(n: number): number {
    const sent = this.tx.next - this.tx.first;
    return sent === 0 ? 0 : this.tx.first + (n % sent);
  }

  lose(seq: number): void {
    this.tx.markLost(seq);
    const packet = this.packets.get(seq) as Packet;
    if (packet.state === State.InFlight) packet.state = State.Lost;
  }

  softAck(seq: number): void {
    const packet = this.packets.get(seq) as Packet;
    expect(this.tx.markSoftAcked(seq)).toBe(packet.state !== State.Acked);
    packet.state = State.Acked;
  }

  revoke(seq: number): void {
    this.tx.revokeSoftAck(seq);
    const packet = this.packets.get(seq) as Packet;
    if (packet.state === State.Acked) packet.state = State.InFlight;
  }

  hardAck(): void {
    const { tx } = this;
    const { first } = tx;
    const packet = this.packets.get(first) as Packet;
    this.gone += tx.payloadBytes(first);
    expect(tx.releaseFirst()).toBe(packet.state !== State.Acked);
    this.packets.delete(first);
  }

  #count(state: number): number {
    return [...this.packets.values()].filter((packet) => packet.state === state).length;
  }

  check(): void {
    this.noteQueued();
    const { tx, pool } = this;
    expect([tx.inFlight, tx.lost]).toEqual([this.#count(State.InFlight), this.#count(State.Lost)]);
    expect(tx.firstLost()).toBe([...this.packets].find(([, { state }]) => state === State.Lost)?.[0] ?? 0);
    expect(pool.used).toBe(tx.buffersHeld);
    expect([...this.packets.keys()]).toEqual(
      Array.from({ length: tx.top - tx.first }, (_, i) => tx.first + i),
    );
    expect(tx.first <= tx.next && tx.next <= tx.top).toBe(true);
    expect(tx.top - tx.first <= tx.queueMax + 1).toBe(true);
    for (const [seq, packet] of this.packets) {
      const flags = tx.flags[seq & tx.mask] as number;
      const isMarked = (flag: number): boolean => (flags & flag) !== 0;
      expect([isMarked(TransmitFlag.Sent), isMarked(TransmitFlag.Resent)]).toEqual([
        packet.wasSent,
        packet.wasResent,
      ]);
      expect([isMarked(TransmitFlag.SoftAcked), isMarked(TransmitFlag.Lost)]).toEqual([
        packet.state === State.Acked,
        packet.state === State.Lost,
      ]);
    }
    this.#checkBytes();
    this.#checkChunks();
    const isAllGone = tx.lastSeq !== 0 && this.packets.size === 0;
    expect([tx.isAcknowledged, tx.hasWork]).toEqual([isAllGone, this.packets.size > 0 || this.#unsealed > 0]);
    expect(tx.isAllSent).toBe(tx.lastSeq !== 0 && [...this.packets.values()].every(({ wasSent }) => wasSent));
  }

  // Each packet has the bytes of the stream that follow those of the packet before it.
  #checkBytes(): void {
    const { tx, pool } = this;
    let at = this.gone;
    for (const seq of this.packets.keys()) {
      const place = seq & tx.mask;
      const buffer = tx.buffers[place] as number;
      const length = tx.payloadBytes(seq);
      expect(length <= tx.dataBytes && (length > 0 || seq === tx.lastSeq)).toBe(true);
      expect(tx.hasPayload(seq)).toBe(true);
      if (length > 0) {
        const isLent = buffer === NO_BUFFER;
        const bytes = isLent ? tx.lent.bytesAt(place) : pool.bytes;
        const from = isLent
          ? tx.lent.offsetAt(place)
          : pool.offsetOf(buffer) + (pool.start[buffer] as number);
        const expected = STREAM.subarray(at, at + length);
        expect([seq, Buffer.compare(bytes.subarray(from, from + length), expected)]).toEqual([seq, 0]);
      }
      at += length;
    }
  }

  // A reference of the maker's, and one for each packet that lies in the chunk.
  #checkChunks(): void {
    const { tx } = this;
    const places = [...this.packets.keys()].map((seq) => seq & tx.mask);
    for (const chunk of this.chunks) {
      const lent = places.filter(
        (place) =>
          ((tx.flags[place] as number) & TransmitFlag.Lent) !== 0 && tx.lent.bytesAt(place) === chunk.bytes,
      );
      expect(chunk.references).toBe(1 + lent.length);
    }
  }

  reset(): void {
    this.tx.reset();
    expect([this.pool.used, this.tx.buffersHeld, this.tx.inFlight, this.tx.lost]).toEqual([0, 0, 0, 0]);
    for (const chunk of this.chunks.splice(0)) expect(chunk.references).toBe(1);
    expect(this.retired).toEqual([]);
    this.packets = new Map();
    this.written = 0;
    this.gone = 0;
    this.tx.prepare(null, 1_444);
  }
}

const KINDS = [
  "write", "write", "lend", "seal", "send", "send", "send", "lose", "softAck", "softAck", "revoke", "hardAck", "hardAck",
  "probe", "window", "hold", "grant", "end", "reset",
] as const; // biome-ignore format: a list of names

const action = fc.record({ kind: fc.constantFrom(...KINDS), n: fc.nat({ max: 9_000 }) });

function play(bench: Bench, kind: (typeof KINDS)[number], n: number): void {
  const { tx, pool } = bench;
  const seq = bench.pick(n);
  const isOpen = tx.lastSeq === 0;
  switch (kind) {
    case "write":
      return isOpen ? bench.write(n % (2 * PACKET)) : undefined;
    case "lend":
      return isOpen ? bench.lend(n) : undefined;
    case "seal":
      tx.seal();
      return;
    case "send":
      return bench.send(1 + (n % CWND_MAX));
    case "probe":
      return bench.probe();
    case "window":
      tx.peerWindow = 1 + (n % CWND_MAX);
      return;
    case "hold":
      tx.isHeldBack = n % 3 === 0;
      return;
    case "grant":
      if (tx.couldUseBuffer && pool.free > 0) tx.granted = pool.take(BufferClass.End);
      return;
    case "end":
      if (isOpen && n % 6 === 0) tx.end();
      return;
    case "reset":
      return n % 12 === 0 ? bench.reset() : undefined;
    default:
      return seq === 0 ? undefined : bench[kind](seq);
  }
}

describe("TransmitWindow against a model", () => {
  test("any schedule of writing, lending, sending and acknowledging keeps every count, byte, buffer and reference", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2, 3, 8, 16, 33),
        fc.array(action, { maxLength: 90, size: "max" }),
        (queueMax, actions) => {
          const bench = new Bench(queueMax);
          for (const { kind, n } of actions) {
            play(bench, kind, n);
            bench.check();
          }
          if (bench.tx.lastSeq === 0) bench.tx.end();
          bench.tx.isHeldBack = false;
          bench.check();
          while (!bench.tx.isAcknowledged) {
            bench.tx.peerWindow = CWND_MAX;
            bench.send(CWND_MAX);
            bench.hardAck();
            bench.check();
          }
          expect(bench.gone).toBe(bench.written);
          bench.reset();
        },
      ),
      { numRuns: 80, seed: 1 },
    );
  });
});
