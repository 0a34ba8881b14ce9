// What outlives a service connection: whose call numbers are remembered, for how long, and what happens to the places.
import { describe, expect, test } from "vitest";
import { Connection, ConnectionCells } from "../../../src/core/conn-object.js";
import { Tombstones } from "../../../src/core/tombstones.js";
import type { Address } from "../../../src/util/address.js";
import { addressOf } from "./rig.js";

const HASH = 42;
const HOME = addressOf("2001:db8:1:2:3:4:5:6", 7_001);

function connection(connectionId = 8, epoch = 5): Connection {
  const made = new Connection(0, new ConnectionCells(1));
  Object.assign(made, { epoch, connectionId, hash: HASH });
  for (let channel = 0; channel < 4; channel++) made.setCallNumber(channel, connectionId * 10 + channel);
  return made;
}

const at = (timeUs: number): Float64Array => new Float64Array([timeUs]);

describe("Tombstones", () => {
  test("tell connections apart by every part of their identity, also where all hash alike", () => {
    const strangers: readonly [number, number, Address][] = [
      [6, 8, HOME],
      [5, 12, HOME],
      [5, 8, addressOf("2001:db9:1:2:3:4:5:6", 7_001)],
      [5, 8, addressOf("2001:db8:1:3:3:4:5:6", 7_001)],
      [5, 8, addressOf("2001:db8:1:2:3:5:5:6", 7_001)],
      [5, 8, addressOf("2001:db8:1:2:3:4:5:7", 7_001)],
      [5, 8, addressOf("2001:db8:1:2:3:4:5:6", 7_002)],
    ];
    const table = new Tombstones(16);
    table.remember(connection(), HOME, at(0), 500);
    for (const [epoch, connectionId, address] of strangers) {
      expect(table.find(HASH, epoch, connectionId, address)).toBe(-1);
      table.remember(connection(connectionId, epoch), address, at(0), 500);
    }
    const places = [[5, 8, HOME] as const, ...strangers].map(([epoch, connectionId, address]) =>
      table.find(HASH, epoch, connectionId, address),
    );
    expect(new Set(places).size).toBe(8);
    expect(places).not.toContain(-1);
    expect(table.find(HASH + 1, 5, 8, HOME)).toBe(-1);
  });

  test("are found wherever their hash stands in the index", () => {
    for (let hash = 0; hash < 16; hash++) {
      const table = new Tombstones(4);
      const dead = connection();
      dead.hash = hash;
      table.remember(dead, HOME, at(0), 500);
      expect(table.find(hash, 5, 8, HOME)).toBe(0);
    }
  });

  test("an IPv4 address and an IPv6 address of the same words are two", () => {
    const table = new Tombstones(2);
    table.remember(connection(), addressOf("1.2.3.4", 7_001), at(0), 500);
    const six = addressOf("::102:304", 7_001);
    expect([six.family, table.find(HASH, 5, 8, six)]).toEqual([6, -1]);
    expect(table.find(HASH, 5, 8, addressOf("1.2.3.4", 7_001))).toBe(0);
  });

  test("a connection that lives again has the call numbers of all its channels", () => {
    const table = new Tombstones(2);
    table.remember(connection(4), HOME, at(0), 500);
    table.remember(connection(8), HOME, at(0), 500);
    const again = new Connection(0, new ConnectionCells(1));
    const place = table.find(HASH, 5, 8, HOME);
    expect([0, 1, 2, 3].map((channel) => table.callNumber(place, channel))).toEqual([80, 81, 82, 83]);
    table.revive(place, again);
    expect([0, 1, 2, 3].map((channel) => again.callNumber(channel))).toEqual([80, 81, 82, 83]);
    expect([table.find(HASH, 5, 8, HOME), table.find(HASH, 5, 4, HOME)]).toEqual([-1, 0]);
  });

  test("expire in their order, so many at a time, and the first that has not ends it", () => {
    const table = new Tombstones(4);
    for (let n = 0; n < 4; n++) table.remember(connection(4 * (n + 1)), HOME, at(n * 100), 500);
    const left = (): number[] => [4, 8, 12, 16].filter((id) => table.find(HASH, 5, id, HOME) >= 0);
    table.expire(at(499), 4);
    expect([left(), table.isFull]).toEqual([[4, 8, 12, 16], true]);
    table.expire(at(700), 2);
    expect([left(), table.count, table.isFull]).toEqual([[12, 16], 2, false]);
    table.expire(at(700), 4);
    expect(left()).toEqual([16]);
    table.expire(at(10_000), 4);
    table.expire(at(10_000), 4);
    expect([left(), table.count]).toEqual([[], 0]);
  });

  test("places go round, and one whose connection lives again is free in its turn, before its time", () => {
    const table = new Tombstones(3);
    for (const id of [4, 8, 12]) table.remember(connection(id), HOME, at(0), 500);
    expect(() => table.remember(connection(16), HOME, at(0), 500)).toThrow("tombstone table is full");
    table.revive(table.find(HASH, 5, 4, HOME), connection(4));
    table.revive(table.find(HASH, 5, 8, HOME), connection(8));
    expect(table.count).toBe(3);
    table.expire(at(1), 8);
    expect(table.count).toBe(1);
    for (const id of [16, 20]) table.remember(connection(id), HOME, at(1), 500);
    expect([12, 16, 20].map((id) => table.find(HASH, 5, id, HOME))).toEqual([2, 0, 1]);
    table.expire(at(500), 8);
    expect([12, 16, 20].map((id) => table.find(HASH, 5, id, HOME))).toEqual([-1, 0, 1]);
  });
});
