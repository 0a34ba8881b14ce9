// The connections of an endpoint: look-up by what a packet carries, and the lists of those without calls.
import { ObjectPool } from "../memory/object-pool.js";
import { DenseSet } from "../util/dense-set.js";
import { HashIndex } from "../util/hash-index.js";
import type { KeyedHash } from "../util/keyed-hash.js";
import type { EndpointConfig } from "./config.js";
import { Connection, ConnectionCells, IdleLists } from "./conn-object.js";

export class ConnTable {
  readonly pool: ObjectPool<Connection>;
  /** Connections with an identity, for walks. */
  readonly known: DenseSet;
  readonly idle: IdleLists;
  readonly #hash: KeyedHash;
  readonly #index: HashIndex;
  readonly #words = new Int32Array(3);

  constructor(config: EndpointConfig, hash: KeyedHash) {
    const cells = new ConnectionCells(config.connectionsMax);
    this.pool = new ObjectPool(config.connectionsMax, (index) => new Connection(index, cells));
    this.known = new DenseSet(config.connectionsMax);
    this.idle = new IdleLists(config.connectionsMax);
    this.#hash = hash;
    this.#index = new HashIndex(config.connectionsMax);
  }

  /**
   * The connection of a packet. Client and service connections are told apart by the packet's direction alone; the address
   * is not part of the key: the caller refuses what comes from another one.
   */
  find(epoch: number, connectionId: number, isService: boolean): Connection | null {
    const hash = this.hashOf(epoch, connectionId, isService);
    const index = this.#index;
    for (let at = index.first(hash); at >= 0; at = index.next(at, hash)) {
      const connection = this.pool.at(index.slotAt(at));
      if (
        connection.epoch === epoch &&
        connection.connectionId === connectionId &&
        connection.isService === isService
      ) {
        return connection;
      }
    }
    return null;
  }

  /** Enters a connection whose epoch, id and role are set. */
  enter(connection: Connection): void {
    connection.hash = this.hashOf(connection.epoch, connection.connectionId, connection.isService);
    this.#index.insert(connection.hash, connection.index);
    this.known.add(connection.index);
  }

  /** Takes a connection out and gives it back to the pool. */
  forget(connection: Connection): void {
    this.idle.remove(connection);
    this.#index.remove(connection.hash, connection.index);
    this.known.remove(connection.index);
    this.pool.give(connection);
  }

  /** The key of a connection in this table and among the tombstones. */
  hashOf(epoch: number, connectionId: number, isService: boolean): number {
    const words = this.#words;
    words[0] = epoch;
    words[1] = connectionId;
    words[2] = isService ? 1 : 0;
    return this.#hash.hash(words, 3);
  }
}
