// Calls that end with their connection: whoever missed the connection's ABORT and asks again is told why.
import { expect, test } from "vitest";
import { nullSecurity } from "../../../src/security/null.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { BAD, BAD_RESPONSE, FakeSecurity } from "./fake-security.js";
import { clientTalker } from "./packets.js";
import { Rig } from "./rig.js";

test("a client that has lost the ABORT of its connection is told the class's code when it sends its request again", () => {
  const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
  rig.offer({}, 4);
  const talker = clientTalker({ securityIndex: 2 });
  rig.exchange(talker.data(1));
  const response = talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(BAD));
  // Lost on its way.
  expect(rig.exchange(response)).toEqual([`ABORT ${BAD_RESPONSE}`]);
  expect(rig.exchange(talker.data(1))).toEqual([`ABORT ${BAD_RESPONSE}`]);
});
