// A sender whose peer has its window full of what nobody reads, and still advertises a few packets, as ours does.
import { expect, test } from "vitest";
import { type Call, peerOf } from "../../../src/core/call-object.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { Listener, Rig, type Sent } from "./rig.js";

const PACKET = 1_412;
const ROUND_TRIP_US = 1_000;
const WINDOW = 4;

const serialsOf = (sent: readonly Sent[]): number[] =>
  sent.filter(({ header }) => header.type === PacketType.Data).map(({ header }) => header.serial);

test("a sender that is told ExceedsWindow offers a packet now and then, not one for every answer", () => {
  const rig = new Rig();
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  const call = handle.call as Call;
  const talker = serverTalker(call);
  for (let i = 0; i < 8; i++) peerOf(call).rtt.addSample(ROUND_TRIP_US);
  call.tx.peerWindow = WINDOW;
  handle.write(new Uint8Array(8 * PACKET), 0, 8 * PACKET);
  rig.drain();
  let serials = serialsOf(rig.poll());
  const inWindow = serials.length;
  let count = 0;
  for (let us = 0; us < 2_000_000; us += ROUND_TRIP_US) {
    const sent: Sent[] = [...rig.pass(ROUND_TRIP_US)];
    // What was sent a round trip ago has been dropped, and the answer comes now.
    for (const serial of serials) {
      const answer = { reason: AckReason.ExceedsWindow, firstPacket: 1, serial, rwind: WINDOW, jumboMax: 1 };
      rig.feed(talker.ack(answer));
      rig.drain();
      sent.push(...rig.poll());
    }
    serials = serialsOf(sent);
    count += serials.length;
  }
  expect(inWindow).toBeGreaterThan(0);
  // Timeouts of 200 ms and more, each of them good for the window once.
  expect(count).toBeLessThanOrEqual(10 * WINDOW);
});
