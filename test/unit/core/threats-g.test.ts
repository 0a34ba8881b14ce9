// Runtime, as far as the core answers for it: bounded turns, clocks that jump, and pools that are used up.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { EndpointOptions } from "../../../src/core/config.js";
import { EventClass, EventItem } from "../../../src/loop/event-cache.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { stageService } from "./calls.js";
import { give, hog, type Member, PACKET, stage } from "./full-pool.js";
import { clientTalker, type Talker } from "./packets.js";
import { LAST, Listener, nameOf, Rig, type Sent } from "./rig.js";

const on = (n: number, fields = {}): Talker => clientTalker({ cid: 0x10_000 + n * 4, ...fields });
const isData = (one: Sent): boolean => one.header.type === PacketType.Data;

class Counted extends EventItem {
  runs = 0;
  runEvent(): void {
    this.runs++;
  }
}

/** `count` calls of as many connections, each with a reply under way that is not acknowledged. */
function replying(
  count: number,
  bytes = 4 * PACKET,
  options: EndpointOptions = {},
): { rig: Rig; handles: CallHandle[]; listeners: Listener[] } {
  const rig = new Rig({ options: { callsPerPeerMax: count, ...options } });
  const service = rig.offer({ callsPerPeerMax: count }, 32);
  const listeners: Listener[] = [];
  for (let n = 0; n < count; n++) {
    rig.exchange(on(n).data(1, 8, LAST));
    const handle = rig.newCalls[n] as CallHandle;
    service.accept(handle, BigInt(n));
    const listener = new Listener();
    listeners.push(listener);
    handle.listener = listener;
    handle.write(new Uint8Array(bytes), 0, bytes);
    handle.end();
    rig.poll();
  }
  return { rig, handles: rig.newCalls, listeners };
}

describe("G: runtime", () => {
  test("G4: a turn runs a bounded number of items, and leaves the rest to the next", () => {
    const rig = new Rig();
    const items = Array.from({ length: 500 }, () => new Counted());
    for (const item of items) rig.events.put(item, EventClass.Data);
    rig.events.drain();
    expect(items.filter(({ runs }) => runs === 1).length).toBe(64);
    for (let turn = 1; turn < 8; turn++) rig.events.drain();
    expect(items.every(({ runs }) => runs === 1)).toBe(true);
  });

  test("G4: items that take long end the turn early", () => {
    const rig = new Rig();
    class Slow extends Counted {
      override runEvent(): void {
        super.runEvent();
        rig.nowUs += 500;
      }
    }
    const items = Array.from({ length: 50 }, () => new Slow());
    for (const item of items) rig.events.put(item, EventClass.Data);
    rig.events.drain();
    expect(items.filter(({ runs }) => runs === 1).length).toBe(8);
  });

  test("G4: timers that are all due at once run in turns of 256", () => {
    const { rig } = replying(600, 8);
    rig.nowUs += 1_500_000;
    const turn = (): number => {
      rig.endpoint.handleTimeout(rig.nowUs);
      return new Set(
        rig
          .poll()
          .filter(isData)
          .map((one) => one.header.cid),
      ).size;
    };
    expect([turn(), turn(), turn(), turn()]).toEqual([256, 256, 88, 0]);
  });

  test("G8: calls that wait for a buffer get one in their order, and are told by an ACK", () => {
    const { rig, members } = stage(4);
    const all = hog(rig, BufferClass.Request);
    for (const member of members) rig.feed(member.talker.data(2));
    expect(rig.poll().map(nameOf)).toEqual(new Array(4).fill("ACK NoSpace"));
    for (const member of members) {
      give(rig, all, 1);
      const told = rig.poll();
      expect(told.map(nameOf)).toEqual(["ACK Idle"]);
      expect(told[0]?.header.cid).toBe(member.talker.shared.cid);
    }
  });

  test("G8: with no buffer at all PINGs are answered, calls are refused, and calls end", () => {
    const { rig, members } = stage(2);
    hog(rig);
    expect(rig.endpoint.local.buffers.free).toBe(0);
    const [first, second] = members as [Member, Member];
    const told = (bytes: Uint8Array): string[] => {
      rig.feed(bytes);
      rig.drain();
      return rig.poll().map(nameOf);
    };
    expect(told(first.talker.ping())).toEqual(["ACK PingResponse"]);
    expect(told(first.talker.data(2))).toEqual(["ACK NoSpace"]);
    expect(told(on(50).data(1))).toEqual(["BUSY"]);
    first.handle.abort(7);
    expect(rig.poll().map(nameOf)).toEqual(["ABORT 7"]);
    expect(rig.pass(100_000_000).map(nameOf)).toContain("ABORT -1");
    expect([second.handle.isEnded, second.listener.ends]).toEqual([true, 1]);
  });

  test("G8: what is soft-acknowledged to the peer is never dropped for want of buffers", () => {
    const { rig, members } = stage(2);
    const [first, second] = members as [Member, Member];
    rig.feed(first.talker.data(3, 8));
    expect(rig.poll().find((one) => one.ack !== null)?.acks).toEqual([0, 1]);
    hog(rig);
    for (let seq = 2; seq < 8; seq++) rig.feed(second.talker.data(seq));
    rig.feed(first.talker.ping());
    const answer = rig.poll().find((one) => one.header.cid === first.talker.shared.cid);
    expect(answer?.acks).toEqual([0, 1]);
    expect(first.call.rx.top).toBe(3);
  });

  test("G12: timers that come seconds late judge no call whose peer's packets still wait in the socket", () => {
    const { rig, handles, listeners } = replying(20);
    const wakeUs = rig.nowUs + 45_000_000;
    rig.nowUs = wakeUs;
    rig.endpoint.handleTimeout(rig.nowUs);
    rig.drain();
    rig.poll();
    expect(handles.filter((handle) => handle.isEnded)).toEqual([]);
    for (const n of handles.keys()) rig.feed(on(n).ack({ firstPacket: 2, previousPacket: 1 }));
    rig.pass(5_000_000);
    expect(handles.filter((handle) => handle.isEnded)).toEqual([]);
    // Those that stay silent are judged after all, each once.
    rig.pass(100_000_000);
    expect(listeners.map(({ ends }) => ends)).toEqual(new Array(20).fill(1));
  });

  test("G13: after a minute of standing still each call sends again a little, and not all that it has", () => {
    const { rig, handles } = replying(40, 20 * PACKET, { deadTimeMs: 120_000, sendProgressMs: 120_000 });
    const window = handles[0]?.call?.tx.inFlight as number;
    expect(window).toBeGreaterThanOrEqual(10);
    rig.nowUs += 60_000_000;
    let again: Sent[] = [];
    for (let turn = 0; turn < 10 && rig.endpoint.nextTimeoutUs() <= rig.nowUs; turn++) {
      rig.endpoint.handleTimeout(rig.nowUs);
      rig.drain();
      again = [...again, ...rig.poll()];
    }
    expect(rig.endpoint.nextTimeoutUs()).toBeGreaterThan(rig.nowUs);
    expect(again.filter(isData).length).toBeGreaterThan(0);
    expect(again.filter(isData).length).toBeLessThanOrEqual(2 * handles.length);
    // Nor later, when nobody answers that: one packet for each timeout of a call.
    const later = rig.pass(3_000_000).filter(isData);
    expect(later.length).toBeGreaterThanOrEqual(handles.length);
    expect(later.length).toBeLessThanOrEqual(4 * handles.length);
  });

  test("G15: load beyond every limit makes no pool grow", () => {
    const options = { callsMax: 40, connectionsMax: 48, peersMax: 48, buffersMax: 64, callsPerPeerMax: 40 };
    const rig = new Rig({ options });
    const service = rig.offer({ callsPerPeerMax: 400 }, 8);
    const { buffers, calls, connections, peers } = rig.endpoint.local;
    const slab = buffers.bytes;
    let refused = 0;
    for (let n = 0; n < 400; n++) {
      const before = rig.newCalls.length;
      refused += rig.exchange(on(n).data(1, 8)).filter((name) => name === "BUSY").length;
      if (rig.newCalls.length > before) service.accept(rig.newCalls.at(-1) as CallHandle, BigInt(n));
    }
    expect([rig.newCalls.length, refused]).toEqual([40, 360]);
    for (let n = 0; n < 400; n++) for (let seq = 2; seq < 6; seq++) rig.exchange(on(n).data(seq, PACKET));
    expect([calls.all.length, calls.used]).toEqual([40, 40]);
    expect(connections.pool.all.length).toBeLessThanOrEqual(48);
    expect(peers.pool.all.length).toBeLessThanOrEqual(48);
    expect(buffers.used).toBeLessThanOrEqual(64);
    expect([buffers.bytes === slab, buffers.totalBytes]).toEqual([true, slab.byteLength + 16 * 64]);
  });

  test("G15: without buffers new calls are refused first, and one from before goes on", () => {
    const rig = new Rig({ options: { buffersMax: 64, callsPerPeerMax: 400 } });
    const service = rig.offer({ callsPerPeerMax: 400 }, 32);
    rig.exchange(on(0).data(1));
    const old = rig.newCalls[0] as CallHandle;
    let refused = 0;
    for (let n = 1; n < 400; n++) {
      const before = rig.newCalls.length;
      refused += rig.exchange(on(n).data(1, PACKET)).filter((name) => name === "BUSY").length;
      if (rig.newCalls.length > before) service.accept(rig.newCalls.at(-1) as CallHandle, BigInt(n));
    }
    expect(refused).toBeGreaterThan(300);
    expect(rig.newCalls.every((handle) => handle.bytesReceived > 0)).toBe(true);
    expect(old.isEnded).toBe(false);
    rig.exchange(on(0).data(2, 8, LAST));
    expect(old.bytesReceived).toBe(16);
  });

  test("G16: bytes that were read are the reader's own, whatever becomes of the buffers", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    rig.feed(talker.data(2, Uint8Array.of(1, 2, 3, 4)));
    const kept = new Uint8Array(12);
    expect(handle.readInto(kept, 0, 12)).toBe(12);
    rig.endpoint.local.buffers.bytes.fill(0xee);
    expect([...kept.subarray(8)]).toEqual([1, 2, 3, 4]);
    expect(kept.buffer).not.toBe(rig.endpoint.local.buffers.bytes.buffer);
  });
});
