// Datagrams and headers: what a peer may send that no honest one does.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { Stat } from "../../../src/core/stats.js";
import { Address } from "../../../src/util/address.js";
import { HeaderOffset } from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageService } from "./calls.js";
import { FakeSecurity } from "./fake-security.js";
import { clientTalker, packet } from "./packets.js";
import { addressOf, FRIEND, LAST, Listener, Rig, STRANGER } from "./rig.js";

const talker = clientTalker();

/** An endpoint with a service, and how much of it is in use. */
function open(): { rig: Rig; used: () => number[] } {
  const rig = new Rig();
  rig.offer();
  const { connections, peers, calls, buffers } = rig.endpoint.local;
  return { rig, used: () => [connections.known.count, peers.known.count, calls.used, buffers.used] };
}

describe("A: datagrams and headers", () => {
  test("A1: 0 to 27 bytes, or more than 65 507, are dropped without an answer", () => {
    const { rig, used } = open();
    const before = used();
    const whole = talker.data(1);
    for (let length = 0; length < 28; length++) {
      rig.endpoint.handleDatagram(rig.nowUs, FRIEND, whole, length);
      rig.feed(whole.slice(0, length));
    }
    expect(rig.stat(Stat.DropShort)).toBe(56);
    rig.feed(talker.data(1, 65_508 - 28));
    expect(rig.stat(Stat.DropLong)).toBe(1);
    expect([rig.names(), used()]).toEqual([[], before]);
  });

  test("A2: types 0, 9 to 12 and 14 to 255 are dropped and not answered with an abort", () => {
    for (const callNumber of [0, 1]) {
      const { rig } = stageService("RecvRequest");
      for (let type = 0; type < 256; type++) {
        if ((type > 0 && type < 9) || type === 13) continue;
        rig.feed(clientTalker({ callNumber: callNumber * 2 }).of(type, new Uint8Array(40)));
      }
      expect(rig.stat(Stat.DropType)).toBe(256 - 9);
      expect(rig.names()).toEqual([]);
    }
    const { rig } = open();
    for (let type = 14; type < 256; type++) rig.feed(talker.of(type));
    for (const type of [0, 9, 10, 11, 12]) rig.feed(talker.of(type));
    expect([rig.stat(Stat.DropType), rig.stat(Stat.DropUnknownConnection), rig.names()]).toEqual([
      247,
      0,
      [],
    ]);
  });

  test("A3: call number 0 on DATA, ACK, ACKALL, BUSY, and seq 0 on DATA, open no call", () => {
    const { rig, used } = open();
    const before = used();
    const zero = clientTalker({ callNumber: 0 });
    for (const bytes of [
      zero.data(1),
      zero.ack(),
      zero.of(PacketType.AckAll),
      zero.of(PacketType.Busy),
      talker.data(0),
    ]) {
      expect(rig.exchange(bytes)).toEqual([]);
    }
    expect(used()).toEqual(before);
    const live = stageService("RecvRequest");
    expect(live.rig.exchange(live.talker.data(0))).toEqual([]);
    expect(live.rig.stat(Stat.DropBadSeq)).toBe(1);
    expect(live.call.rx.top).toBe(1);
  });

  test("A4: service id 0 or not offered gets one budgeted abort -2 for DATA, and neither peer nor connection", () => {
    const { rig, used } = open();
    const before = used();
    for (const serviceId of [0, 146, 65_535]) {
      const other = clientTalker({ serviceId });
      expect(rig.exchange(other.data(1), STRANGER)).toEqual(["ABORT -2"]);
      for (const bytes of [
        other.data(2),
        other.ack({}, { seq: 1 }),
        other.ping(),
        other.of(PacketType.AckAll),
        other.of(PacketType.Response),
      ]) {
        expect(rig.exchange(bytes, STRANGER)).toEqual([]);
      }
    }
    expect(used()).toEqual(before);
    // The budget: 20 refusals a second to one /24.
    let aborts = 0;
    for (let i = 0; i < 200; i++)
      aborts += rig.exchange(clientTalker({ serviceId: 9 }).data(1), STRANGER).length;
    expect(aborts).toBe(17);
  });

  test("A5: a security index that is not offered, or not the connection's, changes nothing", () => {
    const { rig, used } = open();
    const before = used();
    expect(rig.exchange(clientTalker({ securityIndex: 4 }).data(1))).toEqual(["ABORT -2"]);
    expect(used()).toEqual(before);
    const live = stageService("RecvRequest", { security: [new FakeSecurity(), ...nulls()] });
    expect(live.rig.exchange(live.talker.data(2, 8, 0, { securityIndex: 2 }))).toEqual([]);
    expect(live.rig.exchange(live.talker.with({ callNumber: 0, securityIndex: 2 }).abort(5))).toEqual([]);
    expect([live.call.rx.top, live.handle.isEnded, live.rig.stat(Stat.DropSecurityIndex)]).toEqual([
      1,
      false,
      2,
    ]);
  });

  test("A6: CHALLENGE or BUSY to a service, RESPONSE to a client: dropped before anything is looked up", () => {
    const { rig } = open();
    rig.feed(talker.of(PacketType.Challenge));
    rig.feed(talker.of(PacketType.Busy));
    rig.feed(talker.with({ flags: 0 }).of(PacketType.Response));
    expect([rig.stat(Stat.DropDirection), rig.stat(Stat.DropUnknownConnection), rig.names()]).toEqual([
      3,
      0,
      [],
    ]);
  });

  test("A7: a client and a service connection with equal epoch, cid and address are kept apart by the direction flag", () => {
    const rig = new Rig();
    rig.offer();
    const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
    handle.write(new Uint8Array(4), 0, 4);
    handle.end();
    rig.poll();
    const call = handle.call;
    if (call === null) throw new Error("no call");
    const server = serverTalker(call);
    const client = server.with({ flags: PacketFlag.ClientInitiated });
    // Their call to us, with the identity of our call to them.
    expect(rig.exchange(client.data(1, 8, LAST))).toEqual(["ACK Ping"]);
    const theirs = rig.newCalls[0] as CallHandle;
    expect(theirs.bytesReceived).toBe(8);
    rig.feed(server.data(1, 20));
    expect([handle.bytesReceived, theirs.bytesReceived]).toEqual([20, 8]);
    rig.feed(client.abort(5));
    expect([handle.isEnded, theirs.isEnded]).toEqual([false, true]);
  });

  test("A8: unknown flag bits, a spare field and a user status are ignored and not echoed", () => {
    const rig = new Rig();
    const service = rig.offer();
    rig.exchange(
      talker.data(1, 8, LAST | 0x10 | 0x40 | 0x80 | PacketFlag.MorePackets, {
        cksum: 0xbeef,
        userStatus: 0x77,
      }),
    );
    const [handle] = rig.newCalls;
    if (handle === undefined) throw new Error("no call");
    expect(handle.userStatus).toBe(0x77);
    service.accept(handle, 1n);
    handle.end();
    rig.feed(
      talker
        .with({ cid: 0x1001 })
        .of(PacketType.Version, Uint8Array.of(0), { flags: 0xd5, cksum: 0xbeef, userStatus: 9 }),
    );
    for (const sent of [...rig.poll(), ...rig.pass(400_000)]) {
      expect(sent.header.flags & 0xd0).toBe(0);
      expect([sent.header.cksum, sent.header.userStatus]).toEqual([0, 0]);
    }
  });

  test("A9: VERSION and DEBUG without the client flag, too short, or with a negative or huge index, are dropped", () => {
    const { rig } = open();
    const asked = clientTalker({ callNumber: 7 });
    const debug = (type: number, index: number): Uint8Array => {
      const body = new Uint8Array(8);
      new DataView(body.buffer).setInt32(0, type);
      new DataView(body.buffer).setInt32(4, index);
      return body;
    };
    expect(rig.exchange(asked.of(PacketType.Version, Uint8Array.of(0)))).toEqual(["VERSION"]);
    expect(rig.exchange(asked.of(PacketType.Debug, debug(1, 0)))).toEqual(["DEBUG"]);
    for (const bytes of [
      asked.of(PacketType.Version),
      asked.of(PacketType.Version, Uint8Array.of(1)),
      asked.with({ flags: 0 }).of(PacketType.Version, Uint8Array.of(0)),
      asked.with({ flags: 0 }).of(PacketType.Debug, debug(1, 0)),
      asked.of(PacketType.Debug, new Uint8Array(7)),
    ]) {
      expect(rig.exchange(bytes)).toEqual([]);
    }
    for (const type of [2, 3, 5]) {
      for (const index of [-1, -0x8000_0000, 0x7fff_ffff]) {
        expect(rig.exchange(asked.of(PacketType.Debug, debug(type, index)))).toEqual([]);
      }
      expect(rig.exchange(asked.of(PacketType.Debug, debug(type, 4_096)))).toEqual(["DEBUG"]);
    }
  });

  test("A10: port 0, our own address, broadcast, multicast and reflectors' ports get nothing", () => {
    const { rig, used } = open();
    const before = used();
    const sources = [
      addressOf("192.0.2.1", 0),
      addressOf("127.0.0.1", 7009),
      addressOf("255.255.255.255", 7001),
      addressOf("224.0.0.1", 7001),
      addressOf("0.0.0.0", 7001),
      addressOf("ff02::1", 7001),
      addressOf("::", 7001),
      ...[7, 19, 53, 123, 137].map((port) => addressOf("127.0.0.1", port)),
    ];
    for (const from of sources) {
      expect(rig.exchange(talker.data(1), from)).toEqual([]);
      expect(rig.exchange(talker.of(PacketType.Version, Uint8Array.of(0)), from)).toEqual([]);
    }
    expect([rig.stat(Stat.DropSource), used()]).toEqual([2 * sources.length, before]);
  });

  test("A11: the same host as IPv4 and as mapped IPv6 is one peer", () => {
    const { rig } = open();
    const mapped = Address.from("::ffff:127.0.0.1", 7001);
    if (mapped === undefined) throw new Error("no address");
    rig.exchange(talker.data(1), FRIEND);
    rig.exchange(talker.with({ cid: 0x2000 }).data(1), mapped);
    expect([rig.endpoint.local.peers.known.count, rig.newCalls.length]).toEqual([1, 2]);
  });

  test("A12: bytes behind a complete body are ignored", () => {
    const longer = (bytes: Uint8Array): Uint8Array => Uint8Array.of(...bytes, 1, 2, 3, 4, 5);
    const ping = stageService("RecvRequest");
    expect(ping.rig.exchange(longer(ping.talker.ping()))).toEqual(["ACK PingResponse"]);
    const ack = stageService("AwaitAck");
    ack.rig.feed(longer(ack.talker.ack({ firstPacket: 2 })));
    expect(ack.handle.isEnded).toBe(true);
    const abort = stageService("RecvRequest");
    abort.rig.feed(longer(abort.talker.abort(9)));
    expect(abort.handle.isEnded).toBe(true);
    abort.rig.drain();
    expect(abort.handle.abortCode).toBe(9);
  });

  test("an ABORT that is too short, or of code 0, is dropped", () => {
    const { rig, talker: peer, handle } = stageService("RecvRequest");
    rig.feed(peer.of(PacketType.Abort, new Uint8Array(3)));
    rig.feed(peer.abort(0));
    rig.feed(peer.with({ callNumber: 0 }).abort(0));
    expect(handle.isEnded).toBe(false);
  });

  test("a packet of a known connection from another address or port is dropped", () => {
    const { rig, talker: peer, handle } = stageService("RecvRequest");
    for (const from of [addressOf("127.0.0.1", 7002), STRANGER]) rig.feed(peer.abort(9), from);
    expect([handle.isEnded, rig.stat(Stat.DropOtherAddress)]).toEqual([false, 2]);
  });

  test("a refusal is never refused, and nothing we know nothing of is answered", () => {
    const { rig } = open();
    for (const type of [
      PacketType.Abort,
      PacketType.Busy,
      PacketType.Ack,
      PacketType.AckAll,
      PacketType.Response,
    ]) {
      const bytes = packet(
        { epoch: 1, cid: 8, callNumber: 1, type, serviceId: 9, flags: 1 },
        new Uint8Array(60),
      );
      expect(rig.exchange(bytes)).toEqual([]);
      bytes[HeaderOffset.Flags] = 0;
      expect(rig.exchange(bytes)).toEqual([]);
    }
  });
});

function nulls(): Rig["endpoint"]["local"]["security"] {
  return new Rig().endpoint.local.security;
}
