// What all parts of an endpoint share: who asks the host for what, and what a proof of address sets free.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { nullSecurity } from "../../../src/security/null.js";
import { openTestBundle } from "./calls.js";
import { FakeSecurity } from "./fake-security.js";
import { clientTalker } from "./packets.js";
import { addressOf, LAST, Listener, nameOf, Rig, STRANGER } from "./rig.js";

describe("the host", () => {
  const begin = (rig: Rig): CallHandle => rig.endpoint.beginCall(openTestBundle(rig), new Listener());

  test("is asked for a timer by what becomes the first deadline, and by nothing else", () => {
    const rig = new Rig();
    const asked = (act: () => unknown): boolean => {
      const before = rig.timerWanted;
      act();
      return rig.timerWanted > before;
    };
    let first: CallHandle | undefined;
    let second: CallHandle | undefined;
    expect(
      asked(() => {
        first = begin(rig);
      }),
    ).toBe(true);
    rig.nowUs += 1_000;
    rig.endpoint.advance(rig.nowUs);
    expect(
      asked(() => {
        second = begin(rig);
      }),
    ).toBe(false);
    expect(asked(() => second?.limitTime(5_000_000))).toBe(false);
    expect(asked(() => second?.limitTime(1_000_000))).toBe(true);
    expect(rig.endpoint.nextTimeoutUs()).toBeLessThanOrEqual(rig.nowUs + 1_000_000);
    expect(asked(() => first?.limitTime(1_000_001))).toBe(false);
    expect(asked(() => first?.limitTime(999_999))).toBe(true);
  });

  test("is asked for a flush when there is something to send and was nothing, replies included", () => {
    const rig = new Rig();
    const { local } = rig.endpoint;
    const asked = (act: () => unknown): number => {
      const before = rig.transmitWanted;
      act();
      return rig.transmitWanted - before;
    };
    const [first, second] = [begin(rig), begin(rig)];
    rig.poll();
    expect([local.hasTransmit, asked(() => first.end()), asked(() => second.end())]).toEqual([false, 1, 0]);
    expect(local.hasTransmit).toBe(true);
    rig.poll();
    expect([local.hasTransmit, asked(() => local.addReply(STRANGER)), local.hasTransmit]).toEqual([
      false,
      1,
      true,
    ]);
    expect(asked(() => local.addReply(STRANGER))).toBe(0);
    rig.poll();
    expect(asked(() => local.addReply(STRANGER))).toBe(1);
  });
});

describe("a proof of address", () => {
  test("lets the calls of that peer go, and nobody else's", () => {
    const rig = new Rig();
    const service = rig.offer({}, 8);
    const others = addressOf("198.51.100.7", 7_001);
    const cids = [0x1000, 0x2000, 0x1001, 0x2001];
    cids.forEach((cid) => {
      rig.feed(clientTalker({ cid }).data(1, 8, LAST), (cid & 0x2000) === 0 ? STRANGER : others);
    });
    rig.drain();
    rig.poll();
    rig.newCalls.forEach((handle, i) => {
      service.accept(handle, BigInt(i));
      handle.write(new Uint8Array(1_000), 0, 1_000);
      handle.end();
    });
    expect(rig.names()).toEqual([]);
    const { local } = rig.endpoint;
    expect([local.blockedCalls.count, local.strangerCalls.count]).toEqual([4, 4]);
    const peer = local.peers.find(STRANGER);
    if (peer === null) throw new Error("no peer");
    local.provePeer(peer);
    expect(rig.poll().map((sent) => [nameOf(sent), sent.header.cid])).toEqual([
      ["DATA 1", 0x1000],
      ["DATA 1", 0x1001],
    ]);
    expect([local.blockedCalls.count, local.strangerCalls.count]).toEqual([2, 2]);
    // Once is enough.
    local.provePeer(peer);
    expect(rig.names()).toEqual([]);
  });
});

describe("security classes", () => {
  test("are found by their index", () => {
    const fake = new FakeSecurity();
    const { local } = new Rig({ security: [nullSecurity, fake] }).endpoint;
    expect([0, 1, 2, 3].map((index) => local.securityClass(index))).toEqual([nullSecurity, null, fake, null]);
  });
});
