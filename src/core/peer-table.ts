// The peers of an endpoint: look-up by address, strangers and their limits, and when an unused peer is forgotten.
import { ObjectPool } from "../memory/object-pool.js";
import type { Address } from "../util/address.js";
import { DenseSet } from "../util/dense-set.js";
import { HashIndex } from "../util/hash-index.js";
import type { KeyedHash } from "../util/keyed-hash.js";
import { SlotList } from "../util/slot-list.js";
import type { EndpointConfig } from "./config.js";
import { Peer, PeerCell } from "./peer.js";

const UNUSED_LIFE_US = 60_000_000;
// Strangers are counted per host in this many buckets; hosts that share one share its limit.
const HOST_BUCKETS = 4_096;

export class PeerTable {
  readonly pool: ObjectPool<Peer>;
  /** Peers with an address, for walks. */
  readonly known: DenseSet;
  /** Service connections of peers that have not proved their address. */
  strangers = 0;
  readonly #config: EndpointConfig;
  readonly #hash: KeyedHash;
  readonly #index: HashIndex;
  readonly #unused: SlotList;
  readonly #strangersOfHost = new Int32Array(HOST_BUCKETS);
  readonly #words = new Int32Array(5);

  constructor(config: EndpointConfig, hash: KeyedHash) {
    this.pool = new ObjectPool(config.peersMax, (index) => new Peer(index));
    this.known = new DenseSet(config.peersMax);
    this.#config = config;
    this.#hash = hash;
    this.#index = new HashIndex(config.peersMax);
    this.#unused = new SlotList(config.peersMax);
  }

  find(address: Address): Peer | null {
    const hash = this.#hashOf(address);
    const index = this.#index;
    for (let at = index.first(hash); at >= 0; at = index.next(at, hash)) {
      const peer = this.pool.at(index.slotAt(at));
      if (peer.address.equals(address)) return peer;
    }
    return null;
  }

  /** Whether `address` may have one more connection now, as far as strangers are limited. `peer` is its peer, if known. */
  admits(address: Address, peer: Peer | null): boolean {
    if (peer === null ? this.isTrusted(address) : peer.isProven) return true;
    return this.strangers < this.#config.strangersMax && this.hostHasRoom(address);
  }

  /** Whether the host of `address` is below the limit of stranger connections of one host. */
  hostHasRoom(address: Address): boolean {
    return (this.#strangersOfHost[this.#bucketOf(address)] as number) < this.#config.strangersPerHostMax;
  }

  isTrusted(address: Address): boolean {
    const ranges = this.#config.trusted;
    for (let i = 0; i < ranges.length; i++)
      if ((ranges[i] as (typeof ranges)[number]).contains(address)) return true;
    return false;
  }

  /** Gives a spare peer its address and enters it. */
  enter(peer: Peer, address: Address): void {
    peer.address.copyFrom(address);
    peer.hash = this.#hashOf(address);
    peer.isTrusted = this.isTrusted(address);
    peer.isProven = peer.isTrusted;
    this.#index.insert(peer.hash, peer.index);
    this.known.add(peer.index);
  }

  /** The peer has shown that it receives what we send to its address. */
  prove(peer: Peer): void {
    if (peer.isProven) return;
    peer.isProven = true;
    this.#countStrangers(peer.address, -peer.connections);
  }

  /** A connection begins to use `peer`. */
  use(peer: Peer): void {
    if (peer.connections++ === 0) this.#unused.remove(peer.index);
    if (!peer.isProven) this.#countStrangers(peer.address, 1);
  }

  /** A connection lets go of `peer`. */
  unuse(peer: Peer, now: Float64Array): void {
    if (!peer.isProven) this.#countStrangers(peer.address, -1);
    if (--peer.connections > 0) return;
    peer.cells[PeerCell.UnusedAt] = now[0] as number;
    this.#unused.push(peer.index);
  }

  /** Forgets peers that nothing has used for a minute. */
  reap(now: Float64Array): void {
    for (;;) {
      const slot = this.#unused.head;
      if (slot < 0) return;
      const unusedAt = this.pool.at(slot).cells[PeerCell.UnusedAt] as number;
      if (unusedAt + UNUSED_LIFE_US > (now[0] as number)) return;
      this.#forget(slot);
    }
  }

  /** A spare peer; makes room by forgetting the one that has been unused longest. Null when all are in use. */
  take(): Peer | null {
    if (this.pool.available === 0 && this.#unused.head >= 0) this.#forget(this.#unused.head);
    return this.pool.take();
  }

  #forget(slot: number): void {
    const peer = this.pool.at(slot);
    this.#unused.remove(slot);
    this.#index.remove(peer.hash, slot);
    this.known.remove(slot);
    this.pool.give(peer);
  }

  #countStrangers(address: Address, step: number): void {
    this.strangers += step;
    const bucket = this.#bucketOf(address);
    this.#strangersOfHost[bucket] = (this.#strangersOfHost[bucket] as number) + step;
  }

  #bucketOf(address: Address): number {
    return this.#hashWords(address, 0) & (HOST_BUCKETS - 1);
  }

  #hashOf(address: Address): number {
    return this.#hashWords(address, (address.port << 1) | (address.family === 6 ? 1 : 0));
  }

  #hashWords(address: Address, last: number): number {
    const words = this.#words;
    words[0] = address.w0;
    words[1] = address.w1;
    words[2] = address.w2;
    words[3] = address.w3;
    words[4] = last;
    return this.#hash.hash(words, 5);
  }
}
