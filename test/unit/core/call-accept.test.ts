// A first packet for which there is no call: what is remembered of connections that have been reaped, who is let in, and who
// has to make room.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { Stat } from "../../../src/core/stats.js";
import { clientTalker } from "./packets.js";
import { Rig } from "./rig.js";

/** A connection that has run one call, number 7 on channel 0, and was reaped since. */
function reaped(): Rig {
  const rig = new Rig({ options: { idleConnectionMs: 1_000 } });
  const service = rig.offer();
  rig.feed(clientTalker({ callNumber: 7 }).data(1));
  rig.drain();
  service.reject(rig.newCalls.pop() as CallHandle, -6);
  rig.pass(5_000_000);
  expect([rig.endpoint.local.connections.known.count, rig.endpoint.local.tombstones.count]).toEqual([0, 1]);
  return rig;
}

describe("a connection that comes again after it was reaped", () => {
  test("a call number that was run on the channel, or one before it, is not run again", () => {
    const rig = reaped();
    for (const callNumber of [7, 6, 1, -5]) rig.feed(clientTalker({ callNumber }).data(1));
    rig.drain();
    expect([rig.newCalls.length, rig.stat(Stat.DropOldCall)]).toEqual([0, 4]);
    rig.feed(clientTalker({ callNumber: 8 }).data(1));
    rig.drain();
    expect(rig.newCalls.length).toBe(1);
  });

  test("on a channel that has had no call any number is new, on either side of the wrap", () => {
    for (const callNumber of [1, -5]) {
      const rig = reaped();
      rig.feed(clientTalker({ cid: 0x1001, callNumber }).data(1));
      rig.drain();
      expect([rig.newCalls.length, rig.stat(Stat.DropOldCall)]).toEqual([1, 0]);
    }
  });
});
