// What an operator wants to know of a socket, as plain values.
import type { Stat } from "../core/stats.js";
import type { Driver } from "../transport/driver.js";
import type { TransportCounters } from "../transport/transport.js";
import type { UdpTransport } from "../transport/udp.js";

export interface PoolStats {
  readonly used: number;
  readonly max: number;
  readonly highWater: number;
}

export interface SocketStats {
  /** The core's counters, by name. */
  readonly counters: Readonly<Record<keyof typeof Stat, number>>;
  readonly transport: Readonly<TransportCounters>;
  /** Socket buffers that the system granted, in bytes. */
  readonly granted: { readonly recvBufferBytes: number; readonly sendBufferBytes: number };
  readonly calls: PoolStats;
  readonly connections: PoolStats;
  readonly peers: PoolStats;
  /** `bytes` is the whole of the packet memory, taken at start. */
  readonly buffers: PoolStats & { readonly failedTakes: number; readonly bytes: number };
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

export function socketStats(driver: Driver, udp: UdpTransport): SocketStats {
  const { local } = driver.endpoint;
  const { calls, connections, peers, buffers } = local;
  return {
    counters: local.stats.snapshot(),
    transport: { ...driver.transport.counters },
    granted: { ...udp.granted },
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
      failedTakes: buffers.failedTakes,
      bytes: buffers.totalBytes,
    },
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
