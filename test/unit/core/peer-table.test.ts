// Peers by address: which of them are the same, which need no proof, and which are forgotten.
import { describe, expect, test } from "vitest";
import { EndpointConfig, type EndpointOptions } from "../../../src/core/config.js";
import type { Peer } from "../../../src/core/peer.js";
import { PeerTable } from "../../../src/core/peer-table.js";
import type { Address } from "../../../src/util/address.js";
import { KeyedHash } from "../../../src/util/keyed-hash.js";
import { addressOf } from "./rig.js";

const at = (timeUs: number): Float64Array => new Float64Array([timeUs]);

function table(options: EndpointOptions = {}): PeerTable {
  return new PeerTable(new EndpointConfig(options), new KeyedHash(1, 2));
}

function enter(peers: PeerTable, address: Address): Peer {
  const peer = peers.take() as Peer;
  peers.enter(peer, address);
  peers.use(peer);
  return peer;
}

const HOSTS = [
  "1.2.3.4",
  "::102:304",
  "2001:db8::1",
  "2001:db8::2",
  "2001:db8:1::1",
  "2001:db8::1:0:0:1",
  "fd00::1",
];

describe("PeerTable", () => {
  const hashes: [string, KeyedHash][] = [
    ["a good hash", new KeyedHash(1, 2)],
    ...Array.from({ length: 32 }, (_, n): [string, KeyedHash] => [
      `${n} for all`,
      { hash: () => n } as unknown as KeyedHash,
    ]),
  ];
  test.each(hashes)(
    "finds each peer by all of its address and its port, and no other, with %s",
    (_name, hash) => {
      const peers = new PeerTable(new EndpointConfig({ peersMax: 16 }), hash);
      const addresses = HOSTS.flatMap((host) => [7_001, 7_002].map((port) => addressOf(host, port)));
      const entered = addresses.map((address) => {
        expect(peers.find(address)).toBe(null);
        return enter(peers, address);
      });
      expect(addresses.map((address) => peers.find(address))).toEqual(entered);
      expect([peers.known.count, new Set(entered).size]).toEqual([14, 14]);
    },
  );

  test("who stands in a trusted range has proved his address, and is no stranger", () => {
    const peers = table({ trusted: ["10.0.0.0/8", "fd00::/8"], strangersMax: 1 });
    const trusted = [addressOf("10.9.9.9", 1), addressOf("fd12::1", 1)].map((address) =>
      enter(peers, address),
    );
    expect(trusted.map((peer) => [peer.isTrusted, peer.isProven])).toEqual([
      [true, true],
      [true, true],
    ]);
    expect([peers.strangers, peers.isTrusted(addressOf("11.0.0.1", 1))]).toEqual([0, false]);
    const stranger = enter(peers, addressOf("11.0.0.1", 1));
    expect([stranger.isTrusted, stranger.isProven, peers.strangers]).toEqual([false, false, 1]);
    // The strangers' places are taken: that is nothing to those who need none.
    expect(peers.admits(addressOf("11.0.0.2", 1), null)).toBe(false);
    expect(peers.admits(addressOf("10.0.0.2", 1), null)).toBe(true);
    expect(peers.admits(addressOf("10.9.9.9", 1), trusted[0] as Peer)).toBe(true);
  });

  test("strangers are limited in all and of each host, whatever their ports, and counted off as they go", () => {
    const peers = table({ trusted: [], strangersMax: 4, strangersPerHostMax: 2 });
    const host = (port: number): Address => addressOf("192.0.2.1", port);
    const first = enter(peers, host(1));
    enter(peers, host(2));
    expect([peers.hostHasRoom(host(3)), peers.admits(host(3), null)]).toEqual([false, false]);
    const others = [1, 2].map((n) => enter(peers, addressOf(`198.51.100.${n}`, 1)));
    expect([peers.strangers, peers.admits(addressOf("203.0.113.1", 1), null)]).toEqual([4, false]);
    // There is room for the host, but not for one more in all.
    expect(peers.hostHasRoom(addressOf("198.51.100.1", 2))).toBe(true);
    expect(peers.admits(addressOf("198.51.100.1", 2), others[0] as Peer)).toBe(false);
    peers.unuse(first, at(0));
    expect([peers.strangers, peers.admits(host(3), null)]).toEqual([3, true]);
  });

  test("proof counts all the connections of a peer off at once", () => {
    const peers = table({ trusted: [], strangersPerHostMax: 3 });
    const peer = enter(peers, addressOf("192.0.2.1", 1));
    peers.use(peer);
    enter(peers, addressOf("192.0.2.1", 2));
    expect([peers.strangers, peers.hostHasRoom(peer.address)]).toEqual([3, false]);
    peers.prove(peer);
    expect([peers.strangers, peers.hostHasRoom(peer.address)]).toEqual([1, true]);
    // What a proven peer takes and leaves is nobody's count.
    peers.use(peer);
    for (let n = 0; n < 3; n++) peers.unuse(peer, at(0));
    expect([peers.strangers, peer.connections]).toEqual([1, 0]);
  });

  test("peers without a use are forgotten in their order, each at its time; one that is used again is not", () => {
    const peers = table();
    const entered = [0, 1, 2, 3].map((n) => enter(peers, addressOf(`192.0.2.${n}`, 1)));
    const addresses = [0, 1, 2, 3].map((n) => addressOf(`192.0.2.${n}`, 1));
    entered.forEach((peer, n) => {
      peers.unuse(peer, at(n * 1_000));
    });
    peers.use(entered[1] as Peer);
    peers.reap(at(60_001_500));
    expect(addresses.map((address) => peers.find(address) !== null)).toEqual([false, true, true, true]);
    peers.reap(at(1e9));
    expect(addresses.map((address) => peers.find(address) !== null)).toEqual([false, true, false, false]);
    expect([peers.known.count, peers.pool.used]).toEqual([1, 1]);
  });

  test("nobody is forgotten while there is a spare peer", () => {
    const peers = table({ peersMax: 2 });
    const unused = enter(peers, addressOf("192.0.2.1", 1));
    peers.unuse(unused, at(0));
    const spare = peers.take();
    expect([spare === unused, peers.find(addressOf("192.0.2.1", 1))]).toEqual([false, unused]);
    expect([peers.take(), peers.find(addressOf("192.0.2.1", 1))]).toEqual([unused, null]);
    expect(peers.take()).toBe(null);
  });
});
