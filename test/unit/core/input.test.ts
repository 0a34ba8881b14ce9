// The first look at a datagram, at its limits: how long it may be, where it may come from, and whose call it may end.
import { describe, expect, test } from "vitest";
import { type Call, CallState, CallTime, Completion } from "../../../src/core/call-object.js";
import { ConnState } from "../../../src/core/conn-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { HEADER_SIZE, MAX_DATAGRAM } from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { stageClient, stageService } from "./calls.js";
import { FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker, packet } from "./packets.js";
import { addressOf, FRIEND, LAST, nameOf, Rig } from "./rig.js";

/** Names of the drop counters that grow when `rig` is fed this. */
function dropsOf(rig: Rig, bytes: Uint8Array, from = FRIEND): string[] {
  const before = rig.endpoint.local.stats.snapshot();
  rig.feed(bytes, from);
  return rig.dropsSince(before);
}

describe("a datagram", () => {
  test("has a header at least, and no more than UDP carries", () => {
    const rig = new Rig();
    const of = (length: number): string[] => {
      const bytes = new Uint8Array(Math.max(length, HEADER_SIZE));
      bytes.set(clientTalker().data(1, 0).subarray(0, HEADER_SIZE));
      return dropsOf(rig, bytes.subarray(0, length));
    };
    expect([of(0), of(HEADER_SIZE - 1), of(MAX_DATAGRAM + 1)]).toEqual([
      ["DropShort"],
      ["DropShort"],
      ["DropLong"],
    ]);
    expect([of(HEADER_SIZE), of(MAX_DATAGRAM)]).toEqual([[], []]);
  });

  test("is of a type that there is: 1 to 8 and 13", () => {
    const seen: number[] = [];
    const rig = new Rig();
    for (let type = 0; type < 256; type++) {
      if (!dropsOf(rig, packet({ type, cid: 4, callNumber: 1 })).includes("DropType")) seen.push(type);
      expect(rig.endpoint.local.stats.readByType[type] ?? 0).toBe(seen.includes(type) ? 1 : 0);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 13]);
  });

  test("comes from a host that can be answered", () => {
    const dropped = (host: string, port = 7_001): boolean => {
      const rig = new Rig();
      return dropsOf(rig, clientTalker().data(1), addressOf(host, port)).includes("DropSource");
    };
    for (const host of [
      "0.0.0.0",
      "0.255.255.255",
      "224.0.0.0",
      "255.255.255.255",
      "ff00::",
      "ffff::1",
      "::",
    ])
      expect([host, dropped(host)]).toEqual([host, true]);
    for (const host of [
      "1.0.0.0",
      "223.255.255.255",
      "127.0.0.1",
      "::1",
      "fe80::1",
      "::2:0:0:0",
      "1::",
      "0:1::",
    ])
      expect([host, dropped(host)]).toEqual([host, false]);
    const reflectors = [0, 7, 13, 17, 19, 53, 111, 123, 137, 161, 389, 1_900, 5_353, 11_211];
    for (const port of reflectors) {
      expect([port, dropped("192.0.2.1", port)]).toEqual([port, true]);
      if (!reflectors.includes(port + 1)) expect(dropped("192.0.2.1", port + 1)).toBe(false);
    }
    // Our own address, as the rig has it.
    expect([dropped("127.0.0.1", 7_009), dropped("127.0.0.1", 7_010)]).toEqual([true, false]);
  });
});

describe("a new call on a channel that is in use", () => {
  /** A secured connection with one call. */
  const secured = (): { rig: Rig; talker: ReturnType<typeof clientTalker>; call: Call } => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    const service = rig.offer();
    const talker = clientTalker({ securityIndex: 2 });
    rig.feed(talker.data(1, 8, LAST));
    rig.feed(talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(GOOD)));
    rig.drain();
    const [handle] = rig.newCalls;
    if (handle === undefined) throw new Error("no call");
    service.accept(handle, 1n);
    expect(handle.call?.connection?.state).toBe(ConnState.Secure);
    rig.poll();
    return { rig, talker, call: handle.call as Call };
  };

  test("says that the reply before it has come, also where packets are verified", () => {
    const { rig, talker, call } = secured();
    const [handle] = rig.newCalls;
    handle?.end();
    rig.poll();
    expect(call.state).toBe(CallState.ServerAwaitAck);
    rig.feed(talker.with({ callNumber: 2 }).data(1));
    rig.drain();
    expect([handle?.completion, rig.newCalls.length]).toEqual([Completion.Succeeded, 2]);
  });

  test("does not end one that is running where packets are verified, and does where they are not", () => {
    const { rig, talker, call } = secured();
    expect(dropsOf(rig, talker.with({ callNumber: 2 }).data(1))).toEqual(["DropUnknownCall"]);
    expect([call.isLive, rig.newCalls.length]).toEqual([true, 1]);
    const plain = stageService("AckRequest");
    plain.rig.feed(plain.talker.with({ callNumber: 3 }).data(1));
    plain.rig.drain();
    expect([plain.handle.abortCode, plain.rig.newCalls.length]).toEqual([-1, 2]);
  });
});

describe("BUSY", () => {
  test("is a sign of life while the server has acknowledged nothing, and none afterwards", () => {
    for (const [acked, isLife] of [
      [undefined, true],
      [{ firstPacket: 1, soft: [1] }, false],
      [{ firstPacket: 2 }, false],
    ] as const) {
      const { rig, talker, call } = stageClient("AwaitReply");
      if (acked !== undefined) rig.feed(talker.ack(acked));
      rig.nowUs += 1_000_000;
      rig.feed(talker.of(PacketType.Busy));
      expect(call.times[CallTime.LastHeard] === rig.nowUs).toBe(isLife);
      expect([call.connection?.refused(0), rig.stat(Stat.DropRefusal)]).toEqual([isLife ? 2 : 0, 1]);
    }
  });

  test("brings the next try near when it had become rare, and never puts it off", () => {
    for (const [backoff, left] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [6, 2],
    ] as const) {
      const { rig, talker, call } = stageClient("AwaitReply");
      call.tx.backoff = backoff;
      const due = call.deadlines.slice();
      rig.nowUs += 5_000;
      rig.feed(talker.of(PacketType.Busy));
      expect(call.tx.backoff).toBe(left);
      expect(call.deadlines.every((deadline, i) => deadline === due[i])).toBe(backoff <= 2);
    }
  });
});

describe("a packet for a call that is over", () => {
  test("has the client's last word said again, unless it answers our own PING", () => {
    for (const [bytes, names] of [
      [(talker: ReturnType<typeof clientTalker>) => talker.ack({ reason: AckReason.PingResponse }), []],
      [
        (talker: ReturnType<typeof clientTalker>) => talker.ack({ reason: AckReason.Ping }),
        ["ACK Duplicate"],
      ],
      [(talker: ReturnType<typeof clientTalker>) => talker.data(1, 8, LAST), ["ACK Duplicate"]],
      [(talker: ReturnType<typeof clientTalker>) => talker.of(PacketType.AckAll), []],
      [(talker: ReturnType<typeof clientTalker>) => talker.of(PacketType.Busy), []],
      [(talker: ReturnType<typeof clientTalker>) => talker.abort(5), []],
    ] as const) {
      const { rig, talker } = stageClient("Succeeded");
      expect(dropsOf(rig, bytes(talker))).toEqual(["DropFinished"]);
      expect(rig.poll().map(nameOf)).toEqual(names);
    }
  });
});

describe("the direction of a packet", () => {
  test("says whose it is: a client's BUSY or CHALLENGE and a server's RESPONSE are nobody's", () => {
    for (const [type, flags] of [
      [PacketType.Busy, PacketFlag.ClientInitiated],
      [PacketType.Challenge, PacketFlag.ClientInitiated],
      [PacketType.Response, 0],
    ] as const) {
      expect(dropsOf(new Rig(), packet({ type, flags, cid: 4, callNumber: 1 }))).toEqual(["DropDirection"]);
      const other = flags ^ PacketFlag.ClientInitiated;
      expect(dropsOf(new Rig(), packet({ type, flags: other, cid: 4, callNumber: 1 }))).toEqual([
        "DropUnknownConnection",
      ]);
    }
  });
});
