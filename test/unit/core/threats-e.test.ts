// Security classes, as far as the core alone answers for them: what is dropped before a class is asked at all.
import { describe, expect, test } from "vitest";
import type { Call } from "../../../src/core/call-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageClient } from "./calls.js";
import { BAD_RESPONSE, FakeSecurity, GOOD, SLOW } from "./fake-security.js";
import { clientTalker, type Talker } from "./packets.js";
import { FRIEND, LAST, Listener, Rig, SERVICE_ID, STRANGER } from "./rig.js";

const challengeOf = (talker: Talker): Uint8Array =>
  talker.with({ callNumber: 0 }).of(PacketType.Challenge, Uint8Array.of(GOOD));

const responseOf = (talker: Talker): Uint8Array =>
  talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(GOOD));

describe("E: security classes", () => {
  test("E1: a CHALLENGE for no connection is dropped", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    rig.offer();
    const nobody = clientTalker({ flags: 0, securityIndex: 2 });
    expect(rig.exchange(challengeOf(nobody))).toEqual([]);
    expect(rig.exchange(challengeOf(nobody), STRANGER)).toEqual([]);
    expect(rig.stat(Stat.DropUnknownConnection)).toBe(2);
  });

  test("E1: a CHALLENGE for a plain connection is dropped, with a call on it or without", () => {
    for (const state of ["AwaitReply", "Succeeded"] as const) {
      const { rig, talker, handle } = stageClient(state);
      expect(rig.exchange(challengeOf(talker))).toEqual([]);
      expect([rig.stat(Stat.DropChallenge), handle.isEnded]).toEqual([1, state === "Succeeded"]);
    }
  });

  test("E1: a CHALLENGE for a secured connection without a waiting call is dropped", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    const bundle = rig.endpoint.openBundle({
      ...openTestBundle(rig).options,
      remote: FRIEND,
      serviceId: SERVICE_ID,
      securityIndex: 2,
    });
    const handle = rig.endpoint.beginCall(bundle, new Listener());
    handle.end();
    rig.poll();
    const talker = serverTalker(handle.call as Call).with({ securityIndex: 2 });
    rig.exchange(talker.data(1, 20, LAST));
    rig.pass(2_000_000);
    expect(handle.isEnded).toBe(true);
    expect(rig.exchange(challengeOf(talker))).toEqual([]);
    expect(rig.stat(Stat.DropChallenge)).toBe(1);
  });

  test("E5: a RESPONSE to a server that was restarted, or that has asked for none, is dropped", () => {
    const fake = new FakeSecurity();
    const rig = new Rig({ security: [nullSecurity, fake] });
    rig.offer();
    const talker = clientTalker({ securityIndex: 2 });
    expect(rig.exchange(responseOf(talker))).toEqual([]);
    expect([rig.stat(Stat.DropUnknownConnection), fake.connections.length]).toEqual([1, 0]);
    // The connection begins as if nothing had been said, and is secured by the RESPONSE that it asks for.
    expect(rig.exchange(talker.data(1, 20, LAST))).toContain("CHALLENGE");
    expect(rig.exchange(responseOf(talker))).toEqual([]);
    expect(rig.newCalls.length).toBe(1);
    expect(rig.exchange(responseOf(talker))).toEqual([]);
    expect([rig.stat(Stat.DropResponse), rig.newCalls[0]?.isEnded]).toEqual([1, false]);
  });

  test("a slow verdict that comes when the connection has ended, or has been secured, changes nothing", () => {
    for (const late of [0, BAD_RESPONSE]) {
      const fake = new FakeSecurity();
      const rig = new Rig({ security: [nullSecurity, fake] });
      rig.offer();
      const talker = clientTalker({ securityIndex: 2 });
      rig.exchange(talker.data(1, 20, LAST));
      const slow = talker.with({ callNumber: 0 }).of(PacketType.Response, Uint8Array.of(SLOW));
      rig.exchange(slow);
      rig.exchange(slow);
      const [connection] = fake.connections;
      connection?.resolve(0);
      rig.drain();
      connection?.resolve(late);
      rig.drain();
      expect([rig.newCalls.length, rig.newCalls[0]?.isEnded]).toEqual([1, false]);
      rig.exchange(talker.with({ callNumber: 0 }).abort(5));
      connection?.resolve(late);
      rig.drain();
      expect(rig.exchange(talker.with({ callNumber: 2 }).data(1, 20))).toEqual(["ABORT 5"]);
      expect(rig.newCalls.length).toBe(1);
    }
  });

  test("E5: a RESPONSE on a plain connection changes nothing", () => {
    const rig = new Rig();
    rig.offer();
    const talker = clientTalker();
    rig.exchange(talker.data(1));
    expect(rig.exchange(responseOf(talker))).toEqual([]);
    expect([rig.stat(Stat.DropResponse), rig.newCalls[0]?.isEnded]).toEqual([1, false]);
  });
});
