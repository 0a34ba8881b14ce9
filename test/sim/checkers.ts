// What must hold at every step of a simulation, and what must be left when everything has ended.

import { type Call, CallState, readingSlot, writingSlot } from "../../src/core/call-object.js";
import { ADVERTISED_JUMBO } from "../../src/core/config.js";
import type { Endpoint } from "../../src/core/endpoint.js";
import { TransmitFlag } from "../../src/core/transmit-window.js";
import type { EventCache } from "../../src/loop/event-cache.js";
import { NO_BUFFER } from "../../src/memory/buffer-pool.js";
import { HandlerError } from "./handler-error.js";

const BACKLOG_MAX = 32;

export interface CheckedEndpoint {
  readonly endpoint: Endpoint;
  readonly events: EventCache;
  readonly faults: readonly unknown[];
  /** Buffers that the test itself holds. */
  readonly buffersWithheld?: number;
}

/** One of the rules that every run has to keep, O1 to O12, is broken. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly oracle: string;

  constructor(oracle: string, message: string) {
    super(`${oracle}: ${message}`);
    this.oracle = oracle;
  }
}

function same(what: string, got: unknown, expected: unknown): void {
  if (got !== expected)
    throw new Violation("O3", `${what}: expected ${String(expected)}, got ${String(got)}`);
}

function holds(what: string, isTrue: boolean, oracle = "O3"): void {
  if (!isTrue) throw new Violation(oracle, what);
}

/** Buffers that the calls of an endpoint hold. A call that lies in a pool or a ring has nothing to hold one for. */
export function buffersHeld(endpoint: Endpoint): number {
  let held = 0;
  for (const call of endpoint.local.calls.all) {
    if (call.state === CallState.Spare || call.state === CallState.ServerPrealloc) continue;
    held += call.rx.buffersHeld + call.tx.buffersHeld;
  }
  return held;
}

/** Relations between what is counted and what is there; and what may only grow. */
export class StepChecker {
  /** By call slot: generation, rx.next and tx.first at the last look. */
  readonly #seen: { generation: number; next: number; first: number }[] = [];
  /** The largest share of one address that any service has given; calls of services that were removed go on. */
  #perPeerMax = 0;

  check(checked: CheckedEndpoint): void {
    const { endpoint } = checked;
    const { local } = endpoint;
    const fault = checked.faults.find((thrown) => !(thrown instanceof HandlerError));
    if (fault instanceof Error) throw fault;
    if (fault !== undefined) throw new Violation("O9", "something was thrown that is no Error");
    checkLimits(endpoint);
    this.#checkShares(endpoint);
    const withheld = checked.buffersWithheld ?? 0;
    same("buffers in use against buffers held", local.buffers.used, buffersHeld(endpoint) + withheld);
    checkWaiters(endpoint);
    this.#checkServices(endpoint);
    this.#checkCalls(endpoint);
    checkConnections(endpoint);
  }

  #checkShares({ local: { peers }, services }: Endpoint): void {
    for (const { callsPerPeerMax } of services.values())
      this.#perPeerMax = Math.max(this.#perPeerMax, callsPerPeerMax);
    // All services were removed before the first look.
    if (this.#perPeerMax === 0) return;
    for (let i = 0; i < peers.known.count; i++)
      limit("calls of one address", peers.pool.at(peers.known.at(i)).activeCalls, this.#perPeerMax);
  }

  #checkServices(endpoint: Endpoint): void {
    let spare = 0;
    for (const service of endpoint.services.values()) {
      const { backlog } = service;
      spare += backlog.calls;
      holds(
        "spare peers >= connections >= calls",
        backlog.peers >= backlog.connections && backlog.connections >= backlog.calls,
        "O12",
      );
      holds("a backlog of at most 32", service.limit <= BACKLOG_MAX, "O4");
      // After listen(0) calls that still wait are beyond the new limit.
      if (service.limit > 0)
        holds("spare and waiting calls within the backlog", backlog.calls <= service.limit, "O4");
      holds("waiting is not negative", service.waiting >= 0);
    }
    let preallocated = 0;
    for (const call of endpoint.local.calls.all) if (call.state === CallState.ServerPrealloc) preallocated++;
    same("calls in rings against preallocated calls", spare, preallocated);
  }

  #checkCalls(endpoint: Endpoint): void {
    const { local } = endpoint;
    let used = 0;
    for (const call of local.calls.all) {
      if (call.state !== CallState.Spare) used++;
      const seen = (this.#seen[call.index] ??= { generation: call.generation, next: 1, first: 1 });
      if (seen.generation === call.generation) {
        holds("a hard ACK is not taken back", call.rx.next >= seen.next, "O11");
        holds("the transmit window does not move back", call.tx.first >= seen.first);
      }
      seen.generation = call.generation;
      seen.next = call.rx.next;
      seen.first = call.tx.first;
      if (call.isLive) checkLiveCall(endpoint, call);
    }
    same("calls taken against calls in a state", local.calls.used, used);
  }
}

// Counted anew where a count is kept beside what it counts: a pool that forgot its limit would not tell.
function checkLimits({ local, config }: Endpoint): void {
  const { calls, connections, peers, buffers, tombstones } = local;
  limit("calls", calls.used, config.callsMax);
  limit("calls made", calls.all.length, config.callsMax);
  limit("connections", connections.pool.used, config.connectionsMax);
  limit("connections made", connections.pool.all.length, config.connectionsMax);
  limit("peers", peers.pool.used, config.peersMax);
  limit("peers made", peers.pool.all.length, config.peersMax);
  limit("strangers", peers.strangers, config.strangersMax);
  limit("calls of strangers", local.strangerCalls.count, config.strangerCallsMax);
  limit("buffers", buffers.used, config.buffersMax);
  limit("tombstones", tombstones.count, config.tombstonesMax);
}

function limit(what: string, count: number, most: number): void {
  if (count > most) throw new Violation("O4", `${count} ${what}, and at most ${most} are allowed`);
}

// Nobody waits for a buffer that he could take, nobody waits who is over, and what was handed over is still wanted.
function checkWaiters(endpoint: Endpoint): void {
  const { buffers, calls } = endpoint.local;
  const { waiters } = buffers;
  let waiting = 0;
  for (const call of calls.all) {
    for (const slot of [readingSlot(call), writingSlot(call)]) {
      if (!waiters.has(slot)) continue;
      waiting++;
      holds("a call that waits for a buffer lives", call.isLive);
    }
    if (call.isLive) continue;
    same("a buffer handed over to a call that is over", call.rx.granted, NO_BUFFER);
    same("a buffer handed over to a writer that is over", call.tx.granted, NO_BUFFER);
  }
  same("waiters counted", waiters.count, waiting);
  if (waiting > 0) same("buffers free for the first waiter", buffers.freeFor(waiters.firstClass), 0);
}

function checkLiveCall(endpoint: Endpoint, call: Call): void {
  const { tx, rx } = call;
  let inFlight = 0;
  let lost = 0;
  for (let seq = tx.first; seq < tx.next; seq++) {
    const flags = tx.flags[seq & tx.mask] as number;
    if ((flags & TransmitFlag.Lost) !== 0) lost++;
    else if ((flags & TransmitFlag.SoftAcked) === 0) inFlight++;
  }
  if (call.state !== CallState.ClientRecvReply) {
    same("packets in flight", tx.inFlight, inFlight);
    same("packets lost", tx.lost, lost);
    // What waits for an answer is guarded by a timer, unless it waits to be sent.
    if (inFlight > 0)
      holds(
        "a timer guards what is in flight",
        call.deadlines.some((at) => at !== Number.POSITIVE_INFINITY),
      );
  }
  holds("transmit window in order", tx.first <= tx.top && tx.next <= tx.top + 1);
  holds(
    "receive window in order",
    rx.readSeq <= rx.next && rx.next <= rx.readSeq + rx.window + ADVERTISED_JUMBO,
  );
  if (call.state !== CallState.ClientAwaitConn) {
    same("call on its channel", call.connection?.callSlot(call.channel), call.index);
    holds("a live call has a timer", endpoint.local.timers.has(call.index));
  }
}

function checkConnections(endpoint: Endpoint): void {
  const { connections, peers } = endpoint.local;
  let strangers = 0;
  for (let i = 0; i < connections.known.count; i++) {
    const connection = connections.pool.at(connections.known.at(i));
    let active = 0;
    for (let channel = 0; channel < 4; channel++) if (connection.callSlot(channel) >= 0) active++;
    same("active calls of a connection", connection.active, active);
    const { strangers: s, services, clients } = connections.idle;
    const isIdle = s.has(connection.index) || services.has(connection.index) || clients.has(connection.index);
    same("a connection without calls is idle", isIdle, connection.active === 0 && connection.holds === 0);
    if (connection.peer?.isProven === false) strangers++;
  }
  same("connections of unproven peers", peers.strangers, strangers);
}

/**
 * After the last call has ended and every idle life has passed: nothing is left but what stands in rings.
 */
export function checkLedger(checked: CheckedEndpoint): void {
  const { endpoint, events } = checked;
  const { local } = endpoint;
  let calls = 0;
  let connections = 0;
  let peers = 0;
  for (const service of endpoint.services.values()) {
    calls += service.backlog.calls;
    connections += service.backlog.connections;
    peers += service.backlog.peers;
    same("waiting calls", service.waiting, 0);
  }
  same("buffers in use at the end", local.buffers.used, 0);
  same("calls in use at the end", local.calls.used, calls);
  same("connections in use at the end", local.connections.pool.used, connections);
  same("peers in use at the end", local.peers.pool.used, peers);
  same("connections known at the end", local.connections.known.count, 0);
  same("peers known at the end", local.peers.known.count, 0);
  same("client connections at the end", local.clientConnections, 0);
  same("strangers at the end", local.peers.strangers, 0);
  same("tombstones at the end", local.tombstones.count, 0);
  same("timers at the end", local.timers.count, 0);
  same("events at the end", events.count, 0);
  same("something to send at the end", local.hasTransmit, false);
  same("next timeout at the end", endpoint.nextTimeoutUs(), Number.POSITIVE_INFINITY);
}

/** After the services have been closed as well: every pool is whole. */
export function checkPoolsWhole(checked: CheckedEndpoint): void {
  checkLedger(checked);
  const { local } = checked.endpoint;
  same("calls in use after close", local.calls.used, 0);
  same("connections in use after close", local.connections.pool.used, 0);
  same("peers in use after close", local.peers.pool.used, 0);
  same("user ids after close", local.userIds.size, 0);
}
