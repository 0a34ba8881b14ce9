// The surface of an endpoint: time, timers, blocked peers, what handles do with data.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import { CallEvent, Completion } from "../../../src/core/call-object.js";
import { ServiceState } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, stageClient, stageService } from "./calls.js";
import { clientTalker, filled } from "./packets.js";
import { addressOf, LAST, Listener, nameOf, Rig, STRANGER, WANTS_ACK } from "./rig.js";

describe("time", () => {
  test("an endpoint with nothing to do wants no timer", () => {
    const rig = new Rig();
    rig.offer();
    expect(rig.endpoint.nextTimeoutUs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("a quiet call PINGs every two seconds, more often when its peer has been silent, and is dead after 20 s", () => {
    const { rig, handle } = stageClient("AwaitReply");
    handle.call?.tx.releaseAll();
    const beganUs = rig.nowUs;
    const at: number[] = [];
    while (!handle.isEnded && rig.nowUs - beganUs < 60_000_000) {
      if (rig.pass(100_000).some((sent) => sent.ack?.reason === AckReason.Ping))
        at.push((rig.nowUs - beganUs) / 1e6);
    }
    const gaps = at.slice(1).map((time, i) => time - (at[i] as number));
    expect(Math.max(...gaps)).toBeLessThan(2.3);
    expect(gaps.slice(-10).every((gap) => gap < 0.7)).toBe(true);
    expect(handle.abortCode).toBe(-1);
    expect((rig.nowUs - beganUs) / 1e6).toBeLessThan(21);
  });

  test("a minute of standing still kills nobody: what waits in the socket is read first", () => {
    const { rig, talker, handle } = stageClient("AwaitReply");
    rig.nowUs += 60_000_000;
    rig.endpoint.handleTimeout(rig.nowUs);
    rig.drain();
    expect(handle.isEnded).toBe(false);
    rig.feed(talker.data(1, 8, LAST));
    rig.drain();
    expect([handle.completion, rig.stat(Stat.CallsTimedOut)]).toEqual([1, 0]);
  });

  test("after a stand-still a peer that stays silent is judged a second later", () => {
    const { rig, handle } = stageClient("AwaitReply");
    rig.nowUs += 60_000_000;
    rig.endpoint.handleTimeout(rig.nowUs);
    rig.pass(1_100_000);
    expect(handle.abortCode).toBe(-1);
  });

  test("thousands of timers that are due at once are run in bounded turns, all of them", () => {
    const rig = new Rig({
      options: {
        callsMax: 2_048,
        clientConnectionsMax: 1_024,
        waitingCallsMax: 2_048,
        connectionsMax: 1_024,
      },
    });
    const bundle = openTestBundle(rig, 512);
    const listeners = Array.from({ length: 2_000 }, () => {
      const listener = new Listener();
      rig.endpoint.beginCall(bundle, listener).limitTime(1_000_000);
      return listener;
    });
    rig.poll();
    rig.nowUs += 1_000_000;
    let turns = 0;
    for (; listeners.some((listener) => listener.ends === 0) && turns < 100; turns++) {
      expect(rig.endpoint.nextTimeoutUs()).toBeLessThanOrEqual(rig.nowUs);
      rig.endpoint.handleTimeout(rig.nowUs);
      rig.drain();
      rig.poll();
    }
    expect([turns > 4, listeners.every((listener) => listener.ends === 1)]).toEqual([true, true]);
  });

  test("a timer is wanted for as long as there is something to forget: a peer alone, tombstones alone", () => {
    const wants = (rig: Rig, us: number): boolean => {
      rig.pass(us);
      return rig.endpoint.nextTimeoutUs() !== Number.POSITIVE_INFINITY;
    };
    // A client connection leaves its peer behind, for a minute.
    const client = new Rig({ options: { idleClientConnectionMs: 1_000 } });
    client.endpoint.beginCall(openTestBundle(client), new Listener()).abort(5);
    client.drain();
    expect(wants(client, 3_000_000)).toBe(true);
    const { connections, peers, tombstones } = client.endpoint.local;
    expect([connections.known.count, peers.known.count, tombstones.count]).toEqual([0, 1, 0]);
    expect([wants(client, 65_000_000), peers.known.count]).toEqual([false, 0]);
    // A service connection leaves its call numbers behind, for two.
    const service = new Rig({ options: { idleConnectionMs: 1_000 } });
    const offered = service.offer();
    service.exchange(clientTalker().data(1));
    offered.reject(service.newCalls[0] as CallHandle, -6);
    service.drain();
    expect(wants(service, 65_000_000)).toBe(true);
    const { local } = service.endpoint;
    expect([local.connections.known.count, local.peers.known.count, local.tombstones.count]).toEqual([
      0, 0, 1,
    ]);
    expect([wants(service, 65_000_000), local.tombstones.count]).toEqual([false, 0]);
  });

  test("idle connections are looked at once a second, however often it is called", () => {
    const rig = new Rig({ options: { idleConnectionMs: 100 } });
    const service = rig.offer();
    const { known } = rig.endpoint.local.connections;
    const turnAfter = (us: number): number => {
      rig.nowUs += us;
      rig.endpoint.handleTimeout(rig.nowUs);
      rig.drain();
      rig.poll();
      return known.count;
    };
    turnAfter(0);
    rig.exchange(clientTalker().data(1));
    service.reject(rig.newCalls[0] as CallHandle, -6);
    rig.drain();
    expect([500_000, 499_999, 1].map(turnAfter)).toEqual([1, 1, 0]);
    rig.exchange(clientTalker({ cid: 0x2000 }).data(1));
    service.reject(rig.newCalls[1] as CallHandle, -6);
    rig.drain();
    expect([999_999, 1].map(turnAfter)).toEqual([1, 0]);
  });

  test("the host is asked for a timer only when the next deadline has become earlier", () => {
    const { rig, talker } = stageService("RecvRequest");
    const wanted = rig.timerWanted;
    for (let i = 0; i < 50; i++) rig.exchange(talker.ping());
    expect(rig.timerWanted - wanted).toBeLessThan(10);
  });
});

describe("services", () => {
  test("an id is offered once; whoever is removed gives it back, closed, and takes no one else's", () => {
    const rig = new Rig();
    const first = rig.offer();
    expect(() => rig.offer()).toThrow("service 147 is offered on this socket already");
    expect(() => rig.offer()).toThrow(expect.objectContaining({ code: "RX_ERR_SERVICE_IN_USE" }));
    rig.endpoint.removeService(first);
    expect([first.state, rig.endpoint.services.size]).toEqual([ServiceState.Closed, 0]);
    const second = rig.offer();
    rig.endpoint.removeService(first);
    expect([rig.endpoint.services.get(147), second.state]).toEqual([second, ServiceState.Listening]);
  });
});

describe("a bundle", () => {
  test("of a security class that the socket lacks is refused by name", () => {
    const rig = new Rig();
    const { options } = openTestBundle(rig);
    expect(() => rig.endpoint.openBundle({ ...options, securityIndex: 9 })).toThrow(
      /securityIndex.*the index of a class of this socket.*9/,
    );
  });
});

describe("calls that wait for a channel", () => {
  test("get the one that a user gives up with the next output", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 5 }, () => {
      const handle = rig.endpoint.beginCall(bundle, new Listener());
      handle.end();
      return handle;
    });
    expect(rig.names()).toEqual(["DATA 1", "DATA 1", "DATA 1", "DATA 1"]);
    handles[2]?.abort(9);
    const [sent, ...others] = rig.poll();
    expect([sent && nameOf(sent), sent?.header.cid, sent?.header.callNumber, others]).toEqual([
      "DATA 1",
      (handles[4]?.call?.connection?.connectionId as number) | 2,
      2,
      [],
    ]);
  });
});

describe("a network that cannot be reached", () => {
  test("ends the calls to that address, not those that have no connection yet, nor those of other ports", () => {
    const rig = new Rig();
    rig.offer();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 5 }, () => rig.endpoint.beginCall(bundle, new Listener()));
    rig.endpoint.handleNetworkError(addressOf("127.0.0.1", 7_002));
    rig.drain();
    expect(handles.map((handle) => handle.isEnded)).toEqual([false, false, false, false, false]);
    rig.endpoint.handleNetworkError(addressOf("127.0.0.1", 7_001));
    rig.drain();
    expect(handles.map((handle) => [handle.isEnded, handle.completion])).toEqual([
      ...Array.from({ length: 4 }, () => [true, Completion.NetworkError]),
      [false, Completion.None],
    ]);
    // It has a channel now.
    expect(handles[4]?.call?.callNumber).toBe(2);
  });
});

describe("peers that have not proved their address", () => {
  const opened = (): {
    rig: Rig;
    first: CallHandle;
    second: CallHandle;
    talkers: ReturnType<typeof clientTalker>[];
  } => {
    const rig = new Rig();
    const service = rig.offer();
    const talkers = [0x1000, 0x1001].map((cid) => clientTalker({ cid }));
    for (const talker of talkers) rig.feed(talker.data(1, 40, LAST), STRANGER);
    rig.drain();
    const [first, second] = rig.newCalls as [CallHandle, CallHandle];
    service.accept(first, 1n);
    service.accept(second, 2n);
    return { rig, first, second, talkers };
  };

  test("a first packet that asks for an ACK gets the PING, which acknowledges as well", () => {
    const rig = new Rig();
    rig.offer();
    rig.feed(clientTalker().data(1, 1, WANTS_ACK), STRANGER);
    const [sent, ...others] = rig.poll();
    expect([sent?.ack?.reason, sent?.ack?.firstPacket, others]).toEqual([AckReason.Ping, 2, []]);
  });

  test("a reply that the budget does not allow waits for the proof, and then all calls of the peer go on", () => {
    const { rig, first, second, talkers } = opened();
    const pings = rig.poll().filter((sent) => sent.ack?.reason === AckReason.Ping);
    for (const handle of [first, second]) {
      handle.write(new Uint8Array(1_400), 0, 1_400);
      handle.end();
    }
    expect(rig.names()).toEqual([]);
    expect(rig.endpoint.local.blockedCalls.count).toBe(2);
    rig.feed(
      talkers[0]?.ack({
        reason: AckReason.PingResponse,
        serial: pings[0]?.header.serial as number,
      }) as Uint8Array,
      STRANGER,
    );
    expect(rig.names()).toEqual(["DATA 1", "DATA 1"]);
    expect([rig.endpoint.local.peers.strangers, rig.endpoint.local.blockedCalls.count]).toEqual([0, 0]);
  });

  test("a guessed serial proves nothing", () => {
    const { rig, talkers } = opened();
    rig.poll();
    for (let serial = 1; serial < 200; serial++)
      rig.feed(talkers[0]?.ack({ reason: AckReason.PingResponse, serial }) as Uint8Array, STRANGER);
    expect(rig.endpoint.local.peers.find(STRANGER)?.isProven).toBe(false);
  });

  test("bytes that come later are budget too, and each byte counts once", () => {
    const { rig, talkers } = opened();
    rig.poll();
    const peer = rig.endpoint.local.peers.find(STRANGER);
    const before = peer?.credit as number;
    rig.feed(talkers[0]?.with({ callNumber: 2 }).data(1, 72, LAST) as Uint8Array, STRANGER);
    expect((peer?.credit as number) - before).toBe(300);
  });

  test("final words that the budget does not allow are left unsaid", () => {
    const { rig, first } = opened();
    rig.poll();
    const peer = rig.endpoint.local.peers.find(STRANGER);
    if (peer === null) throw new Error("no peer");
    peer.credit = 0;
    first.abort(5);
    expect([rig.names(), rig.stat(Stat.BudgetWithheld)]).toEqual([[], 1]);
  });

  test("a stranger whose connection was idle when it proved itself elsewhere is kept as long as others", () => {
    const rig = new Rig();
    const service = rig.offer();
    rig.exchange(clientTalker({ cid: 0x1000 }).data(1), STRANGER);
    service.reject(rig.newCalls[0] as CallHandle, -6);
    rig.drain();
    rig.poll();
    rig.feed(clientTalker({ cid: 0x2000 }).data(1), STRANGER);
    const [ping] = rig.poll();
    rig.drain();
    rig.feed(
      clientTalker({ cid: 0x2000 }).ack({
        reason: AckReason.PingResponse,
        serial: ping?.header.serial as number,
      }),
      STRANGER,
    );
    rig.pass(15_000_000);
    expect(rig.endpoint.local.connections.find(-0x1234567, 0x1000, true)).not.toBe(null);
  });
});

describe("handles and data", () => {
  test("borrow() shows bytes until they are consumed", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    rig.feed(talker.data(2, filled(10, 2)));
    expect([...(handle.borrow() as Uint8Array)]).toEqual([...filled(8, 1)]);
    handle.consume(5);
    expect(handle.borrow()?.length).toBe(3);
    handle.consume(3);
    expect([...(handle.borrow() as Uint8Array)]).toEqual([...filled(10, 2)]);
    expect(handle.skip(4)).toBe(4);
    expect(handle.skip(100)).toBe(6);
    expect([handle.borrow(), handle.skip(1), handle.isAtEnd]).toEqual([null, 0, false]);
    handle.consume(1);
    expect(rig.buffersUsed).toBe(0);
  });

  test("long reads come out in order, whatever the sizes", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    for (let seq = 2; seq < 10; seq++)
      rig.feed(talker.data(seq, filled(100 * seq, seq), seq === 9 ? LAST : 0));
    const bytes = new Uint8Array(10_000);
    let got = 0;
    for (const size of [1, 7, 31, 33, 500, 9_000]) got += handle.readInto(bytes, got, size);
    expect([got, handle.isAtEnd, handle.bytesReceived]).toEqual([8 + 4_400, true, 8 + 4_400]);
    for (let seq = 2, at = 8; seq < 10; seq++) {
      for (let i = 0; i < 100 * seq; i++, at++)
        if (bytes[at] !== seq) throw new Error(`byte ${at} is ${bytes[at]}, not ${seq}`);
    }
  });

  test("discardInput() acknowledges what comes and holds nothing", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.discardInput();
    for (let seq = 2; seq < 100; seq++) rig.feed(talker.data(seq, 1_000));
    rig.poll();
    expect([rig.buffersUsed, handle.bytesReceived]).toEqual([0, 98_008]);
  });

  test("a reader that opens the window tells the peer", () => {
    const { rig, talker, handle, call } = stageService("RecvRequest");
    for (let seq = 2; seq <= call.rx.window; seq++) rig.feed(talker.data(seq));
    rig.poll();
    handle.readInto(new Uint8Array(1_000), 0, 1_000);
    const [sent] = rig.poll();
    expect([sent?.ack?.reason, sent?.ack?.rwind]).toEqual([AckReason.Idle, 32]);
  });

  test("what a handler writes before the request is complete waits for its last packet", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.write(new Uint8Array(10), 0, 10);
    handle.end();
    expect([rig.names(), handle.isFlushed]).toEqual([[], false]);
    rig.feed(talker.data(2, 8, LAST));
    const names = rig.names();
    expect(names).toContain("DATA 1");
    rig.feed(talker.ack({ firstPacket: 2 }));
    expect(handle.isFlushed).toBe(true);
  });

  test("an empty reply is one empty packet", () => {
    const { rig, handle } = stageService("AckRequest");
    expect(handle.isReplyEnded).toBe(false);
    handle.end();
    const [sent] = rig.poll();
    expect([sent && nameOf(sent), sent?.bytes.length, sent?.header.flags, handle.isReplyEnded]).toEqual([
      "DATA 1",
      28,
      LAST,
      true,
    ]);
  });

  test("the last packet of a reply never asks for an ACK", () => {
    const { rig, handle, talker, call } = stageService("AckRequest");
    handle.write(new Uint8Array(20 * 1_412), 0, 20 * 1_412);
    handle.end();
    const flags = new Map<number, number>();
    for (let i = 0; i < 30 && call.state !== 10; i++) {
      for (const sent of [...rig.poll(), ...rig.pass(1_000_000)]) {
        if (sent.header.type === PacketType.Data && sent.header.seq === 20)
          flags.set(flags.size, sent.header.flags);
      }
      rig.feed(talker.ack({ firstPacket: Math.min(call.tx.next, 20), previousPacket: call.tx.next - 1 }));
    }
    expect(flags.size).toBeGreaterThan(1);
    for (const value of flags.values()) expect(value & WANTS_ACK).toBe(0);
  });

  test("defer() tells the listener once more; detach() lets a call that succeeds go back by itself", () => {
    const { rig, talker, handle, listener } = stageService("AckRequest");
    listener.events = 0;
    handle.defer();
    rig.drain();
    expect(listener.events).toBe(CallEvent.Readable);
    handle.end();
    handle.detach();
    rig.poll();
    rig.feed(talker.ack({ firstPacket: 2 }));
    expect([listener.ends, handle.isReleased, rig.events.count, handle.completion]).toEqual([0, true, 0, 1]);
    for (const act of [() => handle.defer(), () => handle.detach(), () => handle.limitInput(1)]) act();
  });

  test("a detached call that fails is still told", () => {
    const { rig, talker, handle, listener } = stageService("AckRequest");
    handle.end();
    handle.detach();
    rig.feed(talker.abort(7));
    rig.drain();
    expect([listener.ends, handle.abortCode]).toEqual([1, 7]);
  });

  test("a client that falls silent when it has soft-acknowledged the whole reply had it: the call succeeds", () => {
    const { rig, talker, handle, listener } = stageService("AwaitAck");
    rig.feed(talker.ack({ firstPacket: 1, previousPacket: 1, soft: [1] }));
    rig.pass(25_000_000);
    expect([listener.ends, handle.completion]).toEqual([1, 1]);
    const never = stageService("AwaitAck");
    never.rig.pass(25_000_000);
    expect([never.listener.ends, never.handle.abortCode]).toEqual([1, -1]);
  });

  test("without a listener a call that ends is let go", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    handle.listener = null;
    rig.feed(talker.abort(7));
    rig.drain();
    expect([handle.isReleased, handle.abortCode]).toEqual([true, 7]);
  });

  test("handles tell the remote, the service, the round trip", () => {
    const { rig, handle, call } = stageService("RecvRequest");
    expect([handle.remote, handle.serviceId, handle.rttUs]).toEqual(["127.0.0.1:7001", 147, 0]);
    call.connection?.peer?.rtt.addSample(5_000);
    expect(handle.rttUs).toBe(5_000);
    const waiting = Array.from({ length: 5 }, () =>
      rig.endpoint.beginCall(openTestBundle(rig), new Listener()),
    ).at(-1);
    expect(waiting?.serviceId).toBe(147);
  });

  test("a PING of ours measures the round trip", () => {
    const rig = new Rig();
    rig.offer();
    rig.feed(clientTalker().data(1, 8, LAST));
    const [ping] = rig.poll();
    rig.drain();
    rig.nowUs += 12_000;
    rig.feed(clientTalker().ack({ reason: AckReason.PingResponse, serial: ping?.header.serial as number }));
    expect(rig.newCalls[0]?.rttUs).toBe(12_000);
  });

  test("many busy calls take turns: none sends a window while another waits", () => {
    const rig = new Rig();
    const bundle = openTestBundle(rig);
    const handles = Array.from({ length: 3 }, () => rig.endpoint.beginCall(bundle, new Listener()));
    for (const handle of handles) handle.write(new Uint8Array(10 * 1_412), 0, 10 * 1_412);
    const order = rig.poll().map((sent) => sent.header.cid & 3);
    expect(order.slice(0, 24)).toEqual([
      ...new Array<number>(8).fill(0),
      ...new Array<number>(8).fill(1),
      ...new Array<number>(8).fill(2),
    ]);
  });

  test("a long packet that finds too few buffers is not kept in part", () => {
    const { rig, talker, handle } = stageService("RecvRequest", { options: { buffersMax: 8 } });
    const { buffers } = rig.endpoint.local;
    const taken: number[] = [];
    while (buffers.free > 2) taken.push(buffers.take());
    rig.feed(talker.data(2, 5_000));
    expect([rig.names(), handle.bytesReceived, buffers.free]).toEqual([["ACK NoSpace"], 8, 2]);
    for (const buffer of taken) buffers.give(buffer);
  });
});
