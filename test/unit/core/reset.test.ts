// What goes back to its pool is as if new: reset() touches what the constructor sets, and nothing else may be left.
import { describe, expect, test } from "vitest";
import { Call } from "../../../src/core/call-object.js";
import { EndpointConfig } from "../../../src/core/config.js";
import { Connection, ConnectionCells } from "../../../src/core/conn-object.js";
import { Peer } from "../../../src/core/peer.js";
import { BufferPool, NO_BUFFER } from "../../../src/memory/buffer-pool.js";
import { CLIENT_STATES, SERVICE_STATES, stageClient, stageService } from "./calls.js";
import { addressOf } from "./rig.js";

const config = new EndpointConfig();

/** Every field, private ones left out; typed arrays by value, linked objects by theirs. */
function fieldsOf(object: object): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (name === "generation" || name === "index") continue;
    out[name] = ArrayBuffer.isView(value)
      ? [...(value as unknown as Iterable<number>)]
      : isPart(value)
        ? fieldsOf(value)
        : value;
  }
  return out;
}

function isPart(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NO_RETIRER = { retireChunk: () => undefined };

/** Sets every field that a run could have set to something else. */
function scramble(object: object): void {
  for (const [name, value] of Object.entries(object)) {
    if (name === "generation" || name === "index" || name === "timeAt") continue;
    const target = object as Record<string, unknown>;
    if (typeof value === "number") target[name] = value === 77 ? 78 : 77;
    else if (typeof value === "boolean") target[name] = !value;
  }
}

const READONLY = ["window", "queueMax", "mask", "slack"];

function scrambleCall(call: Call): void {
  for (const part of [call, call.rx, call.tx, call.congestion]) {
    const kept = READONLY.map((name) => [name, (part as unknown as Record<string, unknown>)[name]] as const);
    scramble(part);
    for (const [name, value] of kept)
      if (value !== undefined) (part as unknown as Record<string, unknown>)[name] = value;
  }
  // As after a long call that holds nothing any more: reset() clears what these numbers say has been used.
  call.rx.readSeq = 1;
  call.rx.top = 500;
  call.tx.first = 1;
  call.tx.top = 500;
  call.tx.serials.fill(9);
  call.tx.cksums.fill(9);
  call.tx.flags.fill(9);
  call.tx.sentAt.fill(9);
  call.tx.cells.fill(9);
  call.rx.cells.fill(9);
  call.deadlines.fill(9);
  call.times.fill(9);
  call.rx.granted = NO_BUFFER;
  call.tx.granted = NO_BUFFER;
  // The links of the event cache belong to the cache.
  call.eventClass = -1;
  call.putInTurn = 0;
}

describe("reset()", () => {
  test("a call with every field changed is like a new one", () => {
    const pool = new BufferPool(64, 1_500);
    const call = new Call(0, pool, config, NO_RETIRER);
    scrambleCall(call);
    expect(fieldsOf(call)).not.toEqual(fieldsOf(new Call(0, pool, config, NO_RETIRER)));
    call.reset();
    expect(fieldsOf(call)).toEqual(fieldsOf(new Call(0, pool, config, NO_RETIRER)));
  });

  test("a connection with every field changed is like a new one", () => {
    const cells = new ConnectionCells(2);
    const connection = new Connection(0, cells);
    const fresh = fieldsOf(new Connection(1, new ConnectionCells(2)));
    scramble(connection);
    cells.ints.fill(9, 0, cells.ints.length / 2);
    cells.times.fill(9, 0, cells.times.length / 2);
    connection.reset();
    const { times, timeAt, ...fields } = fieldsOf(connection);
    const { times: freshTimes, timeAt: _, ...freshFields } = fresh;
    expect(fields).toEqual(freshFields);
    expect((times as number[]).slice(timeAt as number, 3)).toEqual((freshTimes as number[]).slice(3));
    for (let channel = 0; channel < 4; channel++) {
      expect([
        connection.callSlot(channel),
        connection.callNumber(channel),
        connection.outcome(channel),
      ]).toEqual([-1, 0, 0]);
      expect([
        connection.abortCodeOf(channel),
        connection.lastSeqOf(channel),
        connection.finalSerial(channel),
      ]).toEqual([0, 0, 0]);
    }
  });

  test("a connection's reset leaves its neighbours in the shared cells alone", () => {
    const cells = new ConnectionCells(3);
    const all = [0, 1, 2].map((index) => new Connection(index, cells));
    for (const connection of all)
      for (let channel = 0; channel < 4; channel++) connection.setCallNumber(channel, 5);
    all[1]?.reset();
    expect(all.map((connection) => connection.callNumber(3))).toEqual([5, 0, 5]);
  });

  test("a peer with every field changed is like a new one", () => {
    const peer = new Peer(0);
    scramble(peer);
    peer.address.copyFrom(addressOf("fe80::1", 9));
    peer.rtt.addSample(5_000);
    peer.cells.fill(9);
    peer.reset();
    expect(fieldsOf(peer)).toEqual(fieldsOf(new Peer(0)));
  });

  for (const [side, states] of [
    ["service", SERVICE_STATES],
    ["client", CLIENT_STATES],
  ] as const) {
    test.each(states)(`a ${side} call that was used and let go in state %s is like a new one`, (state) => {
      const stage =
        side === "service"
          ? stageService(state as (typeof SERVICE_STATES)[number])
          : stageClient(state as (typeof CLIENT_STATES)[number]);
      const { rig, handle, call } = stage;
      handle.release();
      rig.drain();
      rig.poll();
      const { calls, buffers } = rig.endpoint.local;
      expect(call.generation).toBeGreaterThan(0);
      // A service takes it from the pool at once if it has room; it is compared where it lies.
      if (call.state === 5) rig.endpoint.services.get(147)?.close();
      expect(fieldsOf(call)).toEqual(
        fieldsOf(new Call(call.index, buffers, rig.endpoint.config, NO_RETIRER)),
      );
      expect(calls.all).toContain(call);
    });
  }
});
