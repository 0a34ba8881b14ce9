// What every change of a call's state brings with it.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, CallEvent } from "../../../src/core/call-object.js";
import { abortCall, enterAwaitReply, notify } from "../../../src/core/call-state.js";
import { AssertionError } from "../../../src/util/assert.js";
import { openTestBundle, serverTalker, stageService } from "./calls.js";
import { clientTalker } from "./packets.js";
import { LAST, Listener, nameOf, Rig, WANTS_ACK } from "./rig.js";

describe("steps", () => {
  test("one that the table does not allow is a mistake of ours, and says so", () => {
    const { call } = stageService("RecvRequest");
    expect(() => enterAwaitReply(call)).toThrow(AssertionError);
    expect(() => enterAwaitReply(call)).toThrow("call state step is not allowed");
  });
});

describe("the end of a call", () => {
  test("comes once: a second one is a mistake of ours", () => {
    const { rig, call } = stageService("RecvRequest");
    abortCall(rig.endpoint.local, call, 5);
    expect(() => abortCall(rig.endpoint.local, call, 6)).toThrow("call completed twice");
    expect(call.abortCode).toBe(5);
  });
});

describe("what an owner is told", () => {
  test("new calls before all else, ends before data, whatever came first", () => {
    const rig = new Rig();
    const service = rig.offer();
    const talkers = [0, 1, 2].map((channel) => clientTalker({ cid: 0x1000 + channel }));
    for (const talker of talkers.slice(0, 2)) rig.feed(talker.data(1));
    rig.drain();
    const order: string[] = [];
    rig.newCalls.forEach((handle, i) => {
      service.accept(handle, BigInt(i));
      handle.listener = { handleCallEvents: (_handle, events) => void order.push(`${i}: ${events}`) };
    });
    const [data, ended] = rig.newCalls.splice(0).map((handle) => handle.call as Call) as [Call, Call];
    notify(rig.endpoint.local, data, CallEvent.Readable);
    rig.feed((talkers[1] as (typeof talkers)[0]).abort(5));
    rig.feed((talkers[2] as (typeof talkers)[0]).data(1));
    service.notifier = {
      onNewCall: (handle: CallHandle) => void order.push(`new ${handle.remote}`),
      onDiscardCall: () => undefined,
    };
    expect(ended.events).toBe(CallEvent.Ended);
    rig.drain();
    expect(order).toEqual(["new 127.0.0.1:7001", `1: ${CallEvent.Ended}`, `0: ${CallEvent.Readable}`]);
  });
});

describe("a new call on a channel", () => {
  /** Two client calls on channels 0 and 1 of one connection, sent. */
  const two = (): { rig: Rig; calls: Call[]; begin: () => Call } => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const begin = (): Call => {
      const handle = rig.endpoint.beginCall(bundle, new Listener());
      handle.end();
      return handle.call as Call;
    };
    const calls = [begin(), begin()];
    rig.poll();
    return { rig, calls, begin };
  };
  const said = (rig: Rig): [string, number][] =>
    rig.poll().map((sent) => [nameOf(sent), sent.header.cid & 3]);

  test("makes the final ACK of the one before needless, sent at once or later, but not those of other channels", () => {
    for (const flags of [LAST | WANTS_ACK, LAST]) {
      const { rig, calls, begin } = two();
      for (const call of calls) rig.feed(serverTalker(call).data(1, 8, flags));
      rig.drain();
      begin();
      rig.nowUs += 20_000;
      rig.endpoint.handleTimeout(rig.nowUs);
      expect(said(rig).sort()).toEqual([
        [flags === LAST ? "ACK Idle" : "ACK Requested", 1],
        ["DATA 1", 0],
      ]);
    }
  });

  test("takes the place of the ABORT of the one before, but not of those of other channels", () => {
    const { rig, calls, begin } = two();
    for (const call of calls) (call.owner as CallHandle).abort(42);
    rig.drain();
    begin();
    expect(said(rig).sort()).toEqual([
      ["ABORT 42", 1],
      ["DATA 1", 0],
    ]);
  });
});
