// BUSY from both ends: what keeps a refused call alive, and how soon it is offered again.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageClient } from "./calls.js";
import { clientTalker } from "./packets.js";
import { LAST, Listener, Rig } from "./rig.js";

describe("BUSY", () => {
  test("a PING for a call that was refused on a known connection is answered BUSY, and opens nothing", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    const talker = clientTalker();
    rig.exchange(talker.data(1));
    const refused = talker.with({ cid: (talker.shared.cid as number) + 1, callNumber: 7 });
    expect(rig.exchange(refused.data(1))).toEqual(["BUSY"]);
    const before = rig.endpoint.local.calls.used;
    expect(rig.exchange(refused.ping())).toEqual(["BUSY"]);
    expect(rig.endpoint.local.calls.used).toBe(before);
  });

  test("a PING for a call that was never refused is not: a service that has restarted keeps no call of the old one alive", () => {
    const rig = new Rig();
    const service = rig.offer({}, 1);
    const talker = clientTalker();
    const other = talker.with({ cid: (talker.shared.cid as number) + 1 });
    rig.exchange(talker.data(1));
    expect(rig.exchange(other.ping())).toEqual([]);
    rig.exchange(other.with({ callNumber: 2 }).data(1));
    expect(rig.exchange(other.with({ callNumber: 3 }).ping())).toEqual([]);
    // Taken in the end, and over: there is nothing to say any more.
    service.reject(rig.newCalls[0] as CallHandle, -6);
    rig.exchange(other.with({ callNumber: 2 }).data(1));
    rig.newCalls[1]?.abort(1);
    rig.drain();
    rig.poll();
    expect(rig.exchange(other.with({ callNumber: 2 }).ping())).toEqual(["ABORT 1"]);
  });

  test("BUSY for what was acknowledged before is no sign of life", () => {
    const { rig, talker, handle, call } = stageClient("AwaitReply");
    rig.exchange(talker.ack({ firstPacket: call.tx.next }));
    for (let s = 0; s < 25; s++) {
      rig.pass(1_000_000);
      rig.exchange(talker.of(PacketType.Busy));
    }
    expect(handle.abortCode).toBe(-1);
  });

  test("a PING for a call of an unknown connection is dropped", () => {
    const rig = new Rig();
    rig.offer({}, 4);
    expect(rig.exchange(clientTalker({ cid: 0x5550 }).ping())).toEqual([]);
  });

  test("the next call takes a channel that was not told BUSY, and the busy one when there is no other", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const begin = (): Call => {
      const handle = rig.endpoint.beginCall(bundle, new Listener());
      handle.end();
      rig.poll();
      return handle.call as Call;
    };
    const first = begin();
    rig.exchange(serverTalker(first).of(PacketType.Busy));
    rig.exchange(serverTalker(first).data(1, 8, LAST));
    expect(first.channel).toBe(0);
    expect([begin(), begin(), begin(), begin()].map((call) => call.channel)).toEqual([1, 2, 3, 0]);
  });

  test("BUSY keeps the pause before the next try short, however often it has doubled", () => {
    const { rig, talker, call } = stageClient("AwaitReply");
    call.tx.backoff = 6;
    rig.exchange(talker.of(PacketType.Busy));
    expect(call.tx.backoff).toBe(2);
    expect(call.isLive).toBe(true);
  });
});
