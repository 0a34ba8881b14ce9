// Tombstones, refusals, peers, settings: the tables and limits of an endpoint.
import { describe, expect, test } from "vitest";
import { EndpointConfig, type EndpointOptions } from "../../../src/core/config.js";
import { Connection, ConnectionCells } from "../../../src/core/conn-object.js";
import { Peer } from "../../../src/core/peer.js";
import { PeerTable } from "../../../src/core/peer-table.js";
import { RefusalLimiter, ReplyRing } from "../../../src/core/refusal.js";
import { Stat, Stats } from "../../../src/core/stats.js";
import { Tombstones } from "../../../src/core/tombstones.js";
import { RxOptionError } from "../../../src/util/errors.js";
import { KeyedHash } from "../../../src/util/keyed-hash.js";
import { addressOf, FRIEND, Rig, STRANGER } from "./rig.js";

const cells = new ConnectionCells(8);

function connection(epoch: number, connectionId: number, callNumber: number): Connection {
  const made = new Connection(0, cells);
  made.epoch = epoch;
  made.connectionId = connectionId;
  made.hash = (epoch * 31 + connectionId) | 0;
  made.setCallNumber(2, callNumber);
  return made;
}

const at = (timeUs: number): Float64Array => new Float64Array([timeUs]);

describe("Tombstones", () => {
  test("remembers the call numbers of a connection and address until its time", () => {
    const table = new Tombstones(4);
    const dead = connection(5, 8, 17);
    table.remember(dead, FRIEND, at(1_000), 500);
    const place = table.find(dead.hash, 5, 8, FRIEND);
    expect([table.callNumber(place, 2), table.callNumber(place, 0)]).toEqual([17, 0]);
    for (const [epoch, id, address] of [
      [6, 8, FRIEND],
      [5, 12, FRIEND],
      [5, 8, STRANGER],
      [5, 8, addressOf("127.0.0.1", 7002)],
    ] as const) {
      expect(table.find(dead.hash, epoch, id, address)).toBe(-1);
    }
    table.expire(at(1_499), 10);
    expect(table.find(dead.hash, 5, 8, FRIEND)).toBe(place);
    table.expire(at(1_500), 10);
    expect([table.find(dead.hash, 5, 8, FRIEND), table.count]).toEqual([-1, 0]);
  });

  test("a connection that lives again takes its call numbers over", () => {
    const table = new Tombstones(2);
    const dead = connection(5, 8, 17);
    table.remember(dead, FRIEND, at(0), 500);
    const again = connection(5, 8, 0);
    table.revive(table.find(dead.hash, 5, 8, FRIEND), again);
    expect([again.callNumber(2), table.find(dead.hash, 5, 8, FRIEND)]).toEqual([17, -1]);
    // Its place is used again in its turn.
    table.remember(again, FRIEND, at(1), 500);
    expect(table.isFull).toBe(true);
    table.expire(at(2), 1);
    expect([table.isFull, table.count]).toEqual([false, 1]);
  });

  test("goes round for ever within its capacity, ten thousand colliding hashes included", () => {
    const table = new Tombstones(64);
    for (let n = 0; n < 10_000; n++) {
      const dead = connection(1, n * 4, n);
      dead.hash = 42;
      if (table.isFull) table.expire(at(n), 1);
      expect(table.isFull).toBe(false);
      table.remember(dead, FRIEND, at(n), 30);
      const place = table.find(42, 1, n * 4, FRIEND);
      expect(table.callNumber(place, 2)).toBe(n);
      table.expire(at(n), 4);
    }
    expect(table.count).toBeLessThanOrEqual(32);
  });
});

describe("RefusalLimiter", () => {
  test("one bucket for each /24 and /64, refilled with time, never above a second's worth", () => {
    const limiter = new RefusalLimiter(20, new KeyedHash(1, 2));
    const spend = (host: string, timeUs: number): number => {
      let got = 0;
      for (let i = 0; i < 100; i++) if (limiter.allows(addressOf(host, i + 1), at(timeUs))) got++;
      return got;
    };
    expect(spend("192.0.2.1", 0)).toBe(20);
    expect(spend("192.0.2.200", 0)).toBe(0);
    expect(spend("198.51.100.1", 0)).toBe(20);
    expect(spend("2001:db8::1", 0)).toBe(20);
    expect(spend("2001:db8::ffff:1", 0)).toBe(0);
    expect(spend("192.0.2.1", 500_000)).toBe(10);
    expect(spend("192.0.2.1", 100_000_000)).toBe(20);
  });

  test("0 a second refuses to refuse", () => {
    const limiter = new RefusalLimiter(0, new KeyedHash(1, 2));
    expect(limiter.allows(STRANGER, at(1e9))).toBe(false);
  });
});

describe("ReplyRing", () => {
  test("first in, first out, at most 64", () => {
    const ring = new ReplyRing();
    let added = 0;
    for (let reply = ring.add(); reply !== null; reply = ring.add()) reply.length = ++added;
    expect(added).toBe(64);
    for (let n = 1; n <= 64; n++) expect(ring.shift()?.length).toBe(n);
    expect(ring.shift()).toBe(null);
  });

  test("more refusals in one turn than it holds are dropped and counted", () => {
    const rig = new Rig();
    for (let n = 0; n < 70; n++) rig.endpoint.local.addReply(FRIEND);
    expect(rig.stat(Stat.RefusalsWithheld)).toBe(6);
    expect(rig.transmitWanted).toBe(1);
  });
});

describe("PeerTable", () => {
  const table = (options: EndpointOptions = {}): PeerTable =>
    new PeerTable(new EndpointConfig({ trusted: [], ...options }), new KeyedHash(1, 2));

  test("a peer that nothing uses is forgotten after a minute, and not before", () => {
    const peers = table();
    const peer = peers.take() as Peer;
    peers.enter(peer, STRANGER);
    peers.use(peer);
    peers.use(peer);
    peers.unuse(peer, at(0));
    peers.reap(at(1e9));
    expect(peers.find(STRANGER)).toBe(peer);
    peers.unuse(peer, at(1e9));
    peers.reap(at(1e9 + 59_999_999));
    expect(peers.find(STRANGER)).toBe(peer);
    peers.reap(at(1e9 + 60_000_000));
    expect([peers.find(STRANGER), peers.pool.used, peers.known.count]).toEqual([null, 0, 0]);
  });

  test("the peer unused for longest makes room when all are taken", () => {
    const peers = table({ peersMax: 2 });
    const [first, second] = [1, 2].map((port) => {
      const peer = peers.take() as Peer;
      peers.enter(peer, addressOf("192.0.2.1", port));
      peers.use(peer);
      return peer;
    }) as [Peer, Peer];
    expect(peers.take()).toBe(null);
    peers.unuse(second, at(1));
    peers.unuse(first, at(2));
    expect(peers.take()).toBe(second);
    expect([peers.find(addressOf("192.0.2.1", 2)), peers.find(addressOf("192.0.2.1", 1))]).toEqual([
      null,
      first,
    ]);
  });

  test("strangers are counted by connection, and no longer once they have proved their address", () => {
    const peers = table({ strangersMax: 3, strangersPerHostMax: 2 });
    const peer = peers.take() as Peer;
    peers.enter(peer, STRANGER);
    expect(peers.admits(STRANGER, peer)).toBe(true);
    peers.use(peer);
    peers.use(peer);
    expect([peers.strangers, peers.admits(STRANGER, peer), peers.hostHasRoom(STRANGER)]).toEqual([
      2,
      false,
      false,
    ]);
    expect(peers.admits(addressOf("192.0.2.8", 1), null)).toBe(true);
    peers.prove(peer);
    peers.prove(peer);
    expect([peers.strangers, peers.admits(STRANGER, peer), peers.hostHasRoom(STRANGER)]).toEqual([
      0,
      true,
      true,
    ]);
    peers.unuse(peer, at(0));
    expect(peers.strangers).toBe(0);
  });

  test("a stranger may be sent three times what it sent, a proven peer what it likes", () => {
    const peer = new Peer(0);
    expect(peer.allows(1)).toBe(false);
    peer.noteReceived(100);
    expect([peer.allows(300), peer.allows(301)]).toEqual([true, false]);
    peer.noteSent(250);
    expect([peer.allows(50), peer.allows(51)]).toEqual([true, false]);
    for (let i = 0; i < 100_000; i++) peer.noteReceived(65_000);
    expect(peer.allows(1 << 20)).toBe(true);
    expect(peer.allows((1 << 20) + 1)).toBe(false);
    peer.isProven = true;
    expect(peer.allows(1e9)).toBe(true);
  });

  test("what a peer says about jumbograms takes effect at once when it is less", () => {
    const peer = new Peer(0);
    peer.takeJumboMax(4);
    for (let i = 0; i < 100; i++) peer.noteCleanAck();
    expect(peer.segments).toBe(4);
    peer.takeJumboMax(2);
    expect(peer.segments).toBe(2);
    peer.takeJumboMax(0);
    expect(peer.segments).toBe(1);
    for (let i = 0; i < 100; i++) peer.noteCleanAck();
    expect(peer.segments).toBe(1);
  });
});

describe("EndpointConfig", () => {
  test("defaults are those that the documents promise", () => {
    const config = new EndpointConfig();
    expect([config.callsMax, config.connectionsMax, config.strangersMax, config.strangersPerHostMax]).toEqual(
      [1_024, 4_096, 1_024, 64],
    );
    expect([config.deadTimeUs, config.keepaliveUs, config.requestProgressUs, config.sendProgressUs]).toEqual([
      20e6, 2e6, 30e6, 60e6,
    ]);
    expect([config.idleConnectionUs, config.strangerConnectionUs, config.tombstoneUs]).toEqual([
      600e6, 10e6, 120e6,
    ]);
    expect(config.callsPerPeerMax).toBe(512);
  });

  const wrong: [EndpointOptions, string][] = [
    [{ callsMax: 0 }, "callsMax"],
    [{ callsMax: 1.5 }, "callsMax"],
    [{ buffersMax: 7 }, "buffersMax"],
    [{ bufferBytes: 1_499 }, "bufferBytes"],
    [{ receiveWindowPackets: 256 }, "receiveWindowPackets"],
    [{ transmitQueuePackets: 1 }, "transmitQueuePackets"],
    [{ deadTimeMs: 0 }, "deadTimeMs"],
    [{ deadTimeMs: 24 * 3_600_000 + 1 }, "deadTimeMs"],
    [{ keepaliveMs: 7_000 }, "keepaliveMs"],
    [{ trusted: ["nonsense"] }, "trusted"],
    [{ trusted: "127.0.0.1" as unknown as string[] }, "trusted"],
    [{ trusted: [5 as unknown as string] }, "trusted"],
    [{ versionText: "x".repeat(59) }, "versionText"],
    [{ versionText: "\u00e9" }, "versionText"],
    [{ refusalsPerSecond: -1 }, "refusalsPerSecond"],
    [{ nonsense: 1 } as EndpointOptions, "nonsense"],
  ];
  test.each(wrong)(
    "%o is refused with the option's name, what was expected and what came",
    (options, name) => {
      let error: unknown;
      try {
        new EndpointConfig(options);
      } catch (cause) {
        error = cause;
      }
      expect(error).toBeInstanceOf(RxOptionError);
      expect(error).toBeInstanceOf(RangeError);
      expect((error as RxOptionError).message).toMatch(new RegExp(`${name}.*expected .+ got `));
    },
  );
});

describe("Stats", () => {
  test("counts, round trips and names", () => {
    const stats = new Stats();
    stats.count(Stat.DropShort);
    stats.addRtt(500);
    stats.addRtt(100);
    stats.addRtt(900);
    expect(stats.snapshot()).toMatchObject({
      DropShort: 1,
      RttSamples: 3,
      RttTotalUs: 1_500,
      RttMinUs: 100,
      RttMaxUs: 900,
      DropLong: 0,
    });
  });
});
