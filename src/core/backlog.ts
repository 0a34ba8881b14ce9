// The preallocation rings of one service: spare peers, connections and calls, ready to be brought to life by a packet.
import { assert } from "../util/assert.js";
import { Ring } from "../util/ring.js";
import type { Call } from "./call-object.js";
import { enterPrealloc } from "./call-state.js";
import { BACKLOG_MAX } from "./config.js";
import type { Connection } from "./conn-object.js";
import { evictConnection } from "./conn-reap.js";
import type { Local } from "./local.js";
import type { Peer } from "./peer.js";

/**
 *     peers        [p][p][p][p]      peers >= connections >= calls, always:
 *     connections  [c][c][c]         a known peer uses no spare peer,
 *     calls        [k][k]            a call on a live connection uses only a spare call
 *
 * Each ring holds at most `limit` objects and every one of its places can be used.
 */
export class Backlog {
  readonly #local: Local;
  readonly #peers = new Ring<Peer>(BACKLOG_MAX);
  readonly #connections = new Ring<Connection>(BACKLOG_MAX);
  readonly #calls = new Ring<Call>(BACKLOG_MAX);

  constructor(local: Local) {
    this.#local = local;
  }

  get peers(): number {
    return this.#peers.count;
  }

  get connections(): number {
    return this.#connections.count;
  }

  get calls(): number {
    return this.#calls.count;
  }

  /** The spare call at `i`, oldest first. */
  callAt(i: number): Call {
    return this.#calls.at(i);
  }

  /**
   * Puts in one spare call, and the connection and peer that it may need. The caller has seen to the limit.
   *
   * @returns the call, or null when the endpoint has none left; the rings are as before then
   */
  charge(): Call | null {
    const local = this.#local;
    const wantsPeer = this.#peers.count <= this.#calls.count;
    const wantsConnection = this.#connections.count <= this.#calls.count;
    // Whatever can fail is taken before anything is put in; the call last, since services are charged when one is given back.
    const peer = wantsPeer ? takePeer(local) : null;
    if (wantsPeer && peer === null) return null;
    const connection = wantsConnection ? takeConnection(local) : null;
    const call = wantsConnection && connection === null ? null : local.calls.take();
    if (call === null) {
      if (peer !== null) local.peers.pool.give(peer);
      if (connection !== null) local.connections.pool.give(connection);
      return null;
    }
    if (peer !== null) this.#peers.push(peer);
    if (connection !== null) this.#connections.push(connection);
    enterPrealloc(call);
    this.#calls.push(call);
    this.#check();
    return call;
  }

  /** The oldest spare call leaves its ring; there must be one. */
  takeCall(): Call {
    const call = this.#calls.shift();
    this.#check();
    return call;
  }

  /** The oldest spare connection, for a call that is taken together with it. */
  takeConnection(): Connection {
    return this.#connections.shift();
  }

  /** The oldest spare peer, for a connection that is taken together with it. */
  takePeer(): Peer {
    return this.#peers.shift();
  }

  /** Takes one particular spare call out, and a connection and peer if there are now more than calls call for. */
  discharge(call: Call): void {
    for (let i = 0; i < this.#calls.count; i++) {
      if (this.#calls.at(i) !== call) continue;
      this.#calls.removeAt(i);
      this.#trim();
      this.#local.calls.give(call);
      return;
    }
    assert(false, "call to discharge is not in the ring");
  }

  /** Takes the oldest spare call out and gives it back. */
  discardCall(): void {
    this.#local.calls.give(this.#calls.shift());
  }

  /** Gives back the spare connections and peers, each exactly once; the calls have been discarded one by one. */
  discardRest(): void {
    const local = this.#local;
    assert(this.#calls.count === 0, "spare calls are left behind");
    while (this.#connections.count > 0) local.connections.pool.give(this.#connections.shift());
    while (this.#peers.count > 0) local.peers.pool.give(this.#peers.shift());
  }

  #trim(): void {
    if (this.#connections.count > this.#calls.count)
      this.#local.connections.pool.give(this.#connections.shift());
    if (this.#peers.count > this.#connections.count) this.#local.peers.pool.give(this.#peers.shift());
    this.#check();
  }

  #check(): void {
    assert(this.#peers.count >= this.#connections.count, "spare peers fewer than spare connections");
    assert(this.#connections.count >= this.#calls.count, "spare connections fewer than spare calls");
  }
}

function takePeer(local: Local): Peer | null {
  const peer = local.peers.take();
  if (peer !== null || !evictConnection(local)) return peer;
  return local.peers.take();
}

function takeConnection(local: Local): Connection | null {
  const connection = local.connections.pool.take();
  if (connection !== null || !evictConnection(local)) return connection;
  return local.connections.pool.take();
}
