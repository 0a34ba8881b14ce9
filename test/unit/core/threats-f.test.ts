// Strangers and replies: what an address may cause that has not shown that it receives what we send.
import { describe, expect, test, vi } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker, stageService } from "./calls.js";
import { FakeSecurity } from "./fake-security.js";
import { clientTalker, filled, type Talker } from "./packets.js";
import { addressOf, FRIEND, LAST, Listener, nameOf, Rig, type Sent, STRANGER } from "./rig.js";

const on = (n: number, fields = {}): Talker => clientTalker({ cid: 0x10_000 + n * 4, ...fields });

/** Bytes that `from` sent to a rig and was sent by it. */
class Balance {
  in = 0;
  out = 0;
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** @returns what was sent, after looking that it is within the budget */
  feed(bytes: Uint8Array): Sent[] {
    this.in += bytes.length;
    this.#rig.feed(bytes, STRANGER);
    this.#rig.drain();
    return this.#count(this.#rig.poll());
  }

  pass(durationUs: number): Sent[] {
    return this.#count(this.#rig.pass(durationUs));
  }

  #count(sent: Sent[]): Sent[] {
    for (const one of sent) {
      this.out += one.bytes.length;
      if (this.out > 3 * this.in) throw new Error(`${nameOf(one)}: ${this.out} bytes out for ${this.in}`);
    }
    return sent;
  }
}

/** A stranger's call whose reply is as long as the queue lets it be, and blocked. */
function blocked(): { rig: Rig; balance: Balance; handle: CallHandle; sent: Sent[] } {
  const rig = new Rig();
  rig.offer({}, 1);
  const balance = new Balance(rig);
  const sent = balance.feed(on(0).data(1, 8, LAST));
  const handle = rig.newCalls[0] as CallHandle;
  handle.write(new Uint8Array(50_000), 0, 50_000);
  return { rig, balance, handle, sent };
}

describe("F: strangers and replies", () => {
  test("F1: three bytes out for each byte in, whatever a stranger sends, and however long it takes", () => {
    const { rig, balance, handle } = blocked();
    const call = on(0);
    const kinds = [
      call.data(1, 8, LAST),
      call.data(2, 8),
      call.ping(),
      call.ack({ firstPacket: 1 }, { flags: PacketFlag.RequestAck }),
      call.of(PacketType.AckAll),
      call.with({ cid: 0x10_001 }).data(1, 1),
      call.with({ cid: 0x10_002, serviceId: 9 }).data(1, 1),
      on(1).data(1, 0),
      on(2, { serviceId: 9 }).data(1, 0),
      clientTalker({ cid: 0, callNumber: 7 }).of(PacketType.Version, Uint8Array.of(0)),
      clientTalker({ cid: 0, callNumber: 7 }).of(PacketType.Debug, new Uint8Array(8)),
    ];
    for (let i = 0; i < 40; i++) for (const bytes of kinds) balance.feed(bytes);
    for (const bytes of kinds) {
      for (let i = 0; i < 20; i++) balance.feed(bytes);
      balance.pass(1_000_000);
    }
    handle.abort(9);
    for (const bytes of kinds) for (let i = 0; i < 20; i++) balance.feed(bytes);
    balance.pass(60_000_000);
    expect(rig.stat(Stat.BudgetWithheld)).toBeGreaterThan(0);
  });

  test("F1: refusals on a stranger's own connection come out of the same budget", () => {
    const { balance } = blocked();
    const names: string[] = [];
    for (let i = 0; i < 300; i++) {
      names.push(...balance.feed(on(0, { cid: 0x10_001 }).data(1, 1)).map(nameOf));
      // Says nothing, but makes the call look whether it may send.
      if (i % 5 === 0) names.push(...balance.feed(on(0).abort(0)).map(nameOf));
      names.push(...balance.pass(50_000).map(nameOf));
    }
    expect(names).toContain("BUSY");
    expect(names).toContain("DATA 1");
  });

  test("F1: a single packet is not answered for ever: timers do not go beyond the budget", () => {
    const { rig, balance } = blocked();
    const sent = balance.pass(60_000_000);
    expect(sent.reduce((sum, one) => sum + one.bytes.length, 0)).toBeLessThan(3 * 36);
    expect(rig.endpoint.liveCalls).toBe(0);
  });

  test("F1: the echo of a serial that could not be guessed is the proof, a wrong one is none", () => {
    const { rig, balance, handle, sent } = blocked();
    const ping = sent.find((one) => one.ack?.reason === AckReason.Ping)?.header.serial as number;
    const echo = (serial: number): Uint8Array =>
      on(0).ack({ serial, reason: AckReason.PingResponse, firstPacket: 1 });
    for (const guess of [1, 0, ping - 2, ping + 5, -1]) balance.feed(echo(guess));
    expect(rig.endpoint.local.peers.find(STRANGER)?.isProven).toBe(false);
    rig.feed(echo(ping), STRANGER);
    expect(rig.endpoint.local.peers.find(STRANGER)?.isProven).toBe(true);
    expect(rig.poll().filter((one) => one.header.type === PacketType.Data).length).toBeGreaterThan(5);
    expect(handle.isEnded).toBe(false);
  });

  test("F1: the first serials of two connections are far apart and from the random source", () => {
    const serials = [1, 2, 3].map((seed) => {
      const rig = new Rig({ seed });
      rig.offer();
      rig.feed(on(0).data(1), STRANGER);
      return rig.poll()[0]?.header.serial as number;
    });
    expect(new Set(serials.map((serial) => serial >> 16)).size).toBe(3);
  });

  test("F2: a stranger's secured DATA is challenged within the budget, and only while its call waits", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    rig.offer();
    const balance = new Balance(rig);
    const first = balance.feed(on(0, { securityIndex: 2 }).data(1, 20, LAST));
    const later = balance.pass(200_000_000);
    const challenges = [...first, ...later].filter((one) => one.header.type === PacketType.Challenge);
    expect(challenges.length).toBeGreaterThan(0);
    expect(challenges.length).toBeLessThanOrEqual(2);
    expect(rig.endpoint.liveCalls).toBe(0);
    expect(rig.newCalls.length).toBe(0);
  });

  test("F2: a trusted client is challenged every two seconds, and no more once its call has ended", () => {
    const rig = new Rig({ security: [nullSecurity, new FakeSecurity()] });
    rig.offer();
    rig.feed(on(0, { securityIndex: 2 }).data(1, 20, LAST));
    const isChallenge = (one: Sent): boolean => one.header.type === PacketType.Challenge;
    expect(rig.poll().filter(isChallenge).length).toBe(1);
    expect(rig.pass(9_000_000).filter(isChallenge).length).toBe(4);
    rig.feed(on(0, { securityIndex: 2 }).abort(5));
    rig.drain();
    expect(rig.pass(200_000_000).filter(isChallenge)).toEqual([]);
  });

  test("F3: refusals and ACKs for nothing we know are dropped, in either direction", () => {
    const { rig } = stageService("AckRequest");
    const used = rig.endpoint.local.connections.known.count;
    for (const type of [
      PacketType.Abort,
      PacketType.Busy,
      PacketType.Ack,
      PacketType.AckAll,
      PacketType.Challenge,
      PacketType.Response,
    ]) {
      for (const flags of [0, PacketFlag.ClientInitiated]) {
        for (const fields of [{ cid: 0x77_000 }, { callNumber: 9 }, { cid: 0x77_000, callNumber: 0 }]) {
          for (const from of [FRIEND, STRANGER]) {
            const body = new Uint8Array(60).fill(1);
            expect(rig.exchange(clientTalker({ flags, ...fields }).of(type, body), from)).toEqual([]);
          }
        }
      }
    }
    expect(rig.endpoint.local.connections.known.count).toBe(used);
  });

  test("F4: a reply has the opposite direction of its question, and reflected it is dropped", () => {
    const rig = new Rig();
    const service = rig.offer({}, 1);
    const sent: Sent[] = [];
    const tell = (bytes: Uint8Array): void => {
      rig.feed(bytes);
      rig.drain();
      const answers = rig.poll();
      expect(answers.length).toBeGreaterThan(0);
      sent.push(...answers);
    };
    tell(on(0).data(1));
    tell(on(0).ping());
    tell(on(1).data(1));
    tell(on(1, { serviceId: 9 }).data(1));
    tell(clientTalker({ cid: 0, callNumber: 7 }).of(PacketType.Version, Uint8Array.of(0)));
    service.reject(rig.newCalls[0] as CallHandle, 77);
    sent.push(...rig.poll());
    tell(on(0).data(1));
    expect(new Set(sent.map((one) => one.header.type))).toEqual(
      new Set([PacketType.Ack, PacketType.Busy, PacketType.Abort, PacketType.Version]),
    );
    for (const one of sent) {
      expect([nameOf(one), one.header.flags & PacketFlag.ClientInitiated]).toEqual([nameOf(one), 0]);
      expect(rig.exchange(one.bytes)).toEqual([]);
    }
  });

  test("F4: a client's packets that come back to it end nothing and are not answered", () => {
    const rig = new Rig();
    rig.offer();
    const { handle, sent } = clientCall(rig);
    for (const one of sent) {
      // To a service of the same socket they are a call of its own; the client's is not touched.
      rig.exchange(one.bytes);
      expect(handle.isEnded).toBe(false);
    }
    expect(handle.bytesReceived).toBe(0);
  });

  test("F4: two servers that are fed each other's packets come to rest", () => {
    const [left, right] = [new Rig({ seed: 1 }), new Rig({ seed: 2 })];
    for (const rig of [left, right]) rig.offer({}, 1);
    for (const seed of [on(0).data(1), on(1).data(1), on(2, { serviceId: 9 }).data(1), on(0).ping()]) {
      let passed = 0;
      let packets = [seed];
      for (let turn = 0; packets.length > 0; turn++) {
        expect(turn).toBeLessThan(6);
        const to = turn % 2 === 0 ? left : right;
        for (const bytes of packets) to.feed(bytes);
        to.drain();
        packets = to.poll().map((one) => one.bytes);
        passed += packets.length;
      }
      expect(passed).toBeLessThanOrEqual(2);
    }
  });

  test("F5: only an unknown service or class is answered with an abort; other look-ups that fail are dropped", () => {
    const rig = new Rig({ options: { strangersPerHostMax: 1 } });
    rig.offer();
    rig.exchange(on(0).data(1), STRANGER);
    const before = rig.stat(Stat.AbortPacketsSent);
    expect(rig.exchange(on(1).data(1), STRANGER)).toEqual([]);
    expect(rig.exchange(on(0).data(1), addressOf("192.0.2.7", 7_002))).toEqual([]);
    for (const bytes of [
      on(2).data(2),
      on(2).data(0),
      on(2, { callNumber: 0 }).data(1),
      on(0, { callNumber: 0 }).data(1),
      on(0, { callNumber: 2 }).data(2),
      on(0, { securityIndex: 3 }).data(1),
      on(0, { securityIndex: 3, callNumber: 2 }).data(1),
      on(2, { flags: 0 }).data(1),
    ]) {
      expect(rig.exchange(bytes, STRANGER)).toEqual([]);
    }
    expect(rig.stat(Stat.AbortPacketsSent)).toBe(before);
    expect(rig.stat(Stat.DropStrangerLimit)).toBe(1);
  });

  test("F6: refusals are limited by prefix, and one prefix does not use up another's", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    rig.exchange(on(0).data(1));
    const refused = (host: string, n: number): number =>
      rig.exchange(on(n).data(1), addressOf(host, 7_001)).length;
    let first = 0;
    for (let n = 1; n <= 256; n++) first += refused(`192.0.2.${n % 256}`, n);
    expect(first).toBe(20);
    let other = 0;
    for (let n = 1; n <= 20; n++) other += refused("198.51.100.9", 1_000 + n);
    for (let n = 1; n <= 20; n++) other += refused("2001:db8::9", 2_000 + n);
    expect(other).toBe(40);
    // One /64 is one prefix; and tokens come back with time.
    let six = 0;
    for (let n = 1; n <= 20; n++) six += refused(`2001:db8::${n + 10}`, 3_000 + n);
    expect(six).toBe(0);
    rig.nowUs += 500_000;
    let later = 0;
    for (let n = 1; n <= 50; n++) later += refused("192.0.2.9", 4_000 + n);
    expect(later).toBe(10);
  });

  test("F6: one kind of refusal does not use up another's", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    rig.exchange(on(0).data(1));
    const version = clientTalker({ cid: 0, callNumber: 7 }).of(PacketType.Version, Uint8Array.of(0));
    for (let i = 0; i < 100; i++) rig.exchange(version, STRANGER);
    expect(rig.exchange(version, STRANGER)).toEqual([]);
    expect(rig.exchange(on(1).data(1), STRANGER)).toEqual(["BUSY"]);
    for (let n = 1; n < 100; n++) rig.exchange(on(n).data(1), STRANGER);
    expect(rig.exchange(on(1).data(1), STRANGER)).toEqual([]);
    expect(rig.exchange(on(1, { serviceId: 9 }).data(1), STRANGER)).toEqual(["ABORT -2"]);
  });

  test("F6: all prefixes together are limited too, and how many go out tells nobody how many others were told", () => {
    const allowed = [1, 2, 3].map((seed) => {
      const rig = new Rig({ seed });
      rig.offer({}, 1);
      rig.exchange(on(0).data(1));
      let out = 0;
      for (let n = 1; n <= 4_000; n++) {
        const host = `100.${64 + (n >> 8)}.${n & 255}.1`;
        out += rig.exchange(on(n).data(1), addressOf(host, 7_001)).length;
      }
      return out;
    });
    for (const out of allowed) {
      expect(out).toBeGreaterThan(500);
      expect(out).toBeLessThanOrEqual(1_500);
    }
    expect(new Set(allowed).size).toBeGreaterThan(1);
  });

  test("F8: a stranger's VERSION is three times its question at most, and its DEBUG is not answered", () => {
    const rig = new Rig({ options: { versionText: "x".repeat(58) } });
    const asked = clientTalker({ cid: 0, callNumber: 7 });
    const question = asked.of(PacketType.Version, Uint8Array.of(0));
    rig.feed(question, STRANGER);
    const [answer] = rig.poll();
    expect(answer?.bytes.length).toBe(3 * question.length);
    for (let type = 0; type < 8; type++) {
      const body = new Uint8Array(8);
      body[3] = type;
      expect(rig.exchange(asked.of(PacketType.Debug, body), STRANGER)).toEqual([]);
    }
    expect(rig.exchange(asked.of(PacketType.Debug, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0)))).toEqual([
      "DEBUG",
    ]);
  });

  test("F8: a DEBUG question costs the same however large the tables are", () => {
    const rig = new Rig();
    const { connections } = rig.endpoint.local;
    rig.offer();
    // Not one of them has a call: all would have to be looked at.
    const idle = connections.pool.take()?.index as number;
    vi.spyOn(connections.known, "count", "get").mockReturnValue(1_000_000);
    const looked = vi.spyOn(connections.known, "at").mockReturnValue(idle);
    rig.exchange(
      clientTalker({ cid: 0, callNumber: 7 }).of(PacketType.Debug, Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 5)),
    );
    expect(looked.mock.calls.length).toBeGreaterThan(0);
    expect(looked.mock.calls.length).toBeLessThanOrEqual(4_096);
  });

  test("F10: the right ids from another address or port are dropped, whatever they say", () => {
    const { rig, talker, handle, call } = stageService("AckRequest");
    handle.write(filled(2_000, 1), 0, 2_000);
    rig.poll();
    const peers = rig.endpoint.local.peers.known.count;
    for (const from of [addressOf("127.0.0.1", 7_002), addressOf("127.0.0.9", 7_001), STRANGER]) {
      for (const bytes of [
        talker.data(2, 8),
        talker.ack({ firstPacket: 2 }),
        talker.of(PacketType.AckAll),
        talker.abort(9),
        talker.ping(),
        talker.with({ callNumber: 3 }).data(1),
        talker.with({ callNumber: 0 }).abort(9),
        talker.with({ callNumber: 0 }).of(PacketType.Response, new Uint8Array(HEADER_SIZE)),
      ]) {
        expect(rig.exchange(bytes, from)).toEqual([]);
      }
    }
    expect([handle.isEnded, call.tx.first, rig.newCalls.length]).toEqual([false, 1, 1]);
    expect([rig.stat(Stat.DropOtherAddress), rig.endpoint.local.peers.known.count]).toEqual([24, peers]);
  });

  test("F10: a client's call is not answered, refused or ended from another address", () => {
    const rig = new Rig();
    const { handle, talker } = clientCall(rig);
    for (const from of [addressOf("127.0.0.1", 7_002), STRANGER]) {
      for (const bytes of [
        talker.data(1, 8, LAST),
        talker.abort(9),
        talker.of(PacketType.Busy),
        talker.with({ callNumber: 0 }).abort(9),
      ]) {
        expect(rig.exchange(bytes, from)).toEqual([]);
      }
    }
    expect([handle.isEnded, handle.bytesReceived]).toEqual([false, 0]);
  });

  test("F15: an ABORT with all ids right ends its call and no other", () => {
    const rig = new Rig();
    rig.offer({}, 8);
    const talkers = [on(0), on(0, { cid: 0x10_001 }), on(1)];
    for (const talker of talkers) rig.exchange(talker.data(1));
    rig.exchange((talkers[0] as Talker).abort(9));
    expect(rig.newCalls.map((handle) => handle.isEnded)).toEqual([true, false, false]);
    expect(rig.exchange((talkers[1] as Talker).data(2, 8, LAST))).not.toContain("ABORT 9");
    rig.exchange(on(0, { callNumber: 2 }).data(1));
    expect(rig.newCalls.length).toBe(4);
  });
});

function clientCall(rig: Rig): { handle: CallHandle; talker: Talker; sent: Sent[] } {
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  handle.write(filled(3_000, 1), 0, 3_000);
  handle.end();
  return { handle, talker: serverTalker(handle.call as Call), sent: rig.poll() };
}
