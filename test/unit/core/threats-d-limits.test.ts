// Calls, channels, backlog: old numbers, busy servers, counters near their wrap, drips, strangers.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, Completion } from "../../../src/core/call-object.js";
import type { Connection } from "../../../src/core/conn-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageClient, stageService } from "./calls.js";
import { BAD, BAD_RESPONSE, FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker } from "./packets.js";
import { addressOf, LAST, Listener, Rig, STRANGER } from "./rig.js";

const on = (n: number, fields = {}): ReturnType<typeof clientTalker> =>
  clientTalker({ cid: 0x10_000 + n * 4, ...fields });

describe("D: calls, channels, backlog, continued", () => {
  test("D13: DATA with an old call number is dropped, after the connection was reaped as well", () => {
    const { rig, talker } = stageService("Succeeded");
    const old = talker.with({ callNumber: 1 });
    expect(rig.exchange(old.data(1, 8, LAST))).toEqual([]);
    rig.pass(601_000_000);
    expect([rig.endpoint.local.connections.known.count, rig.endpoint.local.tombstones.count]).toEqual([0, 1]);
    for (const bytes of [old.data(1, 8, LAST), talker.data(1, 8, LAST)]) {
      expect(rig.exchange(bytes)).toEqual([]);
    }
    expect(rig.newCalls.length).toBe(1);
    expect(rig.exchange(talker.with({ callNumber: 3 }).data(1, 8, LAST))).toEqual(["ACK Ping"]);
    expect(rig.newCalls.length).toBe(2);
    // The connection lives again, and knows what it knew.
    expect(rig.exchange(talker.data(1, 8, LAST))).toEqual([]);
    rig.pass(130_000_000);
  });

  test("D13: with no room to remember more connections, new ones are refused, and forgotten ones are never run again", () => {
    const rig = new Rig({ options: { tombstonesMax: 2, idleConnectionMs: 1_000, tombstoneMs: 60_000 } });
    const service = rig.offer({}, 4);
    for (let n = 0; n < 3; n++) {
      rig.exchange(on(n).data(1, 8, LAST));
      service.reject(rig.newCalls[n] as CallHandle, -6);
      rig.drain();
      rig.poll();
    }
    rig.pass(5_000_000);
    expect([rig.endpoint.local.tombstones.count, rig.endpoint.local.connections.known.count]).toEqual([2, 1]);
    expect(rig.exchange(on(9).data(1))).toEqual(["BUSY"]);
    expect(rig.stat(Stat.DropTombstones)).toBe(1);
    // An expired one is found and dropped in the same look: the call it remembers is new again, and nothing breaks.
    rig.nowUs += 70_000_000;
    expect(rig.exchange(on(0, { callNumber: 2 }).data(1))).toEqual(["ACK Ping"]);
    expect(rig.exchange(on(9).data(1))).toEqual(["ACK Ping"]);
  });

  test("D14: no packet but DATA 1 opens a call", () => {
    const rig = new Rig();
    rig.offer();
    for (let type = 0; type < 14; type++) {
      if (type === PacketType.Data) continue;
      rig.exchange(on(0).of(type, new Uint8Array(60)));
      rig.exchange(on(0).of(type, new Uint8Array(60), { seq: 1 }));
    }
    for (const seq of [0, 2, 33, 40, -1]) rig.exchange(on(0).data(seq));
    expect(rig.newCalls.length).toBe(0);
  });

  test("D15: after BUSY the call keeps its number, is sent again, and takes a late reply", () => {
    const rig = new Rig();
    const listener = new Listener();
    const handle = rig.endpoint.beginCall(openTestBundle(rig), listener);
    handle.end();
    const call = handle.call as Call;
    const { callNumber, channel } = call;
    rig.poll();
    const talker = serverTalker(call);
    for (let i = 0; i < 5; i++) rig.exchange(talker.of(PacketType.Busy));
    const again = rig.pass(4_000_000).filter((sent) => sent.header.type === PacketType.Data);
    expect(again.length).toBeGreaterThan(1);
    for (const sent of again)
      expect([sent.header.callNumber, sent.header.cid & 3, sent.header.seq]).toEqual([
        callNumber,
        channel,
        1,
      ]);
    rig.exchange(talker.data(1, 8, LAST));
    expect([listener.ends, handle.completion]).toEqual([1, Completion.Succeeded]);
  });

  test("D15: BUSY after BUSY for longer than the dead time does not end the call", () => {
    const rig = new Rig();
    const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
    handle.end();
    const talker = serverTalker(handle.call as Call);
    for (let s = 0; s < 90; s++) {
      rig.pass(1_000_000);
      rig.exchange(talker.of(PacketType.Busy));
    }
    expect(handle.isEnded).toBe(false);
  });

  test("D16: start and abort as fast as possible: a peer's share is given back when the call has ended, not before", () => {
    const rig = new Rig();
    const service = rig.offer({ callsPerPeerMax: 1 }, 8);
    for (let callNumber = 1; callNumber < 50; callNumber++) {
      rig.feed(on(0, { callNumber }).data(1));
      rig.feed(on(1, { callNumber }).data(1));
      rig.feed(on(0, { callNumber, cid: 0x10_001 }).data(1));
      expect(rig.endpoint.liveCalls).toBe(1);
      rig.feed(on(0, { callNumber }).abort(5));
      rig.drain();
    }
    expect([service.backlog.calls, service.waiting]).toEqual([8, 0]);
  });

  test("D17: one service overloaded, another still accepts", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    rig.offer({ serviceId: 52 }, 1);
    rig.exchange(on(0).data(1));
    expect(rig.exchange(on(1).data(1))).toEqual(["BUSY"]);
    expect(rig.exchange(on(2, { serviceId: 52 }).data(1))).toEqual(["ACK Ping"]);
  });

  test("D18: a client retires a connection whose call numbers run out, and never takes an id in use", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig, 4);
    const first = rig.endpoint.beginCall(bundle, new Listener());
    const connection = first.call?.connection as Connection;
    for (let channel = 1; channel < 4; channel++) connection.setCallNumber(channel, 0x7fff_fffe);
    const second = rig.endpoint.beginCall(bundle, new Listener());
    expect(second.call?.connection).not.toBe(connection);
    expect([connection.isRetired, second.call?.callNumber]).toEqual([true, 1]);
    expect(connection.connectionId).not.toBe(second.call?.connection?.connectionId);
  });

  test("D18: call numbers near 2^31 and 2^32 are ordered by serial arithmetic", () => {
    for (const [first, next, old] of [
      [0x7fff_ffff, -0x8000_0000, 0x7fff_fffe],
      [-1, 1, -2],
      [-0x8000_0000, -0x7fff_ffff, 0x7fff_ffff],
    ] as const) {
      const rig = new Rig();
      rig.offer();
      rig.exchange(on(0, { callNumber: first }).data(1));
      rig.exchange(on(0, { callNumber: old }).data(1));
      expect(rig.newCalls.length).toBe(1);
      rig.exchange(on(0, { callNumber: next }).data(1));
      expect(rig.newCalls.length).toBe(2);
      // A channel that has had no call takes any number.
      rig.exchange(on(0, { callNumber: first, cid: 0x10_001 }).data(1));
      expect(rig.newCalls.length).toBe(3);
    }
  });

  test("D18: serials skip 0", () => {
    const { rig, call, handle } = stageService("AckRequest");
    (call.connection as Connection).serial = -2;
    handle.write(new Uint8Array(4 * 1_412), 0, 4 * 1_412);
    const serials = rig.poll().map((sent) => sent.header.serial);
    expect(serials).not.toContain(0);
    expect(new Set(serials).size).toBe(serials.length);
  });

  test("D19: on a secured connection a higher call number does not end a running call; on a plain one it does", () => {
    const fake = new FakeSecurity();
    const rig = new Rig({ security: [nullSecurity, fake] });
    rig.offer();
    const talker = on(0, { securityIndex: 2 });
    rig.exchange(talker.data(1, 20, LAST));
    rig.exchange(talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(GOOD)));
    const [handle] = rig.newCalls;
    expect(rig.exchange(talker.with({ callNumber: 2 }).data(1, 20))).toEqual([]);
    expect([handle?.isEnded, rig.newCalls.length]).toEqual([false, 1]);
    const plain = stageService("RecvRequest");
    plain.rig.exchange(plain.talker.with({ callNumber: 3 }).data(1));
    expect([plain.handle.abortCode, plain.rig.newCalls.length]).toEqual([-1, 2]);
  });

  test("D20: a first packet only, then PINGs: the call ends after the progress limit of 30 s", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    const beganUs = rig.nowUs;
    while (!handle.isEnded && rig.nowUs - beganUs < 100_000_000) {
      rig.pass(1_000_000);
      rig.feed(talker.ping());
    }
    expect(handle.abortCode).toBe(-3);
    expect(rig.nowUs - beganUs).toBeLessThan(33_000_000);
  });

  test("D20: one byte a minute ends too", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.discardInput();
    let seq = 2;
    for (let s = 0; s < 120 && !handle.isEnded; s++) {
      rig.pass(1_000_000);
      rig.feed(s % 60 === 59 ? talker.data(seq++, 1) : talker.ping());
    }
    expect(handle.abortCode).toBe(-3);
  });

  test("D20: a reader that does not read holds back the window, and that is not the peer's fault", () => {
    const { rig, talker, handle, call } = stageService("RecvRequest");
    for (let seq = 2; seq <= call.rx.window; seq++) rig.feed(talker.data(seq));
    for (let s = 0; s < 90; s++) {
      rig.pass(1_000_000);
      rig.feed(talker.ping());
    }
    expect(handle.isEnded).toBe(false);
    // When it has read, it is the peer's turn for 30 s.
    handle.readInto(new Uint8Array(1_000), 0, 1_000);
    for (let s = 0; s < 70; s++) {
      if (s === 28) expect(handle.isEnded).toBe(false);
      rig.pass(1_000_000);
      rig.feed(talker.ping());
    }
    expect(handle.abortCode).toBe(-3);
  });

  test("a reply the handler takes its time for is waited for as long as the service answers PINGs", () => {
    for (const state of ["AwaitReply", "RecvReply"] as const) {
      const { rig, talker, handle } = stageClient(state);
      handle.readInto(new Uint8Array(100), 0, 100);
      for (let s = 0; s < 300; s++) {
        rig.pass(1_000_000);
        rig.feed(talker.ack({ firstPacket: 2, previousPacket: 1 }));
      }
      expect(handle.isEnded).toBe(false);
      rig.pass(21_000_000);
      expect(handle.abortCode).toBe(-1);
    }
  });

  test("a bad RESPONSE ends the connection with the class's code; one that was not asked for is dropped", () => {
    const fake = new FakeSecurity();
    const rig = new Rig({ security: [nullSecurity, fake] });
    rig.offer();
    const talker = on(0, { securityIndex: 2 });
    const response = (byte: number): Uint8Array =>
      talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(byte));
    expect(rig.exchange(talker.data(1, 20, LAST))).toEqual(["CHALLENGE", "ACK Ping"]);
    expect(rig.newCalls.length).toBe(0);
    expect(rig.exchange(response(BAD))).toEqual([`ABORT ${BAD_RESPONSE}`]);
    expect(rig.exchange(response(GOOD))).toEqual([]);
    expect(rig.stat(Stat.DropResponse)).toBe(1);
    expect(rig.exchange(talker.with({ callNumber: 2 }).data(1))).toEqual([`ABORT ${BAD_RESPONSE}`]);
    rig.pass(700_000_000);
    expect(fake.live).toBe(0);
  });

  test("strangers: connections of one host and of all are limited, the oldest idle ones give way, friends are not touched", () => {
    const rig = new Rig({ options: { strangersMax: 6, strangersPerHostMax: 4 } });
    const service = rig.offer({}, 32);
    const strangers = (): number => rig.endpoint.local.peers.strangers;
    for (let n = 0; n < 8; n++) rig.exchange(on(n).data(1), STRANGER);
    expect([strangers(), rig.newCalls.length, rig.stat(Stat.DropStrangerLimit)]).toEqual([4, 4, 4]);
    for (let n = 8; n < 16; n++) rig.exchange(on(n).data(1), addressOf("198.51.100.9", 7_001 + n));
    expect([strangers(), rig.newCalls.length]).toEqual([6, 6]);
    // A stranger without a call makes room, for another host than the one at its own limit.
    service.reject(rig.newCalls[0] as CallHandle, -6);
    rig.drain();
    rig.poll();
    rig.exchange(on(30).data(1), STRANGER);
    expect([strangers(), rig.newCalls.length]).toEqual([6, 6]);
    rig.exchange(on(20).data(1), addressOf("203.0.113.5", 7_001));
    expect([strangers(), rig.newCalls.length]).toEqual([6, 7]);
    rig.exchange(on(21).data(1));
    expect(rig.newCalls.length).toBe(8);
    for (const handle of rig.newCalls.slice(1)) service.reject(handle, -6);
    rig.drain();
    rig.poll();
    rig.pass(12_000_000);
    expect([strangers(), rig.endpoint.local.connections.known.count]).toEqual([0, 1]);
  });
});
