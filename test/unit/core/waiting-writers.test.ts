// Writers at a full buffer pool: when they are told that there is a buffer again, and who gets it when they are gone.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, CallEvent, Completion } from "../../../src/core/call-object.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { exchange, give, hog, type Member, PACKET, SMALL, stage, talkerOf } from "./full-pool.js";
import { LAST, Listener, Rig } from "./rig.js";

describe("a writer that finds no buffer", () => {
  const isTold = ({ call, listener }: Member): boolean =>
    ((call.events | listener.events) & CallEvent.Writable) !== 0;
  const bytes = new Uint8Array(8 * PACKET).fill(7);

  test("is told in the step that frees one, once, and writes into that one", () => {
    const { rig, members } = stage(2, {}, LAST);
    const [reading, writing] = members as [Member, Member];
    hog(rig, BufferClass.Reply);
    expect(writing.handle.write(bytes, 0, 3 * PACKET)).toBe(0);
    expect([rig.endpoint.local.buffers.waiters.count, isTold(writing)]).toEqual([1, false]);
    reading.handle.skip(8);
    expect(isTold(writing)).toBe(true);
    rig.drain();
    writing.listener.events = 0;
    writing.call.events = 0;
    expect(writing.handle.write(bytes, 0, 3 * PACKET)).toBe(PACKET);
    expect(rig.endpoint.local.buffers.waiters.count).toBe(1);
    expect(isTold(writing)).toBe(false);
  });

  test("is told as well when several buffers come back at once", () => {
    const { rig, members } = stage(1, {}, LAST);
    const [writing] = members as [Member];
    // One packet in four buffers.
    const long = talkerOf(9);
    rig.exchange(long.data(1, 5_000, LAST));
    hog(rig, BufferClass.Reply);
    expect(writing.handle.write(bytes, 0, PACKET)).toBe(0);
    (rig.newCalls[1] as CallHandle).discardInput();
    expect([isTold(writing), rig.endpoint.local.buffers.waiters.passedOn]).toEqual([true, 0]);
    expect(writing.handle.write(bytes, 0, PACKET)).toBe(PACKET);
  });

  test("waits for room in its queue first, and then for a buffer", () => {
    const { rig, members } = stage(1, { transmitQueuePackets: 2 }, LAST);
    const [member] = members as [Member];
    const { buffers } = rig.endpoint.local;
    member.handle.skip(8);
    expect(member.handle.write(bytes, 0, 3 * PACKET)).toBe(2 * PACKET);
    rig.poll();
    const hogged = hog(rig);
    expect(buffers.waiters.count).toBe(0);
    // The buffer that comes back is the last, which replies leave to ends.
    rig.feed(member.talker.ack({ firstPacket: 2 }));
    expect([buffers.waiters.count, buffers.free, isTold(member)]).toEqual([1, 1, false]);
    give(rig, hogged, 1);
    expect([buffers.waiters.count, isTold(member)]).toEqual([0, true]);
    // Told once: further room is no news to one that has not written since.
    rig.drain();
    member.listener.events = 0;
    rig.feed(member.talker.ack({ firstPacket: 3 }));
    expect(isTold(member)).toBe(false);
  });

  test("and has ended meanwhile passes its buffer on, in the same step", () => {
    const { rig, members } = stage(2, {}, LAST);
    const [first, second] = members as [Member, Member];
    const hogged = hog(rig, BufferClass.Reply);
    for (const { handle } of members) handle.write(bytes, 0, PACKET);
    first.handle.end();
    give(rig, hogged, 1);
    expect([isTold(first), isTold(second), rig.endpoint.local.buffers.waiters.passedOn]).toEqual([
      false,
      true,
      1,
    ]);
  });

  test("and ends when it has been told, without having written, gives its buffer to the next at once", () => {
    const { rig, members } = stage(2, {}, LAST);
    const [first, second] = members as [Member, Member];
    const hogged = hog(rig, BufferClass.Reply);
    for (const { handle } of members) handle.write(bytes, 0, PACKET);
    give(rig, hogged, 1);
    const { granted } = first.call.tx;
    expect([granted !== NO_BUFFER, isTold(second)]).toEqual([true, false]);
    first.handle.end();
    expect([first.call.tx.granted, second.call.tx.granted, isTold(second)]).toEqual([
      NO_BUFFER,
      granted,
      true,
    ]);
  });

  test("and whose request its peer has answered already needs none", () => {
    const rig = new Rig({ options: SMALL });
    const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
    const call = handle.call as Call;
    handle.write(bytes, 0, 8);
    rig.poll();
    const hogged = hog(rig);
    expect(handle.write(bytes, 0, 2 * PACKET)).toBe(0);
    exchange(rig, serverTalker(call).data(1));
    // One is for the reply that waits; the rest stay free.
    give(rig, hogged, 4);
    expect([call.tx.buffersHeld, rig.endpoint.local.buffers.waiters.count]).toEqual([0, 0]);
  });

  test("D11: one that is cancelled leaves alone, and the next is served", () => {
    const rig = new Rig({ options: SMALL });
    const bundle = openTestBundle(rig, 4);
    const hogged = hog(rig, BufferClass.OwnRequest);
    // The fifth and sixth wait for a channel as well.
    const listeners = Array.from({ length: 6 }, () => new Listener());
    const handles = listeners.map((listener) => rig.endpoint.beginCall(bundle, listener));
    for (const handle of handles) expect(handle.write(bytes, 0, 8)).toBe(0);
    const cancelled = [0, 2, 4];
    for (const n of cancelled) (handles[n] as CallHandle).fail(Completion.LocalError, -5);
    expect(rig.endpoint.local.buffers.waiters.count).toBe(3);
    give(rig, hogged, 3);
    rig.drain();
    expect(listeners.map(({ events }) => (events & CallEvent.Writable) !== 0)).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(listeners.map(({ ends }) => ends)).toEqual([1, 0, 1, 0, 1, 0]);
    for (const n of [1, 3, 5]) expect((handles[n] as CallHandle).write(bytes, 0, 8)).toBe(8);
  });

  test("G9: one that is cancelled as its buffer arrives gives it to the next, and neither is lost nor doubled", () => {
    const rig = new Rig({ options: SMALL });
    const bundle = openTestBundle(rig, 4);
    const hogged = hog(rig, BufferClass.OwnRequest);
    const handles = [0, 1].map(() => rig.endpoint.beginCall(bundle, new Listener()));
    const [first, second] = handles.map((handle) => handle.call) as [Call, Call];
    for (const handle of handles) handle.write(bytes, 0, 8);
    give(rig, hogged, 1);
    const { granted } = first.tx;
    expect([granted !== NO_BUFFER, second.tx.granted]).toEqual([true, NO_BUFFER]);
    handles[0]?.abort(-5);
    expect([first.tx.granted, second.tx.granted]).toEqual([NO_BUFFER, granted]);
    rig.drain();
    expect(handles[1]?.write(bytes, 0, 8)).toBe(8);
    handles[1]?.abort(-5);
    rig.drain();
    give(rig, hogged);
    expect([rig.endpoint.local.buffers.free, rig.buffersUsed]).toEqual([16, 0]);
  });
});
