// A connection's cells and its serials.
import { describe, expect, test } from "vitest";
import { CHANNELS, Connection, ConnectionCells, ConnTime, NO_CALL } from "../../../src/core/conn-object.js";
import type { RandomSource } from "../../../src/core/random-source.js";

/** Everything that a connection keeps for a channel. */
function cellsOf(connection: Connection, channel: number): number[] {
  return [
    connection.callSlot(channel),
    connection.callNumber(channel),
    connection.outcome(channel),
    connection.abortCodeOf(channel),
    connection.lastSeqOf(channel),
    connection.finalReason(channel),
    connection.finalSerial(channel),
    connection.refused(channel),
  ];
}

function fill(connection: Connection, channel: number, from: number): number[] {
  connection.setCallSlot(channel, from);
  connection.setCallNumber(channel, from + 1);
  connection.setOutcome(channel, (from + 2) as never, from + 3, from + 4);
  connection.setFinalAck(channel, (from + 5) as never, from + 6);
  connection.setRefused(channel, from + 7);
  return Array.from({ length: 8 }, (_, i) => from + i);
}

/** Draws what it is told to, and counts how often it was asked. */
function drawing(word: number): RandomSource & { draws: number } {
  return {
    draws: 0,
    int32() {
      this.draws++;
      return word;
    },
  };
}

describe("the cells of a connection", () => {
  test("are its own, those of each channel apart, and a reset clears no neighbour's", () => {
    const cells = new ConnectionCells(3);
    const connections = [0, 1, 2].map((index) => new Connection(index, cells));
    const expected = connections.map((connection, i) => {
      for (let which = 0; which < ConnTime.Count; which++)
        connection.times[connection.timeAt + which] = i * 10 + which;
      return Array.from({ length: CHANNELS }, (_, channel) =>
        fill(connection, channel, 100 * (CHANNELS * i + channel + 1)),
      );
    });
    const now = (): number[][][] =>
      connections.map((connection) => [0, 1, 2, 3].map((channel) => cellsOf(connection, channel)));
    expect(now()).toEqual(expected);
    connections[1]?.reset();
    const empty = [0, 1, 2, 3].map(() => [NO_CALL, 0, 0, 0, 0, 0, 0, 0]);
    expect(now()).toEqual([expected[0], empty, expected[2]]);
    expect([...cells.times]).toEqual([0, 1, 2, 0, Infinity, Infinity, 20, 21, 22]);
  });

  test("a new connection has no calls, and nothing is due", () => {
    const connection = new Connection(0, new ConnectionCells(1));
    expect(cellsOf(connection, 3)).toEqual([NO_CALL, 0, 0, 0, 0, 0, 0, 0]);
    expect([...connection.times]).toEqual([0, Infinity, Infinity]);
  });
});

describe("serials", () => {
  test("count up by one, and one in sixteen draws of sixteen leaves one out, which is remembered", () => {
    for (const [word, isLeftOut] of [
      [0, true],
      [15, true],
      [16, false],
      [0x10f, true],
      [-1, false],
    ] as const) {
      const connection = new Connection(0, new ConnectionCells(1));
      connection.serial = 13;
      const random = drawing(word);
      const serials = Array.from({ length: 5 }, () => connection.nextSerial(random));
      expect(serials).toEqual(isLeftOut ? [14, 15, 17, 18, 19] : [14, 15, 16, 17, 18]);
      expect([connection.serial, connection.skippedSerial, random.draws]).toEqual([
        serials[4],
        isLeftOut ? 16 : 0,
        1,
      ]);
    }
  });

  test("pass 2^31 and 2^32, and are never 0", () => {
    const connection = new Connection(0, new ConnectionCells(1));
    connection.serial = 0x7fffffff;
    expect(connection.nextSerial(drawing(-1))).toBe(-0x80000000);
    for (const word of [-1, 0]) {
      connection.serial = -2;
      expect([connection.nextSerial(drawing(word)), connection.nextSerial(drawing(word))]).toEqual([-1, 1]);
    }
  });

  test("of a jumbogram's segments follow on, whatever they are", () => {
    const connection = new Connection(0, new ConnectionCells(1));
    connection.serial = 15;
    expect([connection.followingSerial(), connection.serial]).toEqual([16, 16]);
    connection.serial = -1;
    expect([connection.followingSerial(), connection.followingSerial()]).toEqual([0, 1]);
    connection.serial = 0x7fffffff;
    expect(connection.followingSerial()).toBe(-0x80000000);
  });
});

describe("a verdict", () => {
  test("goes to whoever takes verdicts, and nowhere when nobody does", () => {
    const connection = new Connection(0, new ConnectionCells(1));
    expect(() => connection.resolve(5)).not.toThrow();
    const taken: unknown[] = [];
    connection.verdicts = { takeVerdict: (of, verdict) => void taken.push(of, verdict) };
    connection.resolve(7);
    expect(taken).toEqual([connection, 7]);
  });
});
