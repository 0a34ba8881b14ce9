// No ACK invites what would be dropped: the peer would take the drop for loss on the path.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { Stat } from "../../../src/core/stats.js";
import { PacketFlag } from "../../../src/wire/packet-type.js";
import { clientTalker } from "./packets.js";
import { Rig } from "./rig.js";

const WINDOW = 16;
const JUMBO = 4;

/** A call whose handler reads nothing, sent packets for as long as an ACK invites them, one after the other. */
function fill(flags = 0): { rig: Rig; invitedTo: number; sent: number } {
  const rig = new Rig({ options: { buffersMax: 200, receiveWindowPackets: WINDOW } });
  rig.offer();
  const talker = clientTalker();
  let invitedTo = WINDOW;
  let sent = 0;
  while (sent < invitedTo && sent < 100) {
    rig.feed(talker.data(++sent, 8, flags));
    rig.drain();
    for (const { ack } of rig.poll()) if (ack !== null) invitedTo = ack.firstPacket + ack.rwind - 1;
  }
  return { rig, invitedTo, sent };
}

describe("A reader that stands still", () => {
  test.each([
    ["that ask for nothing", 0],
    ["that each ask for an ACK", PacketFlag.RequestAck],
  ] as const)("is sent, by packets %s, no more than is taken", (_what, flags) => {
    const { rig, invitedTo, sent } = fill(flags);
    expect(sent).toBeGreaterThan(WINDOW);
    expect(invitedTo).toBeLessThanOrEqual(WINDOW + JUMBO);
    expect(rig.stat(Stat.DropWindow)).toBe(0);
  });

  test("leaves the peer without an ACK of the last packets for no longer than any ACK waits", () => {
    const { rig, sent } = fill();
    const [ack] = rig.pass(100_000).flatMap((one) => (one.ack === null ? [] : [one.ack]));
    expect([ack?.firstPacket, ack?.rwind]).toEqual([sent + 1, JUMBO]);
  });

  test("has the peer told at once when it reads on", () => {
    const { rig, sent } = fill();
    (rig.newCalls[0] as CallHandle).skip(sent * 8);
    const [told] = rig.poll();
    expect([told?.ack?.firstPacket, told?.ack?.rwind]).toEqual([sent + 1, WINDOW]);
  });

  test("has the end of a request acknowledged at once when that is asked for", () => {
    const { rig, sent } = fill();
    const talker = clientTalker();
    // The peer had been told of so many: the last one fits where the reader has made room for it.
    (rig.newCalls[0] as CallHandle).skip(2 * 8);
    rig.poll();
    rig.feed(talker.data(sent + 1, 8, PacketFlag.RequestAck | PacketFlag.LastPacket));
    rig.drain();
    const acks = rig.poll().flatMap((one) => (one.ack === null ? [] : [one.ack]));
    expect(acks.at(-1)?.firstPacket).toBe(sent + 2);
  });
});
