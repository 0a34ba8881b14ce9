// What happens to a connection as a whole, to the microsecond where a clock is in it.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, Completion } from "../../../src/core/call-object.js";
import { abortConnection, connectionAborted } from "../../../src/core/conn-event.js";
import { type Connection, ConnState } from "../../../src/core/conn-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { BAD, BAD_RESPONSE, FakeSecurity, GOOD, SLOW } from "./fake-security.js";
import { clientTalker, type Talker } from "./packets.js";
import { LAST, Listener, nameOf, Rig } from "./rig.js";

const secured = (): { rig: Rig; fake: FakeSecurity } => {
  const fake = new FakeSecurity();
  return { fake, rig: new Rig({ security: [nullSecurity, fake] }) };
};

describe("a service connection that is to be secured", () => {
  const talker = clientTalker({ securityIndex: 2 });
  const response = (byte: number): Uint8Array =>
    talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(byte));
  const connectionOf = (rig: Rig): Connection =>
    rig.endpoint.local.connections.find(-0x1234567, 0x1000, true) as Connection;

  test("is asked every two seconds, no earlier, for as long as a call waits", () => {
    const { rig } = secured();
    rig.offer();
    expect(rig.exchange(talker.data(1))).toContain("CHALLENGE");
    const challenges = (us: number): number =>
      rig.pass(us).filter((sent) => sent.header.type === PacketType.Challenge).length;
    expect([1_999_999, 1, 1_999_999, 1].map(challenges)).toEqual([0, 1, 0, 1]);
    // The call goes away: nobody is asked any more, and the next one begins anew.
    rig.feed(talker.abort(5));
    rig.drain();
    expect(challenges(20_000_000)).toBe(0);
    expect(connectionOf(rig).state).toBe(ConnState.Unsecured);
    expect(rig.exchange(talker.with({ callNumber: 2 }).data(1))).toContain("CHALLENGE");
    expect([connectionOf(rig).challenges, challenges(2_000_000)]).toEqual([1, 1]);
  });

  test("a second call that comes meanwhile does not ask a second time", () => {
    const { rig } = secured();
    rig.offer();
    rig.exchange(talker.data(1));
    expect(rig.exchange(talker.with({ cid: 0x1001 }).data(1))).not.toContain("CHALLENGE");
    expect(connectionOf(rig).challenges).toBe(1);
    // One RESPONSE frees both.
    rig.exchange(response(GOOD));
    expect(rig.newCalls.length).toBe(2);
    expect(rig.pass(30_000_000).filter((sent) => sent.header.type === PacketType.Challenge)).toEqual([]);
  });

  test("a RESPONSE counts once, and only when it was asked for", () => {
    const { rig, fake } = secured();
    rig.offer();
    rig.exchange(talker.data(1));
    rig.exchange(response(GOOD));
    expect([connectionOf(rig).state, rig.stat(Stat.DropResponse)]).toEqual([ConnState.Secure, 0]);
    expect(rig.exchange(response(BAD))).toEqual([]);
    expect([connectionOf(rig).state, rig.stat(Stat.DropResponse), fake.live]).toEqual([
      ConnState.Secure,
      1,
      1,
    ]);
    // Nor does a verdict that comes late change it.
    fake.connections[0]?.resolve(BAD_RESPONSE);
    expect(connectionOf(rig).state).toBe(ConnState.Secure);
  });

  test("a bad RESPONSE, at once or later, ends the connection and its calls with the class's code", () => {
    for (const byte of [BAD, SLOW]) {
      const { rig, fake } = secured();
      rig.offer();
      rig.exchange(talker.data(1));
      rig.feed(response(byte));
      if (byte === SLOW) {
        expect(connectionOf(rig).state).toBe(ConnState.Challenging);
        fake.connections[0]?.resolve(BAD_RESPONSE);
      }
      rig.drain();
      const [sent, ...others] = rig.poll();
      expect([sent && nameOf(sent), sent?.header.callNumber, others]).toEqual([
        `ABORT ${BAD_RESPONSE}`,
        0,
        [],
      ]);
      expect([connectionOf(rig).state, rig.newCalls.length, rig.endpoint.liveCalls]).toEqual([
        ConnState.Aborted,
        0,
        0,
      ]);
      // A late verdict finds it so.
      fake.connections[0]?.resolve(0);
      expect([connectionOf(rig).state, rig.names()]).toEqual([ConnState.Aborted, []]);
    }
  });

  test("what was held is verified before anybody is told of it", () => {
    const { rig, fake } = secured();
    rig.offer();
    rig.feed(talker.data(1, Uint8Array.of(1, 1, 1, 1, 7, 1, 1)));
    rig.feed(talker.data(2, Uint8Array.of(0xee)));
    rig.feed(talker.with({ cid: 0x1001 }).data(1, 8, LAST));
    rig.poll();
    rig.exchange(response(GOOD));
    expect([rig.newCalls.length, connectionOf(rig).state, fake.verified]).toEqual([0, ConnState.Aborted, 2]);
  });
});

describe("a client connection that is asked", () => {
  const asked = (): { rig: Rig; connection: Connection; handle: CallHandle; talker: Talker } => {
    const { rig } = secured();
    const handle = rig.endpoint.beginCall(
      rig.endpoint.openBundle({ ...openTestBundle(rig).options, securityIndex: 2 }),
      new Listener(),
    );
    handle.end();
    rig.poll();
    const call = handle.call as Call;
    const talker = serverTalker(call).with({ callNumber: 0, securityIndex: 2 });
    return { rig, connection: call.connection as Connection, handle, talker };
  };
  const challenge = (talker: Talker, byte = GOOD): Uint8Array =>
    talker.of(PacketType.Challenge, Uint8Array.of(byte));

  test("answers once a second, and counts what it drops", () => {
    const { rig, talker } = asked();
    const answers = [0, 1, 999_998, 1, 999_999, 1].map((us) => {
      rig.nowUs += us;
      rig.feed(challenge(talker));
      return rig.names();
    });
    const answer = ["RESPONSE"];
    expect(answers).toEqual([answer, [], [], answer, [], answer]);
    expect(rig.stat(Stat.DropChallenge)).toBe(3);
  });

  test("answers nothing without a call, without a class that has challenges, and when it has ended", () => {
    const { rig, handle, talker } = asked();
    handle.abort(9);
    rig.drain();
    rig.poll();
    rig.feed(challenge(talker));
    expect([rig.names(), rig.stat(Stat.DropChallenge)]).toEqual([[], 1]);

    const plain = new Rig();
    const other = plain.endpoint.beginCall(openTestBundle(plain), new Listener());
    plain.poll();
    plain.feed(challenge(serverTalker(other.call as Call).with({ callNumber: 0 })));
    expect([plain.names(), plain.stat(Stat.DropChallenge)]).toEqual([[], 1]);

    const ended = asked();
    ended.connection.state = ConnState.Aborted;
    ended.rig.feed(challenge(ended.talker));
    expect([ended.rig.names(), ended.rig.stat(Stat.DropChallenge)]).toEqual([[], 1]);
  });
});

describe("the end of a connection", () => {
  const four = (): { rig: Rig; connection: Connection; handles: CallHandle[] } => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 4 }, () => {
      const handle = rig.endpoint.beginCall(bundle, new Listener());
      handle.end();
      return handle;
    });
    rig.poll();
    return { rig, connection: handles[0]?.call?.connection as Connection, handles };
  };

  test("by us ends each of its calls once, with one ABORT for all of them", () => {
    const { rig, connection, handles } = four();
    abortConnection(rig.endpoint.local, connection, 77);
    abortConnection(rig.endpoint.local, connection, 78);
    connectionAborted(rig.endpoint.local, connection, 79);
    rig.drain();
    expect(handles.map((handle) => [handle.completion, handle.abortCode])).toEqual(
      handles.map(() => [Completion.LocalError, 77]),
    );
    expect([connection.abortCode, connection.isRetired, rig.names()]).toEqual([77, true, ["ABORT 77"]]);
  });

  test("by the peer ends each of its calls once, without a word", () => {
    const { rig, connection, handles } = four();
    connectionAborted(rig.endpoint.local, connection, 79);
    connectionAborted(rig.endpoint.local, connection, 80);
    abortConnection(rig.endpoint.local, connection, 81);
    rig.drain();
    expect(handles.map((handle) => [handle.completion, handle.abortCode])).toEqual(
      handles.map(() => [Completion.RemotelyAborted, 79]),
    );
    expect([connection.abortCode, connection.isRetired, rig.names()]).toEqual([79, true, []]);
  });

  test("leaves nothing to be said of challenges", () => {
    for (const end of [abortConnection, connectionAborted]) {
      const { rig, connection } = four();
      connection.owesChallenge = true;
      connection.owesResponse = true;
      end(rig.endpoint.local, connection, 5);
      expect([connection.owesChallenge, connection.owesResponse]).toEqual([false, false]);
      expect(rig.names()).toEqual(end === abortConnection ? ["ABORT 5"] : []);
    }
  });
});
