// Client connections: bundles of connections with like parameters, calls that wait for a channel, and which channel they get.
import { BufferClass } from "../memory/buffer-class.js";
import type { Address } from "../util/address.js";
import { RxError } from "../util/errors.js";
import { SlotList } from "../util/slot-list.js";
import { AbortCode } from "../wire/abort.js";
import { CID_MASK } from "../wire/header.js";
import { type Call, Completion } from "./call-object.js";
import { complete, enterAwaitConn, enterSendRequest } from "./call-state.js";
import { PACKET_BYTES_MAX } from "./config.js";
import { secureConnection } from "./conn-event.js";
import { CHANNELS, type Connection, ConnState, ConnTime, NO_CALL } from "./conn-object.js";
import { evictConnection } from "./conn-reap.js";
import { BUNDLES_MAX, type Local } from "./local.js";

// Call numbers of a channel end here: the connection is not used again (Linux does the same).
const CALL_NUMBER_MAX = 0x7ffffffe;

/** What the connections of a bundle have in common. */
export interface BundleOptions {
  readonly remote: Address;
  readonly serviceId: number;
  readonly securityIndex: number;
  /** Connections the bundle may open, four calls on each. */
  readonly connectionsMax: number;
  /** Asks for the better service with the first call of each connection. */
  readonly wantsUpgrade: boolean;
}

/** Client connections to one service of one peer, and the calls that wait for a channel of theirs. */
export class Bundle {
  readonly index: number;
  readonly options: BundleOptions;
  readonly connections: Connection[] = [];
  /** Calls in state ClientAwaitConn, first come first served. */
  readonly waiting: SlotList;
  isClosed = false;

  constructor(index: number, options: BundleOptions, callsMax: number) {
    this.index = index;
    this.options = options;
    this.waiting = new SlotList(callsMax);
  }
}

/** The bundles of an endpoint. */
export class Bundles {
  readonly #local: Local;
  readonly #bundles: (Bundle | null)[] = [];
  /** Bundles whose calls wait because the endpoint had no connection or peer left. */
  readonly #starved = new SlotList(BUNDLES_MAX);

  constructor(local: Local) {
    this.#local = local;
  }

  /** @throws RxError RX_ERR_LIMIT when there are too many */
  open(options: BundleOptions): Bundle {
    let index = this.#bundles.indexOf(null);
    if (index < 0) index = this.#bundles.length;
    if (index >= BUNDLES_MAX)
      throw new RxError("RX_ERR_LIMIT", `${BUNDLES_MAX} client bundles are open already`);
    const bundle = new Bundle(index, options, this.#local.config.callsMax);
    this.#bundles[index] = bundle;
    return bundle;
  }

  /** Begins a call: on a channel if one is free, else in the queue. @throws RxError RX_ERR_LIMIT */
  begin(bundle: Bundle): Call {
    const local = this.#local;
    if (bundle.isClosed) throw new RxError("RX_ERR_SOCKET_CLOSED", "the client connection is closed");
    if (bundle.waiting.count >= local.config.waitingCallsMax) {
      throw new RxError("RX_ERR_LIMIT", `${bundle.waiting.count} calls wait for a channel already`);
    }
    const call = local.calls.take();
    if (call === null) throw new RxError("RX_ERR_LIMIT", `${local.calls.capacity} calls are alive already`);
    call.home = bundle.index;
    call.serviceId = bundle.options.serviceId;
    enterAwaitConn(call);
    const packetBytes = local.peers.find(bundle.options.remote)?.packetBytes ?? PACKET_BYTES_MAX;
    call.tx.prepare(local.securityClass(bundle.options.securityIndex), packetBytes, BufferClass.OwnRequest);
    bundle.waiting.push(call.index);
    call.waitingIn = bundle.waiting;
    this.assign(bundle);
    return call;
  }

  /** Gives waiting calls the channels that have become free. */
  assignFreed(): void {
    const local = this.#local;
    for (;;) {
      const index = local.freedBundles.shift();
      if (index < 0) return;
      const bundle = this.#bundles[index];
      if (bundle !== null && bundle !== undefined) this.assign(bundle);
    }
  }

  /** Calls wait for what only reaping can give. */
  get hasStarved(): boolean {
    return this.#starved.count > 0;
  }

  /** Bundles that have found the endpoint's tables full try again. */
  assignStarved(): void {
    for (let i = this.#starved.count; i > 0; i--) this.#local.noteFreed(this.#starved.shift());
    this.assignFreed();
  }

  assign(bundle: Bundle): void {
    const local = this.#local;
    for (;;) {
      const slot = bundle.waiting.head;
      if (slot < 0) return;
      const call = local.calls.at(slot);
      if (!this.#place(bundle, call)) return;
      bundle.waiting.remove(slot);
      call.waitingIn = null;
    }
  }

  /** Forgets the bundle: calls that wait for a channel end, its connections go when their last call has been released. */
  close(bundle: Bundle): void {
    if (bundle.isClosed) return;
    bundle.isClosed = true;
    this.#bundles[bundle.index] = null;
    while (bundle.waiting.head >= 0) {
      complete(
        this.#local,
        this.#local.calls.at(bundle.waiting.head),
        Completion.LocalError,
        AbortCode.RX_CALL_DEAD,
      );
    }
    for (const connection of bundle.connections) {
      connection.isRetired = true;
      connection.bundle = -1;
      connection.finalAcksNow |= connection.finalAcks;
      if (connection.finalAcksNow !== 0) this.#local.scheduleConnection(connection);
    }
  }

  #place(bundle: Bundle, call: Call): boolean {
    const found = this.#findChannel(bundle) ?? this.#openConnection(bundle);
    if (found === null) return false;
    const channel = freeChannel(found);
    call.connection = found;
    call.channel = channel;
    call.callNumber = found.callNumber(channel) + 1;
    call.serviceId = found.serviceId;
    enterSendRequest(this.#local, call);
    if (call.tx.hasWork) this.#local.scheduleCall(call);
    return true;
  }

  #findChannel(bundle: Bundle): Connection | null {
    // Retired connections, and those that were reaped while idle, leave the bundle here.
    for (let i = bundle.connections.length - 1; i >= 0; i--) {
      const connection = bundle.connections[i] as Connection;
      if (connection.isRetired || connection.bundle !== bundle.index) bundle.connections.splice(i, 1);
    }
    for (const connection of bundle.connections) {
      // While a connection asks for an upgrade it carries one call at a time.
      if (connection.wantsUpgrade && connection.active > 0) continue;
      if (freeChannel(connection) >= 0) return connection;
    }
    return null;
  }

  #openConnection(bundle: Bundle): Connection | null {
    const local = this.#local;
    const { options } = bundle;
    if (bundle.connections.length >= options.connectionsMax) return null;
    const connection = takeClientConnection(local);
    if (connection === null) return this.#starve(bundle);
    let peer = local.peers.find(options.remote);
    if (peer === null) {
      peer = local.peers.take();
      if (peer === null) {
        local.connections.pool.give(connection);
        return this.#starve(bundle);
      }
      local.peers.enter(peer, options.remote);
    }
    // Whom we call ourselves may be sent what we like.
    local.provePeer(peer);
    local.peers.use(peer);
    connection.isService = false;
    connection.epoch = local.epoch;
    connection.connectionId = unusedConnectionId(local);
    connection.serviceId = options.serviceId;
    connection.securityIndex = options.securityIndex;
    connection.wantsUpgrade = options.wantsUpgrade;
    connection.peer = peer;
    connection.bundle = bundle.index;
    connection.serial = local.random.int32() & 0x3fffffff;
    connection.times[connection.timeAt + ConnTime.LastUse] = local.clock[0] as number;
    local.connections.enter(connection);
    local.clientConnections++;
    secureConnection(local, connection);
    connection.state = ConnState.Secure;
    bundle.connections.push(connection);
    return connection;
  }

  #starve(bundle: Bundle): null {
    if (this.#starved.push(bundle.index)) this.#local.host.wantTimer();
    return null;
  }
}

// A free channel, one whose last call was not told BUSY if there is such a one; -1 = none.
function freeChannel(connection: Connection): number {
  let busy = -1;
  for (let channel = 0; channel < CHANNELS; channel++) {
    if (connection.callSlot(channel) !== NO_CALL) continue;
    if (connection.callNumber(channel) >= CALL_NUMBER_MAX) {
      // Numbers of one channel run out long before the others': the connection is done with.
      connection.isRetired = true;
      return -1;
    }
    const last = connection.callNumber(channel);
    if (last === 0 || connection.refused(channel) !== last) return channel;
    busy = channel;
  }
  return busy;
}

function takeClientConnection(local: Local): Connection | null {
  const connection = local.connections.pool.take();
  if (connection !== null || !evictConnection(local)) return connection;
  return local.connections.pool.take();
}

// Ids are drawn and not counted up: who knows one must not know the next.
function unusedConnectionId(local: Local): number {
  for (;;) {
    const connectionId = local.random.int32() & CID_MASK;
    if (connectionId !== 0 && local.connections.find(local.epoch, connectionId, false) === null)
      return connectionId;
  }
}
