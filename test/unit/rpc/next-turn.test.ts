// Waiting for a turn of the event cache, with turns by hand.
import { beforeEach, describe, expect, test } from "vitest";
import { EventClass, EventItem } from "../../../src/loop/event-cache.js";
import { NextTurn } from "../../../src/rpc/next-turn.js";
import { TestLoop } from "../node/fake-file-backend.js";

class Noting extends EventItem {
  readonly #note: () => void;

  constructor(note: () => void) {
    super();
    this.#note = note;
  }

  override runEvent(): void {
    this.#note();
  }
}

/** Lets every promise that can settle do so; no turn of the cache is taken. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("NextTurn", () => {
  let loop: TestLoop;
  let turn: NextTurn;
  let order: string[];
  const wait = (name: string, eventClass: EventClass = EventClass.Background): void =>
    void turn.wait(eventClass).then(() => order.push(name));
  const put = (name: string, eventClass: EventClass): void =>
    loop.cache.put(new Noting(() => order.push(name)), eventClass);

  beforeEach(() => {
    loop = new TestLoop();
    turn = new NextTurn(loop.cache);
    order = [];
  });

  test("nobody goes on without a turn", async () => {
    wait("one");
    await settled();
    expect([order, loop.hasAsked]).toEqual([[], true]);
    loop.cache.drain();
    await settled();
    expect([order, loop.cache.count]).toEqual([["one"], 0]);
  });

  test("all who wait go on in the turn, in their order, as one item", async () => {
    for (const name of ["one", "two", "three"]) wait(name);
    expect(loop.cache.count).toBe(1);
    loop.cache.drain();
    await settled();
    expect(order).toEqual(["one", "two", "three"]);
  });

  test("who waits again waits for another turn", async () => {
    let rounds = 0;
    void (async () => {
      for (; rounds < 3; rounds++) await turn.wait(EventClass.Background);
    })();
    for (let turns = 1; turns <= 3; turns++) {
      loop.cache.drain();
      await settled();
      expect(rounds).toBe(turns);
    }
    expect(loop.cache.count).toBe(0);
  });

  test("whatever is ready goes first, and what comes later in the same class goes after", async () => {
    put("background", EventClass.Background);
    wait("waiter");
    put("later background", EventClass.Background);
    put("data", EventClass.Data);
    const run: string[] = [];
    while (loop.cache.count > 0) {
      loop.cache.drainStep(1);
      await settled();
      run.push(...order.splice(0));
    }
    expect(run).toEqual(["data", "background", "waiter", "later background"]);
  });

  test("the more urgent of two waits counts for both", async () => {
    put("data", EventClass.Data);
    put("background", EventClass.Background);
    wait("patient");
    wait("urgent", EventClass.Data);
    const run: string[] = [];
    while (loop.cache.count > 0) {
      loop.cache.drainStep(1);
      await settled();
      run.push(...order.splice(0));
    }
    expect(run).toEqual(["data", "patient", "urgent", "background"]);
  });
});
