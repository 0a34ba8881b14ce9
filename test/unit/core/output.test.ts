// State to packets: where they are written, in which order, whose turn it is, and what happens when a budget says no.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, CallTime } from "../../../src/core/call-object.js";
import { abortConnection } from "../../../src/core/conn-event.js";
import type { Connection } from "../../../src/core/conn-object.js";
import { TRANSMIT_ROOM, Transmit } from "../../../src/core/output.js";
import { proposeAck, proposePing } from "../../../src/core/propose-ack.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageClient, stageService } from "./calls.js";
import { FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker } from "./packets.js";
import { addressOf, FRIEND, LAST, Listener, nameOf, Rig, STRANGER, WANTS_ACK } from "./rig.js";

/** Everything that `rig` has to send, written at `offset`. */
function drainAt(rig: Rig, offset: number): string[] {
  const out = new Transmit(new Uint8Array(offset + TRANSMIT_ROOM).fill(0xa5));
  out.offset = offset;
  const sent: string[] = [];
  while (rig.endpoint.pollTransmit(out)) {
    sent.push(Buffer.from(out.bytes.subarray(offset, offset + out.length)).toString("hex"));
    if (out.bytes.subarray(0, offset).some((byte) => byte !== 0xa5))
      throw new Error("wrote before the offset");
  }
  return sent;
}

const secured = (): Rig => new Rig({ security: [nullSecurity, new FakeSecurity()] });

/** What there is to send, by kind. Made twice it is the same to the byte. */
const KINDS: Record<string, () => Rig> = {
  "DATA and ACK": () => {
    const { rig, handle, talker } = stageService("AckRequest");
    handle.write(new Uint8Array(3_000).fill(7), 0, 3_000);
    rig.feed(talker.ping(9));
    return rig;
  },
  "a jumbogram": () => {
    const { rig, handle, call } = stageService("AckRequest");
    Object.assign(call.connection?.peer as object, { segments: 4, jumboMax: 4 });
    handle.write(new Uint8Array(6_000).fill(7), 0, 6_000);
    handle.end();
    return rig;
  },
  "an empty reply": () => {
    const { rig, handle } = stageService("AckRequest");
    handle.end();
    return rig;
  },
  "a final ACK": () => {
    const { rig, talker } = stageClient("AwaitReply");
    rig.feed(talker.data(1, 8, LAST | WANTS_ACK, { serial: 12 }));
    return rig;
  },
  "the ABORT of a call": () => {
    const { rig, handle } = stageClient("AwaitReply");
    handle.abort(5);
    return rig;
  },
  "the ABORT of a connection": () => {
    const { rig, call } = stageClient("AwaitReply");
    abortConnection(rig.endpoint.local, call.connection as Connection, 6);
    return rig;
  },
  "a CHALLENGE": () => {
    const rig = secured();
    rig.offer();
    rig.feed(clientTalker({ securityIndex: 2 }).data(1, 8, 0, { serial: 5 }));
    return rig;
  },
  "a RESPONSE, and DATA that is protected": () => {
    const rig = secured();
    const bundle = rig.endpoint.openBundle({ ...openTestBundle(rig).options, securityIndex: 2 });
    const handle = rig.endpoint.beginCall(bundle, new Listener());
    handle.write(new Uint8Array(5_000).fill(3), 0, 5_000);
    const talker = serverTalker(handle.call as Call).with({ callNumber: 0, securityIndex: 2 });
    rig.feed(talker.of(PacketType.Challenge, Uint8Array.of(GOOD)));
    handle.end();
    return rig;
  },
  "BUSY, an ABORT and a VERSION for no call": () => {
    const rig = new Rig();
    rig.offer({}, 0).listen(1);
    for (const cid of [0x1000, 0x2000]) rig.feed(clientTalker({ cid }).data(1, 8, 0, { serial: 5 }));
    rig.feed(clientTalker({ cid: 0x3000, serviceId: 9 }).data(1));
    rig.feed(clientTalker().of(PacketType.Version, Uint8Array.of(0), { serial: 7 }));
    return rig;
  },
};

describe("a packet", () => {
  test.each(Object.keys(KINDS))(
    "%s: is the same wherever it is written, and nothing before that is",
    (kind) => {
      const make = KINDS[kind] as () => Rig;
      const sent = drainAt(make(), 0);
      expect(sent.length).toBeGreaterThan(0);
      expect(drainAt(make(), 100)).toEqual(sent);
    },
  );

  test("that is a reply for no call takes as many bytes as it has, and none behind them", () => {
    const rig = new Rig();
    rig.feed(clientTalker({ serviceId: 9 }).data(1));
    const out = new Transmit(new Uint8Array(TRANSMIT_ROOM).fill(0xa5));
    expect(rig.endpoint.pollTransmit(out)).toBe(true);
    expect([out.length, [...out.bytes.subarray(28, 34)]]).toEqual([32, [255, 255, 255, 254, 0xa5, 0xa5]]);
  });

  test("tells its peer's place and life, a reply for no call neither", () => {
    const out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
    expect([out.peerIndex, out.peerGeneration, out.length, out.offset]).toEqual([-1, 0, 0, 0]);
    const { rig, call } = stageService("AckRequest");
    const peer = call.connection?.peer;
    if (!peer) throw new Error("no peer");
    proposePing(rig.endpoint.local, call);
    expect(rig.endpoint.pollTransmit(out)).toBe(true);
    expect([out.peerIndex, out.peerGeneration, out.remote.toString()]).toEqual([
      peer.index,
      peer.generation,
      FRIEND.toString(),
    ]);
    rig.feed(clientTalker({ cid: 0x3000, serviceId: 9 }).data(1), addressOf("127.0.0.9", 5));
    expect(rig.endpoint.pollTransmit(out)).toBe(true);
    expect([out.peerIndex, out.remote.toString()]).toEqual([-1, "127.0.0.9:5"]);
    expect(rig.endpoint.pollTransmit(out)).toBe(false);
  });
});

describe("the order", () => {
  test("replies for no call first, then the ACK of a call, its PING, its data", () => {
    const { rig, call, handle } = stageService("AckRequest");
    handle.write(new Uint8Array(10), 0, 10);
    proposePing(rig.endpoint.local, call);
    proposeAck(rig.endpoint.local, call, AckReason.Requested, 4);
    rig.feed(clientTalker({ cid: 0x3000, serviceId: 9 }).data(1));
    expect(rig.names()).toEqual(["ABORT -2", "ACK Requested", "ACK Ping", "DATA 1"]);
  });

  test("a stranger gets its PING first, which says the same; without one it gets its ACK", () => {
    const { rig, call } = stageService("RecvRequest", {}, STRANGER);
    expect(call.connection?.peer?.isProven).toBe(false);
    Object.assign(call.connection?.peer as object, { credit: 1_000 });
    proposeAck(rig.endpoint.local, call, AckReason.Requested, 4);
    expect(rig.names()).toEqual(["ACK Requested"]);
    proposePing(rig.endpoint.local, call);
    proposeAck(rig.endpoint.local, call, AckReason.Requested, 5);
    expect(rig.names()).toEqual(["ACK Ping", "ACK Requested"]);
  });

  test("eight packets of one call, then the next has its turn; ACKs count as well", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = [0, 1].map(() => rig.endpoint.beginCall(bundle, new Listener()));
    for (const handle of handles) handle.write(new Uint8Array(10 * 1_412), 0, 10 * 1_412);
    proposePing(rig.endpoint.local, handles[0]?.call as Call);
    expect(rig.poll().map((sent) => sent.header.cid & 3)).toEqual([
      ...new Array<number>(8).fill(0),
      ...new Array<number>(8).fill(1),
      ...new Array<number>(3).fill(0),
      ...new Array<number>(2).fill(1),
    ]);
  });

  test("a call that has said all begins its next turn anew", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const [first, second] = [0, 1].map(() => rig.endpoint.beginCall(bundle, new Listener())) as [
      CallHandle,
      CallHandle,
    ];
    first.write(new Uint8Array(5 * 1_412), 0, 5 * 1_412);
    expect(rig.poll().length).toBe(5);
    for (const handle of [second, first]) handle.write(new Uint8Array(5 * 1_412), 0, 5 * 1_412);
    expect(rig.poll().map((sent) => sent.header.cid & 3)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  });
});

describe("what is noted of an ACK", () => {
  test("each is counted; only a PING waits for its answer, and measures when it went", () => {
    const { rig, call } = stageService("AckRequest");
    const { local } = rig.endpoint;
    const counts = (): number[] => [
      rig.stat(Stat.AckPacketsSent),
      rig.stat(Stat.PingPacketsSent),
      local.stats.sentByType[PacketType.Ack] as number,
    ];
    const [acks, pings, byType] = counts() as [number, number, number];
    call.pings.reset();
    proposeAck(local, call, AckReason.Requested, 4);
    rig.poll();
    expect([counts(), call.pings.newestSerial]).toEqual([[acks + 1, pings, byType + 1], 0]);
    rig.nowUs += 50;
    rig.endpoint.advance(rig.nowUs);
    proposePing(local, call);
    const [ping] = rig.poll();
    expect([counts(), call.pings.newestSerial]).toEqual([
      [acks + 2, pings + 1, byType + 2],
      ping?.header.serial,
    ]);
    expect([
      call.pings.sentAt[call.pings.find(call.pings.newestSerial)],
      call.times[CallTime.LastSent],
    ]).toEqual([rig.nowUs, rig.nowUs]);
  });
});

describe("what was owed and is no more", () => {
  test("keeps no new data back: a resend of what has come since", () => {
    const { rig, call, handle } = stageService("AckRequest");
    call.owesResend = true;
    handle.write(new Uint8Array(10), 0, 10);
    expect([rig.names(), call.owesResend]).toEqual([["DATA 1"], false]);
  });
});

describe("a budget that says no", () => {
  test("keeps the ACK or PING until there is more, and then sends it as it was", () => {
    for (const [what, name] of [
      ["ack", "ACK Duplicate"],
      ["ping", "ACK Ping"],
    ] as const) {
      const { rig, call } = stageService("RecvRequest", {}, STRANGER);
      const peer = call.connection?.peer;
      if (!peer) throw new Error("no peer");
      const { local } = rig.endpoint;
      peer.credit = 64;
      if (what === "ack") proposeAck(local, call, AckReason.Duplicate, 4);
      else proposePing(local, call);
      // 28 bytes of header, 37 of an ACK without entries.
      expect([rig.names(), local.blockedCalls.has(call.index), rig.stat(Stat.BudgetWithheld)]).toEqual([
        [],
        true,
        1,
      ]);
      peer.credit = 65;
      local.scheduleCall(call);
      expect([rig.names(), peer.credit]).toEqual([[name], 0]);
      expect(rig.names()).toEqual([]);
    }
  });

  test("weighs each entry of an ACK", () => {
    const { rig, call, talker } = stageService("RecvRequest", {}, STRANGER);
    const peer = call.connection?.peer;
    if (!peer) throw new Error("no peer");
    rig.feed(talker.data(4), STRANGER);
    peer.credit = 67;
    expect(rig.names()).toEqual([]);
    peer.credit = 68;
    rig.endpoint.local.scheduleCall(call);
    const [sent] = rig.poll();
    expect([sent && nameOf(sent), sent?.acks, sent?.bytes.length]).toEqual([
      "ACK OutOfSequence",
      [0, 0, 1],
      68,
    ]);
  });
});
