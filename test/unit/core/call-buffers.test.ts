// Calls at a full buffer pool: who waits, who is served, who ends all the same.
import { describe, expect, test } from "vitest";
import { type Call, Completion } from "../../../src/core/call-object.js";
import type { EndpointOptions } from "../../../src/core/config.js";
import type { RefusalPolicy } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { exchange, give, hog, type Member, names, SMALL, stage, talkerOf } from "./full-pool.js";
import { LAST, Listener, nameOf, Rig, type Sent, STRANGER } from "./rig.js";

describe("a packet that finds no buffer", () => {
  test("is answered NoSpace; when another call reads, its call has the buffer in that step, and an Idle ACK says so", () => {
    const { rig, members } = stage(2);
    const [reading, waiting] = members as [Member, Member];
    const { buffers } = rig.endpoint.local;
    for (let seq = 2; buffers.freeFor(BufferClass.Request) > 0; seq++)
      exchange(rig, reading.talker.data(seq));
    const free = buffers.free;
    expect(exchange(rig, waiting.talker.data(2))).toEqual(["ACK NoSpace"]);
    expect([buffers.waiters.count, rig.stat(Stat.DropNoBuffer), waiting.call.rx.next]).toEqual([1, 1, 2]);

    expect(reading.handle.skip(8)).toBe(8);
    expect([waiting.call.rx.granted !== NO_BUFFER, buffers.waiters.count, buffers.free]).toEqual([
      true,
      0,
      free,
    ]);
    const [told] = rig.poll() as [Sent];
    expect([nameOf(told), told.ack?.firstPacket, told.ack?.nAcks]).toEqual(["ACK Idle", 2, 0]);
    expect(told.header.cid).toBe(waiting.talker.shared.cid);

    const granted = waiting.call.rx.granted;
    expect(exchange(rig, waiting.talker.data(2))).not.toContain("ACK NoSpace");
    expect([waiting.call.rx.next, waiting.call.rx.bufferAt(2), waiting.call.rx.granted]).toEqual([
      3,
      granted,
      NO_BUFFER,
    ]);
    expect([buffers.free, buffers.waiters.handedOver, rig.buffersUsed]).toEqual([free, 1, 16 - free]);
  });

  test("its call waits once, however often the packet comes, and keeps its place", () => {
    const { rig, members } = stage(3);
    const hogged = hog(rig);
    for (const n of [1, 0, 2, 1, 1]) {
      expect(exchange(rig, (members[n] as Member).talker.data(2))).toEqual(["ACK NoSpace"]);
    }
    expect(rig.endpoint.local.buffers.waiters.count).toBe(3);
    const order: number[] = [];
    while (hogged.length > 0) {
      give(rig, hogged, 1);
      members.forEach(({ call }, n) => {
        if (call.rx.granted !== NO_BUFFER && !order.includes(n)) order.push(n);
      });
    }
    expect(order).toEqual([1, 0, 2]);
  });

  test("a call that found a buffer before its turn came waits no longer", () => {
    const { rig, members } = stage(1);
    const [{ talker, call }] = members as [Member];
    hog(rig, BufferClass.Request);
    exchange(rig, talker.data(2));
    expect(rig.endpoint.local.buffers.waiters.count).toBe(1);
    // The same packet, sent again as the last one: that may use what is kept back.
    exchange(rig, talker.data(2, 8, LAST));
    expect([call.rx.isComplete, rig.endpoint.local.buffers.waiters.count]).toEqual([true, 0]);
  });

  test("a packet behind a gap is not kept while anybody waits, nor of the last eighth", () => {
    const { rig, members } = stage(2, { buffersMax: 48 });
    const [one, two] = members as [Member, Member];
    const { buffers } = rig.endpoint.local;
    const hogged = hog(rig);
    exchange(rig, one.talker.data(2));
    expect(exchange(rig, two.talker.data(3))).toEqual(["ACK NoSpace"]);
    expect([buffers.waiters.count, one.call.rx.granted]).toEqual([1, NO_BUFFER]);
    give(rig, hogged, 7);
    expect([buffers.waiters.count, buffers.free]).toEqual([0, 6]);
    expect(names(rig.poll())).toEqual(["ACK Idle"]);
    expect(exchange(rig, two.talker.data(3))).toEqual(["ACK NoSpace"]);
    give(rig, hogged, 1);
    expect(exchange(rig, two.talker.data(3))).toEqual(["ACK OutOfSequence"]);
    expect([buffers.free, exchange(rig, two.talker.data(4)), buffers.waiters.count]).toEqual([
      6,
      ["ACK NoSpace"],
      0,
    ]);
  });

  test("of a jumbogram what comes before it is kept", () => {
    const { rig, members } = stage(1);
    const [{ talker, call }] = members as [Member];
    const hogged = hog(rig, BufferClass.Request);
    give(rig, hogged, 2);
    expect(exchange(rig, talker.jumbo(2, 4, 20))).toEqual(["ACK NoSpace"]);
    expect([call.rx.next, call.rx.top, rig.endpoint.local.buffers.waiters.count]).toEqual([4, 3, 1]);
  });

  test("a packet behind a gap that is refused does not keep the news of a buffer from the peer", () => {
    const { rig, members } = stage(1);
    const [{ talker, call }] = members as [Member];
    const hogged = hog(rig);
    exchange(rig, talker.data(2));
    give(rig, hogged, 4);
    expect(call.rx.granted).not.toBe(NO_BUFFER);
    // One of the same burst, before anything was sent: told NoSpace now, the peer would wait for its timer.
    rig.feed(talker.data(3));
    const [told, ...more] = rig.poll() as [Sent];
    expect([told.ack?.firstPacket, more.length, call.rx.top]).toEqual([2, 0, 1]);
    expect(nameOf(told)).not.toBe("ACK NoSpace");
  });

  test("what a reader no longer wants is taken with the last buffer, and keeps none", () => {
    const { rig, members } = stage(1);
    const [{ talker, handle, call }] = members as [Member];
    const hogged = hog(rig);
    handle.discardInput();
    const before = rig.endpoint.local.buffers.free;
    expect(before).toBe(1);
    for (let seq = 2; seq < 6; seq++) expect(exchange(rig, talker.data(seq))).not.toContain("ACK NoSpace");
    expect([call.rx.next, rig.endpoint.local.buffers.free, hogged.length]).toEqual([6, 1, 15]);
  });
});

describe("a call that waits ends on time, without a buffer", () => {
  const waiting = (options: EndpointOptions = {}): { rig: Rig; member: Member; hogged: number[] } => {
    const { rig, members } = stage(1, options);
    const [member] = members as [Member];
    member.handle.skip(8);
    const hogged = hog(rig);
    expect(exchange(rig, member.talker.data(2))).toContain("ACK NoSpace");
    expect(rig.endpoint.local.buffers.waiters.count).toBe(1);
    return { rig, member, hogged };
  };
  const ended = (rig: Rig, member: Member, sent: readonly Sent[], abortCode: number): void => {
    const { buffers } = rig.endpoint.local;
    expect(names(sent).filter((name) => name.startsWith("ABORT"))).toEqual([`ABORT ${abortCode}`]);
    expect([member.listener.ends, member.handle.completion]).toEqual([1, Completion.LocallyAborted]);
    expect([buffers.free, buffers.waiters.count]).toEqual([0, 0]);
  };

  test("by limitTime()", () => {
    const { rig, member } = waiting();
    member.handle.limitTime(50_000);
    rig.pass(49_999);
    expect(member.handle.isEnded).toBe(false);
    ended(rig, member, rig.pass(1), -3);
  });

  test("by the peer's silence", () => {
    const { rig, member } = waiting({ requestProgressMs: 60_000 });
    rig.pass(19_999_999);
    expect(member.handle.isEnded).toBe(false);
    ended(rig, member, rig.pass(1), -1);
  });

  test("by want of progress, though its peer lives and says so", () => {
    const { rig, member } = waiting();
    for (let s = 1; s < 30; s++) {
      rig.pass(1_000_000);
      rig.feed(member.talker.ping());
      exchange(rig, member.talker.data(2));
    }
    rig.pass(999_999);
    expect(member.handle.isEnded).toBe(false);
    ended(rig, member, rig.pass(1), -3);
  });

  test.each(["abort", "fail", "release", "peer"] as const)(
    "and by %s, what was handed over to it goes to the next at once",
    (how) => {
      const { rig, members } = stage(3);
      const [first, second, third] = members as [Member, Member, Member];
      const { buffers } = rig.endpoint.local;
      const hogged = hog(rig);
      for (const { talker } of members) exchange(rig, talker.data(2));
      give(rig, hogged, 4);
      expect([first.call.rx.granted !== NO_BUFFER, buffers.waiters.count]).toEqual([true, 2]);
      const { granted } = first.call.rx;
      rig.poll();
      if (how === "abort") first.handle.abort(7);
      else if (how === "fail") first.handle.fail(Completion.LocalError, 7);
      else if (how === "release") first.handle.release(7);
      else rig.feed(first.talker.abort(7));
      // What the reader of a call that has ended may still read stays; all of a released call comes back.
      expect(second.call.rx.granted).toBe(granted);
      expect(third.call.rx.granted !== NO_BUFFER).toBe(how === "release");
      rig.drain();
      expect([buffers.free, buffers.waiters.count]).toEqual([3, 0]);
      expect(names(rig.poll()).filter((name) => name === "ACK Idle").length).toBe(2);
    },
  );

  test("one that leaves the middle of the queue takes nobody with it", () => {
    const { rig, members } = stage(4);
    const hogged = hog(rig);
    for (const { talker } of members) exchange(rig, talker.data(2));
    (members[1] as Member).handle.fail(Completion.LocalError, 7);
    give(rig, hogged);
    expect(members.map(({ call }) => call.rx.granted !== NO_BUFFER)).toEqual([true, false, true, true]);
    expect(rig.endpoint.local.buffers.waiters.passedOn).toBe(0);
  });
});

describe("what a call needs a buffer for says when it gets one", () => {
  test("an end goes before a reply, that before a request of our own, and that before one of others", () => {
    const { rig, members } = stage(3);
    const [request, last, replying] = members as [Member, Member, Member];
    const client = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
    client.write(new Uint8Array(8), 0, 8);
    client.end();
    const reading = client.call as Call;
    rig.poll();
    exchange(rig, serverTalker(reading).data(1));
    exchange(rig, replying.talker.data(2, 8, LAST));
    const own = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
    const hogged = hog(rig);
    // Who comes last here is served first.
    exchange(rig, request.talker.data(2));
    own.write(new Uint8Array(8), 0, 8);
    exchange(rig, serverTalker(reading).data(2));
    replying.handle.write(new Uint8Array(8), 0, 8);
    exchange(rig, last.talker.data(2, 8, LAST));
    const grants = {
      request: request.call.rx,
      own: (own.call as Call).tx,
      reading: reading.rx,
      writing: replying.call.tx,
      last: last.call.rx,
    };
    const order: string[] = [];
    const at: number[] = [];
    while (hogged.length > 0) {
      give(rig, hogged, 1);
      for (const [name, half] of Object.entries(grants)) {
        if (half.granted === NO_BUFFER || order.includes(name)) continue;
        order.push(name);
        at.push(rig.endpoint.local.buffers.free);
      }
    }
    expect(order).toEqual(["last", "reading", "writing", "own", "request"]);
    // Each takes the first one that is above what its class leaves to the others.
    expect(at).toEqual([0, 1, 1, 2, 3]);
  });

  test("a last packet is taken when only the reserve is left", () => {
    const { rig, members } = stage(2);
    const [first, second] = members as [Member, Member];
    const hogged = hog(rig);
    give(rig, hogged, 1);
    expect(exchange(rig, first.talker.data(2))).toEqual(["ACK NoSpace"]);
    expect(exchange(rig, second.talker.data(2, 8, LAST))).not.toContain("ACK NoSpace");
    expect([second.call.rx.isComplete, rig.endpoint.local.buffers.free]).toEqual([true, 0]);
  });

  test.each([
    [{ kind: "busy" }, ["BUSY"], [1, 0, 0]],
    [{ kind: "abort", code: -77 }, ["ABORT -77"], [0, 1, 0]],
    [{ kind: "drop" }, [], [0, 0, 1]],
  ] as const)(
    "a new call that could not store its first packet is refused: %j, and nothing is made for it",
    (policy, answer, counts) => {
      const rig = new Rig({ options: SMALL });
      const service = rig.offer({ policy: policy as RefusalPolicy }, 8);
      const hogged = hog(rig, BufferClass.NewCall);
      const { connections, peers, calls } = rig.endpoint.local;
      const before = [
        calls.used,
        connections.pool.used,
        peers.pool.used,
        connections.known.count,
        peers.known.count,
      ];
      expect(exchange(rig, talkerOf(1).data(1, 8, LAST))).toEqual(answer);
      const { busy, aborted, dropped } = service.counters;
      expect([busy, aborted, dropped]).toEqual(counts);
      expect([
        calls.used,
        connections.pool.used,
        peers.pool.used,
        connections.known.count,
        peers.known.count,
      ]).toEqual(before);
      expect([service.backlog.calls, rig.endpoint.local.buffers.waiters.count, rig.newCalls.length]).toEqual([
        8, 0, 0,
      ]);
      give(rig, hogged, 1);
      exchange(rig, talkerOf(1).data(1, 8, LAST));
      expect([rig.newCalls.length, rig.stat(Stat.DropNoBuffer)]).toEqual([1, 0]);
    },
  );

  test("a stranger that is refused for want of a buffer spends no more than the refusal, and stays one stranger", () => {
    const rig = new Rig({ options: SMALL });
    rig.offer({}, 8);
    rig.exchange(talkerOf(1).data(1), STRANGER);
    const { peers } = rig.endpoint.local;
    const peer = peers.find(STRANGER);
    hog(rig, BufferClass.NewCall);
    // On its connection, where what it sends adds to what it may be sent, and on a new one.
    const credit = peer?.credit as number;
    const again = talkerOf(1)
      .with({ cid: 0x10_004 | 1 })
      .data(1);
    expect(rig.exchange(again, STRANGER)).toEqual(["BUSY"]);
    expect(rig.exchange(talkerOf(2).data(1), STRANGER)).toEqual(["BUSY"]);
    expect([peer?.credit, peers.strangers, peer?.activeCalls]).toEqual([
      credit + 3 * again.length - 28,
      1,
      1,
    ]);
    for (let n = 3; n < 40; n++) rig.exchange(talkerOf(n).data(1), STRANGER);
    expect([rig.stat(Stat.BusyPacketsSent), rig.stat(Stat.RefusalsWithheld)]).toEqual([20, 19]);
  });
});
