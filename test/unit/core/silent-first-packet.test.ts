// A client whose first packet is lost again and again: a server drops the PINGs of a call that it does not know, so only the
// packet itself can save the call. Found by scenarios S29 and S30 (30 % loss).
import { expect, test } from "vitest";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle } from "./calls.js";
import { Listener, Rig } from "./rig.js";

test("a client that has heard nothing of its call for a third of the dead time repeats the first packet with its PINGs", () => {
  const rig = new Rig();
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  handle.end();
  rig.poll();
  rig.pass(7_000_000);
  const sent = rig.pass(12_000_000);
  const first = sent.filter(({ header }) => header.type === PacketType.Data && header.seq === 1);
  // One in half a second, as the PINGs; the retransmission timeout alone gives six.
  expect(first.length).toBeGreaterThan(15);
});
