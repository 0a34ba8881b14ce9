// A service's word with its user when there is room again, and what it says of calls that it cannot take.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type ServiceNotifier, ServiceStyle } from "../../../src/core/service.js";
import { clientTalker } from "./packets.js";
import { LAST, Rig } from "./rig.js";

const ignored: ServiceNotifier = { onNewCall: () => undefined, onDiscardCall: () => undefined };

describe("spare objects that come back", () => {
  test("are told to a kernel-style service that has room for a charge, and to no other", () => {
    const rig = new Rig();
    const service = rig.offer({ style: ServiceStyle.Kernel }, 2);
    let told = 0;
    service.notifier = { ...ignored, onRoom: () => void told++ };
    const toldNow = (): number => {
      told = 0;
      service.noteRoom();
      return told;
    };
    expect([service.room, toldNow()]).toEqual([2, 1]);
    service.chargeAccept(0n, null);
    service.chargeAccept(1n, null);
    expect([service.room, toldNow()]).toEqual([0, 0]);
    service.discharge(0n);
    expect([service.room, toldNow()]).toEqual([1, 1]);
    service.listen(0);
    expect([service.room, toldNow()]).toEqual([0, 0]);
  });

  test("need not be heard of: a notifier may lack the word, and a service its notifier", () => {
    const rig = new Rig();
    const service = rig.offer({ style: ServiceStyle.Kernel }, 2);
    service.notifier = ignored;
    expect(() => service.noteRoom()).not.toThrow();
    service.notifier = null;
    expect(() => service.noteRoom()).not.toThrow();
  });

  test("fill a user-style service up by themselves", () => {
    const rig = new Rig({ options: { callsMax: 3 } });
    const service = rig.offer({}, 8);
    expect([service.backlog.calls, service.room]).toEqual([3, 5]);
    rig.feed(clientTalker().data(1, 8, LAST));
    rig.drain();
    const [handle] = rig.newCalls as [CallHandle];
    service.accept(handle, 1n);
    expect(service.backlog.calls).toBe(2);
    handle.abort(5);
    handle.release();
    rig.drain();
    expect([service.backlog.calls, service.waiting, service.room]).toEqual([3, 0, 5]);
  });
});

describe("the counters of a service", () => {
  test("tell what was charged, accepted, refused by each policy, and discarded with an id or without", () => {
    const policies = [{ kind: "busy" }, { kind: "abort", code: 9 }, { kind: "drop" }] as const;
    const answers = policies.map((policy) => {
      const rig = new Rig();
      const service = rig.offer({ policy, style: ServiceStyle.Kernel }, 3);
      service.chargeAccept(0n, null);
      rig.exchange(clientTalker({ cid: 0x1000 }).data(1));
      const said = rig.exchange(clientTalker({ cid: 0x2000 }).data(1));
      service.chargeAccept(1n, null);
      service.chargeAccept(2n, null);
      service.close();
      expect(rig.discarded).toEqual([1n, 2n]);
      return [said, service.counters];
    });
    const common = { accepted: 1, charged: 3, discarded: 2, busy: 0, aborted: 0, dropped: 0 };
    expect(answers).toEqual([
      [["BUSY"], { ...common, busy: 1 }],
      [["ABORT 9"], { ...common, aborted: 1 }],
      [[], { ...common, dropped: 1 }],
    ]);
  });
});
