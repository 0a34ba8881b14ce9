// The end of connections without calls: after their time, or earlier to make room for new ones.
import { type Connection, ConnTime } from "./conn-object.js";
import type { Local } from "./local.js";
import { Stat } from "./stats.js";

// Connections reaped in one turn: the rest waits for the next.
const REAP_MAX = 64;
// Idle connections looked at to find one that owes its peer nothing.
const LOOK_MAX = 16;

/** Forgets a connection without calls. A service connection leaves its call numbers behind. */
function forgetConnection(local: Local, connection: Connection): void {
  const peer = connection.peer;
  if (peer !== null) {
    if (connection.isService)
      local.tombstones.remember(connection, peer.address, local.clock, local.config.tombstoneUs);
    local.peers.unuse(peer, local.clock);
  }
  if (!connection.isService) local.clientConnections--;
  connection.security?.dispose();
  local.timers.remove(local.connectionSlot(connection));
  local.unscheduleConnection(connection);
  local.connections.forget(connection);
  local.stats.count(Stat.ConnectionsReaped);
}

/** Forgets connections that have been idle for long enough, some in each turn. */
export function reapConnections(local: Local): void {
  const { idle } = local.connections;
  const { config } = local;
  for (let i = 0; i < REAP_MAX; i++) {
    const reaped =
      reapOldest(local, strangerHead(local), config.strangerConnectionUs) ||
      reapOldest(local, idle.services.head, config.idleConnectionUs) ||
      reapOldest(local, idle.clients.head, config.idleClientConnectionUs);
    if (!reaped) return;
  }
}

// The oldest idle connection whose peer is still a stranger; those that have proved themselves since become like others.
function strangerHead(local: Local): number {
  const { idle, pool } = local.connections;
  for (;;) {
    const slot = idle.strangers.head;
    if (slot < 0 || pool.at(slot).peer?.isProven !== true) return slot;
    idle.strangers.remove(slot);
    idle.services.push(slot);
  }
}

function reapOldest(local: Local, slot: number, lifeUs: number): boolean {
  if (slot < 0) return false;
  const connection = local.connections.pool.at(slot);
  const idleSince = connection.times[connection.timeAt + ConnTime.LastUse] as number;
  if (idleSince + lifeUs > (local.clock[0] as number)) return false;
  if (connection.isService && local.tombstones.isFull) return false;
  forgetConnection(local, connection);
  return true;
}

/** Makes room for a new connection by forgetting the stranger that has been idle longest, else any idle one. */
export function evictConnection(local: Local): boolean {
  if (evictStranger(local)) return true;
  const { idle } = local.connections;
  return (
    evict(local, settledFrom(local, idle.services.head)) ||
    evict(local, settledFrom(local, idle.clients.head))
  );
}

/** Forgets the idle stranger that has been without a call for longest. @returns false when there is none */
export function evictStranger(local: Local): boolean {
  return evict(local, strangerHead(local));
}

function evict(local: Local, slot: number): boolean {
  if (slot < 0) return false;
  const connection = local.connections.pool.at(slot);
  if (connection.isService && local.tombstones.isFull) return false;
  forgetConnection(local, connection);
  return true;
}

// A final ACK that is never sent keeps a call alive at the peer: of the oldest few the first that owes nothing is taken.
function settledFrom(local: Local, head: number): number {
  const { idle, pool } = local.connections;
  let slot = head;
  for (let i = 0; i < LOOK_MAX && slot >= 0; i++) {
    const connection = pool.at(slot);
    if (
      (connection.finalAcks | connection.finalAcksNow | connection.aborts) === 0 &&
      !connection.owesConnAbort
    )
      return slot;
    slot = connection.isService ? idle.services.after(slot) : idle.clients.after(slot);
  }
  return head;
}
