// Data and jumbograms: copies, overlaps, packets past the end, sizes that do not fit.
import { describe, expect, test } from "vitest";
import { Completion } from "../../../src/core/call-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { stageService } from "./calls.js";
import { BAD_PAYLOAD, FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker, filled } from "./packets.js";
import { LAST, Rig } from "./rig.js";

function read(handle: { readInto(to: Uint8Array, offset: number, length: number): number }): number[] {
  const to = new Uint8Array(200_000);
  return [...to.subarray(0, handle.readInto(to, 0, to.length))];
}

describe("C: data and jumbograms", () => {
  test("C1: duplicate DATA is acknowledged as such, and delivered once", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    expect(rig.exchange(talker.data(3))).toEqual(["ACK OutOfSequence"]);
    expect(rig.exchange(talker.data(3))).toEqual(["ACK Duplicate"]);
    expect(rig.exchange(talker.data(1))).toEqual(["ACK Duplicate"]);
    expect(rig.stat(Stat.DuplicatePacketsRead)).toBe(2);
    rig.feed(talker.data(2));
    expect(read(handle)).toEqual([1, 2, 3].flatMap((seq) => [...filled(8, seq)]));
    // What has been read is no less a duplicate.
    rig.poll();
    for (const seq of [1, 2, 3]) expect(rig.exchange(talker.data(seq))).toEqual(["ACK Duplicate"]);
    expect([read(handle), rig.buffersUsed, handle.bytesReceived]).toEqual([[], 0, 24]);
  });

  test("C1: a duplicate is not verified a second time", () => {
    const fake = new FakeSecurity();
    const { rig, talker } = secured(fake);
    rig.feed(talker.data(2, 20));
    const before = fake.verified;
    rig.feed(talker.data(2, 20));
    expect([before, fake.verified]).toEqual([2, 2]);
  });

  test("C2: the same sequence number with other bytes: the first wins", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    rig.feed(talker.data(3, filled(8, 33)));
    rig.feed(talker.data(3, filled(8, 44)));
    rig.feed(talker.data(2, filled(8, 22)));
    rig.feed(talker.data(2, filled(8, 55)));
    expect(new Set(read(handle))).toEqual(new Set([1, 22, 33]));
  });

  test("C3: a sequence number beyond the window is answered ExceedsWindow and not stored", () => {
    const { rig, talker, call } = stageService("RecvRequest");
    const used = rig.buffersUsed;
    for (const seq of [40, 300, 0x7fff_ffff, -1, -0x8000_0000]) {
      expect(rig.exchange(talker.data(seq))).toEqual(["ACK ExceedsWindow"]);
    }
    expect([rig.buffersUsed, call.rx.top]).toEqual([used, 1]);
  });

  test("C3: with the widest window every packet of it can be held and acknowledged", () => {
    const { rig, talker, call } = stageService("RecvRequest", { options: { receiveWindowPackets: 255 } });
    for (let seq = 3; seq < 400; seq++) {
      rig.feed(talker.data(seq));
      rig.poll();
    }
    rig.feed(talker.ping());
    const [sent] = rig.poll();
    expect(sent?.ack?.nAcks).toBe(255);
    expect(call.rx.top).toBeGreaterThanOrEqual(256);
    rig.exchange(talker.data(2));
    expect(call.rx.next).toBe(call.rx.top + 1);
  });

  test("C4: DATA after LAST, or LAST on two sequence numbers, aborts the call", () => {
    for (const packets of [
      [
        { seq: 3, last: true },
        { seq: 4, last: false },
      ],
      [
        { seq: 3, last: true },
        { seq: 4, last: true },
      ],
      [
        { seq: 3, last: true },
        { seq: 2, last: true },
      ],
      [
        { seq: 4, last: false },
        { seq: 3, last: true },
      ],
    ]) {
      const { rig, talker, handle } = stageService("RecvRequest");
      const names = packets.flatMap(({ seq, last }) => rig.exchange(talker.data(seq, 8, last ? LAST : 0)));
      expect(names.at(-1)).toBe("ABORT -5");
      expect(handle.abortCode).toBe(-5);
    }
  });

  test("C5: a jumbogram shorter than a full part and its header is refused whole", () => {
    for (const cut of [1, 4, 5, 1_412, 1_416]) {
      const { rig, talker, handle } = stageService("RecvRequest");
      const whole = talker.jumbo(2, 2, 0);
      expect(rig.exchange(whole.slice(0, whole.length - cut))).toEqual(["ABORT -5"]);
      expect([handle.bytesReceived, rig.stat(Stat.DropJumbo)]).toEqual([0, 1]);
    }
  });

  test("C6: the jumbo flag on the last part, LAST in the middle, and too many parts are refused whole", () => {
    const { rig, talker } = stageService("RecvRequest");
    expect(rig.exchange(talker.jumbo(2, 2, 100, PacketFlag.JumboPacket))).toEqual(["ABORT -5"]);
    const middle = stageService("RecvRequest");
    const bytes = middle.talker.jumbo(2, 3, 100, LAST);
    bytes[HEADER_SIZE + 1_412] = PacketFlag.JumboPacket | LAST;
    expect(middle.rig.exchange(bytes)).toEqual(["ABORT -5"]);
    expect([middle.rig.stat(Stat.DropJumbo), middle.rig.stat(Stat.DropBadSeq)]).toEqual([1, 0]);
    const many = stageService("RecvRequest");
    expect(many.rig.exchange(many.talker.jumbo(2, 7, 100))).toEqual(["ABORT -5"]);
    const most = stageService("RecvRequest");
    expect(most.rig.exchange(most.talker.jumbo(2, 6, 100))).not.toContain("ABORT -5");
    expect(most.call.rx.next).toBe(8);
  });

  test("C6: parts take consecutive sequence numbers, in any order of datagrams, and the last may be short or empty", () => {
    for (const lastBytes of [0, 1, 1_412]) {
      const { rig, talker, handle, call } = stageService("RecvRequest");
      rig.feed(talker.jumbo(5, 3, lastBytes, LAST));
      rig.feed(talker.jumbo(2, 3, 1_412));
      expect(call.rx.isComplete).toBe(true);
      const bytes = read(handle);
      expect(bytes.length).toBe(8 + 5 * 1_412 + lastBytes);
      for (let seq = 2; seq < 7; seq++) expect(bytes[8 + (seq - 2) * 1_412]).toBe(seq);
    }
  });

  test("C7: a jumbogram of a secured call with one bad part: the bad part and what follows are refused", () => {
    const fake = new FakeSecurity();
    const { rig, talker, handle } = secured(fake);
    const bytes = talker.jumbo(2, 3, 100);
    bytes[HEADER_SIZE + 1_416] = 0xee;
    const before = fake.verified;
    expect(rig.exchange(bytes)).toEqual([`ABORT ${BAD_PAYLOAD}`]);
    expect(fake.verified).toBe(before + 2);
    expect(handle.isEnded).toBe(true);
    expect(rig.buffersUsed).toBe(0);
  });

  test("C8: a request larger than the service allows is aborted, and nothing is held beyond the window", () => {
    const rig = new Rig();
    const service = rig.offer({ requestMaxBytes: 20 });
    const talker = clientTalker();
    rig.exchange(talker.data(1, 20));
    const [handle] = rig.newCalls;
    if (handle === undefined) throw new Error("no call");
    service.accept(handle, 1n);
    expect(handle.isEnded).toBe(false);
    expect(rig.exchange(talker.data(2, 1))).toEqual(["ABORT -453"]);
    expect([handle.completion, handle.abortCode]).toEqual([Completion.LocallyAborted, -453]);
  });

  test("C8: an endless stream to a reader that does not read stops at the window", () => {
    const { rig, talker, call } = stageService("RecvRequest");
    for (let seq = 2; seq < 500; seq++) rig.feed(talker.data(seq, 1_412));
    expect(rig.buffersUsed).toBeLessThanOrEqual(call.rx.window + 4);
    expect(rig.endpoint.local.buffers.used).toBe(call.rx.buffersHeld);
  });

  test("C8: a stream to a handler that has let go is aborted and holds nothing", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.release();
    rig.drain();
    expect(rig.names()).toEqual(["ABORT -1"]);
    expect(rig.exchange(talker.data(2, 1_412))).toEqual(["ABORT -1"]);
    expect(rig.buffersUsed).toBe(0);
  });

  test("a packet longer than one buffer is held in several, one longer than any peer sends is dropped", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    rig.feed(talker.data(2, 5_000));
    expect([handle.bytesReceived, rig.buffersUsed]).toEqual([5_008, 5]);
    rig.feed(talker.data(3, 60_000));
    expect([handle.bytesReceived, rig.stat(Stat.DropTooBig)]).toEqual([5_008, 1]);
    expect(read(handle).length).toBe(5_008);
    expect(rig.buffersUsed).toBe(0);
  });

  test("a long packet of a secured call is verified as a whole, before and after the call may be told", () => {
    for (const isBad of [false, true]) {
      for (const comesFirst of [false, true]) {
        const fake = new FakeSecurity();
        const payload = filled(5_000, 3);
        if (isBad) payload[0] = 0xee;
        const { rig, talker } = comesFirst ? unsecured(fake, payload) : secured(fake);
        if (comesFirst) respond(rig, talker);
        else rig.feed(talker.data(2, payload));
        rig.drain();
        const [handle] = rig.newCalls;
        if (isBad) {
          expect(rig.endpoint.liveCalls).toBe(0);
          continue;
        }
        // The class takes six bytes off.
        const bytes = new Uint8Array(6_000);
        const got = handle?.readInto(bytes, 0, 6_000) ?? 0;
        expect(got).toBe((comesFirst ? 0 : 14) + 4_994);
        expect(bytes[got - 1]).toBe(3);
      }
    }
  });

  test("no buffer left: NoSpace, and the packet can come again later", () => {
    const { rig, talker, handle } = stageService("RecvRequest", { options: { buffersMax: 8 } });
    const { buffers } = rig.endpoint.local;
    const taken: number[] = [];
    while (buffers.free > 0) taken.push(buffers.take());
    rig.feed(talker.data(2));
    expect(rig.names()).toEqual(["ACK NoSpace"]);
    expect(rig.stat(Stat.DropNoBuffer)).toBe(1);
    for (const buffer of taken) buffers.give(buffer);
    rig.feed(talker.data(2));
    expect(handle.bytesReceived).toBe(16);
  });

  test("packets behind a gap leave the last buffers to the one that closes it", () => {
    const { rig, talker, call } = stageService("RecvRequest", { options: { buffersMax: 8 } });
    for (let seq = 3; seq < 20; seq++) rig.feed(talker.data(seq));
    expect(rig.endpoint.local.buffers.free).toBe(4);
    rig.feed(talker.data(2));
    expect(call.rx.next).toBe(call.rx.top + 1);
  });
});

interface Secured {
  readonly rig: Rig;
  readonly talker: ReturnType<typeof clientTalker>;
  readonly handle: NonNullable<Rig["newCalls"][0]>;
}

function unsecured(
  fake: FakeSecurity,
  first: Uint8Array | number,
): { rig: Rig; talker: ReturnType<typeof clientTalker> } {
  const rig = new Rig({ security: [nullSecurity, fake] });
  rig.offer();
  const talker = clientTalker({ securityIndex: 2 });
  rig.feed(talker.data(1, first));
  rig.drain();
  rig.poll();
  return { rig, talker };
}

function respond(rig: Rig, talker: ReturnType<typeof clientTalker>): void {
  rig.feed(talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(GOOD)));
}

function secured(fake: FakeSecurity): Secured {
  const { rig, talker } = unsecured(fake, 20);
  respond(rig, talker);
  rig.drain();
  rig.poll();
  return { rig, talker, handle: rig.newCalls[0] as Secured["handle"] };
}
