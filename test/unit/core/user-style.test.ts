// User style: each new call waits for accept or reject; and the handles that users hold.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { CallEvent, Completion } from "../../../src/core/call-object.js";
import type { RefusalPolicy, Service } from "../../../src/core/service.js";
import { RxError } from "../../../src/util/errors.js";
import { clientTalker } from "./packets.js";
import { addressOf, FRIEND, LAST, Listener, Rig } from "./rig.js";

function callOf(n: number): ReturnType<typeof clientTalker> {
  return clientTalker({ cid: 0x10_000 + n * 4 });
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    if (cause instanceof RxError) return `${cause.code} ${cause.abortCode ?? ""}`.trim();
    throw cause;
  }
  return "no error";
}

interface Waiting {
  readonly rig: Rig;
  readonly service: Service;
  readonly handle: CallHandle;
}

/** A service whose backlog of one is taken by a call that waits. */
function oneWaiting(): Waiting {
  const rig = new Rig();
  const service = rig.offer({}, 1);
  rig.exchange(callOf(0).data(1, 8, LAST));
  return { rig, service, handle: rig.newCalls[0] as CallHandle };
}

describe("accept and reject", () => {
  test("a waiting call keeps its place; accept gives it back", () => {
    const { rig, service, handle } = oneWaiting();
    expect([service.backlog.calls, service.waiting]).toEqual([0, 1]);
    expect(rig.exchange(callOf(1).data(1))).toEqual(["BUSY"]);
    service.accept(handle, 5n);
    expect([service.backlog.calls, service.waiting]).toEqual([1, 0]);
    expect(handle.userId).toBe(5n);
    expect(rig.exchange(callOf(1).data(1))).toEqual(["ACK Ping"]);
  });

  test("what came before accept can be read afterwards", () => {
    const { service, handle } = oneWaiting();
    service.accept(handle, 5n);
    const bytes = new Uint8Array(16);
    expect(handle.readInto(bytes, 0, 16)).toBe(8);
    expect(bytes[0]).toBe(1);
    expect(handle.isAtEnd).toBe(true);
  });

  test("reject sends the ABORT, ends the call, and recharges", () => {
    const { rig, service, handle } = oneWaiting();
    service.reject(handle, -6);
    expect(rig.names()).toEqual(["ABORT -6"]);
    expect([service.backlog.calls, service.waiting]).toEqual([1, 0]);
    expect([handle.isEnded, handle.completion, handle.abortCode]).toEqual([
      true,
      Completion.LocallyAborted,
      -6,
    ]);
    rig.drain();
    expect(rig.endpoint.local.calls.used).toBe(1);
  });

  test.each([0, 1.5, 2 ** 31, Number.NaN])("reject refuses the code %s and changes nothing", (code) => {
    const { service, handle } = oneWaiting();
    expect(() => service.reject(handle, code)).toThrow(/abortCode: expected a 32-bit integer other than 0/);
    expect(service.waiting).toBe(1);
  });

  test("an id in use is an error and changes nothing", () => {
    const { rig, service, handle } = oneWaiting();
    rig.endpoint.local.userIds.add(5n);
    expect(codeOf(() => service.accept(handle, 5n))).toBe("RX_ERR_CALL_ID_IN_USE");
    expect([service.backlog.calls, service.waiting, handle.userId]).toEqual([0, 1, null]);
    service.accept(handle, 6n);
    expect(service.waiting).toBe(0);
  });

  test("an id is free again when its call has been released", () => {
    const { rig, service, handle } = oneWaiting();
    service.accept(handle, 5n);
    handle.release();
    rig.exchange(callOf(1).data(1));
    service.accept(rig.newCalls[1] as CallHandle, 5n);
    expect(rig.newCalls[1]?.userId).toBe(5n);
  });

  test("accept or reject twice, or one after the other, is an error", () => {
    const { service, handle } = oneWaiting();
    service.accept(handle, 5n);
    expect(codeOf(() => service.accept(handle, 6n))).toBe("RX_ERR_CALL_STATE");
    expect(codeOf(() => service.reject(handle, -6))).toBe("RX_ERR_CALL_STATE");
    expect(service.waiting).toBe(0);
  });

  test("a waiting call that its client aborts frees its place by itself, and accept tells how it ended", () => {
    const { rig, service, handle } = oneWaiting();
    rig.exchange(callOf(0).abort(99));
    expect([service.backlog.calls, service.waiting]).toEqual([1, 0]);
    expect(codeOf(() => service.accept(handle, 5n))).toBe("RX_ERR_CALL_ENDED 99");
    expect(codeOf(() => service.reject(handle, -6))).toBe("RX_ERR_CALL_ENDED 99");
    expect(rig.endpoint.local.userIds.size).toBe(0);
  });

  test("a call that ends before its service is told does not keep its place", () => {
    const rig = new Rig();
    const service = rig.offer({}, 1);
    rig.feed(callOf(0).data(1, 8, LAST));
    rig.feed(callOf(0).abort(99));
    rig.drain();
    expect([service.backlog.calls, service.waiting, rig.newCalls.length]).toEqual([1, 0, 1]);
    expect(codeOf(() => service.accept(rig.newCalls[0] as CallHandle, 5n))).toBe("RX_ERR_CALL_ENDED 99");
  });

  test("a waiting call whose client starts the next one on the channel frees its place", () => {
    const rig = new Rig();
    const service = rig.offer({}, 2);
    rig.exchange(callOf(0).data(1, 8, LAST));
    rig.exchange(callOf(0).with({ callNumber: 2 }).data(1, 8, LAST));
    expect([service.waiting, service.backlog.calls]).toEqual([1, 1]);
    expect(codeOf(() => service.accept(rig.newCalls[0] as CallHandle, 5n))).toBe("RX_ERR_CALL_ENDED -1");
    service.accept(rig.newCalls[1] as CallHandle, 5n);
  });

  test("a waiting call whose client goes silent ends after the dead time and frees its place", () => {
    const { rig, service } = oneWaiting();
    rig.pass(25_000_000);
    expect([service.waiting, service.backlog.calls]).toEqual([0, 1]);
  });

  test("onNewCall may release the call it is told of", () => {
    const rig = new Rig();
    const service = rig.offer({}, 1);
    service.notifier = { onNewCall: (handle) => service.reject(handle, -6), onDiscardCall: () => undefined };
    expect(rig.exchange(callOf(0).data(1))).toContain("ABORT -6");
    expect([service.waiting, service.backlog.calls]).toEqual([0, 1]);
  });
});

describe("ids given in advance", () => {
  test("charging by hand names the spares, oldest first, and such calls need no accept", () => {
    const rig = new Rig();
    const service = rig.offer({}, 3);
    service.chargeAccept(10n, null);
    service.chargeAccept(11n, null);
    expect(service.backlog.calls).toBe(3);
    for (let n = 0; n < 3; n++) rig.exchange(callOf(n).data(1, 8, LAST));
    expect(rig.newCalls.map((handle) => handle.userId)).toEqual([10n, 11n, null]);
    expect(service.waiting).toBe(1);
    expect(codeOf(() => service.accept(rig.newCalls[0] as CallHandle, 12n))).toBe("RX_ERR_CALL_STATE");
  });

  test("when every spare has an id the rings are full", () => {
    const rig = new Rig();
    const service = rig.offer({}, 32);
    for (let i = 0n; i < 32n; i++) service.chargeAccept(i, null);
    expect(codeOf(() => service.chargeAccept(40n, null))).toBe("RX_ERR_BACKLOG_FULL");
    expect([service.backlog.calls, rig.endpoint.local.calls.used]).toEqual([32, 32]);
  });

  test("a named spare that is taken back, or whose attach throws, is replaced by one without an id", () => {
    const rig = new Rig();
    const service = rig.offer({}, 2);
    service.chargeAccept(1n, null);
    service.discharge(1n);
    expect(() =>
      service.chargeAccept(2n, () => {
        throw new Error("mine");
      }),
    ).toThrow("mine");
    expect([service.backlog.calls, rig.endpoint.local.userIds.size]).toEqual([2, 0]);
    rig.exchange(callOf(0).data(1));
    expect(rig.newCalls[0]?.userId).toBe(null);
  });

  test("only named spares are reported when they are discarded", () => {
    const rig = new Rig();
    const service = rig.offer({}, 3);
    service.chargeAccept(1n, null);
    service.close();
    expect(rig.discarded).toEqual([1n]);
  });
});

describe("what new calls are told that cannot be taken", () => {
  const policies: [RefusalPolicy, string[]][] = [
    [{ kind: "busy" }, ["BUSY"]],
    [{ kind: "abort", code: -77 }, ["ABORT -77"]],
    [{ kind: "drop" }, []],
  ];
  test.each(policies)("rings empty, policy %o", (policy, answer) => {
    const rig = new Rig();
    const service = rig.offer({ policy }, 1);
    rig.exchange(callOf(0).data(1));
    expect(rig.exchange(callOf(1).data(1))).toEqual(answer);
    const { busy, aborted, dropped } = service.counters;
    expect(busy + aborted + dropped).toBe(1);
  });

  test.each(policies)("share of the peer used up, policy %o; other peers are served", (policy, answer) => {
    const rig = new Rig();
    const service = rig.offer({ policy, callsPerPeerMax: 2 }, 8);
    rig.exchange(callOf(0).data(1));
    rig.exchange(clientTalker({ cid: 0x10_001 }).data(1));
    expect(rig.exchange(clientTalker({ cid: 0x10_002 }).data(1))).toEqual(answer);
    expect(rig.exchange(callOf(5).data(1))).toEqual(answer);
    expect(service.backlog.calls).toBe(6);
    expect(rig.exchange(callOf(6).data(1), addressOf("127.0.0.9", 7001))).toEqual(["ACK Ping"]);
    rig.newCalls[0]?.abort(1);
    rig.drain();
    rig.poll();
    expect(rig.exchange(callOf(5).data(1)).includes("BUSY")).toBe(false);
    expect(rig.newCalls.length).toBe(4);
  });

  test("draining answers -100 to every service, known or not, and lets live calls go on", () => {
    const { rig, service, handle } = oneWaiting();
    service.accept(handle, 1n);
    rig.endpoint.drain();
    expect(rig.exchange(callOf(1).data(1))).toEqual(["ABORT -100"]);
    expect(rig.exchange(callOf(2).with({ serviceId: 9 }).data(1))).toEqual(["ABORT -100"]);
    expect(rig.exchange(callOf(0).with({ callNumber: 2 }).data(1))).toContain("ABORT -100");
  });

  test("a refusal echoes what identifies the call and turns the direction round", () => {
    const rig = new Rig();
    rig.offer({}, 0);
    rig.feed(callOf(3).with({ callNumber: 9 }).data(1, 8, 0, { userStatus: 3, cksum: 77 }));
    const [sent] = rig.poll();
    expect(sent?.header).toMatchObject({
      epoch: -0x1234567,
      cid: 0x10_00c,
      callNumber: 9,
      seq: 0,
      serial: 0,
      flags: 0,
      userStatus: 0,
      securityIndex: 0,
      cksum: 0,
      serviceId: 147,
    });
    expect(sent?.remote).toBe("127.0.0.1:7001");
  });
});

describe("handles", () => {
  test("a handle never reaches the next life of its call object", () => {
    const { rig, service, handle } = oneWaiting();
    service.accept(handle, 1n);
    const call = handle.call;
    handle.release();
    rig.drain();
    rig.exchange(callOf(1).data(1, 8, LAST));
    const next = rig.newCalls.at(-1) as CallHandle;
    // The pool hands the same object out again sooner or later; make sure that it is the one.
    for (let n = 2; next.call !== call && n < 10; n++) {
      service.accept(rig.newCalls.at(-1) as CallHandle, BigInt(n));
      rig.exchange(callOf(n).data(1, 8, LAST));
      if (rig.newCalls.at(-1)?.call === call) break;
    }
    expect(rig.newCalls.at(-1)?.call).toBe(call);
    rig.poll();
    expect(handle.call).toBe(null);
    expect(codeOf(() => handle.write(new Uint8Array(4), 0, 4))).toBe("RX_ERR_CALL_ENDED -1");
    expect(codeOf(() => handle.end())).toBe("RX_ERR_CALL_ENDED -1");
    handle.abort(5);
    handle.fail(Completion.LocalError, 5);
    handle.limitTime(1);
    handle.limitInput(1);
    handle.discardInput();
    handle.consume(1);
    handle.release();
    expect(handle.readInto(new Uint8Array(8), 0, 8)).toBe(0);
    expect(handle.borrow()).toBe(null);
    expect([handle.isAtEnd, handle.isFlushed, handle.isEnded, handle.remote, handle.serviceId]).toEqual([
      true,
      true,
      true,
      "",
      0,
    ]);
    expect([handle.userStatus, handle.rttUs, handle.bytesReceived]).toEqual([0, 0, 0]);
    expect(rig.poll()).toEqual([]);
    expect(rig.newCalls.at(-1)?.isEnded).toBe(false);
  });

  test("a charged call cannot be written, ended, aborted or released by its holder", () => {
    const rig = new Rig();
    const service = rig.offer({ style: "kernel" }, 1);
    const handle = service.chargeAccept(1n, null);
    expect(codeOf(() => handle.write(new Uint8Array(1), 0, 1))).toBe("RX_ERR_CALL_STATE");
    expect(codeOf(() => handle.end())).toBe("RX_ERR_CALL_STATE");
    handle.abort(5);
    handle.release();
    expect(rig.exchange(callOf(0).data(1))).toEqual(["ACK Ping"]);
    expect(rig.newCalls).toEqual([handle]);
  });

  test("write after end, and end twice, are errors", () => {
    const { service, handle } = oneWaiting();
    service.accept(handle, 1n);
    handle.end();
    expect(codeOf(() => handle.write(new Uint8Array(1), 0, 1))).toBe("RX_ERR_CALL_STATE");
    expect(codeOf(() => handle.end())).toBe("RX_ERR_CALL_STATE");
  });

  test("the listener is told of data, of room, and of the end once", () => {
    const { rig, service, handle } = oneWaiting();
    const listener = new Listener();
    service.accept(handle, 1n);
    handle.listener = listener;
    const queued = 64 * 1_412;
    expect(handle.write(new Uint8Array(queued + 10), 0, queued + 10)).toBe(queued);
    rig.poll();
    rig.exchange(callOf(0).ack({ firstPacket: 3 }));
    expect(listener.events & CallEvent.Writable).not.toBe(0);
    rig.exchange(callOf(0).abort(3));
    rig.exchange(callOf(0).abort(4));
    expect([listener.ends, handle.completion, handle.abortCode]).toEqual([1, Completion.RemotelyAborted, 3]);
    expect(rig.buffersUsed).toBe(0);
  });

  test("abortAllCalls ends every live call and no spare one", () => {
    const { rig, service } = oneWaiting();
    service.accept(rig.newCalls[0] as CallHandle, 1n);
    rig.exchange(callOf(1).data(1), FRIEND);
    rig.endpoint.abortAllCalls(-100);
    rig.drain();
    expect(rig.names().filter((name) => name === "ABORT -100").length).toBe(2);
    expect(rig.endpoint.liveCalls).toBe(0);
    expect(service.backlog.calls).toBe(1);
  });
});
