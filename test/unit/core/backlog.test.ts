// The preallocation rings: how many calls they take, what the next one is told, and that every object comes back.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import { type Service, ServiceStyle } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { RxError, RxOptionError } from "../../../src/util/errors.js";
import { clientTalker } from "./packets.js";
import { LAST, nameOf, Rig } from "./rig.js";

const ALL = Array.from({ length: 32 }, (_, i) => i + 1);
const STYLES = [ServiceStyle.User, ServiceStyle.Kernel] as const;

/** First packet of call `n`, each on a connection of its own. */
function firstOf(n: number): Uint8Array {
  return clientTalker({ cid: 0x10_000 + n * 4 }).data(1, 8, LAST);
}

function chargeAll(service: Service, firstId: number): void {
  for (let i = 0; service.room > 0; i++) service.chargeAccept(BigInt(firstId + i), null);
}

function open(rig: Rig, style: ServiceStyle, backlog: number): Service {
  const service = rig.offer({ style }, backlog);
  if (style === ServiceStyle.Kernel) chargeAll(service, 0);
  return service;
}

/** What is in use apart from what stands in the rings. */
function inUse(rig: Rig, service: Service): [number, number, number] {
  const { calls, connections, peers } = rig.endpoint.local;
  const { backlog } = service;
  return [
    calls.used - backlog.calls,
    connections.pool.used - backlog.connections,
    peers.pool.used - backlog.peers,
  ];
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    if (cause instanceof RxError || cause instanceof RxOptionError) return `${cause.code} | ${cause.message}`;
    throw cause;
  }
  return "no error";
}

/** The connection id of each new call, in the order in which the service was told. */
function orderOf(rig: Rig): number[] {
  return rig.newCalls.map((handle) => (((handle.call as Call).connection?.connectionId ?? 0) - 0x10_000) / 4);
}

describe("backlog of every size", () => {
  for (const style of STYLES) {
    test.each(ALL)(
      `${style} style, %i: exactly so many new calls are taken, the next gets BUSY, order is kept`,
      (backlog) => {
        const rig = new Rig();
        const service = open(rig, style, backlog);
        expect([service.backlog.calls, service.backlog.connections, service.backlog.peers]).toEqual([
          backlog,
          backlog,
          backlog,
        ]);
        for (let n = 0; n < backlog; n++) rig.feed(firstOf(n));
        expect(rig.names().filter((name) => name === "BUSY")).toEqual([]);
        for (let n = backlog; n < backlog + 3; n++) {
          rig.feed(firstOf(n));
          const [busy, ...others] = rig.poll();
          expect(others).toEqual([]);
          expect([busy && nameOf(busy), busy?.header.cid, busy?.header.callNumber]).toEqual([
            "BUSY",
            0x10_000 + n * 4,
            1,
          ]);
        }
        rig.drain();
        expect(orderOf(rig)).toEqual(Array.from({ length: backlog }, (_, i) => i));
        expect(service.counters.busy).toBe(3);
        // One peer, one connection and one call for each; the refused ones took nothing.
        expect(inUse(rig, service)).toEqual([backlog, backlog, 1]);
      },
    );

    test.each(ALL)(
      `${style} style, %i: what is answered and recharged takes as many again, and then everything is returned`,
      (backlog) => {
        const rig = new Rig();
        const service = open(rig, style, backlog);
        for (let round = 0; round < 3; round++) {
          for (let n = 0; n < backlog; n++) rig.feed(firstOf(round * backlog + n));
          rig.drain();
          const handles = rig.newCalls.splice(0);
          expect(handles.length).toBe(backlog);
          for (const [i, handle] of handles.entries()) {
            if (style === ServiceStyle.User) service.accept(handle, BigInt(1_000 + round * backlog + i));
          }
          if (style === ServiceStyle.Kernel) chargeAll(service, 1_000 * (round + 1));
          expect(service.backlog.calls).toBe(backlog);
          for (const handle of handles) handle.release();
          rig.drain();
        }
        expect(service.counters.busy).toBe(0);
        expect(inUse(rig, service)).toEqual([0, 3 * backlog, 1]);
        service.close();
        rig.poll();
        rig.pass(700_000_000);
        const { calls, connections, peers, userIds } = rig.endpoint.local;
        expect([calls.used, connections.pool.used, peers.pool.used, userIds.size]).toEqual([0, 0, 0, 0]);
      },
    );
  }

  test.each(ALL)(
    "%i: closed in every fill state, each charged call is discarded once and no packet is sent for it",
    (backlog) => {
      for (let taken = 0; taken <= backlog; taken++) {
        const rig = new Rig();
        const service = open(rig, ServiceStyle.Kernel, backlog);
        for (let n = 0; n < taken; n++) rig.feed(firstOf(n));
        rig.drain();
        rig.poll();
        service.close();
        expect(rig.poll()).toEqual([]);
        expect(rig.discarded.toSorted()).toEqual(
          Array.from({ length: backlog - taken }, (_, i) => BigInt(taken + i)).toSorted(),
        );
        expect(inUse(rig, service)).toEqual([taken, taken, taken > 0 ? 1 : 0]);
        expect([service.backlog.calls, service.backlog.connections, service.backlog.peers]).toEqual([
          0, 0, 0,
        ]);
        // Calls under way go on.
        for (const handle of rig.newCalls) expect(handle.isEnded).toBe(false);
        rig.newCalls.forEach((handle) => handle.release());
        expect(rig.endpoint.local.calls.used).toBe(0);
        expect(rig.endpoint.local.userIds.size).toBe(0);
      }
    },
  );

  test("a known peer uses no spare peer, and a call on a live connection only a spare call", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 4);
    rig.feed(firstOf(0));
    expect([service.backlog.peers, service.backlog.connections, service.backlog.calls]).toEqual([3, 3, 3]);
    rig.feed(firstOf(1));
    expect([service.backlog.peers, service.backlog.connections, service.backlog.calls]).toEqual([3, 2, 2]);
    rig.feed(clientTalker({ cid: 0x10_001 }).data(1));
    expect([service.backlog.peers, service.backlog.connections, service.backlog.calls]).toEqual([3, 2, 1]);
    chargeAll(service, 10);
    expect([service.backlog.peers, service.backlog.connections, service.backlog.calls]).toEqual([4, 4, 4]);
  });
});

describe("listen()", () => {
  test.each([-1, 33, 1.5, Number.NaN, "8", null])(
    "refuses %s with the option, what was expected and what came",
    (backlog) => {
      const service = new Rig().offer({}, 0);
      const error = codeOf(() => service.listen(backlog as number));
      expect(error).toMatch(/^RX_ERR_OPTION \| .*backlog: expected an integer from 0 to 32, got/);
    },
  );

  test("a second listen(n) is an error that tells both numbers", () => {
    const service = new Rig().offer({}, 5);
    expect(codeOf(() => service.listen(7))).toMatch(/^RX_ERR_LISTENING \| .*backlog of 5, not opened with 7/);
    expect(service.backlog.calls).toBe(5);
  });

  test("without notifiers it refuses", () => {
    const rig = new Rig();
    const service = rig.offer({}, 0);
    service.notifier = null;
    expect(codeOf(() => service.listen(1))).toMatch(/^RX_ERR_NOTIFIER_MISSING/);
  });

  test("listen(0) aborts new calls with -2, lets live ones go on, and listen(n) opens again", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 3);
    rig.feed(firstOf(0));
    rig.drain();
    rig.poll();
    service.listen(0);
    expect(rig.discarded).toEqual([1n, 2n]);
    expect(rig.exchange(firstOf(1))).toEqual(["ABORT -2"]);
    const [live] = rig.newCalls;
    live?.write(new Uint8Array(8), 0, 8);
    live?.end();
    expect(rig.names()).toEqual(["DATA 1"]);
    service.listen(2);
    chargeAll(service, 10);
    expect(rig.exchange(firstOf(2)).includes("ABORT -2")).toBe(false);
    expect(rig.newCalls.map((handle) => handle.userId)).toEqual([0n, 10n]);
  });

  test("calls that wait count against the backlog of a service that opens again", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.User, 3);
    for (let n = 0; n < 3; n++) rig.feed(firstOf(n));
    rig.drain();
    service.listen(0);
    service.listen(3);
    expect([service.backlog.calls, service.waiting]).toEqual([0, 3]);
    service.accept(rig.newCalls[0] as CallHandle, 1n);
    expect([service.backlog.calls, service.waiting]).toEqual([1, 2]);
  });

  test("after close() everything is refused with RX_ERR_SERVICE_CLOSED, and a second close() does nothing", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 2);
    service.close();
    service.close();
    expect(rig.discarded).toEqual([0n, 1n]);
    for (const run of [
      () => service.listen(1),
      () => service.listen(0),
      () => service.chargeAccept(9n, null),
    ]) {
      expect(codeOf(run)).toMatch(/^RX_ERR_SERVICE_CLOSED \| .*147/);
    }
  });

  test("two services on one socket; the same id twice is refused", () => {
    const rig = new Rig();
    rig.offer();
    rig.offer({ serviceId: 52 });
    expect(codeOf(() => rig.offer())).toMatch(/^RX_ERR_SERVICE_IN_USE \| .*147/);
    expect(rig.exchange(clientTalker({ serviceId: 52 }).data(1))).toEqual(["ACK Ping"]);
    expect(rig.newCalls[0]?.serviceId).toBe(52);
  });

  test("removeService() gives the id back", () => {
    const rig = new Rig();
    const service = rig.offer();
    rig.endpoint.removeService(service);
    expect(rig.exchange(firstOf(0))).toEqual(["ABORT -2"]);
    rig.offer();
    expect(rig.exchange(firstOf(1))).toEqual(["ACK Ping"]);
  });
});

describe("shortage", () => {
  test("a user-style service that could not be filled is filled when a call comes back; a kernel-style one is told", () => {
    const rig = new Rig({ options: { callsMax: 3 } });
    const user = rig.offer({}, 2);
    const kernel = rig.offer({ serviceId: 52, style: ServiceStyle.Kernel }, 4);
    let told = 0;
    const { notifier } = kernel;
    if (notifier === null) throw new Error("no notifier");
    kernel.notifier = {
      onNewCall: (handle) => notifier.onNewCall(handle),
      onDiscardCall: (handle) => notifier.onDiscardCall(handle),
      onRoom: () => {
        told++;
      },
    };
    rig.exchange(firstOf(0));
    user.accept(rig.newCalls[0] as CallHandle, 1n);
    expect(user.backlog.calls).toBe(2);
    rig.exchange(firstOf(1));
    user.accept(rig.newCalls[1] as CallHandle, 2n);
    expect([user.backlog.calls, codeOf(() => kernel.chargeAccept(9n, null)).split(" ")[0]]).toEqual([
      1,
      "RX_ERR_LIMIT",
    ]);
    rig.newCalls[0]?.release();
    expect(user.backlog.calls).toBe(1);
    rig.drain();
    expect([user.backlog.calls, told]).toEqual([2, 1]);
  });
});

describe("kernel style", () => {
  test("attach gets the call and its id at charge time, and onNewCall the same handle", () => {
    const rig = new Rig();
    const service = rig.offer({ style: ServiceStyle.Kernel }, 2);
    const attached: [CallHandle, bigint][] = [];
    const charged = service.chargeAccept(5n, (handle, userId) => attached.push([handle, userId]));
    expect(attached).toEqual([[charged, 5n]]);
    expect([charged.isEnded, charged.remote, charged.userId]).toEqual([false, "", 5n]);
    rig.exchange(firstOf(0));
    expect(rig.newCalls).toEqual([charged]);
    expect(charged.remote).toBe("127.0.0.1:7001");
  });

  test("an attach that throws undoes the charge and is the caller's error", () => {
    const rig = new Rig();
    const service = rig.offer({ style: ServiceStyle.Kernel }, 2);
    const mine = new Error("mine");
    for (let i = 0; i < 5; i++) {
      expect(() =>
        service.chargeAccept(5n, () => {
          throw mine;
        }),
      ).toThrow(mine);
    }
    expect([service.backlog.calls, service.backlog.connections, service.backlog.peers]).toEqual([0, 0, 0]);
    expect(inUse(rig, service)).toEqual([0, 0, 0]);
    service.chargeAccept(5n, null);
    expect(service.backlog.calls).toBe(1);
  });

  test("an attach that throws after it has stopped the service leaves nothing behind", () => {
    const rig = new Rig();
    const service = rig.offer({ style: ServiceStyle.Kernel }, 2);
    const mine = new Error("mine");
    expect(() =>
      service.chargeAccept(5n, () => {
        service.listen(0);
        throw mine;
      }),
    ).toThrow(mine);
    expect(inUse(rig, service)).toEqual([0, 0, 0]);
    expect(rig.endpoint.local.userIds.size).toBe(0);
  });

  test("charge errors tell what is full, and change nothing", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 2);
    expect(codeOf(() => service.chargeAccept(9n, null))).toMatch(
      /^RX_ERR_BACKLOG_FULL \| .*2 spare and 0 waiting calls of 2/,
    );
    expect(codeOf(() => service.chargeAccept(1n, null))).toMatch(/^RX_ERR_CALL_ID_IN_USE \| .*1/);
    expect(codeOf(() => service.chargeAccept(1 as unknown as bigint, null))).toMatch(
      /^RX_ERR_OPTION \| .*userId/,
    );
    expect(inUse(rig, service)).toEqual([0, 0, 0]);
    service.listen(0);
    expect(codeOf(() => service.chargeAccept(9n, null))).toMatch(/^RX_ERR_NOT_LISTENING \| .*9/);
  });

  test.each([
    ["calls", { callsMax: 2 }, "2 of 2 calls"],
    ["connections", { connectionsMax: 2 }, "2 of 2 connections"],
    ["peers", { peersMax: 2 }, "2 of 2 peers"],
  ])("no %s left: a typed error with the numbers, rings as before", (_what, options, text) => {
    const rig = new Rig({ options });
    const service = rig.offer({ style: ServiceStyle.Kernel }, 8);
    service.chargeAccept(0n, null);
    service.chargeAccept(1n, null);
    const error = codeOf(() => service.chargeAccept(2n, null));
    expect(error).toMatch(/^RX_ERR_LIMIT/);
    expect(error).toContain(text);
    expect([service.backlog.calls, service.backlog.connections, service.backlog.peers]).toEqual([2, 2, 2]);
    expect(inUse(rig, service)).toEqual([0, 0, 0]);
    expect(rig.endpoint.local.userIds.size).toBe(2);
  });

  test("discharge() takes an unused charge back, whichever; a live or unknown one is an error", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 3);
    service.discharge(1n);
    expect([service.backlog.calls, service.backlog.connections, service.backlog.peers]).toEqual([2, 2, 2]);
    expect(codeOf(() => service.discharge(1n))).toMatch(/^RX_ERR_CALL_ID_UNKNOWN \| .*1/);
    rig.exchange(firstOf(0));
    expect(codeOf(() => service.discharge(0n))).toMatch(/^RX_ERR_CALL_ID_UNKNOWN/);
    service.chargeAccept(1n, null);
    rig.exchange(firstOf(1));
    expect(rig.newCalls.map((handle) => handle.userId)).toEqual([0n, 2n]);
    expect(rig.discarded).toEqual([]);
  });

  test("spare connections and peers go back after the calls: to leave a call behind is a mistake of ours", () => {
    const rig = new Rig();
    const { backlog } = open(rig, ServiceStyle.Kernel, 2);
    expect(() => backlog.discardRest()).toThrow("spare calls are left behind");
    expect([backlog.peers, backlog.connections, backlog.calls]).toEqual([2, 2, 2]);
  });

  test("accept and reject belong to the other style", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 1);
    rig.exchange(firstOf(0));
    const [handle] = rig.newCalls;
    expect(codeOf(() => service.accept(handle as CallHandle, 7n))).toMatch(/^RX_ERR_WRONG_STYLE/);
    expect(codeOf(() => service.reject(handle as CallHandle, -6))).toMatch(/^RX_ERR_WRONG_STYLE/);
  });

  test("onDiscardCall that takes back other charges, or throws: each call is still returned once", () => {
    const rig = new Rig();
    const service = open(rig, ServiceStyle.Kernel, 4);
    const told: bigint[] = [];
    service.notifier = {
      onNewCall: () => undefined,
      onDiscardCall: (handle) => {
        told.push(handle.userId as bigint);
        if (handle.userId === 0n) service.discharge(2n);
        if (handle.userId === 1n) throw new Error("mine");
      },
    };
    service.close();
    expect(told).toEqual([0n, 1n, 3n]);
    expect(rig.stat(Stat.NotifierFaults)).toBe(1);
    expect(inUse(rig, service)).toEqual([0, 0, 0]);
    expect(rig.endpoint.local.userIds.size).toBe(0);
  });

  test("onNewCall that throws is reported, and its call does not stay behind", () => {
    for (const style of STYLES) {
      const rig = new Rig();
      const service = open(rig, style, 1);
      const mine = new Error("mine");
      service.notifier = {
        onNewCall: () => {
          throw mine;
        },
        onDiscardCall: () => undefined,
      };
      rig.feed(firstOf(0));
      expect(() => rig.drain()).toThrow(mine);
      rig.faults.length = 0;
      rig.drain();
      expect(rig.names()).toContain("ABORT -6");
      expect(service.waiting).toBe(0);
      expect(inUse(rig, service)[0]).toBe(0);
    }
  });
});
