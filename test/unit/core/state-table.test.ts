import { describe, expect, test } from "vitest";
import { CLIENT_STATES, type ClientStateName, SERVICE_STATES, type ServiceStateName } from "./calls.js";
import {
  clientCell,
  idleChannelCell,
  NUMBERS,
  type NumberName,
  PACKETS,
  type PacketName,
  serviceCell,
  unknownClientCell,
  unknownServiceCell,
} from "./state-cells.js";
import { STATE_TABLE, type TableRow } from "./state-table.js";

function outcomeOf(row: TableRow, packet: PacketName): string {
  const { side, state } = row;
  if (state === "no connection")
    return side === "service" ? unknownServiceCell(packet) : unknownClientCell(packet);
  if (state === "idle channel") return idleChannelCell(packet);
  const number = row.number as NumberName;
  return side === "service"
    ? serviceCell(state as ServiceStateName, packet, number)
    : clientCell(state as ClientStateName, packet, number);
}

describe("which state each packet can find, and what is answered", () => {
  for (const row of STATE_TABLE) {
    test(`${row.side}, call number ${row.number}, ${row.state}`, () => {
      const got = Object.fromEntries(PACKETS.map((packet) => [packet, outcomeOf(row, packet)]));
      expect(got).toEqual(row.cells);
    });
  }

  test("the table has every state with every call number, and those without a call", () => {
    const states = (side: string, number: string): string[] =>
      STATE_TABLE.filter((row) => row.side === side && row.number === number).map((row) => row.state);
    for (const number of NUMBERS) {
      expect(states("service", number).sort()).toEqual([...SERVICE_STATES].sort());
      expect(states("client", number).sort()).toEqual([...CLIENT_STATES].sort());
    }
    expect(states("service", "any")).toEqual(["no connection", "idle channel"]);
    expect(states("client", "any")).toEqual(["no connection"]);
  });
});
