// PINGs of a call: on a path that is longer than the pause between two, answers come when others have gone out since.
import { expect, test } from "vitest";
import { type Call, peerOf } from "../../../src/core/call-object.js";
import { PingLog } from "../../../src/core/ping-log.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { Listener, Rig } from "./rig.js";

test("the answer to a PING finds lost what was sent before it, though another PING has gone out since", () => {
  const rig = new Rig();
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  const call = handle.call as Call;
  const talker = serverTalker(call);
  for (let i = 0; i < 8; i++) peerOf(call).rtt.addSample(500_000);
  handle.write(new Uint8Array(8), 0, 8);
  handle.end();
  rig.drain();
  rig.poll();
  call.tx.backoff = 6;
  const pings = [1, 2].map(() => {
    rig.pass(200_000);
    call.owesPing = true;
    rig.endpoint.local.scheduleCall(call);
    return rig.poll().find(({ ack }) => ack?.reason === AckReason.Ping)?.header.serial as number;
  });
  expect(call.pings.newestSerial).toBe(pings[1]);
  rig.nowUs += 600_000;
  rig.feed(talker.ack({ reason: AckReason.PingResponse, firstPacket: 1, serial: pings[0] as number }));
  const sent = rig.poll().filter(({ header }) => header.type === PacketType.Data);
  expect(sent.map(({ header }) => header.seq)).toEqual([1]);
});

test("eight are remembered, each until it has been answered", () => {
  const pings = new PingLog();
  const now = new Float64Array(1);
  expect([pings.newestSerial, pings.find(5)]).toEqual([0, -1]);
  for (let serial = 1; serial <= 9; serial++) {
    now[0] = serial * 1_000;
    pings.note(serial, now);
  }
  expect([1, 2, 9].map((serial) => pings.sentAt[pings.find(serial)])).toEqual([undefined, 2_000, 9_000]);
  pings.forget(pings.find(9));
  expect([pings.newestSerial, pings.find(9), pings.find(8) >= 0]).toEqual([0, -1, true]);
  pings.reset();
  expect([2, 8].map((serial) => pings.find(serial))).toEqual([-1, -1]);
});
