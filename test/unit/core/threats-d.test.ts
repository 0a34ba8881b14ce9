// Calls, channels, backlog: who may open a call, who ends one, and what must never happen twice.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, CallState } from "../../../src/core/call-object.js";
import { type Connection, ConnState } from "../../../src/core/conn-object.js";
import { Stat } from "../../../src/core/stats.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageClient, stageService } from "./calls.js";
import { clientTalker } from "./packets.js";
import { addressOf, LAST, Listener, Rig } from "./rig.js";

const on = (n: number, fields = {}): ReturnType<typeof clientTalker> =>
  clientTalker({ cid: 0x10_000 + n * 4, ...fields });

function used(rig: Rig): number[] {
  const { calls, connections, peers } = rig.endpoint.local;
  return [calls.used, connections.pool.used, peers.pool.used, rig.buffersUsed];
}

describe("D: calls, channels, backlog", () => {
  test("D1: N+1 new calls on a backlog of N, for every N from 1 to 32: the last gets BUSY", () => {
    for (let n = 1; n <= 32; n++) {
      const rig = new Rig();
      rig.offer({}, n);
      const names = Array.from({ length: n + 1 }, (_, i) => rig.exchange(on(i).data(1)));
      expect(names.map((answer) => answer.includes("BUSY"))).toEqual([
        ...new Array<boolean>(n).fill(false),
        true,
      ]);
      expect(rig.newCalls.length).toBe(n);
    }
  });

  test("D2: close with rings full, partly used, or a call half through its request: no packet for what was never live", () => {
    for (const taken of [0, 2, 4]) {
      const rig = new Rig();
      const service = rig.offer({}, 4);
      for (let n = 0; n < taken; n++) rig.exchange(on(n).data(1));
      service.close();
      expect(rig.poll()).toEqual([]);
      expect(used(rig).slice(0, 2)).toEqual([taken, taken]);
      rig.endpoint.abortAllCalls(-100);
      expect(rig.names().length).toBe(taken);
    }
  });

  test("D3: the first packet before any charge gets BUSY, before listen and after stop the abort", () => {
    const rig = new Rig();
    const service = rig.offer({ style: "kernel" }, 0);
    expect(rig.exchange(on(0).data(1))).toEqual(["ABORT -2"]);
    service.listen(4);
    expect(rig.exchange(on(1).data(1))).toEqual(["BUSY"]);
    service.chargeAccept(1n, null);
    service.listen(0);
    expect(rig.exchange(on(2).data(1))).toEqual(["ABORT -2"]);
    service.close();
    expect(rig.exchange(on(3).data(1))).toEqual(["ABORT -2"]);
    expect(used(rig)).toEqual([0, 0, 0, 0]);
  });

  test("D4: charging with a user id in use, or a charge that fails half way, leaves the rings as they were", () => {
    const rig = new Rig({ options: { connectionsMax: 1 } });
    const service = rig.offer({ style: "kernel" }, 4);
    service.chargeAccept(1n, null);
    expect(() => service.chargeAccept(1n, null)).toThrow("RX_ERR_CALL_ID_IN_USE");
    expect(() => service.chargeAccept(2n, null)).toThrow("RX_ERR_LIMIT");
    expect(used(rig)).toEqual([1, 1, 1, 0]);
    expect([service.backlog.calls, service.backlog.connections, service.backlog.peers]).toEqual([1, 1, 1]);
  });

  test("D5: accept, reject, client's abort and close in every order on one call return it once", () => {
    type Act = (rig: Rig, handle: CallHandle) => void;
    const attempt = (act: Act): Act => {
      return (rig, handle) => {
        try {
          act(rig, handle);
        } catch (cause) {
          expect(String(cause)).toMatch(/RX_ERR_CALL_(ENDED|STATE)/);
        }
      };
    };
    const acts: Act[] = [
      attempt((rig, handle) => rig.endpoint.services.get(147)?.accept(handle, 1n)),
      attempt((rig, handle) => rig.endpoint.services.get(147)?.reject(handle, -6)),
      (rig) => rig.feed(on(0).abort(9)),
      (rig) => rig.endpoint.services.get(147)?.close(),
      (rig) => rig.drain(),
      (_rig, handle) => handle.release(),
    ];
    for (let order = 0; order < 720; order++) {
      const rig = new Rig();
      const service = rig.offer({}, 2);
      rig.feed(on(0).data(1, 8, LAST));
      rig.drain();
      const [handle] = rig.newCalls;
      if (handle === undefined) throw new Error("no call");
      for (const act of permutation(acts, order)) act(rig, handle);
      rig.drain();
      rig.poll();
      expect([service.waiting, used(rig)[0], rig.endpoint.local.userIds.size]).toEqual([0, 0, 0]);
    }
  });

  test("D6: after stop nothing waits on calls that were only in the rings", () => {
    const rig = new Rig();
    const service = rig.offer({}, 8);
    service.close();
    expect([rig.endpoint.liveCalls, used(rig)]).toEqual([0, [0, 0, 0, 0]]);
    expect(rig.endpoint.nextTimeoutUs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("D7: a thousand refused calls build neither call, connection, peer nor timer", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    rig.exchange(on(0).data(1));
    const before = used(rig);
    const timers = rig.endpoint.local.timers.count;
    for (let n = 1; n <= 1_000; n++) {
      rig.feed(on(n).data(1), addressOf("127.0.0.1", 10_000 + n));
      rig.poll();
    }
    expect([used(rig), rig.endpoint.local.timers.count, rig.stat(Stat.BusyPacketsSent)]).toEqual([
      before,
      timers,
      1_000,
    ]);
  });

  test("D8: a packet to the client of a call just ended is dropped or answered once, and takes nothing", () => {
    for (const [state, word] of [
      ["Succeeded", "ACK Duplicate"],
      ["Aborted", "ABORT 42"],
      ["AbortedByPeer", "ABORT -1"],
    ] as const) {
      const { rig, talker } = stageClient(state);
      const before = used(rig);
      for (const bytes of [talker.data(1), talker.ack()]) expect(rig.exchange(bytes)).toEqual([word]);
      for (const bytes of [
        talker.of(PacketType.Busy),
        talker.abort(4),
        talker.of(PacketType.Challenge, new Uint8Array(20)),
      ]) {
        expect(rig.exchange(bytes)).toEqual([]);
      }
      expect(used(rig)).toEqual(before);
    }
  });

  test("D9: timers and events of a call that has been released, or the same abort twice, do nothing", () => {
    const { rig, talker, handle, listener } = stageService("SendReply");
    rig.feed(talker.abort(5));
    rig.feed(talker.abort(6));
    rig.feed(talker.with({ callNumber: 0 }).abort(7));
    rig.drain();
    expect([listener.ends, handle.abortCode]).toEqual([1, 5]);
    handle.release();
    rig.pass(60_000_000);
    expect(listener.ends).toBe(1);
    expect(rig.endpoint.local.timers.count).toBe(0);
  });

  test("D10: a call that is already queued is not queued again", () => {
    const { rig, talker } = stageService("RecvRequest");
    for (let seq = 2; seq < 12; seq++) rig.feed(talker.data(seq));
    expect(rig.events.count).toBe(1);
    const merged = rig.events.counters.merged;
    expect(merged).toBeGreaterThan(5);
    expect(rig.poll().length).toBe(1);
  });

  test("D11: cancel while waiting for a channel: only that call leaves, the others are served in order", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 8 }, () => {
      const handle = rig.endpoint.beginCall(bundle, new Listener());
      handle.end();
      return handle;
    });
    expect(bundle.waiting.count).toBe(4);
    handles[5]?.abort(-6);
    rig.drain();
    expect(handles.map((handle) => handle.isEnded)).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
    rig.poll();
    for (const i of [0, 1, 2]) rig.exchange(serverTalker(handles[i]?.call as Call).data(1, 8, LAST));
    rig.poll();
    expect([4, 6, 7].map((i) => handles[i]?.call?.state)).toEqual(
      new Array(3).fill(CallState.ClientAwaitReply),
    );
    expect(bundle.waiting.count).toBe(0);
  });

  test("D12: a connection abort ends every call on it, once each, on both sides", () => {
    const rig = new Rig();
    rig.offer({}, 8);
    for (let channel = 0; channel < 4; channel++)
      rig.exchange(clientTalker({ cid: 0x1000 + channel }).data(1));
    const listeners = rig.newCalls.map((handle, i) => {
      rig.endpoint.services.get(147)?.accept(handle, BigInt(i));
      const listener = new Listener();
      handle.listener = listener;
      return listener;
    });
    rig.feed(clientTalker({ callNumber: 0 }).abort(33));
    rig.feed(clientTalker({ callNumber: 0 }).abort(34));
    rig.drain();
    expect(listeners.map((listener) => listener.ends)).toEqual([1, 1, 1, 1]);
    expect(rig.newCalls.map((handle) => handle.abortCode)).toEqual([33, 33, 33, 33]);
    expect(rig.poll()).toEqual([]);
  });

  test("D12: a client's calls that waited behind an aborted connection go on with a new one", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 6 }, () => rig.endpoint.beginCall(bundle, new Listener()));
    const first = handles[0]?.call as Call;
    rig.feed(serverTalker(first).with({ callNumber: 0 }).abort(9));
    rig.drain();
    rig.poll();
    expect(handles.map((handle) => handle.isEnded)).toEqual([true, true, true, true, false, false]);
    const later = handles[4]?.call?.connection as Connection;
    expect([later.isRetired, later.state]).toEqual([false, ConnState.Secure]);
  });
});

function permutation<T>(items: readonly T[], order: number): T[] {
  const left = [...items];
  const out: T[] = [];
  let rest = order;
  while (left.length > 0) {
    out.push(...left.splice(rest % left.length, 1));
    rest = Math.floor(rest / (left.length + 1));
  }
  return out;
}
