// Connections without calls: how long each kind is kept, and which one makes room for a new one.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { EndpointOptions } from "../../../src/core/config.js";
import type { Connection } from "../../../src/core/conn-object.js";
import { evictConnection, evictStranger, reapConnections } from "../../../src/core/conn-reap.js";
import { Stat } from "../../../src/core/stats.js";
import type { Address } from "../../../src/util/address.js";
import { openTestBundle, serverTalker } from "./calls.js";
import { clientTalker } from "./packets.js";
import { FRIEND, LAST, Listener, Rig, STRANGER } from "./rig.js";

const cidOf = (n: number): number => 0x10_000 + 4 * n;

/** Opens service connections `ids` from `from`, each with one call that is over. */
function openIdle(rig: Rig, ids: readonly number[], from: Address): void {
  const service = rig.endpoint.services.get(147) ?? rig.offer({}, 32);
  for (const n of ids) {
    rig.feed(clientTalker({ cid: cidOf(n) }).data(1), from);
    rig.drain();
    service.reject(rig.newCalls.pop() as CallHandle, -6);
    rig.drain();
    rig.poll();
  }
}

/** A client connection of a bundle of its own, with one call that is over. */
function openIdleClient(rig: Rig): Connection {
  const handle = rig.endpoint.beginCall(openTestBundle(rig), new Listener());
  handle.end();
  const call = handle.call;
  if (call === null) throw new Error("no call");
  const connection = call.connection as Connection;
  rig.poll();
  rig.feed(serverTalker(call).data(1, 8, LAST));
  rig.drain();
  rig.pass(10_000);
  return connection;
}

const isKnown = (rig: Rig, n: number): boolean =>
  rig.endpoint.local.connections.find(-0x1234567, cidOf(n), true) !== null;
const known = (rig: Rig, ids: readonly number[]): number[] => ids.filter((n) => isKnown(rig, n));

function after(rig: Rig, durationUs: number): void {
  rig.nowUs += durationUs;
  rig.endpoint.advance(rig.nowUs);
}

describe("idle connections", () => {
  const options: EndpointOptions = {
    strangerConnectionMs: 1_000,
    idleClientConnectionMs: 2_000,
    idleConnectionMs: 3_000,
  };

  test("are forgotten each at the time of its kind: strangers, clients, those who have proved themselves", () => {
    const rig = new Rig({ options });
    openIdle(rig, [1], STRANGER);
    openIdle(rig, [2], FRIEND);
    openIdleClient(rig);
    // Back to when all the calls ended: the client has let its final ACK go since.
    after(rig, -10_000);
    const { local } = rig.endpoint;
    const kinds = (): number[] => [
      known(rig, [1]).length,
      local.clientConnections,
      known(rig, [2]).length,
      rig.stat(Stat.ConnectionsReaped),
    ];
    const seen = [999_999, 1, 1_000_000, 999_999, 1].map((us) => {
      after(rig, us);
      reapConnections(local);
      return kinds();
    });
    expect(seen).toEqual([
      [1, 1, 1, 0],
      [0, 1, 1, 1],
      [0, 0, 1, 2],
      [0, 0, 1, 2],
      [0, 0, 0, 3],
    ]);
    expect([local.connections.known.count, local.connections.pool.used, local.tombstones.count]).toEqual([
      0,
      rig.endpoint.services.get(147)?.backlog.connections,
      2,
    ]);
  });

  test("sixty-four in one turn, the oldest first, and the others in the next", () => {
    const rig = new Rig({ options });
    const ids = Array.from({ length: 100 }, (_, n) => n);
    openIdle(rig, ids, FRIEND);
    after(rig, 3_000_000);
    reapConnections(rig.endpoint.local);
    expect(known(rig, ids)).toEqual(ids.slice(64));
    reapConnections(rig.endpoint.local);
    expect(known(rig, ids)).toEqual([]);
  });

  test("service connections wait while nothing can be remembered of them; client connections need not", () => {
    const rig = new Rig({ options: { ...options, tombstonesMax: 1 } });
    openIdle(rig, [1, 2], FRIEND);
    openIdleClient(rig);
    after(rig, 60_000_000);
    reapConnections(rig.endpoint.local);
    expect([known(rig, [1, 2]), rig.endpoint.local.clientConnections]).toEqual([[2], 0]);
    expect(evictConnection(rig.endpoint.local)).toBe(false);
    rig.pass(130_000_000);
    expect(known(rig, [1, 2])).toEqual([]);
  });

  test("what is forgotten leaves the timers, the output and its peer", () => {
    const rig = new Rig({ options });
    const connection = openIdleClient(rig);
    const { local } = rig.endpoint;
    const { peer } = connection;
    connection.finalAcksNow = 1;
    local.scheduleConnection(connection);
    connection.times[connection.timeAt + 1] = rig.nowUs + 30_000_000;
    local.timers.set(local.connectionSlot(connection), connection.times, connection.timeAt + 1);
    expect([peer?.connections, local.hasTransmit]).toEqual([1, true]);
    after(rig, 2_000_000);
    reapConnections(local);
    expect([peer?.connections, local.hasTransmit, local.timers.peek()]).toEqual([0, false, -1]);
  });
});

describe("making room", () => {
  test("strangers go first, the one idle for longest before the others", () => {
    const rig = new Rig();
    openIdle(rig, [1], FRIEND);
    openIdle(rig, [2, 3], STRANGER);
    const ids = [1, 2, 3];
    const left = ids.map(() => [evictConnection(rig.endpoint.local), known(rig, ids)]);
    expect(left).toEqual([
      [true, [1, 3]],
      [true, [1]],
      [true, []],
    ]);
    expect(evictConnection(rig.endpoint.local)).toBe(false);
  });

  test("service connections go before our own", () => {
    const rig = new Rig();
    openIdleClient(rig);
    openIdle(rig, [1], FRIEND);
    const { local } = rig.endpoint;
    expect([evictConnection(local), known(rig, [1]), local.clientConnections]).toEqual([true, [], 1]);
    expect([evictConnection(local), local.clientConnections]).toEqual([true, 0]);
  });

  test("one that has proved itself since is no stranger any more", () => {
    const rig = new Rig();
    openIdle(rig, [1, 2], STRANGER);
    const { local } = rig.endpoint;
    const peer = local.peers.find(STRANGER);
    if (peer === null) throw new Error("no peer");
    local.provePeer(peer);
    expect([evictStranger(local), known(rig, [1, 2])]).toEqual([false, [1, 2]]);
    expect([evictConnection(local), known(rig, [1, 2])]).toEqual([true, [2]]);
  });

  test("a connection that owes its peer a word is passed over, whatever it owes", () => {
    const debts: ((connection: Connection) => void)[] = [
      (connection) => {
        connection.finalAcks = 4;
      },
      (connection) => {
        connection.finalAcksNow = 2;
      },
      (connection) => {
        connection.aborts = 8;
      },
      (connection) => {
        connection.owesConnAbort = true;
      },
    ];
    for (const owe of debts) {
      const rig = new Rig();
      openIdle(rig, [1, 2, 3], FRIEND);
      const { local } = rig.endpoint;
      for (const n of [1, 2]) {
        const connection = local.connections.find(-0x1234567, cidOf(n), true);
        if (connection !== null) owe(connection);
      }
      evictConnection(local);
      expect(known(rig, [1, 2, 3])).toEqual([1, 2]);
      // When all owe something the oldest goes after all.
      evictConnection(local);
      expect(known(rig, [1, 2, 3])).toEqual([2]);
    }
  });

  test("sixteen are looked at, not all of them", () => {
    for (const [debtors, gone] of [
      [15, 15],
      [16, 0],
    ] as const) {
      const rig = new Rig();
      const ids = Array.from({ length: 20 }, (_, n) => n);
      openIdle(rig, ids, FRIEND);
      const { local } = rig.endpoint;
      for (const n of ids.slice(0, debtors)) {
        const connection = local.connections.find(-0x1234567, cidOf(n), true);
        if (connection !== null) connection.aborts = 1;
      }
      evictConnection(local);
      expect(ids.filter((n) => !isKnown(rig, n))).toEqual([gone]);
    }
  });

  test("of our own connections as well the one that owes nothing goes", () => {
    const rig = new Rig();
    const [older, newer] = [openIdleClient(rig), openIdleClient(rig)];
    older.finalAcksNow = 1;
    evictConnection(rig.endpoint.local);
    expect([older.peer === null, newer.peer === null]).toEqual([false, true]);
  });
});
