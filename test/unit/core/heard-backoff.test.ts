// A packet that was lost again and again, and a peer that is heard all the same.
import { expect, test } from "vitest";
import { type Call, Deadline, peerOf } from "../../../src/core/call-object.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { Listener, Rig } from "./rig.js";

const ROUND_TRIP_US = 2_000_000;

function staged(): { rig: Rig; call: Call; talker: ReturnType<typeof serverTalker> } {
  const rig = new Rig();
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  const call = handle.call as Call;
  for (let i = 0; i < 20; i++) peerOf(call).rtt.addSample(ROUND_TRIP_US);
  handle.write(new Uint8Array(8), 0, 8);
  handle.end();
  rig.drain();
  rig.poll();
  call.tx.backoff = 6;
  return { rig, call, talker: serverTalker(call) };
}

test("an ACK that brings no news, from a peer that lacks what was sent, makes the next try come sooner", () => {
  const { rig, call, talker } = staged();
  const resendUs = () => (call.deadlines[Deadline.Resend] as number) - rig.nowUs;
  rig.feed(talker.ack({ reason: AckReason.Ping, firstPacket: 1, serial: 0 }));
  rig.poll();
  expect(resendUs()).toBe(2 * peerOf(call).rtt.srttUs);
  // The ACKs that follow do not put it off.
  const heard = () => rig.feed(talker.ack({ reason: AckReason.Ping, firstPacket: 1, serial: 0 }));
  const sent: number[] = [];
  for (let ms = 0; ms < 4_000; ms += 500) {
    for (const { header } of rig.pass(500_000)) if (header.type === PacketType.Data) sent.push(header.seq);
    heard();
    rig.poll();
  }
  expect(sent).toEqual([1]);
});

test("a peer that has all of it is asked for its hard ACK with pauses that go on growing", () => {
  const { rig, call, talker } = staged();
  rig.feed(talker.ack({ reason: AckReason.Duplicate, firstPacket: 1, serial: 0, soft: [1] }));
  call.tx.backoff = 6;
  rig.pass(1_000_000);
  const before = call.deadlines[Deadline.Resend];
  rig.feed(talker.ack({ reason: AckReason.Duplicate, firstPacket: 1, serial: 0, soft: [1] }));
  expect([call.tx.inFlight + call.tx.lost, call.deadlines[Deadline.Resend]]).toEqual([0, before]);
});
