// What a connection itself has to say: field by field, each channel for itself, and only what its peer's budget allows.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import { abortConnection } from "../../../src/core/conn-event.js";
import type { Connection } from "../../../src/core/conn-object.js";
import type { Peer } from "../../../src/core/peer.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker } from "./packets.js";
import { LAST, Listener, nameOf, Rig, SERVICE_ID, STRANGER, WANTS_ACK } from "./rig.js";

const CLIENT = PacketFlag.ClientInitiated;

/** Client calls on all four channels of one connection, with their requests sent. */
function four(options = {}): { rig: Rig; calls: Call[]; connection: Connection } {
  const rig = new Rig({ options });
  const bundle = openTestBundle(rig);
  const calls = Array.from({ length: 4 }, () => {
    const handle = rig.endpoint.beginCall(bundle, new Listener());
    handle.end();
    return handle.call as Call;
  });
  rig.poll();
  return { rig, calls, connection: calls[0]?.connection as Connection };
}

describe("final ACKs", () => {
  test("each channel's answers the packet that asked for it, with the end of that reply", () => {
    const { rig, calls, connection } = four();
    calls.forEach((call, channel) => {
      for (let seq = 1; seq <= channel; seq++) rig.feed(serverTalker(call).data(seq));
      rig.feed(serverTalker(call).data(channel + 1, 8, LAST | WANTS_ACK, { serial: 70 + channel }));
    });
    const sent = rig.poll();
    expect(sent.map(({ header }) => [header.cid, header.callNumber, header.seq])).toEqual(
      [0, 1, 2, 3].map((channel) => [connection.connectionId | channel, 1, 0]),
    );
    sent.forEach(({ header, ack, bytes }, channel) => {
      expect(header).toMatchObject({
        type: PacketType.Ack,
        flags: CLIENT | PacketFlag.SlowStartOk,
        serviceId: SERVICE_ID,
        securityIndex: 0,
        cksum: 0,
        userStatus: 0,
      });
      expect(ack).toMatchObject({
        firstPacket: channel + 2,
        previousPacket: channel + 1,
        serial: 70 + channel,
        reason: AckReason.Requested,
        nAcks: 0,
        maxMtu: 5_692,
        ifMtu: 1_444,
        rwind: 32,
        jumboMax: 4,
      });
      expect(bytes.length).toBe(28 + 18 + 3 + 16);
    });
  });

  test("advertise a window and jumbograms that the receiver has room for", () => {
    const { rig, calls } = four({ receiveWindowPackets: 2 });
    rig.feed(serverTalker(calls[0] as Call).data(1, 8, LAST | WANTS_ACK));
    expect(rig.poll()[0]?.ack).toMatchObject({ rwind: 2, jumboMax: 2 });
  });

  test("sent on demand takes the place of the one that waits; those of other channels keep their time", () => {
    const { rig, calls } = four();
    const [first, second] = calls as [Call, Call];
    const talker = serverTalker(first);
    rig.feed(talker.data(1, 8, LAST));
    rig.nowUs += 1_000;
    rig.feed(serverTalker(second).data(1, 8, LAST));
    rig.feed(talker.data(1, 8, LAST));
    rig.drain();
    expect(rig.poll().map((one) => [nameOf(one), one.header.cid & 3])).toEqual([["ACK Duplicate", 0]]);
    expect(rig.pass(3_999)).toEqual([]);
    expect(rig.pass(1).map((one) => [nameOf(one), one.header.cid & 3])).toEqual([["ACK Idle", 1]]);
    expect(rig.pass(100_000)).toEqual([]);
  });
});

describe("ABORTs", () => {
  test("each channel's has the code of its call, and goes before its final ACK and those of later channels", () => {
    const { rig, calls, connection } = four();
    rig.feed(serverTalker(calls[1] as Call).data(1, 8, LAST | WANTS_ACK));
    rig.drain();
    for (const channel of [3, 0]) (calls[channel]?.owner as CallHandle).abort(40 + channel);
    const sent = rig.poll();
    expect(sent.map((one) => [nameOf(one), one.header.cid & 3])).toEqual([
      ["ABORT 40", 0],
      ["ACK Requested", 1],
      ["ABORT 43", 3],
    ]);
    expect(sent[2]?.header).toMatchObject({
      cid: connection.connectionId | 3,
      callNumber: 1,
      seq: 0,
      flags: CLIENT,
      serviceId: SERVICE_ID,
    });
    expect([sent[2]?.bytes.length, rig.stat(Stat.AbortPacketsSent)]).toEqual([32, 2]);
  });

  test("the connection's own goes before all else, for call 0 of channel 0, and once", () => {
    const { rig, calls, connection } = four();
    (calls[1]?.owner as CallHandle).abort(5);
    abortConnection(rig.endpoint.local, connection, -77);
    const sent = rig.poll();
    expect(sent.map((one) => [nameOf(one), one.header.cid, one.header.callNumber])).toEqual([
      ["ABORT -77", connection.connectionId, 0],
      ["ABORT 5", connection.connectionId | 1, 1],
    ]);
    expect([rig.stat(Stat.AbortPacketsSent), sent[0]?.bytes.length]).toEqual([2, 32]);
  });
});

describe("the budget of a stranger", () => {
  const stranger = (
    security = 0,
  ): { rig: Rig; peer: Peer; connection: Connection; handle: CallHandle | undefined } => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    rig.offer();
    rig.feed(clientTalker({ securityIndex: security }).data(1), STRANGER);
    rig.drain();
    const connection = rig.endpoint.local.connections.find(-0x1234567, 0x1000, true) as Connection;
    return { rig, peer: connection.peer as Peer, connection, handle: rig.newCalls[0] };
  };

  test("is weighed against the length of an ABORT of a call, and charged with it", () => {
    for (const [credit, names, left] of [
      [31, [], 31],
      [32, ["ABORT 5"], 0],
    ] as const) {
      const { rig, peer, handle } = stranger();
      rig.poll();
      peer.credit = credit;
      handle?.abort(5);
      expect([rig.names(), peer.credit, rig.stat(Stat.BudgetWithheld)]).toEqual([
        names,
        left,
        names.length === 0 ? 1 : 0,
      ]);
      // What is left unsaid is not said later.
      peer.credit = 1_000;
      expect(rig.names()).toEqual([]);
    }
  });

  test("is weighed against the length of the connection's ABORT", () => {
    for (const [credit, names] of [
      [31, []],
      [32, ["ABORT 9"]],
    ] as const) {
      const { rig, peer, connection } = stranger();
      rig.poll();
      peer.credit = credit;
      abortConnection(rig.endpoint.local, connection, 9);
      expect(rig.names()).toEqual(names);
      expect([connection.owesConnAbort, rig.stat(Stat.BudgetWithheld)]).toEqual([
        false,
        names.length === 0 ? 1 : 0,
      ]);
    }
  });

  test("is weighed against the longest CHALLENGE there is", () => {
    for (const [credit, count] of [
      [59, 0],
      [60, 1],
    ] as const) {
      const { rig, peer } = stranger(2);
      peer.credit = credit;
      const challenges = rig.poll().filter((one) => one.header.type === PacketType.Challenge);
      expect(challenges.length).toBe(count);
    }
  });
});

describe("CHALLENGE and RESPONSE", () => {
  test("are for the connection as a whole, and the class fills in what is its own", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    rig.offer();
    rig.feed(clientTalker({ securityIndex: 2, cid: 0x1002 }).data(1));
    const challenge = rig.poll().find((one) => one.header.type === PacketType.Challenge);
    expect(challenge?.header).toMatchObject({
      cid: 0x1000,
      callNumber: 0,
      seq: 0,
      flags: 0,
      securityIndex: 2,
      cksum: 0,
      serviceId: SERVICE_ID,
    });
    expect([challenge?.bytes.length, challenge?.bytes[28], challenge?.bytes[47]]).toEqual([48, 7, 7]);
  });

  test("a client's RESPONSE has the class's cksum and body", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    const { options } = openTestBundle(rig);
    const handle = rig.endpoint.beginCall(
      rig.endpoint.openBundle({ ...options, securityIndex: 2 }),
      new Listener(),
    );
    handle.end();
    rig.poll();
    const talker = serverTalker(handle.call as Call).with({ callNumber: 0, securityIndex: 2 });
    rig.feed(talker.of(PacketType.Challenge, Uint8Array.of(GOOD)));
    const [response, ...others] = rig.poll();
    expect(response?.header).toMatchObject({
      type: PacketType.Response,
      cid: handle.call?.connection?.connectionId,
      callNumber: 0,
      flags: CLIENT,
      cksum: 9,
      securityIndex: 2,
    });
    expect([response?.bytes.length, response?.bytes[28], others]).toEqual([58, 8, []]);
  });
});
