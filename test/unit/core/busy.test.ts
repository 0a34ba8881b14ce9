// BUSY from both ends: what keeps a refused call alive, and how soon it is offered again.
import { describe, expect, test } from "vitest";
import { PacketType } from "../../../src/wire/packet-type.js";
import { stageClient, stageService } from "./calls.js";
import { clientTalker } from "./packets.js";
import { Rig } from "./rig.js";

describe("BUSY", () => {
  test("a PING for a call that was refused on a known connection is answered BUSY, and opens nothing", () => {
    const { rig, talker, call } = stageService("AwaitAck");
    const before = rig.endpoint.local.calls.used;
    const next = talker.with({ callNumber: call.callNumber + 1 });
    expect(rig.exchange(next.ping())).toEqual(["BUSY"]);
    expect(rig.endpoint.local.calls.used).toBe(before);
  });

  test("a PING for a call of an unknown connection is dropped", () => {
    const rig = new Rig();
    rig.offer({}, 4);
    expect(rig.exchange(clientTalker({ cid: 0x5550 }).ping())).toEqual([]);
  });

  test("BUSY keeps the pause before the next try short, however often it has doubled", () => {
    const { rig, talker, call } = stageClient("AwaitReply");
    call.tx.backoff = 6;
    rig.exchange(talker.of(PacketType.Busy));
    expect(call.tx.backoff).toBe(2);
    expect(call.isLive).toBe(true);
  });
});
