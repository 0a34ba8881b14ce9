// What a connection settles at its beginning: the service upgrade, and challenge and response.
import { describe, expect, test } from "vitest";
import { type Call, CallState } from "../../../src/core/call-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { BAD, BAD_RESPONSE, FakeSecurity, GOOD, SLOW } from "./fake-security.js";
import { FRIEND, LAST, Listener, Rig, SERVICE_ID } from "./rig.js";

function begin(
  rig: Rig,
  bundle: ReturnType<typeof openTestBundle>,
): { call: Call; listener: Listener; handle: ReturnType<Rig["endpoint"]["beginCall"]> } {
  const listener = new Listener();
  const handle = rig.endpoint.beginCall(bundle, listener);
  handle.end();
  return { call: handle.call as Call, listener, handle };
}

describe("service upgrade", () => {
  const upgrading = (): { rig: Rig; calls: ReturnType<typeof begin>[] } => {
    const rig = new Rig();
    const bundle = openTestBundle(rig, 1, true);
    return { rig, calls: Array.from({ length: 3 }, () => begin(rig, bundle)) };
  };

  test("the first packet asks with userStatus 1, and one call at a time until it is answered", () => {
    const { rig, calls } = upgrading();
    const [sent, ...others] = rig.poll();
    expect([sent?.header.userStatus, others]).toEqual([1, []]);
    expect(calls.map(({ call }) => call.state)).toEqual([
      CallState.ClientAwaitReply,
      CallState.ClientAwaitConn,
      CallState.ClientAwaitConn,
    ]);
  });

  test.each([147, 2_147])(
    "answered under id %i: that is the connection's from here, and other calls go on",
    (serviceId) => {
      const { rig, calls } = upgrading();
      rig.poll();
      const first = calls[0] as (typeof calls)[0];
      rig.feed(serverTalker(first.call).data(1, 8, 0, { serviceId }));
      expect(first.handle.serviceId).toBe(serviceId);
      const later = rig.poll().filter((sent) => sent.header.type === PacketType.Data);
      expect(later.map((sent) => [sent.header.serviceId, sent.header.userStatus])).toEqual([
        [serviceId, 0],
        [serviceId, 0],
      ]);
    },
  );

  test("a service that upgrades gives the connection the better service for good", () => {
    const rig = new Rig();
    rig.offer({ upgradeTo: 2_147 });
    rig.offer({ serviceId: 2_147 });
    const talker = serverTalker({
      connection: { epoch: 9, connectionId: 0x50, serviceId: 147 },
      channel: 0,
      callNumber: 1,
    } as unknown as Call).with({ flags: 1 });
    rig.feed(talker.data(1, 8, 0, { userStatus: 1 }));
    rig.drain();
    expect(rig.newCalls[0]?.serviceId).toBe(2_147);
    expect(rig.poll().every((sent) => sent.header.serviceId === 2_147)).toBe(true);
    // A later call under the old id is a mistake of the client.
    expect(rig.exchange(talker.with({ callNumber: 2 }).data(1))).toEqual(["ABORT -5"]);
    expect(rig.exchange(talker.with({ callNumber: 2, serviceId: 2_147 }).data(1))).not.toContain("ABORT -5");
  });
});

describe("challenge and response", () => {
  const secured = (): {
    rig: Rig;
    fake: FakeSecurity;
    first: ReturnType<typeof begin>;
    challenge: (byte: number) => string[];
  } => {
    const fake = new FakeSecurity();
    const rig = new Rig({ security: [nullSecurity, fake] });
    const bundle = rig.endpoint.openBundle({
      remote: FRIEND,
      serviceId: SERVICE_ID,
      securityIndex: 2,
      connectionsMax: 1,
      wantsUpgrade: false,
    });
    const first = begin(rig, bundle);
    rig.poll();
    const talker = serverTalker(first.call).with({ callNumber: 0, securityIndex: 2 });
    return {
      rig,
      fake,
      first,
      challenge: (byte) => rig.exchange(talker.of(PacketType.Challenge, Uint8Array.of(byte))),
    };
  };

  test("a client answers a challenge while a call waits, once a second", () => {
    const { rig, challenge, first } = secured();
    expect(challenge(GOOD)).toEqual(["RESPONSE"]);
    expect(challenge(GOOD)).toEqual([]);
    rig.nowUs += 1_000_000;
    expect(challenge(GOOD)).toEqual(["RESPONSE"]);
    first.handle.abort(1);
    rig.drain();
    rig.poll();
    rig.nowUs += 1_000_000;
    expect(challenge(GOOD)).toEqual([]);
    expect(rig.stat(Stat.DropChallenge)).toBe(2);
  });

  test("a challenge that it cannot answer ends the connection with the class's code", () => {
    const { rig, challenge, first, fake } = secured();
    expect(challenge(BAD)).toEqual([`ABORT ${BAD_RESPONSE}`]);
    expect([first.handle.abortCode, first.listener.ends]).toEqual([BAD_RESPONSE, 1]);
    rig.pass(200_000_000);
    expect(fake.live).toBe(0);
  });

  test("a slow verdict is taken later, and not after the connection has gone", () => {
    const { rig, challenge, fake } = secured();
    expect(challenge(SLOW)).toEqual([]);
    fake.connections[0]?.resolve(0);
    expect(rig.names()).toEqual(["RESPONSE"]);
    rig.endpoint.abortAllCalls(1);
    rig.drain();
    rig.poll();
    rig.pass(200_000_000);
    fake.connections[0]?.resolve(0);
    expect(rig.poll()).toEqual([]);
  });

  test("a service asks every two seconds while a call waits, at most fifty times, and then gives up", () => {
    const fake = new FakeSecurity();
    const rig = new Rig({ security: [nullSecurity, fake], options: { requestProgressMs: 300_000 } });
    rig.offer();
    const talker = serverTalker({
      connection: { epoch: 9, connectionId: 0x50, serviceId: 147 },
      channel: 0,
      callNumber: 1,
    } as unknown as Call).with({ flags: 1, securityIndex: 2 });
    expect(rig.exchange(talker.data(1, 20, LAST))).toContain("CHALLENGE");
    let challenges = 1;
    for (let s = 0; s < 120; s++) {
      challenges += rig.pass(1_000_000).filter((sent) => sent.header.type === PacketType.Challenge).length;
      rig.feed(talker.ping());
    }
    expect([challenges, rig.endpoint.liveCalls, rig.newCalls.length]).toEqual([50, 0, 0]);
  });

  test("a service's slow verdict on a RESPONSE releases the calls that were held", () => {
    const fake = new FakeSecurity();
    const rig = new Rig({ security: [nullSecurity, fake] });
    rig.offer();
    const talker = serverTalker({
      connection: { epoch: 9, connectionId: 0x50, serviceId: 147 },
      channel: 0,
      callNumber: 1,
    } as unknown as Call).with({ flags: 1, securityIndex: 2 });
    rig.exchange(talker.data(1, 20, LAST));
    rig.exchange(talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(SLOW)));
    expect(rig.newCalls.length).toBe(0);
    fake.connections[0]?.resolve(0);
    rig.drain();
    expect([rig.newCalls.length, rig.newCalls[0]?.bytesReceived]).toEqual([1, 20]);
  });
});
