// Connections by what a packet carries: told apart by epoch, id and role, wherever their hashes stand in the index.
import { describe, expect, test } from "vitest";
import { EndpointConfig } from "../../../src/core/config.js";
import type { Connection } from "../../../src/core/conn-object.js";
import { ConnTable } from "../../../src/core/conn-table.js";
import { KeyedHash } from "../../../src/util/keyed-hash.js";

const CAPACITY = 8;
type Key = readonly [epoch: number, connectionId: number, isService: boolean];
const KEYS: readonly Key[] = [
  [5, 8, true],
  [5, 8, false],
  [5, 12, true],
  [6, 8, true],
  [6, 12, false],
  [-5, -8, true],
];

function table(hash: KeyedHash): ConnTable {
  return new ConnTable(new EndpointConfig({ connectionsMax: CAPACITY }), hash);
}

/** Everything hashes to the same number. */
function constant(value: number): KeyedHash {
  return { hash: () => value } as unknown as KeyedHash;
}

function find(connections: ConnTable, [epoch, connectionId, isService]: Key): Connection | null {
  return connections.find(epoch, connectionId, isService);
}

function hashOf(connections: ConnTable, [epoch, connectionId, isService]: Key): number {
  return connections.hashOf(epoch, connectionId, isService);
}

function enter(connections: ConnTable, [epoch, connectionId, isService]: Key): Connection {
  const connection = connections.pool.take() as Connection;
  Object.assign(connection, { epoch, connectionId, isService });
  connections.enter(connection);
  return connection;
}

describe("ConnTable", () => {
  const hashes: [string, KeyedHash][] = [
    ["a good hash", new KeyedHash(1, 2)],
    ...Array.from({ length: 2 * CAPACITY }, (_, n): [string, KeyedHash] => [`${n} for all`, constant(n)]),
  ];
  test.each(hashes)("finds each connection by all of its key, and no other, with %s", (_name, hash) => {
    const connections = table(hash);
    const entered = KEYS.map((key) => {
      expect(find(connections, key)).toBe(null);
      return enter(connections, key);
    });
    expect(KEYS.map((key) => find(connections, key))).toEqual(entered);
    expect(connections.known.count).toBe(KEYS.length);
    for (const [i, connection] of entered.entries()) {
      connections.forget(connection);
      expect(KEYS.map((key) => find(connections, key) !== null)).toEqual(KEYS.map((_, j) => j > i));
    }
    expect([connections.known.count, connections.pool.used]).toEqual([0, 0]);
  });

  test("the key of a connection depends on its epoch, its id and its role", () => {
    const connections = table(new KeyedHash(1, 2));
    expect(new Set(KEYS.map((key) => hashOf(connections, key))).size).toBe(KEYS.length);
    const key = KEYS[0] as Key;
    expect(enter(connections, key).hash).toBe(hashOf(connections, key));
  });
});
