// Packets whose payload lies in a shared chunk: the same bytes on the wire, and a reference until the peer has them.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, CallEvent, peerOf } from "../../../src/core/call-object.js";
import { RetiredChunks } from "../../../src/core/chunk-retirer.js";
import type { EndpointOptions } from "../../../src/core/config.js";
import { LentPayloads } from "../../../src/core/lent-payloads.js";
import { EventCache } from "../../../src/loop/event-cache.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { SharedChunk } from "../../../src/memory/shared-chunk.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AssertionError } from "../../../src/util/assert.js";
import { AbortCode } from "../../../src/wire/abort.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { countJumboSegments, JUMBO_DATA_SIZE, jumboSegmentOffset } from "../../../src/wire/jumbo.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageService } from "./calls.js";
import { FakeSecurity } from "./fake-security.js";
import type { Talker } from "./packets.js";
import { FRIEND, LAST, Listener, Rig, SERVICE_ID, type Sent } from "./rig.js";

const PACKET = 1_412;

/** Bytes that differ from place to place and do not repeat with packets. */
function pattern(length: number, seed = 1): Uint8Array {
  let x = seed;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1_103_515_245) + 12_345) | 0;
    return x >>> 16;
  });
}

interface Lending {
  readonly rig: Rig;
  readonly handle: CallHandle;
  readonly call: Call;
  readonly talker: Talker;
  readonly listener: Listener;
}

function stage(options: EndpointOptions = {}): Lending {
  const rig = new Rig({ options });
  const listener = new Listener();
  const handle = rig.endpoint.beginCall(openTestBundle(rig), listener);
  const call = handle.call as Call;
  call.tx.peerWindow = 64;
  call.congestion.cwnd = 64;
  return { rig, handle, call, talker: serverTalker(call), listener };
}

interface Kept {
  readonly chunk: SharedChunk;
  readonly disposed: Uint8Array[];
}

/** A chunk and the bytes that were disposed of, which must be its own. */
function chunkOf(bytes: Uint8Array): Kept {
  const disposed: Uint8Array[] = [];
  return { chunk: new SharedChunk(bytes, (gone) => void disposed.push(gone)), disposed };
}

/** The payload of each packet in these datagrams, by its sequence number. */
function payloads(sent: readonly Sent[]): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (const { header, bytes } of sent) {
    if (header.type !== PacketType.Data) continue;
    const segments = countJumboSegments(bytes, HEADER_SIZE, bytes.length, header.flags);
    for (let i = 0; i < segments; i++) {
      const from = jumboSegmentOffset(i, HEADER_SIZE);
      found.set(
        header.seq + i,
        bytes.slice(from, i === segments - 1 ? bytes.length : from + JUMBO_DATA_SIZE),
      );
    }
  }
  return found;
}

function joined(sent: readonly Sent[]): number[] {
  const found = payloads(sent);
  return [...found.keys()].toSorted((a, b) => a - b).flatMap((seq) => [...(found.get(seq) as Uint8Array)]);
}

/** A whole list of bytes would be a long message. @returns what is wrong with what was sent, or "" */
function difference(sent: readonly number[], expected: ArrayLike<number>): string {
  if (sent.length !== expected.length) return `${sent.length} bytes, not ${expected.length}`;
  const at = sent.findIndex((byte, i) => byte !== expected[i]);
  return at < 0 ? "" : `byte ${at} is ${sent[at]}, not ${expected[at]}`;
}

describe("LentPayloads", () => {
  const make = (): { lent: LentPayloads; retired: SharedChunk[] } => {
    const retired: SharedChunk[] = [];
    return { lent: new LentPayloads(4, { retireChunk: (chunk) => void retired.push(chunk) }), retired };
  };

  test("holds one reference for each packet, and says where its bytes are", () => {
    const { lent } = make();
    const { chunk } = chunkOf(pattern(5_000));
    lent.lend(1, chunk, 17, 1_412);
    lent.lend(3, chunk, 1_429, 900);
    expect([
      chunk.references,
      lent.offsetAt(1),
      lent.lengthAt(1),
      lent.offsetAt(3),
      lent.lengthAt(3),
    ]).toEqual([3, 17, 1_412, 1_429, 900]);
    expect(lent.bytesAt(3)).toBe(chunk.bytes);
  });

  test("the last reference is not let go but retired", () => {
    const { lent, retired } = make();
    const { chunk, disposed } = chunkOf(pattern(10));
    lent.lend(0, chunk, 0, 5);
    lent.lend(1, chunk, 5, 5);
    chunk.release();
    lent.release(0);
    expect([chunk.references, retired.length]).toEqual([1, 0]);
    lent.release(1);
    expect([chunk.references, retired, disposed.length]).toEqual([1, [chunk], 0]);
  });

  test("a place is released once, and can be lent again", () => {
    const { lent } = make();
    const { chunk } = chunkOf(pattern(10));
    lent.lend(2, chunk, 0, 10);
    lent.release(2);
    lent.release(2);
    lent.release(0);
    expect(chunk.references).toBe(1);
    lent.lend(2, chunk, 0, 10);
    expect(chunk.references).toBe(2);
  });

  test("refuses two payloads for one place", () => {
    const { lent } = make();
    const { chunk } = chunkOf(pattern(10));
    lent.lend(2, chunk, 0, 5);
    expect(() => lent.lend(2, chunk, 5, 5)).toThrow(AssertionError);
  });

  test("a chunk that its user has disposed of by releasing it too often is left alone", () => {
    const { lent, retired } = make();
    const { chunk, disposed } = chunkOf(pattern(10));
    lent.lend(0, chunk, 0, 10);
    chunk.release();
    expect(lent.isThere(0)).toBe(true);
    chunk.release();
    expect(lent.isThere(0)).toBe(false);
    lent.release(0);
    expect([chunk.references, retired.length, disposed.length]).toEqual([0, 0, 1]);
  });
});

describe("RetiredChunks", () => {
  const make = (): { events: EventCache; retired: RetiredChunks; faults: unknown[] } => {
    const faults: unknown[] = [];
    const events = new EventCache({
      nowUs: () => 0,
      arm: () => undefined,
      onFault: (cause) => void faults.push(cause),
    });
    return { events, retired: new RetiredChunks(events), faults };
  };

  test("lets each chunk go once, in order, from the event cache", () => {
    const { events, retired } = make();
    const order: number[] = [];
    const chunks = [1, 2, 3].map(
      (n) => new SharedChunk(Uint8Array.of(n), ([first]) => void order.push(first as number)),
    );
    for (const chunk of chunks) retired.retireChunk(chunk);
    expect([order.length, chunks.map((chunk) => chunk.isRetired)]).toEqual([0, [true, true, true]]);
    events.drain();
    expect([order, events.count]).toEqual([[1, 2, 3], 0]);
    expect(
      chunks.map(({ isRetired, nextRetired, references }) => [isRetired, nextRetired, references]),
    ).toEqual([
      [false, null, 0],
      [false, null, 0],
      [false, null, 0],
    ]);
    // The list is whole after it was empty.
    const { chunk, disposed } = chunkOf(pattern(3));
    retired.retireChunk(chunk);
    events.drain();
    expect(disposed.length).toBe(1);
  });

  test("one whose dispose throws keeps none behind it", () => {
    const { events, retired, faults } = make();
    const { chunk, disposed } = chunkOf(pattern(3));
    const wrong = new Error("dispose");
    retired.retireChunk(
      new SharedChunk(pattern(3), () => {
        throw wrong;
      }),
    );
    retired.retireChunk(chunk);
    events.drain();
    expect([faults, disposed.length]).toEqual([[wrong], 1]);
  });

  test("one that comes twice, or that its user disposes of meanwhile, is let go once, and no other is lost", () => {
    const { events, retired, faults } = make();
    const kept = Array.from({ length: 4 }, () => chunkOf(pattern(3)));
    const [twice, gone, other, last] = kept as [Kept, Kept, Kept, Kept];
    for (const { chunk } of [twice, gone, other, twice, gone, last]) retired.retireChunk(chunk);
    gone.chunk.release();
    events.drain();
    expect(kept.map(({ disposed }) => disposed.length)).toEqual([1, 1, 1, 1]);
    expect([faults.length, events.count]).toEqual([0, 0]);
  });
});

describe("what is lent to a call", () => {
  test.each([
    // begun by write(), offset in the chunk, bytes lent, bytes written behind
    [0, 0, PACKET, 0],
    [0, 0, 3 * PACKET, 0],
    [0, 13, 3 * PACKET + 1, 0],
    [0, 1, PACKET - 1, 0],
    [1, 3, 4 * PACKET, 5],
    [PACKET - 1, 7, 2 * PACKET + 2, 100],
    [PACKET, 5, 2 * PACKET, PACKET],
    [PACKET + 300, 11, 5 * PACKET + 77, 2_000],
    [700, 2, 100, 0],
    [700, 2, PACKET - 700, 9],
    [700, 2, 2 * PACKET - 700, 0],
    [10, 0, 0, 10],
  ])(
    "goes out byte for byte: %i bytes begun, then %i.. of a chunk, %i of it, then %i more; alone, jumbo, and again",
    (begun, offset, length, behind) => {
      for (const segments of [1, 4]) {
        const { rig, handle, call, talker } = stage();
        const [before, shared, after] = [
          pattern(begun, 2),
          pattern(offset + length + 50, 3),
          pattern(behind, 4),
        ];
        const { chunk } = chunkOf(shared);
        peerOf(call).jumboMax = segments;
        peerOf(call).segments = segments;
        expect(handle.write(before, 0, begun)).toBe(begun);
        expect(handle.lend(chunk, offset, length)).toBe(length);
        expect(handle.write(after, 0, behind)).toBe(behind);
        handle.end();
        const expected = [...before, ...shared.subarray(offset, offset + length), ...after];
        const first = rig.poll();
        expect(difference(joined(first), expected)).toBe("");
        if (segments === 4 && length > 2 * PACKET) expect(first.length).toBeLessThan(call.tx.top - 1);
        for (let seq = call.tx.first; seq < call.tx.next; seq++) call.tx.markLost(seq);
        rig.endpoint.local.scheduleCall(call);
        const again = rig.poll();
        expect(again.length).toBe(call.tx.top - 1);
        expect(difference(joined(again), expected)).toBe("");
        rig.feed(talker.ack({ firstPacket: call.tx.top }));
        expect([chunk.references, rig.buffersUsed]).toEqual([1, 0]);
      }
    },
  );

  test("whole packets of it need no buffer", () => {
    const { rig, handle } = stage();
    const { buffers } = rig.endpoint.local;
    while (buffers.free > 0) buffers.take();
    const { chunk } = chunkOf(pattern(5 * PACKET + 8));
    expect(handle.lend(chunk, 0, 5 * PACKET + 8)).toBe(5 * PACKET);
    expect([chunk.references, rig.endpoint.local.buffers.waiters.count]).toEqual([6, 1]);
    expect(difference(joined(rig.poll()), pattern(5 * PACKET))).toBe("");
  });

  test("no more is taken than the queue holds, and the rest when it has room", () => {
    const { rig, handle, call, talker, listener } = stage({ transmitQueuePackets: 4 });
    const bytes = pattern(7 * PACKET + 20);
    const { chunk } = chunkOf(bytes);
    expect(handle.lend(chunk, 0, bytes.length)).toBe(4 * PACKET);
    expect(chunk.references).toBe(5);
    const sent = rig.poll();
    rig.feed(talker.ack({ firstPacket: 4, rwind: 32 }));
    rig.drain();
    expect((listener.events & CallEvent.Writable) !== 0).toBe(true);
    expect(chunk.references).toBe(2);
    expect(handle.lend(chunk, 4 * PACKET, bytes.length - 4 * PACKET)).toBe(3 * PACKET);
    rig.feed(talker.ack({ firstPacket: 5, rwind: 32 }));
    expect(handle.lend(chunk, 7 * PACKET, 20)).toBe(20);
    handle.end();
    sent.push(...rig.poll());
    expect(difference(joined(sent), bytes)).toBe("");
    rig.feed(talker.ack({ firstPacket: 9, rwind: 32 }));
    expect([chunk.references, call.tx.hasWork]).toEqual([1, false]);
  });

  test("its writer is told of room in the queue when no buffer is free: it needs none", () => {
    const { rig, handle, talker, listener } = stage({ transmitQueuePackets: 4 });
    const { buffers } = rig.endpoint.local;
    while (buffers.free > 0) buffers.take();
    const { chunk } = chunkOf(pattern(8 * PACKET));
    expect(handle.lend(chunk, 0, 8 * PACKET)).toBe(4 * PACKET);
    rig.poll();
    rig.feed(talker.ack({ firstPacket: 5, rwind: 32 }));
    rig.drain();
    expect((listener.events & CallEvent.Writable) !== 0).toBe(true);
  });

  test("is held until the last hard ACK: a soft ACK lets nothing go", () => {
    const { rig, handle, talker } = stage();
    const bytes = pattern(4 * PACKET);
    const { chunk, disposed } = chunkOf(bytes);
    handle.lend(chunk, 0, 4 * PACKET);
    handle.end();
    rig.poll();
    rig.feed(talker.ack({ soft: [1, 1, 1, 1] }));
    expect(chunk.references).toBe(5);
    rig.feed(talker.ack({ firstPacket: 3, soft: [1, 0] }));
    expect(chunk.references).toBe(3);
    // What was taken back can still be sent.
    rig.feed(talker.ack({ firstPacket: 3, previousPacket: 4, soft: [0, 0] }));
    const again = payloads(rig.pass(5_000_000)).get(3) as Uint8Array;
    expect(difference([...again], bytes.subarray(2 * PACKET, 3 * PACKET))).toBe("");
    rig.feed(talker.ack({ firstPacket: 6 }));
    expect([chunk.references, disposed.length]).toEqual([1, 0]);
  });

  test.each(["ack", "reply", "abort", "peer", "release", "fail"] as const)(
    "is disposed of once when the call lets it go last (%s): from the event cache, with the maker's bytes",
    (how) => {
      const { rig, handle, talker } = stage();
      const bytes = pattern(3 * PACKET);
      const { chunk, disposed } = chunkOf(bytes);
      handle.lend(chunk, 0, bytes.length);
      if (how !== "reply") handle.end();
      rig.poll();
      chunk.release();
      if (how === "ack") rig.feed(talker.ack({ firstPacket: 5 }));
      else if (how === "reply") rig.feed(talker.data(1));
      else if (how === "peer") rig.feed(talker.abort(9));
      else if (how === "abort") handle.abort(9);
      else if (how === "release") handle.release(9);
      else handle.fail(4, 9);
      expect([disposed.length, chunk.references]).toEqual([0, 1]);
      rig.drain();
      expect([disposed.length, disposed[0] === bytes, chunk.isDisposed]).toEqual([1, true, true]);
      handle.release();
      rig.pass(200_000_000);
      expect(disposed.length).toBe(1);
    },
  );

  test("is held by each call that it is lent to", () => {
    const { rig, handle, talker } = stage();
    const { chunk, disposed } = chunkOf(pattern(2 * PACKET));
    const other = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
    for (const each of [handle, other]) {
      each.lend(chunk, 0, 2 * PACKET);
      each.end();
    }
    rig.poll();
    chunk.release();
    rig.feed(talker.ack({ firstPacket: 4 }));
    rig.drain();
    expect([chunk.references, disposed.length]).toEqual([2, 0]);
    other.abort(1);
    rig.drain();
    expect(disposed.length).toBe(1);
  });

  test("is a reply's as well: the ACK that ends the call lets it go", () => {
    const { rig, handle, talker } = stageService("AckRequest");
    const bytes = pattern(6 * PACKET + 3);
    const { chunk, disposed } = chunkOf(bytes);
    expect(handle.lend(chunk, 0, bytes.length)).toBe(bytes.length);
    handle.end();
    chunk.release();
    expect(difference(joined(rig.poll()), bytes)).toBe("");
    rig.feed(talker.ack({ firstPacket: 8 }));
    expect(disposed.length).toBe(0);
    rig.drain();
    expect([disposed.length, rig.buffersUsed <= 1]).toEqual([1, true]);
  });

  test("is copied when the security class changes payloads, and not held at all", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    const bundle = rig.endpoint.openBundle({
      remote: FRIEND,
      serviceId: SERVICE_ID,
      securityIndex: 2,
      connectionsMax: 1,
      wantsUpgrade: false,
    });
    const handle = rig.endpoint.beginCall(bundle, new Listener());
    const bytes = pattern(3 * PACKET, 5);
    const { chunk } = chunkOf(bytes.slice());
    expect(handle.lend(chunk, 0, bytes.length)).toBe(bytes.length);
    handle.end();
    expect([chunk.references, rig.buffersUsed]).toEqual([1, 4]);
    // Its class puts four bytes before each payload and two behind it: into the copy.
    const sent = payloads(rig.poll());
    const opened = [...sent.values()].flatMap((payload) => [...payload.slice(4, -2)]);
    expect(difference(opened, bytes)).toBe("");
    expect(difference([...chunk.bytes], bytes)).toBe("");
  });

  test.each([1, 2])(
    "released %i times too often by its user, it goes out, and nothing throws here",
    (times) => {
      const { rig, handle, talker } = stage();
      const bytes = pattern(3 * PACKET);
      const { chunk, disposed } = chunkOf(bytes);
      handle.lend(chunk, 0, bytes.length);
      handle.end();
      for (let i = 0; i < times; i++) chunk.release();
      expect(difference(joined(rig.poll()), bytes)).toBe("");
      chunk.release();
      for (const firstPacket of [2, 3, 4, 5]) {
        rig.feed(talker.ack({ firstPacket }));
        if (firstPacket === 3) rig.drain();
      }
      rig.drain();
      rig.feed(talker.data(1, 8, LAST));
      rig.drain();
      expect([disposed.length, chunk.isDisposed]).toEqual([1, true]);
    },
  );

  test.each([
    ["before it is sent", false],
    ["before it is sent again", true],
  ])(
    "disposed of by a user's mistake %s, the call ends with an ABORT and sends none of it",
    (_when, wasSent) => {
      const { rig, handle, call, listener } = stage();
      const { chunk, disposed } = chunkOf(pattern(3 * PACKET));
      peerOf(call).jumboMax = 4;
      peerOf(call).segments = 4;
      handle.write(pattern(PACKET), 0, PACKET);
      handle.lend(chunk, 0, 3 * PACKET);
      handle.end();
      if (wasSent) rig.poll();
      while (!chunk.isDisposed) chunk.release();
      if (wasSent) {
        for (let seq = 1; seq < call.tx.next; seq++) call.tx.markLost(seq);
        rig.endpoint.local.scheduleCall(call);
      }
      // What was copied goes out; the next packet is gone.
      expect(rig.names()).toEqual(["DATA 1", `ABORT ${AbortCode.RX_USER_ABORT}`]);
      rig.drain();
      expect([listener.ends, disposed.length, rig.buffersUsed]).toEqual([1, 1, 0]);
    },
  );

  test("leaves nothing behind in its place: a packet that is written there later is an ordinary one", () => {
    const { rig, handle, talker } = stage({ transmitQueuePackets: 4 });
    const { chunk } = chunkOf(pattern(4 * PACKET));
    // Twice the queue: every place has been lent.
    for (const firstPacket of [5, 9]) {
      expect(handle.lend(chunk, 0, 4 * PACKET)).toBe(4 * PACKET);
      rig.poll();
      rig.feed(talker.ack({ firstPacket, rwind: 32 }));
      rig.drain();
    }
    for (let n = 0; n < 8; n++) {
      expect(handle.write(Uint8Array.of(n), 0, 1)).toBe(1);
      expect(joined(rig.poll())).toEqual([n]);
      rig.feed(talker.ack({ firstPacket: 10 + n, rwind: 32 }));
    }
    expect(chunk.references).toBe(1);
  });

  test("a writer who lends waits for a buffer only when the rest is less than a packet", () => {
    const { rig, handle, call } = stage();
    const { buffers } = rig.endpoint.local;
    while (buffers.freeFor(BufferClass.OwnRequest) > 0) buffers.take();
    const { chunk } = chunkOf(pattern(2 * PACKET + 1));
    expect(handle.lend(chunk, 0, 2 * PACKET)).toBe(2 * PACKET);
    expect([call.wantsRoom, buffers.waiters.count]).toEqual([false, 0]);
    expect(handle.lend(chunk, 2 * PACKET, 1)).toBe(0);
    expect([call.wantsRoom, buffers.waiters.count]).toEqual([true, 1]);
  });
});
