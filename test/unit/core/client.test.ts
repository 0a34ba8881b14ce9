// The client's side: bundles, channels, connections that come and go, final ACKs, upgrades.
import { describe, expect, test } from "vitest";
import { type Call, CallState, Completion } from "../../../src/core/call-object.js";
import type { Connection } from "../../../src/core/conn-object.js";
import { Stat } from "../../../src/core/stats.js";
import { RxError, RxOptionError } from "../../../src/util/errors.js";
import { AckReason } from "../../../src/wire/ack.js";
import { openTestBundle, serverTalker, stageClient } from "./calls.js";
import { addressOf, FRIEND, LAST, Listener, nameOf, Rig, SERVICE_ID, WANTS_ACK } from "./rig.js";

function begin(
  rig: Rig,
  bundle: ReturnType<typeof openTestBundle>,
): { call: Call; listener: Listener; handle: ReturnType<Rig["endpoint"]["beginCall"]> } {
  const listener = new Listener();
  const handle = rig.endpoint.beginCall(bundle, listener);
  handle.end();
  return { call: handle.call as Call, listener, handle };
}

function succeed(rig: Rig, call: Call): void {
  rig.exchange(serverTalker(call).data(1, 8, LAST));
}

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (cause) {
    if (cause instanceof RxError || cause instanceof RxOptionError) return cause.code;
    throw cause;
  }
  return "no error";
};

describe("bundles", () => {
  test("four calls on each connection, connections up to the bundle's limit, then first come first served", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig, 2);
    const calls = Array.from({ length: 10 }, () => begin(rig, bundle));
    rig.poll();
    expect(new Set(calls.slice(0, 8).map(({ call }) => call.connection)).size).toBe(2);
    expect(calls.slice(0, 4).map(({ call }) => [call.channel, call.callNumber])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect(calls.slice(8).map(({ call }) => call.state)).toEqual([
      CallState.ClientAwaitConn,
      CallState.ClientAwaitConn,
    ]);
    const freed = calls[5]?.call as Call;
    const { connection, channel } = freed;
    succeed(rig, freed);
    const [ninth] = calls.slice(8);
    expect([ninth?.call.connection, ninth?.call.channel, ninth?.call.callNumber]).toEqual([
      connection,
      channel,
      2,
    ]);
    expect(rig.endpoint.liveCalls).toBe(9);
  });

  test("ids are drawn, epoch has bit 31 and not bit 30, and no two connections share an id", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig, 64);
    const calls = Array.from({ length: 256 }, () => begin(rig, bundle));
    const connections = [...new Set(calls.map(({ call }) => call.connection as Connection))];
    const ids = connections.map((connection) => connection.connectionId);
    expect([new Set(ids).size, ids.every((id) => (id & 3) === 0 && id !== 0)]).toEqual([64, true]);
    const gaps = ids.slice(1).map((id, i) => id - (ids[i] as number));
    expect(new Set(gaps).size).toBeGreaterThan(60);
    expect([rig.endpoint.local.epoch < 0, rig.endpoint.local.epoch & 0x4000_0000]).toEqual([true, 0]);
  });

  test("limits are typed errors: calls, waiting calls, security class, a closed bundle", () => {
    const rig = new Rig({ options: { callsMax: 6, waitingCallsMax: 1 } });
    const bundle = openTestBundle(rig);
    for (let i = 0; i < 5; i++) begin(rig, bundle);
    expect(codeOf(() => begin(rig, bundle))).toBe("RX_ERR_LIMIT");
    const other = openTestBundle(rig);
    begin(rig, other);
    expect(codeOf(() => begin(rig, other))).toBe("RX_ERR_LIMIT");
    expect(codeOf(() => rig.endpoint.openBundle({ ...bundle.options, securityIndex: 9 }))).toBe(
      "RX_ERR_OPTION",
    );
    rig.endpoint.closeBundle(bundle);
    expect(codeOf(() => begin(rig, bundle))).toBe("RX_ERR_SOCKET_CLOSED");
  });

  test("closing a bundle sends final ACKs at once", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const first = begin(rig, bundle);
    rig.poll();
    succeed(rig, first.call);
    rig.endpoint.closeBundle(bundle);
    expect(rig.names()).toEqual(["ACK Idle"]);
  });

  test("closing a bundle ends the calls that wait and lets live ones go on", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const calls = Array.from({ length: 6 }, () => begin(rig, bundle));
    rig.poll();
    rig.endpoint.closeBundle(bundle);
    rig.endpoint.closeBundle(bundle);
    rig.drain();
    const waiting = calls.slice(4);
    const { connection } = calls[3]?.call as Call;
    expect(waiting.map(({ listener, handle }) => [listener.ends, handle.completion])).toEqual([
      [1, Completion.LocalError],
      [1, Completion.LocalError],
    ]);
    expect(calls[3]?.handle.isEnded).toBe(false);
    succeed(rig, calls[3]?.call as Call);
    expect(calls[3]?.listener.ends).toBe(1);
    // Another bundle may stand in its place, and is not mixed up with it.
    const next = openTestBundle(rig);
    expect(next.index).toBe(bundle.index);
    expect(begin(rig, next).call.connection).not.toBe(connection);
  });

  test("an idle connection is used again, and reaped after two minutes", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const first = begin(rig, bundle);
    const { connection } = first.call;
    succeed(rig, first.call);
    rig.pass(60_000_000);
    const second = begin(rig, bundle);
    expect([second.call.connection, second.call.callNumber]).toEqual([connection, 2]);
    succeed(rig, second.call);
    rig.pass(125_000_000);
    expect([rig.endpoint.local.connections.known.count, rig.endpoint.local.clientConnections]).toEqual([
      0, 0,
    ]);
    const third = begin(rig, bundle);
    expect(third.call.callNumber).toBe(1);
    rig.pass(1_000);
    expect(bundle.connections.length).toBe(1);
  });

  test("with every connection of the endpoint in use calls wait, and go on when one is freed", () => {
    for (const options of [{ connectionsMax: 1 }, { peersMax: 1 }]) {
      const rig = new Rig({ options });
      const first = begin(rig, openTestBundle(rig));
      const bundle = rig.endpoint.openBundle({
        remote: addressOf("127.0.0.5", 7_001),
        serviceId: SERVICE_ID,
        securityIndex: 0,
        connectionsMax: 1,
        wantsUpgrade: false,
      });
      const second = begin(rig, bundle);
      expect(second.call.state).toBe(CallState.ClientAwaitConn);
      rig.poll();
      succeed(rig, first.call);
      rig.pass(200_000_000);
      expect([second.call.state === CallState.ClientAwaitConn, second.listener.ends]).toEqual([false, 1]);
    }
  });

  test("a connection that owes a final ACK is the last to make room", () => {
    const rig = new Rig({ options: { connectionsMax: 2 } });
    const older = begin(rig, openTestBundle(rig));
    succeed(rig, older.call);
    rig.pass(50_000);
    const newer = begin(rig, openTestBundle(rig));
    // The older one owes again: its server has asked once more.
    const olderConnection = rig.endpoint.local.connections.pool.at(0);
    olderConnection.finalAcksNow |= 1;
    succeed(rig, newer.call);
    rig.pass(50_000);
    olderConnection.finalAcksNow |= 1;
    begin(rig, openTestBundle(rig));
    expect([olderConnection.state === 0, rig.stat(Stat.ConnectionsReaped)]).toEqual([false, 1]);
  });

  test("a hard limit on the time ends a call that waits for a channel, without a packet", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const calls = Array.from({ length: 5 }, () => begin(rig, bundle));
    rig.poll();
    calls[4]?.handle.limitTime(100_000);
    rig.pass(150_000);
    expect([calls[4]?.listener.ends, calls[4]?.handle.completion]).toEqual([1, Completion.LocalError]);
    calls[3]?.handle.limitTime(100_000);
    expect(rig.pass(150_000).map(nameOf)).toContain("ABORT -3");
  });
});

describe("the end of a client call", () => {
  test("the final ACK waits a little for the next call, which makes it needless", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const first = begin(rig, bundle);
    rig.poll();
    rig.feed(serverTalker(first.call).data(1, 8, LAST));
    expect(rig.names()).toEqual([]);
    begin(rig, bundle);
    rig.drain();
    expect(rig.names()).toEqual(["DATA 1"]);
    expect(rig.pass(20_000)).toEqual([]);
  });

  test("without a next call it is sent after 5 ms: reason Idle, serial 0, everything hard-acknowledged", () => {
    const rig = new Rig();
    const first = begin(rig, openTestBundle(rig));
    rig.poll();
    rig.feed(serverTalker(first.call).data(1));
    rig.feed(serverTalker(first.call).data(2, 8, LAST));
    rig.drain();
    rig.poll();
    const [sent, ...others] = rig.pass(20_000);
    expect(others).toEqual([]);
    expect(sent?.ack).toMatchObject({
      reason: AckReason.Idle,
      serial: 0,
      firstPacket: 3,
      previousPacket: 2,
      nAcks: 0,
      trailerWords: 4,
    });
    expect(sent?.header).toMatchObject({ callNumber: 1, seq: 0, serviceId: SERVICE_ID });
  });

  test("a last packet that asks for an ACK gets the final one at once", () => {
    const rig = new Rig();
    const first = begin(rig, openTestBundle(rig));
    rig.poll();
    rig.feed(serverTalker(first.call).data(1, 8, LAST | WANTS_ACK, { serial: 77 }));
    const [sent] = rig.poll();
    expect(sent?.ack).toMatchObject({ firstPacket: 2, serial: 77 });
  });

  test("asked again it is repeated with the serial of what asked", () => {
    const { rig, talker } = stageClient("Succeeded");
    rig.feed(talker.data(1, 8, LAST, { serial: 99 }));
    const [sent] = rig.poll();
    expect(sent?.ack).toMatchObject({ reason: AckReason.Duplicate, serial: 99, firstPacket: 2 });
  });

  test("final ACKs of several channels go out together", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const calls = Array.from({ length: 4 }, () => begin(rig, bundle));
    rig.poll();
    for (const { call } of calls) rig.feed(serverTalker(call).data(1, 8, LAST));
    rig.drain();
    const sent = rig.pass(20_000);
    expect(sent.map((one) => one.header.cid & 3).sort()).toEqual([0, 1, 2, 3]);
  });

  test("an unreachable network ends the calls to that address only", () => {
    const rig = new Rig();
    const here = begin(rig, openTestBundle(rig));
    const there = begin(
      rig,
      rig.endpoint.openBundle({
        remote: addressOf("127.0.0.5", 7_001),
        serviceId: SERVICE_ID,
        securityIndex: 0,
        connectionsMax: 1,
        wantsUpgrade: false,
      }),
    );
    rig.endpoint.handleNetworkError(FRIEND);
    rig.drain();
    expect([here.handle.completion, there.handle.isEnded]).toEqual([Completion.NetworkError, false]);
  });

  test("fail() ends a call without a word", () => {
    const { rig, handle, listener } = stageClient("AwaitReply");
    handle.fail(Completion.LocalError, -3);
    rig.drain();
    expect([listener.ends, handle.completion, rig.poll()]).toEqual([1, Completion.LocalError, []]);
  });

  test("a reply larger than the client allows is aborted", () => {
    const { rig, talker, handle } = stageClient("AwaitReply");
    handle.limitInput(10);
    expect(rig.exchange(talker.data(1, 11))).toEqual(["ABORT -451"]);
  });
});
