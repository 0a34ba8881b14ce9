import { describe, expect, it } from "vitest";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { type BufferTaker, BufferWaiters } from "../../../src/memory/buffer-waiters.js";
import { AssertionError } from "../../../src/util/assert.js";

const { End, Reply, OwnRequest, Request, NewCall } = BufferClass;

/** Remembers its offers and whether each slot still waited at its own; takes what `wants` says. */
class Taker implements BufferTaker {
  readonly offers: [slot: number, buffer: number][] = [];
  readonly stillWaited: boolean[] = [];
  wants: (slot: number, buffer: number) => boolean = () => true;
  waiters: BufferWaiters | null = null;

  takeOffer(slot: number, buffer: number): boolean {
    this.offers.push([slot, buffer]);
    this.stillWaited.push(this.waiters?.has(slot) === true);
    return this.wants(slot, buffer);
  }
}

function make(slots = 8): { taker: Taker; waiters: BufferWaiters } {
  const taker = new Taker();
  const waiters = new BufferWaiters(slots, taker);
  taker.waiters = waiters;
  return { taker, waiters };
}

/** Offers buffers 100, 101, ... until nobody waits. @returns the slots in the order of their offers */
function offerAll(waiters: BufferWaiters, taker: Taker): number[] {
  const before = taker.offers.length;
  for (let buffer = 100; waiters.count > 0; buffer++) waiters.offerFirst(waiters.firstClass, buffer);
  return taker.offers.slice(before).map(([slot]) => slot);
}

describe("BufferWaiters", () => {
  it("nobody waits at birth", () => {
    const { waiters } = make(3);
    expect([0, 1, 2].map((slot) => waiters.has(slot))).toEqual([false, false, false]);
    expect([waiters.count, waiters.highWater, waiters.handedOver, waiters.passedOn]).toEqual([0, 0, 0, 0]);
  });

  it("serves the most critical class first, and within a class whoever has waited longest", () => {
    const { waiters, taker } = make(10);
    const classes = [NewCall, Request, Reply, End, OwnRequest, Reply, NewCall, End, Request, OwnRequest];
    for (const [slot, bufferClass] of classes.entries()) waiters.add(slot, bufferClass);
    expect(offerAll(waiters, taker)).toEqual([3, 7, 2, 5, 4, 9, 1, 8, 0, 6]);
    expect(taker.offers.map(([, buffer]) => buffer)).toEqual([
      100, 101, 102, 103, 104, 105, 106, 107, 108, 109,
    ]);
  });

  it("one that asks again keeps its place, in its class and when its need has become less critical", () => {
    const { waiters, taker } = make();
    for (const slot of [1, 2, 3]) waiters.add(slot, Reply);
    waiters.add(1, Reply);
    waiters.add(2, NewCall);
    expect([waiters.count, waiters.firstClass]).toEqual([3, Reply]);
    expect(offerAll(waiters, taker)).toEqual([1, 2, 3]);
  });

  it("one whose need becomes more critical moves behind those who wait there already, and is counted once", () => {
    const { waiters, taker } = make();
    waiters.add(1, Request);
    waiters.add(2, Request);
    waiters.add(3, End);
    waiters.add(1, End);
    expect([waiters.count, waiters.highWater, waiters.has(1)]).toEqual([3, 3, true]);
    expect(offerAll(waiters, taker)).toEqual([3, 1, 2]);
  });

  it("one that leaves is offered nothing, and those behind it move up", () => {
    const { waiters, taker } = make();
    for (const slot of [4, 5, 6]) waiters.add(slot, Request);
    waiters.remove(5);
    expect([waiters.has(5), waiters.count]).toEqual([false, 2]);
    waiters.remove(4);
    expect(waiters.count).toBe(1);
    expect(offerAll(waiters, taker)).toEqual([6]);
  });

  it("leaving twice, or without having waited, changes nothing", () => {
    const { waiters } = make();
    waiters.add(1, Reply);
    waiters.remove(2);
    waiters.remove(1);
    waiters.remove(1);
    expect([waiters.count, waiters.has(1), waiters.has(2)]).toEqual([0, false, false]);
  });

  it("one that comes back after leaving stands at the end", () => {
    const { waiters, taker } = make();
    for (const slot of [1, 2, 3]) waiters.add(slot, Reply);
    waiters.remove(1);
    waiters.add(1, Reply);
    expect(offerAll(waiters, taker)).toEqual([2, 3, 1]);
  });

  it("has left the queue when it is offered its buffer", () => {
    const { waiters, taker } = make();
    waiters.add(1, Reply);
    waiters.add(2, Reply);
    expect(waiters.offerFirst(Reply, 7)).toBe(true);
    expect([taker.stillWaited, waiters.has(1), waiters.has(2), waiters.count]).toEqual([
      [false],
      false,
      true,
      1,
    ]);
  });

  it("counts what was taken over and what was passed on, and says which", () => {
    const { waiters, taker } = make();
    for (const slot of [1, 2, 3, 4]) waiters.add(slot, Reply);
    taker.wants = (slot) => slot % 2 === 0;
    const taken = [7, 7, 8, 8].map((buffer) => waiters.offerFirst(Reply, buffer));
    expect(taken).toEqual([false, true, false, true]);
    expect([waiters.handedOver, waiters.passedOn, waiters.count]).toEqual([2, 2, 0]);
  });

  it("one that enters again during its own offer stands at the end", () => {
    const { waiters, taker } = make();
    for (const slot of [1, 2]) waiters.add(slot, Reply);
    taker.wants = (slot) => {
      if (taker.offers.length === 1) waiters.add(slot, Reply);
      return true;
    };
    expect(offerAll(waiters, taker)).toEqual([1, 2, 1]);
  });

  it("keeps the high-water mark when waiters leave", () => {
    const { waiters } = make();
    for (const slot of [1, 2, 3]) waiters.add(slot, NewCall);
    for (const slot of [1, 2, 3]) waiters.remove(slot);
    waiters.add(1, End);
    expect([waiters.count, waiters.highWater]).toEqual([1, 3]);
  });

  it("refuses an offer to a class in which nobody waits", () => {
    const { waiters } = make();
    waiters.add(1, Reply);
    expect(() => waiters.offerFirst(End, 7)).toThrow(AssertionError);
    expect([waiters.count, waiters.handedOver, waiters.passedOn]).toEqual([1, 0, 0]);
  });

  it("refuses an offer when there is nobody to make it to", () => {
    const waiters = new BufferWaiters(2, null);
    waiters.add(1, Reply);
    expect(() => waiters.offerFirst(Reply, 7)).toThrow(AssertionError);
  });
});
