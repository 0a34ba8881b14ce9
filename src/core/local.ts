// The local endpoint's own state, shared by everything that handles packets: tables, pools, clock, queues.
import type { EventCache } from "../loop/event-cache.js";
import { BufferPool } from "../memory/buffer-pool.js";
import type { BufferTaker } from "../memory/buffer-waiters.js";
import { ObjectPool } from "../memory/object-pool.js";
import type { Address } from "../util/address.js";
import { DeadlineHeap } from "../util/deadline-heap.js";
import { KeyedHash } from "../util/keyed-hash.js";
import { SlotList } from "../util/slot-list.js";
import { Call, WAITS_PER_CALL } from "./call-object.js";
import { RetiredChunks } from "./chunk-retirer.js";
import type { EndpointConfig } from "./config.js";
import type { Connection, VerdictSink } from "./conn-object.js";
import { ConnTable } from "./conn-table.js";
import type { Peer } from "./peer.js";
import { PeerTable } from "./peer-table.js";
import type { RandomSource } from "./random-source.js";
import { RefusalLimiter, type Reply, ReplyRing } from "./refusal.js";
import { PayloadRange, type SecurityClass } from "./security-class.js";
import { Stat, Stats } from "./stats.js";
import { Tombstones } from "./tombstones.js";

/** Client bundles (one per remote service that is called) of an endpoint. */
export const BUNDLES_MAX = 4_096;

/** What the core asks of whoever drives it. Both may be called at any time and must only take a note. */
export interface EndpointHost {
  /** There is something for pollTransmit(). */
  wantTransmit(): void;
  /** nextTimeoutUs() has become earlier. */
  wantTimer(): void;
}

export interface LocalOptions {
  readonly config: EndpointConfig;
  readonly random: RandomSource;
  readonly events: EventCache;
  readonly host: EndpointHost;
  readonly security: readonly SecurityClass[];
}

/**
 * Calls and connections share one space of slots in the transmit list and the heap of deadlines: calls stand at their
 * index, connections behind all calls.
 */
export class Local {
  readonly config: EndpointConfig;
  readonly random: RandomSource;
  readonly events: EventCache;
  readonly host: EndpointHost;
  readonly security: readonly SecurityClass[];
  readonly stats = new Stats();
  /** [now], microseconds. Set on entry; nothing inside reads a clock. */
  readonly clock = new Float64Array(1);
  readonly buffers: BufferPool;
  readonly calls: ObjectPool<Call>;
  readonly peers: PeerTable;
  readonly connections: ConnTable;
  readonly tombstones: Tombstones;
  readonly timers: DeadlineHeap;
  /** Scratch of whoever verifies or protects a payload. */
  readonly range = new PayloadRange();
  readonly replies = new ReplyRing();
  readonly refusals: RefusalLimiter;
  /** Client start value: bit 31 on, bit 30 off (rx-wire.md section 1.1). */
  readonly epoch: number;
  /** Client connections open. */
  clientConnections = 0;
  /** The bound address; what claims to come from it is dropped. */
  ownAddress: Address | null = null;
  /** A service could not be charged for want of spare objects. */
  isUndercharged = false;
  /** User ids of charged and live service calls. */
  readonly userIds = new Set<bigint>();
  /** Hands buffers over to calls that have waited; set by the endpoint. */
  offers: BufferTaker | null = null;
  /** Where slow verdicts of security classes arrive; set by the endpoint. */
  verdicts: VerdictSink | null = null;
  /** Client bundles with a channel that has become free, or calls that wait for one. */
  readonly freedBundles: SlotList;
  /** New service calls are answered with RX_RESTARTING. */
  isDraining = false;
  /** Calls held back until their peer proves its address or sends more. */
  readonly blockedCalls: SlotList;
  /** Service calls alive of peers that have not proved their address, the oldest first. */
  readonly strangerCalls: SlotList;
  readonly #transmit: SlotList;

  constructor(options: LocalOptions) {
    const { config, random } = options;
    this.config = config;
    this.random = random;
    this.events = options.events;
    this.host = options.host;
    this.security = options.security;
    this.buffers = new BufferPool(config.buffersMax, config.bufferBytes, config.callsMax * WAITS_PER_CALL, {
      takeOffer: (slot, buffer) => this.offers?.takeOffer(slot, buffer) === true,
    });
    const retired = new RetiredChunks(options.events);
    this.calls = new ObjectPool(config.callsMax, (index) => new Call(index, this.buffers, config, retired));
    const hash = new KeyedHash(random.int32(), random.int32());
    this.peers = new PeerTable(config, hash);
    this.connections = new ConnTable(config, hash);
    this.tombstones = new Tombstones(config.tombstonesMax);
    const slots = config.callsMax + config.connectionsMax;
    this.timers = new DeadlineHeap(slots);
    this.refusals = new RefusalLimiter(config.refusalsPerSecond, hash);
    this.epoch = (random.int32() | 0x80000000) & ~0x40000000;
    this.freedBundles = new SlotList(BUNDLES_MAX);
    this.blockedCalls = new SlotList(config.callsMax);
    this.strangerCalls = new SlotList(config.callsMax);
    this.#transmit = new SlotList(slots);
  }

  /** A notifier of a user's has thrown where nobody can be told. */
  countNotifierFault(): void {
    this.stats.count(Stat.NotifierFaults);
  }

  securityClass(securityIndex: number): SecurityClass | null {
    for (let i = 0; i < this.security.length; i++) {
      const candidate = this.security[i] as SecurityClass;
      if (candidate.securityIndex === securityIndex) return candidate;
    }
    return null;
  }

  callAt(slot: number): Call | null {
    return slot < 0 ? null : this.calls.at(slot);
  }

  /** A channel of bundle `index` has become free: its waiting calls are looked at before the next output. */
  noteFreed(index: number): void {
    this.freedBundles.push(index);
    this.host.wantTransmit();
  }

  /** A place for a reply to `remote`, to be filled at once, or null when too many wait to be sent. */
  addReply(remote: Address): Reply | null {
    const reply = this.replies.add();
    if (reply === null) {
      this.stats.count(Stat.RefusalsWithheld);
      return null;
    }
    reply.address.copyFrom(remote);
    if (this.replies.count === 1) this.host.wantTransmit();
    return reply;
  }

  /** First slot that has something to send, or -1. */
  get transmitHead(): number {
    return this.#transmit.head;
  }

  get hasTransmit(): boolean {
    return this.#transmit.count > 0 || this.replies.count > 0;
  }

  /** The peer has shown that it receives what we send: all that was held back from it may go. */
  provePeer(peer: Peer): void {
    if (peer.isProven) return;
    this.peers.prove(peer);
    this.#takeCallsOf(peer, this.strangerCalls, false);
    this.#takeCallsOf(peer, this.blockedCalls, true);
  }

  scheduleCall(call: Call): void {
    this.#schedule(call.index);
  }

  scheduleConnection(connection: Connection): void {
    this.#schedule(this.config.callsMax + connection.index);
  }

  unscheduleCall(call: Call): void {
    this.#transmit.remove(call.index);
  }

  unscheduleConnection(connection: Connection): void {
    this.#transmit.remove(this.config.callsMax + connection.index);
  }

  /** Lets the next slot have its turn. */
  rotateTransmit(): void {
    this.#transmit.rotate();
  }

  /** Makes sure that `slot`'s timers run no later than `from[at]`. */
  advanceTimer(slot: number, from: Float64Array, at: number): void {
    this.timers.advance(slot, from, at);
    if (this.timers.peek() === slot) this.host.wantTimer();
  }

  connectionSlot(connection: Connection): number {
    return this.config.callsMax + connection.index;
  }

  #takeCallsOf(peer: Peer, list: SlotList, mayGo: boolean): void {
    let slot = list.head;
    while (slot >= 0) {
      const next = list.after(slot);
      const call = this.calls.at(slot);
      if (call.connection?.peer === peer) {
        list.remove(slot);
        if (mayGo) this.scheduleCall(call);
      }
      slot = next;
    }
  }

  #schedule(slot: number): void {
    if (this.#transmit.push(slot) && this.#transmit.count === 1) this.host.wantTransmit();
  }
}
