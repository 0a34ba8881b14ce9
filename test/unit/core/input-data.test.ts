// DATA for a call, at its limits: which of several reasons is told, what ends a request, what is too much.
import { describe, expect, test } from "vitest";
import { CallEvent, CallState } from "../../../src/core/call-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { stageClient, stageService } from "./calls.js";
import { FakeSecurity } from "./fake-security.js";
import { exchange, give, hog, stage } from "./full-pool.js";
import { clientTalker, filled } from "./packets.js";
import { LAST, nameOf, Rig, WANTS_ACK } from "./rig.js";

describe("of the reasons found in one jumbogram the most urgent is told", () => {
  test("a duplicate before a packet that asks for an ACK", () => {
    const { rig, talker } = stageService("RecvRequest");
    expect(rig.exchange(talker.jumbo(1, 2, 100, WANTS_ACK))).toEqual(["ACK Duplicate"]);
  });

  test("what exceeds the window before a duplicate", () => {
    const { rig, talker } = stageService("RecvRequest", { options: { receiveWindowPackets: 2 } });
    expect(rig.exchange(talker.data(4))).toEqual(["ACK OutOfSequence"]);
    expect(rig.exchange(talker.jumbo(4, 2))).toEqual(["ACK ExceedsWindow"]);
  });

  test("the want of a buffer before what exceeds the window", () => {
    const { rig, members } = stage(1);
    const hogged = hog(rig);
    expect(exchange(rig, members[0]?.talker.jumbo(16, 2) as Uint8Array)).toEqual(["ACK NoSpace"]);
    expect([rig.stat(Stat.DropNoBuffer), rig.stat(Stat.DropWindow)]).toEqual([1, 1]);
    give(rig, hogged);
  });

  test("a gap before the want of a buffer", () => {
    const { rig, members } = stage(1);
    const hogged = hog(rig);
    give(rig, hogged, 5);
    expect(exchange(rig, members[0]?.talker.jumbo(3, 2) as Uint8Array)).toEqual(["ACK OutOfSequence"]);
    expect([rig.stat(Stat.DropNoBuffer), members[0]?.call.rx.top]).toEqual([1, 3]);
    give(rig, hogged);
  });

  test("a gap before its closing, a duplicate after it", () => {
    const { rig, talker } = stageService("RecvRequest");
    rig.exchange(talker.data(4));
    expect(rig.exchange(talker.jumbo(2, 2))).toEqual(["ACK OutOfSequence"]);
    rig.exchange(talker.data(6));
    expect(rig.exchange(talker.jumbo(5, 2))).toEqual(["ACK Duplicate"]);
  });

  test("the closing of a gap is told at once, with the serial of the last segment", () => {
    const { rig, talker, call } = stageService("RecvRequest");
    rig.exchange(talker.data(4));
    rig.feed(talker.jumbo(3, 1, 8, 0, { serial: 500 }));
    rig.feed(talker.jumbo(2, 1, 8, 0, { serial: 510 }));
    const [sent, ...others] = rig.poll();
    expect([sent && nameOf(sent), sent?.ack?.serial, others]).toEqual(["ACK Delay", 510, []]);
    rig.exchange(talker.data(9));
    rig.feed(talker.jumbo(5, 3, 8, 0, { serial: 520 }));
    const [jumbo] = rig.poll();
    expect([jumbo && nameOf(jumbo), jumbo?.ack?.serial, call.rx.next]).toEqual(["ACK OutOfSequence", 522, 8]);
  });
});

describe("a jumbogram", () => {
  test("is as many packets, each with its own place, flags and bytes", () => {
    const { rig, talker, handle, call } = stageService("RecvRequest");
    const before = rig.stat(Stat.DataPacketsRead);
    rig.feed(talker.jumbo(2, 4, 20, LAST));
    expect([rig.stat(Stat.DataPacketsRead) - before, call.rx.lastSeq, call.rx.next]).toEqual([4, 5, 6]);
    expect(call.state).toBe(CallState.ServerAckRequest);
    const bytes = new Uint8Array(8_000);
    expect(handle.readInto(bytes, 0, 8_000)).toBe(8 + 3 * 1_412 + 20);
    for (let seq = 2; seq < 5; seq++) {
      const from = 8 + (seq - 2) * 1_412;
      expect([...bytes.subarray(from, from + 1_412)]).toEqual([...filled(1_412, seq)]);
    }
    expect([...bytes.subarray(8 + 3 * 1_412, 8 + 3 * 1_412 + 20)]).toEqual([...filled(20, 5)]);
  });

  test("with a segment that ends the call ends there: nothing behind it is looked at, and only the end is told", () => {
    const { rig, talker, handle, listener } = stageService("RecvRequest");
    rig.exchange(talker.data(3, 8, LAST));
    const duplicates = rig.stat(Stat.DuplicatePacketsRead);
    listener.events = 0;
    expect(rig.exchange(talker.jumbo(2, 4))).toEqual(["ABORT -5"]);
    expect([handle.abortCode, rig.stat(Stat.DuplicatePacketsRead) - duplicates]).toEqual([-5, 1]);
    expect([listener.events, rig.stat(Stat.DropBadSeq)]).toEqual([CallEvent.Ended, 1]);
  });

  test("has the flags and the cksum of its first packet in the header, those of the others before each", () => {
    const { rig, talker, call } = stageService("RecvRequest");
    const bytes = talker.jumbo(2, 3, 8, 0, { cksum: 0x1234, serial: 60 });
    // The first asks for an ACK.
    bytes[21] = (bytes[21] as number) | WANTS_ACK;
    bytes[28 + 1_412 + 2] = 0x56;
    bytes[28 + 1_412 + 3] = 0x78;
    rig.feed(bytes);
    const [sent] = rig.poll();
    expect([sent && nameOf(sent), sent?.ack?.serial]).toEqual(["ACK Requested", 62]);
    expect([2, 3, 4].map((seq) => call.rx.cksumAt(seq))).toEqual([0x1234, 0x5678, 0]);
  });

  test("of six segments is taken, of seven it ends the call", () => {
    const { rig, talker, call } = stageService("RecvRequest");
    rig.exchange(talker.jumbo(2, 6));
    expect([call.rx.next, rig.stat(Stat.DropJumbo)]).toEqual([8, 0]);
    expect(rig.exchange(talker.jumbo(8, 7))).toEqual(["ABORT -5"]);
    expect(rig.stat(Stat.DropJumbo)).toBe(1);
  });
});

describe("the end of a direction", () => {
  test("may be said again, of the same packet only; nothing may lie behind it", () => {
    const cases: [string, [number, number][], string[]][] = [
      // what came, the last of it; what is answered to that
      [
        "the same again",
        [
          [3, LAST],
          [3, LAST],
        ],
        ["ACK Duplicate"],
      ],
      [
        "an earlier one",
        [
          [3, LAST],
          [2, LAST],
        ],
        ["ABORT -5"],
      ],
      [
        "a packet behind it",
        [
          [3, LAST],
          [4, 0],
        ],
        ["ABORT -5"],
      ],
      [
        "another end behind it",
        [
          [3, LAST],
          [4, LAST],
        ],
        ["ABORT -5"],
      ],
      [
        "before a packet that is held",
        [
          [5, 0],
          [4, LAST],
        ],
        ["ABORT -5"],
      ],
      [
        "on a packet that is held without it",
        [
          [5, 0],
          [5, LAST],
        ],
        ["ACK Duplicate"],
      ],
      [
        "behind a packet that is held",
        [
          [5, 0],
          [6, LAST],
        ],
        ["ACK OutOfSequence"],
      ],
    ];
    for (const [what, packets, answer] of cases) {
      const { rig, talker } = stageService("RecvRequest");
      const answers = packets.map(([seq, flags]) => rig.exchange(talker.data(seq, 8, flags)));
      expect([what, answers.at(-1)]).toEqual([what, answer]);
      expect([what, rig.stat(Stat.DropBadSeq)]).toEqual([what, answer[0] === "ABORT -5" ? 1 : 0]);
    }
  });
});

describe("size", () => {
  test("a packet may have 16384 bytes; one with more is dropped without a word", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.skip(8);
    rig.exchange(talker.data(2, 16_385));
    expect([rig.stat(Stat.DropTooBig), handle.bytesReceived]).toEqual([1, 8]);
    rig.exchange(talker.data(2, 16_384));
    expect([rig.stat(Stat.DropTooBig), handle.bytesReceived]).toEqual([1, 16_392]);
    expect([handle.skip(20_000), rig.buffersUsed]).toEqual([16_384, 0]);
  });

  test("bytes come out as they came in, for every size around those of the buffers", () => {
    for (const size of [1_471, 1_472, 1_473, 1_499, 1_500, 1_501, 2_999, 3_000, 3_001, 16_384]) {
      const { rig, talker, handle } = stageService("RecvRequest");
      handle.skip(8);
      const payload = Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8));
      rig.exchange(talker.data(2, payload));
      const got = new Uint8Array(size + 1);
      expect([size, handle.readInto(got, 0, size + 1)]).toEqual([size, size]);
      expect(got.subarray(0, size)).toEqual(payload);
      expect(rig.buffersUsed).toBe(0);
    }
  });

  test("a packet of several buffers that finds too few of them is not kept in part, and gives back what it took", () => {
    for (const free of [5, 6]) {
      const { rig, members } = stage(1);
      const [member] = members;
      const hogged = hog(rig);
      give(rig, hogged, free);
      // One may be taken for the packet that comes next, and those above four for what is linked behind it.
      expect(exchange(rig, member?.talker.data(2, 5_000) as Uint8Array)).toEqual(["ACK NoSpace"]);
      expect([rig.endpoint.local.buffers.free, member?.handle.bytesReceived]).toEqual([free, 8]);
      expect([rig.stat(Stat.DropNoBuffer), member?.call.rx.next]).toEqual([1, 2]);
      give(rig, hogged);
    }
  });

  test("a request of exactly what its service takes is taken; a byte more ends the call", () => {
    const rig = new Rig();
    rig.offer({ requestMaxBytes: 16 });
    const talker = clientTalker();
    expect(rig.exchange(talker.data(1, 8))).not.toContain("ABORT -453");
    expect(rig.exchange(talker.data(2, 8))).toEqual([]);
    expect(rig.exchange(talker.data(3, 1))).toEqual(["ABORT -453"]);
  });

  test("a reply of exactly what its client takes is taken; a byte more ends the call", () => {
    const { rig, talker, handle } = stageClient("AwaitReply");
    handle.limitInput(16);
    expect(rig.exchange(talker.data(1, 16))).toEqual([]);
    expect(rig.exchange(talker.data(2, 1, LAST))).toEqual(["ABORT -451"]);
  });
});

describe("what goes with the data", () => {
  test("the userStatus of the newest packet that was kept", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    rig.feed(talker.data(2, 8, 0, { userStatus: 7 }));
    expect(handle.userStatus).toBe(7);
    rig.feed(talker.data(2, 8, 0, { userStatus: 9 }));
    rig.feed(talker.data(100, 8, 0, { userStatus: 9 }));
    expect(handle.userStatus).toBe(7);
  });

  test("every second packet in order is acknowledged at once, and one that asks, with its serial", () => {
    const { rig, talker } = stageService("RecvRequest");
    const said = [2, 3, 4, 5].map((seq) => rig.exchange(talker.data(seq)));
    expect(said).toEqual([[], ["ACK Idle"], [], ["ACK Idle"]]);
    rig.feed(talker.data(6, 8, WANTS_ACK, { serial: 77 }));
    const [sent] = rig.poll();
    expect([sent && nameOf(sent), sent?.ack?.serial]).toEqual(["ACK Requested", 77]);
    // It counts as an ACK of what came before.
    expect([7, 8].map((seq) => rig.exchange(talker.data(seq)))).toEqual([[], ["ACK Idle"]]);
  });

  test("a request that ends under the whole window is acknowledged by its reply, under a narrowed one at once", () => {
    for (const [isRead, said] of [
      [true, []],
      [false, ["ACK Idle"]],
    ] as const) {
      const { rig, talker, handle, call } = stageService("RecvRequest");
      if (isRead) handle.skip(8);
      rig.exchange(talker.ping());
      expect(call.rx.advertised).toBe(isRead ? 32 : 31);
      expect(rig.exchange(talker.data(2, 8, LAST))).toEqual(said);
    }
  });

  test("every second packet of a reply is acknowledged at once as well, with its serial", () => {
    const { rig, talker } = stageClient("RecvReply");
    const said = [2, 3, 4].map((seq) => rig.exchange(talker.data(seq)));
    expect(said).toEqual([[], ["ACK Idle"], []]);
    rig.feed(talker.data(5, 8, 0, { serial: 91 }));
    const [sent] = rig.poll();
    expect([sent && nameOf(sent), sent?.ack?.serial, sent?.ack?.firstPacket]).toEqual(["ACK Idle", 91, 6]);
  });

  test("the last packet of a request waits for the reply, also as the second one in a row", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.skip(8);
    rig.exchange(talker.ping());
    expect([rig.exchange(talker.data(2)), rig.exchange(talker.data(3, 8, LAST))]).toEqual([[], []]);
    expect(rig.pass(99_999).map(nameOf)).toEqual([]);
    expect(rig.pass(1).map(nameOf)).toEqual(["ACK Delay"]);
  });

  test("the reader is told of each packet in order, and of the last one together with the end of a reply", () => {
    const service = stageService("RecvRequest");
    service.listener.events = 0;
    service.rig.exchange(service.talker.data(3));
    expect(service.listener.events).toBe(0);
    service.rig.exchange(service.talker.data(2));
    expect(service.listener.events).toBe(CallEvent.Readable);
    const client = stageClient("AwaitReply");
    client.rig.exchange(client.talker.data(1, 8, LAST));
    expect(client.listener.events).toBe(CallEvent.Readable | CallEvent.Ended);
  });

  test("nobody is told of a call whose client has not shown yet who it is", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    rig.offer();
    const talker = clientTalker({ securityIndex: 2 });
    for (const seq of [1, 2]) rig.feed(talker.data(seq));
    expect(rig.events.count).toBe(0);
  });

  test("one alone is acknowledged after a tenth of a second", () => {
    const { rig, talker } = stageService("RecvRequest");
    rig.exchange(talker.data(2));
    expect(rig.pass(99_999).map(nameOf)).toEqual([]);
    expect(rig.pass(1).map(nameOf)).toEqual(["ACK Delay"]);
  });
});
