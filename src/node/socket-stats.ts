// What an operator wants to know of a socket, as plain values.
import type { Stat } from "../core/stats.js";
import type { ByteBudget } from "../memory/byte-budget.js";
import type { Driver } from "../transport/driver.js";
import { NativeUdp } from "../transport/native/native-udp.js";
import type { TransportCounters } from "../transport/transport.js";
import type { FileCounters } from "./file-queue.js";
import { memoryCosts, totalCost } from "./memory-ceiling.js";
import type { SocketResources } from "./socket-resources.js";
import type { SocketTransport } from "./system.js";

export interface PoolStats {
  readonly used: number;
  readonly max: number;
  readonly highWater: number;
}

export interface BufferStats extends PoolStats {
  /** The whole of the packet memory, taken at start. */
  readonly bytes: number;
  /** Takes that found none free for their class. */
  readonly failedTakes: number;
  /** Calls that wait for one now, and the most that ever did at once. */
  readonly waiters: number;
  readonly waitersHighWater: number;
  /** Buffers that went to a waiter in the step that freed them, and those that a waiter did not want any more. */
  readonly handedOver: number;
  readonly passedOn: number;
}

export interface BudgetStats extends PoolStats {
  readonly failedTakes: number;
}

export interface SocketStats {
  /** The most memory that the limits of the socket allow, in bytes. What handlers themselves keep comes on top. */
  readonly ceilingBytes: number;
  /** The core's counters, by name. */
  readonly counters: Readonly<Record<keyof typeof Stat, number>>;
  readonly transport: Readonly<TransportCounters>;
  /** Socket buffers that the system granted, in bytes. */
  readonly granted: { readonly recvBufferBytes: number; readonly sendBufferBytes: number };
  readonly calls: PoolStats;
  readonly connections: PoolStats;
  readonly peers: PoolStats;
  readonly buffers: BufferStats;
  /** Bytes of arenas and growable buffers, in memory and in files. */
  readonly work: BudgetStats;
  readonly spill: BudgetStats;
  readonly files: Readonly<FileCounters>;
  readonly strangers: number;
  readonly tombstones: number;
  readonly events: Readonly<Driver["events"]["counters"]>;
  readonly driver: Driver["counters"];
  readonly services: readonly ServiceStats[];
}

export interface ServiceStats {
  readonly id: number;
  readonly spare: number;
  readonly waiting: number;
  readonly limit: number;
  readonly accepted: number;
  readonly busy: number;
  readonly aborted: number;
  readonly dropped: number;
}

export function socketStats(
  driver: Driver,
  socket: SocketTransport,
  resources: SocketResources,
): SocketStats {
  const { local } = driver.endpoint;
  const { calls, connections, peers, buffers } = local;
  return {
    ceilingBytes: totalCost(
      memoryCosts(driver.endpoint.config, resources.memory.limits, socket instanceof NativeUdp),
    ),
    counters: local.stats.snapshot(),
    transport: { ...driver.transport.counters },
    granted: { ...socket.granted },
    calls: { used: calls.used, max: calls.capacity, highWater: calls.highWater },
    connections: {
      used: connections.pool.used,
      max: connections.pool.capacity,
      highWater: connections.pool.highWater,
    },
    peers: { used: peers.pool.used, max: peers.pool.capacity, highWater: peers.pool.highWater },
    buffers: {
      used: buffers.used,
      max: buffers.count,
      highWater: buffers.highWater,
      bytes: buffers.totalBytes,
      failedTakes: buffers.failedTakes,
      waiters: buffers.waiters.count,
      waitersHighWater: buffers.waiters.highWater,
      handedOver: buffers.waiters.handedOver,
      passedOn: buffers.waiters.passedOn,
    },
    work: budgetStats(resources.memory.work),
    spill: budgetStats(resources.memory.disk),
    files: { ...resources.fileCounters },
    strangers: peers.strangers,
    tombstones: local.tombstones.count,
    events: { ...driver.events.counters },
    driver: driver.counters,
    services: [...driver.endpoint.services.values()].map((service) => ({
      id: service.serviceId,
      spare: service.backlog.calls,
      waiting: service.waiting,
      limit: service.limit,
      accepted: service.counters.accepted,
      busy: service.counters.busy,
      aborted: service.counters.aborted,
      dropped: service.counters.dropped,
    })),
  };
}

function budgetStats({ used, maxBytes, highWater, failedTakes }: ByteBudget): BudgetStats {
  return { used, max: maxBytes, highWater, failedTakes };
}
